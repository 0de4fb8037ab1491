//! Compares two runs: better, worse or no difference, and by how much. Pure.
//!
//! A single percentile of each run says nothing about chance. Each run has a percentile per second,
//! so two samples are compared: their medians, and with a permutation test the probability that
//! chance alone puts them as far apart. A difference that is likely or small counts as none.

mod figures;
mod statistics;
#[cfg(test)]
mod tests;
mod text;
mod types;

pub use figures::compare;
pub use text::{differences, is_worse, text};
pub use types::{Comparison, FigureChange};
