//! The bars above and below the charts.

pub(crate) mod banner;
mod other_servers;
pub(crate) mod player;
pub(crate) mod status;
mod top;

pub(crate) use self::top::TopBar;
