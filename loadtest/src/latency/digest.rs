//! A histogram in a few numbers.

use serde::{Deserialize, Serialize};

use super::histogram::{Histogram, PERCENTILES, percentile};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of samples.
    pub count: u64,
    /// The shortest latency.
    pub min_ns: u64,
    /// The mean.
    pub mean_ns: f64,
    /// Percentiles, ascending. Only those with enough samples above them.
    pub percentiles: Vec<Percentile>,
    /// The longest latency.
    pub max_ns: u64,
}

/// A percentile: `percent` of the samples lie below `ns`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// The share of samples, in per cent.
    pub percent: f64,
    /// The latency.
    pub ns: u64,
}

impl Latency {
    /// Summarises a histogram.
    pub fn of(histogram: &Histogram) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let percentiles = PERCENTILES.iter().filter_map(|&percent| {
            percentile(histogram, percent).map(|ns| Percentile { percent, ns })
        });
        Self {
            count: histogram.len(),
            min_ns: histogram.min(),
            mean_ns: histogram.mean(),
            percentiles: percentiles.collect(),
            max_ns: histogram.max(),
        }
    }

    /// A percentile, if it is reported.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let mut all = self.percentiles.iter();
        all.find(|p| p.percent == percent).map(|p| p.ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{histogram, percentile_samples, record};

    #[test]
    fn a_percentile_is_reported_only_with_ten_samples_above_it() {
        let mut histogram = histogram();
        let mut expect = |samples: u64, supported: usize| {
            while histogram.len() < samples {
                record(&mut histogram, 1_000_000);
            }
            assert_eq!(Latency::of(&histogram).percentiles.len(), supported);
        };
        expect(19, 0);
        expect(20, 1);
        expect(999, 4);
        expect(1000, 5);
        expect(999_999, 7);
        expect(1_000_000, 8);
        for percent in PERCENTILES {
            let samples = percentile_samples(percent);
            let mut histogram = crate::latency::histogram();
            histogram.record_n(1_000_000, samples - 1).unwrap();
            assert_eq!(percentile(&histogram, percent), None, "{percent}");
            record(&mut histogram, 1_000_000);
            assert!(percentile(&histogram, percent).is_some(), "{percent}");
        }
    }
}
