//! Summaries of ranges of values.

/// The summary of a range of values. Minimum and maximum are exact, never sampled: a spike of one
/// sample in a million stays visible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueSummary {
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The oldest value.
    pub first: f64,
    /// The newest value.
    pub last: f64,
    /// The sum of all values.
    pub sum: f64,
    /// How many values.
    pub count: u64,
}

impl ValueSummary {
    /// Adds the summary of a later range.
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            first: self.first,
            last: later.last,
            sum: self.sum + later.sum,
            count: self.count + later.count,
        }
    }

    /// The mean of all values.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The summary of values in a slice, oldest first; `None` if there are none.
    pub(super) fn of_slice(values: &[f64]) -> Option<Self> {
        let (first, last) = (*values.first()?, *values.last()?);
        let (mut min, mut max, mut sum) = (first, first, 0.0);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
            sum += value;
        }
        Some(Self {
            min,
            max,
            first,
            last,
            sum,
            count: values.len() as u64,
        })
    }
}
