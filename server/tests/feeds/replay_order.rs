//! The replay feed: the order of rows, within a file and among several, and rows far ahead.

use std::{fs, time::Duration};

use tickcast_protocol::value::Value;
use tickcast_server::testing::{
    Source,
    replay::{Clock, FarAhead, ReplaySettings, Speed},
};
use tickcast_server_testkit::{Program, feed::RunningFeed, until};

use crate::replay::{file, play, replay};

const DAY_S: i64 = 86_400;
const START_S: i64 = 1_704_067_200;

/// A file with a reading for each time, which is the reading's number.
fn times(folder: &tempfile::TempDir, name: &str, times: &[i64]) -> std::path::PathBuf {
    let rows = times.iter().enumerate();
    let rows: String = rows
        .map(|(row, time_s)| format!("{},{row}\n", START_S + time_s))
        .collect();
    let path = folder.path().join(name);
    fs::write(&path, format!("time,value\n{rows}")).unwrap();
    path
}

#[tokio::test]
async fn files_with_a_common_clock_are_merged_in_order_at_any_speed() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |from_ms: i64, step_ms: i64| -> String {
        let rows = (0..60_000).map(|row| {
            let time_ms = START_S * 1_000 + from_ms + row * step_ms;
            format!("{time_ms},{row}\n")
        });
        format!("time,value\n{}", rows.collect::<String>())
    };
    // Two of one day, and one of the next.
    for (name, from_ms, step_ms) in [("a", 0, 1_000), ("b", 7, 1_003), ("c", 86_400_000, 500)] {
        fs::write(folder.path().join(name), rows(from_ms, step_ms)).unwrap();
    }
    for speed in [Speed::Max, Speed::Times(1e8)] {
        let files = ["c", "a", "b"].map(|name| file(name, folder.path().join(name)));
        let settings = ReplaySettings {
            speed,
            clock: Clock::Common,
            ..replay(files.to_vec())
        };
        let (updates, _) = play(settings).await;
        assert_eq!(updates.len(), 180_000);
        assert!(updates.is_sorted_by_key(|update| update.source_time_ns));
        for name in ["a", "b", "c"] {
            let of_file = updates
                .iter()
                .filter(|update| update.topic.as_str() == name);
            let values = of_file.map(|update| update.value.clone());
            assert!(values.eq((0..60_000).map(|row| Value::Reading(f64::from(row)))));
        }
    }
}

#[tokio::test]
async fn rows_of_one_time_are_played_in_the_order_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["b", "a"].map(|name| file(name, times(&folder, name, &[1, 1, 2])));
    let settings = ReplaySettings {
        clock: Clock::Common,
        ..replay(files.to_vec())
    };
    let (updates, _) = play(settings).await;
    let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    assert_eq!(topics, ["b", "b", "a", "a", "b", "a"]);
}

/// Replays one file. Returns its values and the number of rows out of order.
async fn values(settings: ReplaySettings) -> (Vec<f64>, u64) {
    let mut feed = RunningFeed::start(Source::Replay(settings), Vec::new());
    let updates = feed.rest().await;
    let metrics = feed.metrics.clone();
    feed.stop().await;
    let expected = metrics.received.get() + metrics.further.get();
    assert_eq!(expected, metrics.submitted.get() + metrics.silent.get());
    let values = updates.iter().map(|update| match update.value {
        Value::Reading(number) => number,
        ref other => panic!("{other:?}"),
    });
    (values.collect(), metrics.disordered.get())
}

#[tokio::test]
async fn rows_out_of_order_are_put_in_order_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = times(&folder, "a", &[0, 26 * DAY_S, 1, 26 * DAY_S + 1, 2]);
    let (played, disordered) = values(replay(vec![file("a", path)])).await;
    assert_eq!(played, [0.0, 2.0, 4.0, 1.0, 3.0]);
    assert_eq!(disordered, 2);

    // One row is early by 4,000 rows, which the window holds, and one is late by 9,000.
    let mut of_rows: Vec<_> = (0..20_000).collect();
    of_rows.insert(1_000, 5_000);
    of_rows.insert(15_000, 6_000);
    let path = times(&folder, "b", &of_rows);
    let settings = ReplaySettings {
        clock: Clock::Common,
        ..replay(vec![file("b", path)])
    };
    let (updates, _) = play(settings).await;
    let steps_back = updates
        .windows(2)
        .filter(|pair| pair[0].source_time_ns > pair[1].source_time_ns);
    assert_eq!((updates.len(), steps_back.count()), (20_002, 1));
}

#[tokio::test]
async fn rows_far_ahead_are_waited_for_skipped_or_played_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = times(&folder, "a", &[0, 26 * DAY_S, 1, 2, 26 * DAY_S + 1]);
    let settings = |far_ahead| ReplaySettings {
        speed: Speed::Times(1_000.0),
        far_ahead,
        ..replay(vec![file("a", path.clone())])
    };
    assert_eq!(values(settings(FarAhead::Skip)).await.0, [0.0, 2.0, 3.0]);
    let all = [0.0, 2.0, 3.0, 1.0, 4.0];
    assert_eq!(values(settings(FarAhead::Now)).await.0, all);
    let mut feed = RunningFeed::start(Source::Replay(settings(FarAhead::Wait)), Vec::new());
    assert_eq!(feed.take(3).await.len(), 3);
    tokio::time::sleep(Duration::from_millis(200)).await;
    // 26 days take 37 minutes.
    assert_eq!(feed.metrics.submitted.get(), 3);
    feed.stop().await;
}

#[tokio::test]
async fn a_row_far_ahead_is_told_with_its_line_and_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = times(&folder, "a", &[0, 1, 26 * DAY_S + 1, 2]);
    let path = path.to_str().unwrap();
    for (speed, far_ahead, what) in [
        ("1", "wait", "it is played in 26.0 days"),
        ("max", "wait", "it is played in 0s"),
        ("1000", "skip", "it is skipped"),
        ("1000", "now", "it is played at once"),
    ] {
        let arguments = [
            "--feed",
            "replay",
            "--replay-file",
            path,
            "--replay-speed",
            speed,
        ];
        let further = ["--replay-far-ahead", far_ahead];
        let server = Program::start(&[&arguments[..], &further].concat()).await;
        let told = || {
            let log = server.log();
            let line = log.lines().find(|line| line.contains("far ahead"));
            line.map(str::to_owned)
        };
        until("the log tells it", async || told().is_some()).await;
        let line = told().unwrap();
        for part in [what, path, "line=4", "ahead=\"26.0 days\""] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        server.kill().await;
    }
}
