//! Measurements, and what they say: medians and ratios. Pure.

mod measurement;
mod medians;
mod span;
#[cfg(test)]
pub(super) mod tests;

pub use measurement::{BothCounts, Counted, Measurement};
pub use medians::{Figures, figures};
pub use span::{Span, percentile_ms};
