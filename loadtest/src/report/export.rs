//! Numbers for other programs: CSV, and the files of HdrHistogram's tools.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};

use crate::{latency::Histogram, run::Finished, summary::Second};

/// Values in .hgrm and .hlog files are in ms.
const NS_PER_MS: f64 = 1e6;

/// Lines per halving of the distance to 100 % in .hgrm files, as in HdrHistogram's own tools.
const HGRM_TICKS: u32 = 5;

/// A line per second, with a heading. Unknown values are left empty.
pub(super) fn seconds_csv(seconds: &[Second]) -> String {
    fn cell<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let mut csv = "second,phase,published,delivered,p50_ns,p99_ns,max_ns,connections,conflated,\
        gaps,closed,server_cpu,server_rss_bytes\n"
        .to_owned();
    for second in seconds {
        csv.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
            second.second,
            second.phase,
            second.published,
            second.delivered,
            cell(second.p50_ns),
            cell(second.p99_ns),
            second.max_ns,
            second.connections,
            second.conflated,
            second.gaps,
            second.closed,
            cell(second.server_cpu.map(|cpu| format!("{cpu:.2}"))),
            cell(second.server_rss_bytes),
        ));
    }
    csv
}

/// The percentile distribution in the format of HdrHistogram's tools, in ms.
pub(super) fn hgrm(histogram: &Histogram) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in histogram.iter_quantiles(HGRM_TICKS) {
        total += step.count_since_last_iteration();
        let value_ms = step.value_iterated_to() as f64 / NS_PER_MS;
        let quantile = step.quantile_iterated_to();
        let odds = 1.0 / (1.0 - quantile);
        text.push_str(&format!("{value_ms:12.4} {quantile:1.12} {total:10}"));
        if odds.is_finite() {
            text.push_str(&format!(" {odds:14.2}"));
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "#[Mean    = {:12.4}, StdDeviation   = {:12.4}]\n\
         #[Max     = {:12.4}, Total count    = {:12}]\n",
        histogram.mean() / NS_PER_MS,
        histogram.stdev() / NS_PER_MS,
        histogram.max() as f64 / NS_PER_MS,
        histogram.len(),
    ));
    text
}

/// Response by the second in which updates were due, as an interval log. Maxima are in ms, the
/// histograms' own values in ns.
pub(super) fn write_hlog(mut out: impl Write, finished: &Finished) -> io::Result<()> {
    let start = UNIX_EPOCH + Duration::from_nanos(finished.start_ns.max(0) as u64);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("Response (received - due) by the second in which updates were due.")
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut out, &mut serializer)?;
    for (second, histogram) in &finished.seconds {
        let from = Duration::from_secs((*second).into());
        log.write_histogram(histogram, from, Duration::from_secs(1), None)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    drop(log);
    out.flush()
}
