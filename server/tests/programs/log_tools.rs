//! `tickcast-server log`, on a log that the library has written.

use std::{fs, path::Path, process::Output, sync::Arc};

use tickcast_core::tape::StripBuilder;
use tickcast_log::{Folder, GoesOn, Log, LogSettings, Opening};
use tickcast_protocol::{
    message::{Epoch, Quality, TopicInfo, Update},
    topic::Topic,
    value::Value,
};
use tickcast_server::testing::{
    FeedSettings, Source,
    replay::{Chunk, CsvFormat, Recording, ReplaySettings, Speed},
};
use tickcast_server_testkit::{command, feed::RunningFeed};

/// Updates of a log in several segments.
const UPDATES: u64 = 2_000;

fn write_log(dir: &Path) {
    let settings = LogSettings {
        segment_bytes: 64 * 1024,
        ..LogSettings::default()
    };
    let opening = Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [1; 16],
        new_epoch: Epoch(7),
        now_ns: 1_767_268_800_000_000_000,
    };
    let (mut log, _) = Log::open(Folder::lock(dir).unwrap(), settings, opening).unwrap();
    let mut position = 1;
    while position <= UPDATES {
        let mut builder = StripBuilder::new(position);
        if position == 1 {
            let names = ["market/a", "plant/b"].map(|name| Topic::new(name).unwrap());
            for (id, name) in (0..).zip(names) {
                builder.introduce(TopicInfo::new(id, name));
            }
        }
        for _ in 0..10 {
            builder.push(&Update {
                topic: (position % 2) as u32,
                position,
                seq: position.div_ceil(2),
                source_time_ns: None,
                ingest_time_ns: opening.now_ns + position as i64 * 1_000_000_000,
                quality: Quality::Live,
                value: Value::Text("x".repeat(100)),
            });
            position += 1;
        }
        log.write(&[Arc::new(builder.build())], opening.now_ns)
            .unwrap();
    }
    log.end(opening.now_ns).unwrap();
}

async fn tool(arguments: &[&str]) -> (Option<i32>, String, String) {
    let all = [&["log"], arguments].concat();
    let Output {
        status,
        stdout,
        stderr,
    } = command(&all).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_tools_read_a_whole_log_and_name_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let dir = folder.path().to_str().unwrap();

    let (code, out, err) = tool(&["verify", dir]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.ends_with(" segments, 2000 updates, 0 problems\n"),
        "{out}"
    );
    let (code, out, _) = tool(&["stats", dir]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("positions  1 to 2000\n"), "{out}");
    let (code, out, _) = tool(&["dump", dir, "--from", "11", "--to", "20", "--updates"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(out.matches("\n    ").count(), 10, "{out}");

    let path = folder.path().join("0000000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[30_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (code, out, _) = tool(&["verify", dir]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("problem: 0000000001.seg: at byte "), "{out}");
    let (code, _, err) = tool(&["export", dir]).await;
    assert_eq!(code, Some(1));
    assert!(
        err.contains("1990 updates, 0 statuses, 10 positions missing\n"),
        "{err}"
    );
}

#[tokio::test]
async fn an_exported_range_is_a_recording_that_the_replay_feed_reads() {
    let folder = tempfile::tempdir().unwrap();
    write_log(&folder.path().join("log"));
    let dir = folder.path().join("log");
    let output = folder.path().join("range.jsonl");
    let arguments = [
        "export",
        dir.to_str().unwrap(),
        "--from",
        "2026-01-01T12:00:11Z",
        "--to",
        "1000",
        "--filter",
        "plant/#",
        "--output",
        output.to_str().unwrap(),
    ];
    let (code, out, err) = tool(&arguments).await;
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert_eq!(err, "495 updates, 0 statuses, 0 positions missing\n");
    let file = output.to_str().unwrap().parse().unwrap();
    let mut recording = Recording::open(&file, &CsvFormat::default()).unwrap();
    let (mut chunk, mut rows) = (Chunk::default(), Vec::new());
    while recording.read(&mut chunk) {
        assert!(chunk.bad_rows.is_empty());
        rows.append(&mut chunk.rows);
    }
    assert_eq!(rows.len(), 495);
    assert!(rows.iter().all(|row| row.topic.as_str() == "plant/b"));
    // A file that is there is not replaced.
    let (code, _, err) = tool(&arguments).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("range.jsonl"), "{err}");
}

#[tokio::test]
async fn the_replay_feed_plays_a_range_of_a_log_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    write_log(&dir);
    let settings = ReplaySettings {
        files: vec![dir.to_str().unwrap().parse().unwrap()],
        from: Some("2026-01-01T12:00:11Z".parse().unwrap()),
        to: Some("1000".parse().unwrap()),
        speed: Speed::Max,
        ..ReplaySettings::default()
    };
    let play = async |settings: &ReplaySettings| {
        let mut feed = RunningFeed::start(Source::Replay(settings.clone()), Vec::new());
        let updates = feed.rest().await;
        let metrics = feed.metrics.clone();
        feed.stop().await;
        (updates, metrics.undecodable.get())
    };
    let (updates, undecodable) = play(&settings).await;
    assert_eq!(undecodable, 0);
    let times: Vec<_> = updates.iter().map(|update| update.source_time_ns).collect();
    let recorded = |position: i64| Some(1_767_268_800_000_000_000 + position * 1_000_000_000);
    let expected: Vec<_> = (11..=1_000).map(recorded).collect();
    assert_eq!(times, expected);
    let names = ["market/a", "plant/b"];
    for (position, update) in (11..).zip(&updates) {
        assert_eq!(update.topic.as_str(), names[position % 2]);
        assert_eq!(update.value, Value::Text("x".repeat(100)));
    }

    // A strip that is damaged is told, and the others are played.
    let path = dir.join("0000000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[30_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (updates, undecodable) = play(&settings).await;
    assert_eq!((updates.len(), undecodable), (980, 1));

    // A range is of a log, and a log names its topics itself.
    let check = |files: &str, expected: &str| {
        let feed = FeedSettings {
            name: "r".into(),
            source: Source::Replay(ReplaySettings {
                files: vec![files.parse().unwrap()],
                ..settings.clone()
            }),
        };
        let error = feed.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("a.csv", "no file is the folder of one");
    let named = format!("a/b={}", dir.display());
    check(&named, "the topic a/b cannot be set");
    let empty = tempfile::tempdir().unwrap();
    let expected = "a folder without updates of a log";
    check(empty.path().to_str().unwrap(), expected);
}

#[tokio::test]
async fn wrong_arguments_and_folders_are_named() {
    let check = async |arguments: &[&str], expected: &str| {
        let (code, out, err) = tool(arguments).await;
        assert_eq!(code, Some(1), "{out}");
        assert!(err.contains(expected), "{err}");
    };
    check(
        &["verify", "/there/is/none"],
        "/there/is/none: there is no such folder",
    )
    .await;
    check(&["verify"], "<DIR>").await;
    check(
        &["export", "/tmp", "--from", "noon"],
        "expected a position or a time",
    )
    .await;
    check(&["export", "/tmp", "--filter", "a/#/b"], "a/#/b").await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.doc"), "x").unwrap();
    let dir = folder.path().to_str().unwrap();
    check(
        &["verify", dir],
        "thesis.doc is not a part of a log of Tickcast",
    )
    .await;
    let (code, out, _) = tool(&["--help"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("verify") && out.contains("export"), "{out}");
}
