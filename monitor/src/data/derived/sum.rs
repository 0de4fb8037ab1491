//! A sum that values are added to and taken from without loss.

/// A sum in two numbers of 64 bits: what the first one cannot hold is in the second one. So after a
/// million values were added and taken away again, nothing is left of them (Knuth, "The Art of
/// Computer Programming", volume 2, 4.2.2, theorem B).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ExactSum {
    high: f64,
    low: f64,
}

impl ExactSum {
    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.high + value;
        let part = sum - self.high;
        let error = (self.high - (sum - part)) + (value - part);
        self.high = sum;
        self.low += error;
    }

    /// The sum.
    pub(super) fn value(&self) -> f64 {
        self.high + self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_that_came_and_went_leaves_the_small_ones() {
        let mut sum = ExactSum::default();
        for value in [1.0, 1e17, 0.1, -1e17] {
            sum.add(value);
        }
        assert_eq!(sum.value(), 1.1);
        assert_eq!(1.0 + 1e17 + 0.1 - 1e17, 0.0, "what a plain sum gives");
    }
}
