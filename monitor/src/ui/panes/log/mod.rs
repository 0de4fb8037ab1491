//! The log: the messages of text topics in the order of time.

mod lines;
mod pane;

pub(super) use self::pane::{LogPane, show};
