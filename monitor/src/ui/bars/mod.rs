//! The bars above and below the charts.

pub(crate) mod banner;
mod fitting;
mod measure;
mod other_servers;
pub(crate) mod player;
mod recording;
pub(crate) mod status;
mod status_parts;
mod top;

pub(crate) use self::top::TopBar;
