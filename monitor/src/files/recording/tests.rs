use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tickcast_core::tape::StripBuilder;
use tickcast_log::{Folder, GoesOn, Log, LogSettings, Opening, Point, Range};
use tickcast_protocol::{
    message::{Epoch, Quality, Seq, Status, TimeNs, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

use super::{player::OpenRecordingError, *};
use crate::data::incoming::IncomingItem;

fn open(path: &Path) -> Result<RecordingPlayer, OpenRecordingError> {
    RecordingPlayer::open(path, Range::ALL)
}

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
    let mut player = open(&path).unwrap();
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
    let mut player = open(&path).unwrap();
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
    let mut player = open(sample.as_ref()).unwrap();
    assert!(!player.seek(i64::MAX).unwrap());
    assert_eq!(player.advance(0).unwrap().len(), text.lines().count());
    assert_eq!(player.problems(), "");
}

#[test]
fn seeking_works_in_both_directions() {
    let (_folder, path) = recorded(1_000);
    let mut player = open(&path).unwrap();
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
    let mut player = open(&path).unwrap();
    player.seek(i64::MAX).unwrap();
    assert_eq!(updates(player.advance(0).unwrap()).len(), 10);
    assert_eq!(player.problems(), "2 bad lines");

    std::fs::write(&path, b"hello\n").unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(
        error.contains("none of its 1 lines is an update"),
        "{error}"
    );
    assert!(open(&path.with_extension("no")).is_err());
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
    let mut player = open(&path).unwrap();
    player.seek(2).unwrap();
    let items = player.advance(0).unwrap();
    let resets = items
        .iter()
        .filter(|p| matches!(p, IncomingItem::EpochChanged));
    assert_eq!(resets.count(), 1);
}

/// The log of a server with updates 1 to 9,000 of two topics, one each microsecond.
fn logged() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let opening = Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [1; 16],
        new_epoch: Epoch(7),
        now_ns: 0,
    };
    let disk = Folder::lock(folder.path()).unwrap();
    let (mut log, _) = Log::open(disk, LogSettings::default(), opening).unwrap();
    for first in (1..9_000).step_by(100) {
        let mut strip = StripBuilder::new(first);
        if first == 1 {
            for (id, name) in (0..).zip(["a", "b"]) {
                let mut info = TopicInfo::new(id, Topic::new(name).unwrap());
                info.unit = Some("°C".to_owned());
                strip.introduce(info);
            }
        }
        for position in first..first + 100 {
            strip.push(&Update {
                topic: (position % 2) as u32,
                position,
                seq: position.div_ceil(2),
                source_time_ns: None,
                ingest_time_ns: position as i64 * 1_000,
                quality: Quality::Live,
                value: Value::Reading(position as f64),
            });
        }
        log.write(&[Arc::new(strip.build())], 0).unwrap();
    }
    folder
}

#[test]
fn the_log_of_a_server_is_played_as_a_recording_or_a_range_of_it() {
    let folder = logged();
    let mut player = open(folder.path()).unwrap();
    assert_eq!(player.range(), (1_000, 9_000_000));
    assert_eq!(player.holds().words(), "every update of 2 topics");
    player.set_paused(true);
    player.seek(i64::MAX).unwrap();
    let all = updates(player.advance(0).unwrap());
    let positions: Vec<_> = all.iter().map(|update| update.value.clone()).collect();
    let expected: Vec<_> = (1..=9_000)
        .map(|at| Value::Reading(f64::from(at)))
        .collect();
    assert_eq!(positions, expected);
    assert!(player.is_at_end());
    assert!(player.seek(2_000).unwrap());
    assert_eq!(updates(player.advance(0).unwrap()).len(), 2);
    assert_eq!(player.problems(), "");

    let range = Range::between(Some(Point::Position(8_001)), Some(Point::Time(8_501_000)));
    let mut player = RecordingPlayer::open(folder.path(), range).unwrap();
    assert_eq!(player.range(), (8_001_000, 8_500_000));
    player.seek(i64::MAX).unwrap();
    assert_eq!(updates(player.advance(0).unwrap()).len(), 500);
}

#[test]
fn a_folder_without_a_log_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("without updates of a server's log"),
        "{error}"
    );
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("notes.txt in it is not a part"), "{error}");
}
