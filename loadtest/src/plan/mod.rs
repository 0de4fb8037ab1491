//! What a run is to do: settings that have been checked and fit each other.

mod phases;
mod roles;
mod run_plan;
mod target;

pub use phases::{Durations, Phase, PhaseKind, SearchPlan};
pub use roles::Hindered;
pub use run_plan::Plan;
pub use target::{Endpoint, UpdateSource};
