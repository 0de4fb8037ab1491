//! Latencies: histograms, what may be said about them, and what receivers record.

mod completion;
mod digest;
mod format;
mod histogram;
mod recorder;

pub use completion::{Completion, CompletionSummary, FOLLOWED_MAX};
pub use digest::{Latency, Percentile};
pub use format::format_ns;
pub use histogram::{
    Histogram, PERCENTILES, SAMPLES_ABOVE_MIN, histogram, merge, percentile, percentile_samples,
    record, sum,
};
pub use recorder::{DueFrom, LatencyRecorder, Recorded, SECONDS_MAX, Scope};
