//! The replay feed: quotation marks that have no partner, and lines that are too long.

use std::fs;

use tickcast_core::work::NewUpdate;

use crate::replay::{play, replay};

/// Rows of a table: more than a row may have bytes.
const ROWS: usize = 20_000;

/// What is replayed of a table of [`ROWS`] rows, of which some are written otherwise: the numbers
/// of the rows, and how many could not be read.
async fn played(heading: &str, row: impl Fn(usize) -> Option<String>) -> (Vec<usize>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..ROWS)
        .map(|number| {
            row(number).unwrap_or_else(|| format!("{},{number}\n", 1_704_067_200 + number))
        })
        .collect();
    fs::write(&path, format!("{heading}{rows}")).unwrap();
    let file = path.to_str().unwrap().parse().unwrap();
    let (updates, undecodable) = play(replay(vec![file])).await;
    let number = |update: &NewUpdate| {
        let since_ns = update.source_time_ns.unwrap() - 1_704_067_200_000_000_000;
        usize::try_from(since_ns / 1_000_000_000).unwrap()
    };
    (updates.iter().map(number).collect(), undecodable)
}

fn all_but(missing: &[usize]) -> Vec<usize> {
    (0..ROWS).filter(|row| !missing.contains(row)).collect()
}

#[tokio::test]
async fn a_quotation_mark_without_its_partner_costs_its_line_and_no_other() {
    let heading = "timestamp,value\n";
    for damaged in [1, 9, 2_500, ROWS - 2] {
        for end in ["\n", "\r\n", "\n\n"] {
            let row = |number| (number == damaged).then(|| format!("1704067200,\"{number}{end}"));
            let expected = (all_but(&[damaged]), 1);
            assert_eq!(
                played(heading, row).await,
                expected,
                "row {damaged}, {end:?}"
            );
        }
    }
    // In front of the first cell.
    let row = |number| (number == 7).then(|| "\"1704067207,7\n".to_owned());
    assert_eq!(played(heading, row).await, (all_but(&[7]), 1));
    // Each of several, also where marks are doubled.
    let row = |number| {
        [5, 19_000]
            .contains(&number)
            .then(|| "1,\"\"\"a\n".to_owned())
    };
    assert_eq!(played(heading, row).await, (all_but(&[5, 19_000]), 2));
}

#[tokio::test]
async fn a_line_that_is_too_long_costs_itself_and_no_other() {
    let heading = "timestamp,value\n";
    for digits in [70_000, 65_537, 200_000] {
        let row = |number| (number == 3_000).then(|| format!("1,{}\n", "1".repeat(digits)));
        assert_eq!(
            played(heading, row).await,
            (all_but(&[3_000]), 1),
            "{digits} digits"
        );
    }
    // A line that is not too long is read, however it meets the buffers.
    for digits in [57_000, 60_000, 63_000] {
        let row =
            |number| (number == 3_000).then(|| format!("1704070200,1.{}\n", "1".repeat(digits)));
        assert_eq!(
            played(heading, row).await,
            (all_but(&[]), 0),
            "{digits} digits"
        );
    }
}

#[tokio::test]
async fn a_line_of_a_recording_that_is_too_long_costs_itself_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let line = |seconds: u32, text: &str| {
        format!(
            "{{\"topic\":\"a\",\"time\":{},\"value\":{{\"text\":\"{text}\"}}}}\n",
            1_704_067_200_000_000_000 + i64::from(seconds) * 1_000_000_000
        )
    };
    let long = "x".repeat(3 * 1024 * 1024);
    let text = [line(0, "a"), line(1, &long), line(2, "c"), line(3, &long)].concat();
    fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap().parse().unwrap();
    let (updates, undecodable) = play(replay(vec![file])).await;
    assert_eq!((updates.len(), undecodable), (2, 2));
}
