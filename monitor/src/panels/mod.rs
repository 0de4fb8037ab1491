//! The parts of the window. Each is its own state and a `show` that draws it and returns what the
//! person wants to be done; none changes data or knows of the network.

mod chart_pane;
mod chart_view;
mod health_pane;
mod layout;
mod status_bar;
mod top_bar;
mod watch_list;
mod watch_row;
mod welcome;
mod widgets;
mod workspace;

pub use chart_pane::{ChartPane, ChartStyle};
pub use layout::grouping;
pub use status_bar::StatusBar;
pub use top_bar::TopBar;
pub use watch_list::{Sort, WatchList};
pub use workspace::{Pane, Workspace};
