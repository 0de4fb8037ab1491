//! Time and sales: the trades of one topic, the newest at the top.

mod pane;
mod rows;

pub(super) use self::pane::{TradesPane, show};
