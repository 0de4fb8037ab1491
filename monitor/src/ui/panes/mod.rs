//! The panes: charts and health, split, dragged and closed by the user.

mod active_chart;
mod dashboard;
mod frame;
mod health;
mod inspector;
mod layouts;
mod log;
mod opening;
mod pane;
mod placing;
#[cfg(test)]
mod tests;
mod tiles;
mod trades;
mod welcome;
mod window;
mod windows;
mod workspace;

pub(crate) use self::active_chart::ActiveChart;
pub(crate) use self::layouts::Layouts;
pub(crate) use self::window::OpenWindow;
pub(crate) use self::workspace::{NoRoom, Workspace};
