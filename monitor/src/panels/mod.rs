//! The parts of the window. Each is its own state and a `show` that draws it and returns what the
//! person wants to be done; none changes data or knows of the network.

mod banner;
mod chart_axes;
mod chart_header;
mod chart_marks;
mod chart_pane;
mod chart_pointer;
mod chart_view;
mod health_pane;
mod layout;
mod overlays;
mod panes;
mod player_bar;
mod status_bar;
mod top_bar;
mod watch_filter;
mod watch_list;
mod watch_row;
mod watch_rows;
mod watch_tree;
mod welcome;
mod widgets;
mod workspace;

pub(crate) use banner::{HEIGHT as BANNER_HEIGHT, show as show_banner};
pub(crate) use player_bar::{HEIGHT as PLAYER_BAR_HEIGHT, show as show_player_bar};

pub use chart_pane::ChartPane;
pub use layout::grouping;
pub use overlays::Overlays;
pub use status_bar::StatusBar;
pub use top_bar::TopBar;
pub use watch_list::WatchList;
pub use watch_rows::Sort;
pub use workspace::{ActiveChart, Pane, Workspace};
