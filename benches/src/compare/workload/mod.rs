//! What the contenders have to do, and which of them are measured together. Pure.

mod definition;
mod groups;
mod list;
#[cfg(test)]
mod tests;

pub use definition::Workload;
pub use groups::{Entry, turn_groups};
pub use list::{ALL, find};
