//! The files of a report.

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::Path,
};

use super::{
    export::{hgrm, seconds_csv, write_hlog},
    html::html,
};
use crate::{
    run::Finished,
    summary::{RunSummary, SCHEMA_VERSION},
};

/// Writes all files into a folder, which is created if it does not exist.
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

/// Reads a summary that [`write_files`] wrote. The error is a sentence for the user.
pub fn read_summary(path: &Path) -> Result<RunSummary, String> {
    let path = if path.is_dir() {
        path.join("summary.json")
    } else {
        path.to_owned()
    };
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(&path).map_err(|error| fail(&error))?;
    let summary: RunSummary = serde_json::from_slice(&bytes).map_err(|error| fail(&error))?;
    if summary.schema_version != SCHEMA_VERSION {
        return Err(fail(&format!(
            "the file has schema version {}, this program reads version {SCHEMA_VERSION}",
            summary.schema_version
        )));
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::{
        latency::{Latency, histogram, record},
        summary::Second,
    };

    fn finished() -> Finished {
        let mut response = histogram();
        for ns in 1..=2000 {
            record(&mut response, ns * 1000);
        }
        let mut summary = RunSummary {
            schema_version: SCHEMA_VERSION,
            ..RunSummary::default()
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
    fn unknown_values_of_a_second_stay_empty() {
        let csv = seconds_csv(&finished().summary.seconds);
        assert_eq!(csv.lines().nth(1), Some("0,steady,10,100,5,,7,0,0,0,0,,"));
        let columns = |line: &str| line.split(',').count();
        assert!(csv.lines().all(|line| columns(line) == 13), "{csv}");
    }

    #[test]
    fn the_interval_log_can_be_read_back() {
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
    fn the_page_needs_no_other_file_and_escapes_its_texts() {
        let page = html(&finished());
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        for outside in ["http:", "https:", "src=", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
