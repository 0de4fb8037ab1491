//! What happened in some measured time.

use serde::{Deserialize, Serialize};
use tickcast_loadtest::latency::{Histogram, percentile};

/// What happened in some measured time: in a turn, or in all turns of a run together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its length in seconds.
    pub seconds: f64,
    /// Updates published in it.
    pub published: u64,
    /// Deliveries in it (an update to one subscriber).
    pub deliveries: u64,
    /// Bytes that subscribers received, with all headers.
    pub bytes: u64,
    /// CPU time of the contender in it, in seconds.
    pub cpu_s: f64,
    /// Latency from when updates were due until subscribers had them, in ms.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// See `p50_ms`.
    pub p999_ms: Option<f64>,
}

impl Span {
    /// CPU time per delivery, in us.
    pub fn cpu_us(&self) -> Option<f64> {
        (self.deliveries > 0).then(|| self.cpu_s * 1e6 / self.deliveries as f64)
    }

    /// The share of the time in which the contender worked.
    pub fn busy(&self) -> f64 {
        self.cpu_s / self.seconds
    }

    /// Deliveries per second.
    pub fn deliveries_per_s(&self) -> f64 {
        self.deliveries as f64 / self.seconds
    }

    /// Bytes per delivery.
    pub fn bytes_each(&self) -> Option<f64> {
        (self.deliveries > 0).then(|| self.bytes as f64 / self.deliveries as f64)
    }

    /// All turns together.
    pub fn whole(turns: &[Self], latencies: &Histogram) -> Self {
        let sum = turns.iter().fold(Self::default(), |sum, turn| Self {
            seconds: sum.seconds + turn.seconds,
            published: sum.published + turn.published,
            deliveries: sum.deliveries + turn.deliveries,
            bytes: sum.bytes + turn.bytes,
            cpu_s: sum.cpu_s + turn.cpu_s,
            ..sum
        });
        sum.with_latencies(latencies)
    }

    /// With the percentiles of a histogram.
    pub fn with_latencies(self, latencies: &Histogram) -> Self {
        Self {
            p50_ms: percentile_ms(latencies, 50.0),
            p99_ms: percentile_ms(latencies, 99.0),
            p999_ms: percentile_ms(latencies, 99.9),
            ..self
        }
    }
}

/// A percentile in ms.
pub fn percentile_ms(histogram: &Histogram, percent: f64) -> Option<f64> {
    percentile(histogram, percent).map(|ns| ns as f64 / 1e6)
}
