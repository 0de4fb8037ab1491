//! What a run found, for people and for programs.

mod chart;
mod html;
mod text;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};

pub use html::html;
pub use text::text;

use crate::{
    latency::Histogram,
    run::Finished,
    summary::{Second, Summary},
};

/// Values in .hgrm and .hlog files are in ms.
const NS_PER_MS: f64 = 1e6;

/// Lines per halving of the distance to 100 % in .hgrm files, as HdrHistogram's own tools have it.
const HGRM_TICKS: u32 = 5;

/// Writes all files into a folder, which is made if need be.
pub fn write_files(folder: &Path, finished: &Finished) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let summary = serde_json::to_vec_pretty(&finished.summary)?;
    fs::write(folder.join("summary.json"), summary)?;
    fs::write(folder.join("report.html"), html(finished))?;
    fs::write(
        folder.join("seconds.csv"),
        seconds_csv(&finished.summary.seconds),
    )?;
    for (name, histogram) in &finished.histograms {
        if !histogram.is_empty() {
            let path = folder.join(format!("{name}.hgrm"));
            fs::write(path, hgrm(histogram))?;
        }
    }
    let file = File::create(folder.join("response.hlog"))?;
    write_hlog(BufWriter::new(file), finished)
}

/// Reads what [`write_files`] wrote. The error is for people.
pub fn read_summary(path: &Path) -> Result<Summary, String> {
    let path = if path.is_dir() {
        path.join("summary.json")
    } else {
        path.to_owned()
    };
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(&path).map_err(|error| fail(&error))?;
    let summary: Summary = serde_json::from_slice(&bytes).map_err(|error| fail(&error))?;
    let version = crate::summary::SCHEMA_VERSION;
    if summary.schema_version != version {
        return Err(fail(&format!(
            "schema version {}, this program reads {version}",
            summary.schema_version
        )));
    }
    Ok(summary)
}

/// A line per second, with a heading. What is not known is left empty.
fn seconds_csv(seconds: &[Second]) -> String {
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

/// The percentile distribution as HdrHistogram's tools print and plot it, in ms.
fn hgrm(histogram: &Histogram) -> String {
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

/// Response by the second in which updates were due, as an interval log; maxima in ms, the
/// histograms' own values in ns.
fn write_hlog(mut out: impl Write, finished: &Finished) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::latency::{Latency, histogram, record};

    fn finished() -> Finished {
        let mut response = histogram();
        for ns in 1..=2000 {
            record(&mut response, ns * 1000);
        }
        let mut summary = Summary {
            schema_version: crate::summary::SCHEMA_VERSION,
            ..Summary::default()
        };
        summary.latencies.response = Latency::of(&response);
        summary.environment.command = "loadtest --assert 'a < b' & <script>".into();
        for second in 0..2 {
            summary.seconds.push(Second {
                second,
                phase: "steady".into(),
                published: 10,
                delivered: 100,
                p50_ns: Some(5),
                max_ns: 7,
                ..Second::default()
            });
        }
        Finished {
            summary,
            histograms: vec![("response", response.clone()), ("slip", histogram())],
            seconds: vec![(0, response.clone()), (1, response)],
            start_ns: 1_700_000_000_000_000_000,
        }
    }

    #[test]
    fn a_summary_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let finished = finished();
        write_files(folder.path(), &finished).unwrap();
        let read = read_summary(folder.path()).unwrap();
        assert_eq!(read, finished.summary);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "report.html",
            "response.hgrm",
            "response.hlog",
            "seconds.csv",
            "summary.json",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_summary_of_another_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, r#"{"schema_version":99}"#).unwrap();
        let error = read_summary(&path).unwrap_err();
        assert!(error.contains("schema version 99"), "{error}");
    }

    #[test]
    fn seconds_that_are_not_known_stay_empty() {
        let csv = seconds_csv(&finished().summary.seconds);
        assert_eq!(csv.lines().nth(1), Some("0,steady,10,100,5,,7,0,0,0,0,,"));
        let columns = |line: &str| line.split(',').count();
        assert!(csv.lines().all(|line| columns(line) == 13), "{csv}");
    }

    #[test]
    fn the_interval_log_can_be_read_by_others() {
        let mut log = Vec::new();
        write_hlog(&mut log, &finished()).unwrap();
        let intervals = IntervalLogIterator::new(&log)
            .map(|entry| entry.unwrap())
            .filter(|entry| matches!(entry, LogEntry::Interval(_)))
            .count();
        assert_eq!(intervals, 2);
    }

    #[test]
    fn the_percentile_distribution_ends_at_the_maximum() {
        let text = hgrm(&finished().histograms[0].1);
        let last = text.lines().rev().nth(2).unwrap();
        let mut fields = last.split_whitespace();
        assert!(fields.next().unwrap().starts_with("2.0"), "{last}");
        assert_eq!(fields.next(), Some("1.000000000000"));
        assert_eq!(fields.next(), Some("2000"));
    }

    #[test]
    fn the_page_needs_nothing_else_and_nothing_in_it_is_taken_for_markup() {
        let page = html(&finished());
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        for outside in ["http:", "https:", "src=", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
