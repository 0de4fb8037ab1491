//! What is kept of the updates of an interval.

use std::fmt::Debug;

use super::packed::Reader;

/// What is kept of the updates of an interval.
pub(super) trait Sum: Debug + Clone + PartialEq {
    /// What an update adds.
    type Sample: Copy;

    /// What the packed form of a sum refers to, from the sum before it in a block.
    type Context: Debug + Clone + Copy + PartialEq + Default;

    /// The sum of one sample.
    fn of(sample: Self::Sample) -> Self;

    /// Adds the next sample.
    fn add(&mut self, sample: Self::Sample);

    /// Adds the sum of a later interval.
    fn merge(&mut self, later: &Self);

    /// Appends the packed form.
    fn write(&self, context: &mut Self::Context, out: &mut Vec<u8>);

    /// Reads what [`write`](Self::write) wrote.
    fn read(context: &mut Self::Context, reader: &mut Reader<'_>) -> Self;
}

/// The sum of one interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record<S> {
    /// The number of the interval.
    pub(super) index: i64,
    pub(super) sum: S,
    /// Whether something is missing or cannot be exact, apart from outages.
    pub(super) is_flawed: bool,
}

impl<S: Sum> Record<S> {
    /// Adds the record of a later interval, or of a later part of the same one.
    pub(super) fn merge(&mut self, later: &Self) {
        self.sum.merge(&later.sum);
        self.is_flawed |= later.is_flawed;
    }

    /// The record of the longer interval that this one is in.
    pub(super) fn widened(self, ratio: i64) -> Self {
        Self {
            index: self.index.div_euclid(ratio),
            ..self
        }
    }
}
