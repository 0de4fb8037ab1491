//! Histograms of latencies in ns, and what may be said about them.

use serde::{Deserialize, Serialize};

/// Counts of latencies in ns.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// Times below this are not told apart: 64 ns is about what reading the clock costs.
const RESOLUTION_NS: u64 = 64;

/// Three digits: a value is off by 0.1 % at most.
const DIGITS: u8 = 3;

/// A percentile is said only if so many samples lie above it: with fewer it is the luck of a few.
pub const SAMPLES_ABOVE_MIN: f64 = 10.0;

/// What a report says about each histogram, in per cent.
pub const PERCENTILES: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999];

/// An empty histogram that grows as it needs.
pub fn histogram() -> Histogram {
    let mut histogram = Histogram::new_with_bounds(RESOLUTION_NS, 2 * RESOLUTION_NS, DIGITS)
        .expect("constants that fit each other");
    histogram.auto(true);
    histogram
}

/// Counts a latency; one below 0 (clocks that differ) counts as 0.
pub fn record(histogram: &mut Histogram, latency_ns: i64) {
    // Its `saturating_record` would not let it grow.
    histogram
        .record(latency_ns.max(0) as u64)
        .expect("a histogram that grows takes any value");
}

/// Adds `more` to `sum`.
pub fn merge(sum: &mut Histogram, more: &Histogram) {
    sum.add(more)
        .expect("a histogram that grows takes any other");
}

/// The value below which `percent` of the samples lie, if enough samples lie above it.
pub fn percentile(histogram: &Histogram, percent: f64) -> Option<u64> {
    let above = histogram.len() as f64 * (1.0 - percent / 100.0);
    // The tolerance is for 1 - 0.99999 and its like, which are not exact.
    (above + 1e-6 >= SAMPLES_ABOVE_MIN).then(|| histogram.value_at_percentile(percent))
}

/// A histogram in a few numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Samples.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// The mean.
    pub mean_ns: f64,
    /// Percentiles, ascending; only those that enough samples support.
    pub percentiles: Vec<Percentile>,
    /// The longest.
    pub max_ns: u64,
}

/// `ns` is the value below which `percent` of the samples lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// In per cent.
    pub percent: f64,
    /// In ns.
    pub ns: u64,
}

impl Latency {
    /// Sums a histogram up.
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

    /// One of the percentiles that are there.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let mut all = self.percentiles.iter();
        all.find(|p| p.percent == percent).map(|p| p.ns)
    }
}

/// A time with three digits and the unit that suits it.
pub fn format_ns(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns >= 1e9 => (ns / 1e9, "s"),
        ns if ns >= 1e6 => (ns / 1e6, "ms"),
        ns if ns >= 1e3 => (ns / 1e3, "us"),
        ns => return format!("{ns:.0} ns"),
    };
    let decimals = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_said_only_with_ten_samples_above_it() {
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
    }

    #[test]
    fn values_are_right_to_three_digits_and_negative_ones_count_as_zero() {
        let mut histogram = histogram();
        for ns in [-5, 0, 100_000, 6_000_000_000_000] {
            record(&mut histogram, ns);
        }
        assert_eq!(histogram.len(), 4);
        assert_eq!(histogram.min(), 0);
        let max = histogram.max() as f64;
        assert!((max / 6e12 - 1.0).abs() < 0.001, "{max}");
    }

    #[test]
    fn merging_is_the_same_as_recording_in_one() {
        let (mut one, mut a, mut b) = (histogram(), histogram(), histogram());
        for ns in (0..100_000).map(|i| i * i) {
            record(&mut one, ns);
            record(if ns % 3 == 0 { &mut a } else { &mut b }, ns);
        }
        merge(&mut a, &b);
        assert_eq!(a, one);
    }

    #[test]
    fn times_are_written_with_three_digits() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (999.0, "999 ns"),
            (1234.0, "1.23 us"),
            (56_789.0, "56.8 us"),
            (123_456_789.0, "123 ms"),
            (6e9, "6.00 s"),
        ] {
            assert_eq!(format_ns(ns), text);
        }
    }
}
