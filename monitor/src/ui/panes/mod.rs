//! The panes: charts and health, split, dragged and closed by the user.

mod health;
mod layouts;
mod pane;
mod placing;
#[cfg(test)]
mod tests;
mod tiles;
mod welcome;
mod workspace;

pub(crate) use self::layouts::Layouts;
pub(crate) use self::workspace::{ActiveChart, Workspace};
