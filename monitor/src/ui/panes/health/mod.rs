//! The pane with the health of a topic: latencies, losses, clock.

mod figures;
mod histogram;
mod pane;
mod summary;

pub(super) use self::pane::{HealthPane, show};
