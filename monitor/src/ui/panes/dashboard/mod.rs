//! Topics at a glance: big numbers, gauges, sparklines and states, coloured by their limits.

mod gauge;
mod pane;
mod tile;

pub(super) use self::pane::{DashboardPane, show, usual_kind};
