//! Histograms of latencies in ns.

/// Counts of latencies in ns.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// Times below this are not distinguished. Reading the clock takes about 64 ns.
const RESOLUTION_NS: u64 = 64;

/// Significant digits: a value is off by at most 0.1 %.
const DIGITS: u8 = 3;

/// A percentile is reported only if at least this many samples lie above it. With fewer, chance
/// decides its value.
pub const SAMPLES_ABOVE_MIN: f64 = 10.0;

/// The percentiles of each histogram in a report.
pub const PERCENTILES: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999];

/// An empty histogram that grows as needed.
pub fn histogram() -> Histogram {
    let mut histogram = Histogram::new_with_bounds(RESOLUTION_NS, 2 * RESOLUTION_NS, DIGITS)
        .expect("constants that fit each other");
    histogram.auto(true);
    histogram
}

/// Records a latency. A negative one (from clocks that differ) counts as 0.
pub fn record(histogram: &mut Histogram, latency_ns: i64) {
    // `saturating_record` would not let the histogram grow.
    histogram
        .record(latency_ns.max(0) as u64)
        .expect("a histogram that grows takes any value");
}

/// Adds `more` to `sum`.
pub fn merge(sum: &mut Histogram, more: &Histogram) {
    sum.add(more)
        .expect("a histogram that grows takes any other");
}

/// The sum of histograms.
pub fn sum<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> Histogram {
    let mut total = histogram();
    for histogram in histograms {
        merge(&mut total, histogram);
    }
    total
}

/// The value below which `percent` of the samples lie. `None` if too few samples lie above it.
pub fn percentile(histogram: &Histogram, percent: f64) -> Option<u64> {
    let above = histogram.len() as f64 * (1.0 - percent / 100.0);
    // The tolerance is for values such as 1 - 0.99999, which are not exact.
    (above + 1e-6 >= SAMPLES_ABOVE_MIN).then(|| histogram.value_at_percentile(percent))
}

/// The number of samples from which on a percentile is reported.
pub fn percentile_samples(percent: f64) -> u64 {
    (SAMPLES_ABOVE_MIN / (1.0 - percent / 100.0) - 1e-3).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_to_three_digits_and_negative_ones_count_as_zero() {
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
    fn merging_equals_recording_in_one_histogram() {
        let (mut one, mut a, mut b) = (histogram(), histogram(), histogram());
        for ns in (0..100_000).map(|i| i * i) {
            record(&mut one, ns);
            record(if ns % 3 == 0 { &mut a } else { &mut b }, ns);
        }
        merge(&mut a, &b);
        assert_eq!(a, one);
    }
}
