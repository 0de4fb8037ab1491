//! The panes: charts and health, split, dragged and closed by the user.

mod frame;
mod health;
mod inspector;
mod layouts;
mod log;
mod pane;
mod placing;
#[cfg(test)]
mod tests;
mod tiles;
mod welcome;
mod workspace;

pub(crate) use self::layouts::Layouts;
pub(crate) use self::workspace::{ActiveChart, Workspace};
