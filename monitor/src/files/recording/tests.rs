use std::path::PathBuf;

use tickcast_protocol::{
    message::{Quality, Seq, Status, TimeNs, Update},
    topic::Topic,
    value::Value,
};

use super::*;
use crate::data::incoming::IncomingItem;

fn update(topic: &str, time_ns: TimeNs, seq: Seq, value: Value) -> Update<Topic> {
    Update {
        topic: Topic::new(topic).unwrap(),
        position: 1,
        seq,
        source_time_ns: Some(5),
        ingest_time_ns: time_ns,
        quality: Quality::Live,
        value,
    }
}

fn updates(items: Vec<IncomingItem>) -> Vec<Update<Topic>> {
    let updates = items.into_iter().filter_map(|item| match item {
        IncomingItem::Batch { batch, .. } => Some(batch.updates),
        _ => None,
    });
    updates.flatten().collect()
}

fn recorded(count: i64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let mut writer = RecordingWriter::start(path.clone(), RecordedScope::Charted).unwrap();
    for at in 0..count {
        let value = Value::Reading(at as f64);
        writer.record(
            &update("t", at * 1_000, at as u64 + 1, value),
            Some("°C"),
            true,
        );
    }
    assert_eq!(writer.finish().unwrap().lines, count as u64);
    (folder, path)
}

#[test]
fn a_recording_is_played_as_it_was_received() {
    let (_folder, path) = recorded(1_000);
    let mut player = RecordingPlayer::open(&path).unwrap();
    assert_eq!(player.range(), (0, 999_000));
    assert_eq!(updates(player.advance(0).unwrap()).len(), 1);
    let next = updates(player.advance(10_000).unwrap());
    assert_eq!(next.len(), 10);
    assert_eq!(next[9].ingest_time_ns, 10_000);
    assert_eq!(next[9].seq, 11);
    assert_eq!(next[9].source_time_ns, Some(5));
    player.set_speed(10.0);
    assert_eq!(updates(player.advance(20_000).unwrap()).len(), 100);
    player.set_paused(true);
    assert_eq!(updates(player.advance(90_000).unwrap()).len(), 0);
}

#[test]
fn a_status_is_recorded_and_played_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let mut writer = RecordingWriter::start(path.clone(), RecordedScope::Charted).unwrap();
    writer.record(&update("t", 0, 1, Value::Reading(1.0)), None, true);
    let status = tickcast_protocol::message::TopicStatus {
        topic: Topic::new("t").unwrap(),
        status: Status::Dead,
        since_ns: 1_000,
    };
    writer.record_status(&status);
    writer.finish().unwrap();
    let mut player = RecordingPlayer::open(&path).unwrap();
    assert_eq!(player.advance(0).unwrap().len(), 1);
    let then = player.advance(1_000).unwrap();
    let expected = IncomingItem::Statuses {
        topics: Vec::new(),
        statuses: vec![status],
    };
    assert_eq!(then, [expected]);
}

#[test]
fn the_sample_of_server_and_load_tester_is_what_the_monitor_writes() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/data/recorded.jsonl");
    let text = std::fs::read_to_string(sample).unwrap();
    for line in text.lines() {
        let read = tickcast_protocol::recording::RecordedLine::parse(line.as_bytes());
        let mut written = Vec::new();
        read.unwrap().write(&mut written).unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap().trim_end(), line);
    }
    let mut player = RecordingPlayer::open(sample.as_ref()).unwrap();
    assert!(!player.seek(i64::MAX).unwrap());
    assert_eq!(player.advance(0).unwrap().len(), text.lines().count());
    assert_eq!(player.bad_lines(), 0);
}

#[test]
fn seeking_works_in_both_directions() {
    let (_folder, path) = recorded(1_000);
    let mut player = RecordingPlayer::open(&path).unwrap();
    player.set_paused(true);
    assert!(!player.seek(500_000).unwrap());
    assert_eq!(updates(player.advance(0).unwrap()).len(), 501);
    assert!(player.seek(100_000).unwrap());
    let again = updates(player.advance(0).unwrap());
    assert_eq!(again.len(), 101);
    assert_eq!(again[0].ingest_time_ns, 0);
    assert!(!player.seek(i64::MAX).unwrap());
    assert_eq!(updates(player.advance(0).unwrap()).len(), 899);
    assert!(player.is_at_end());
}

#[test]
fn damaged_lines_are_counted_and_other_files_are_refused() {
    let (_folder, path) = recorded(10);
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"topic\":\"t\",\"time\n\xff\xfe\n\n");
    std::fs::write(&path, &text).unwrap();
    let mut player = RecordingPlayer::open(&path).unwrap();
    player.seek(i64::MAX).unwrap();
    assert_eq!(updates(player.advance(0).unwrap()).len(), 10);
    assert_eq!(player.bad_lines(), 2);

    std::fs::write(&path, b"hello\n").unwrap();
    let error = RecordingPlayer::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("none of its 1 lines is an update"),
        "{error}"
    );
    assert!(RecordingPlayer::open(&path.with_extension("no")).is_err());
}

#[test]
fn a_restart_of_the_recorded_server_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let mut writer = RecordingWriter::start(path.clone(), RecordedScope::Charted).unwrap();
    for (time, seq) in [(0, 5), (1, 6), (2, 1)] {
        writer.record(&update("t", time, seq, Value::Reading(0.0)), None, true);
    }
    writer.finish().unwrap();
    let mut player = RecordingPlayer::open(&path).unwrap();
    player.seek(2).unwrap();
    let items = player.advance(0).unwrap();
    let resets = items
        .iter()
        .filter(|p| matches!(p, IncomingItem::EpochChanged));
    assert_eq!(resets.count(), 1);
}
