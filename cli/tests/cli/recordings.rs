//! `record` and `replay`.

use std::{fs, time::Instant};

use tickcast_protocol::recording::RecordedLine;
use tickcast_server_testkit::{Program, until};

use crate::support::{run, run_with};

/// A server that replays a file.
async fn replaying(path: &str) -> Program {
    let file = ["--replay-file", path, "--replay-speed", "max"];
    Program::start(&[&["--feed", "replay"][..], &file].concat()).await
}

#[tokio::test]
async fn a_recording_is_replayed_under_a_prefix_and_by_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.jsonl");
    let path = file.to_str().unwrap();
    let source = Program::start(&["--feed", "simulated"]).await;
    let record = ["record", "market/#", "-o", path, "--count", "200"];
    let said = run(&source, &record).await.said(0);
    assert!(said.contains("200 updates and "), "{said}");
    let again = run(&source, &record).await.said(1);
    assert!(again.contains("exists"), "{again}");
    let text = fs::read(&file).unwrap();
    let gone = [
        "record",
        "#",
        "-o",
        path,
        "--force",
        "--url",
        "ws://127.0.0.1:1/ws",
    ];
    run(&source, &gone).await.said(3);
    assert_eq!(
        fs::read(&file).unwrap(),
        text,
        "it is left alone without a connection"
    );
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<_> = lines
        .map(|line| RecordedLine::parse(line).unwrap())
        .collect();
    let updates: Vec<_> = lines.iter().filter(|line| line.value.is_some()).collect();
    assert_eq!(updates.len(), 200);
    assert!(updates.iter().all(|line| line.every));

    let target = Program::start(&["--feed", "none"]).await;
    let replay = ["replay", path, "--speed", "max", "--topic-prefix", "again/"];
    let said = run(&target, &replay).await.said(0);
    assert_eq!(said, "tickcast: 200 updates published\n");
    let last = updates.last().unwrap();
    let topic = format!("again/{}", last.topic);
    let shown = run(&target, &["latest", &topic]).await.with(0);
    let replayed = RecordedLine::parse(shown.as_bytes()).unwrap();
    assert_eq!(replayed.value, last.value);
    let source_time = last.source_time.or(Some(last.time));
    assert_eq!(replayed.source_time, source_time);
    // tail and pub understand each other as well.
    let input = String::from_utf8(text.clone()).unwrap();
    let said = run_with(&target, &["pub"], &input).await.said(0);
    assert_eq!(said, "tickcast: 200 updates published\n");

    let server = replaying(path).await;
    until("the server has replayed it", async || {
        let shown = run(&server, &["latest", last.topic.as_str()]).await;
        let line = RecordedLine::parse(shown.out.as_bytes());
        line.is_ok_and(|line| line.value == last.value)
    })
    .await;
}

#[tokio::test]
async fn a_recording_whose_name_ends_with_gz_is_compressed_and_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.jsonl.gz");
    let path = file.to_str().unwrap();
    let source = Program::start(&["--feed", "simulated"]).await;
    let record = ["record", "market/#", "-o", path, "--count", "50"];
    run(&source, &record).await.said(0);
    let packed = fs::read(&file).unwrap();
    assert_eq!(packed[..2], [0x1f, 0x8b], "the beginning of gzip");

    let target = Program::start(&["--feed", "none"]).await;
    let replay = ["replay", path, "--speed", "max"];
    let said = run(&target, &replay).await.said(0);
    assert_eq!(said, "tickcast: 50 updates published\n");
    let server = replaying(path).await;
    until("the server has replayed it", async || {
        run(&server, &["latest", "market/#"]).await.lines() > 0
    })
    .await;

    fs::write(&file, &packed[..packed.len() - 9]).unwrap();
    let said = run(&target, &replay).await.said(1);
    assert!(said.contains(&format!("cannot read {path}: ")), "{said}");
    // What was before the damage is published, and counted.
    let all = run(&target, &["topics", "--format", "csv"]).await.with(0);
    let updates = |row: &str| row.split(',').nth(4).unwrap().parse::<u64>().unwrap();
    let again = all.lines().skip(1).map(updates).sum::<u64>() - 50;
    assert!(
        said.contains(&format!("{again} updates published\n")),
        "{said}"
    );
}

#[tokio::test]
async fn a_replay_takes_the_recorded_time_at_its_speed_and_tells_wrong_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.jsonl");
    let line = |s: u64| {
        let ns = 1_767_268_800_000_000_000 + s * 1_000_000_000;
        format!("{{\"topic\":\"a/b\",\"time\":{ns},\"value\":{{\"reading\":{s}}}}}\n")
    };
    // Four seconds, a pause of an hour, and a line that is none.
    let text = [line(0), line(4), line(3_604), "{}\n".to_owned()].concat();
    fs::write(&file, text).unwrap();
    let server = Program::start(&["--feed", "none"]).await;
    let path = file.to_str().unwrap();
    let flags = [
        "replay",
        path,
        "--speed",
        "20",
        "--pause-max",
        "4s",
        "--source-time",
        "now",
    ];
    let start = Instant::now();
    let said = run(&server, &flags).await.said(1);
    let took = start.elapsed();
    assert!(took.as_millis() >= 400, "{took:?}");
    assert!(said.contains("line 4: topic is missing"), "{said}");
    assert!(
        said.ends_with("3 updates published, 1 of the lines cannot be read\n"),
        "{said}"
    );
    let shown = run(&server, &["history", "a/b"]).await;
    assert_eq!(shown.lines(), 3);
    assert!(!shown.with(0).contains("source_time"));
    // A table is no recording, and the reason names no type of the program.
    fs::write(&file, "time,value\n2026-01-01,5\n").unwrap();
    let said = run(&server, &["replay", path]).await.said(1);
    let told = "line 2: it begins with \"2026-01-01,5\": a line of a recording is an object";
    assert!(said.contains(told), "{said}");
    let missing = run(&server, &["replay", "/no/such.jsonl"]).await.said(1);
    assert!(missing.contains("/no/such.jsonl"), "{missing}");
}
