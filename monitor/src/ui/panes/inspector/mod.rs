//! The inspector: the whole payload of a topic, its difference to the one before, and the last
//! messages.

mod body;
mod content;
mod message_list;
mod pane;
mod picture;
mod state;

pub(super) use self::{content::text_of, pane::show, state::InspectorPane};
