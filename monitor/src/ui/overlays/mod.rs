//! Dialogs over the window. One is open at a time; Esc or a click beside it closes it.

mod alert_list;
mod alert_rule;
mod derived;
mod heading;
mod key_help;
mod layout_name;
mod login;
mod open;
mod palette;
mod palette_items;
mod preferences;
mod publish;
mod record;
mod recordings;
mod servers;
mod topic_settings;

pub(crate) use self::open::Overlays;
