//! Segments of a log.

use std::sync::Arc;

use tickcast_core::tape::{Strip, StripBuilder};
use tickcast_log::{
    Continuity, GoesOn, Log, LogSettings, Opening,
    testing::{MemoryDisk, repair_checksums},
    tools::{Detail, Entry, Range, dump, export, read, stats, verify},
};
use tickcast_protocol::{
    message::{Epoch, Position, Quality, TopicInfo, Update},
    topic::{Filter, Topic},
    value::Value,
};

use super::reader;

const NAME: &str = "0000000001.seg";

const SETTINGS: LogSettings = LogSettings {
    segment_bytes: 4096,
    bytes_max: None,
    age_max_ns: None,
};

/// A position that a server may reach.
const POSITION_MAX: Position = 1 << 60;

/// A log whose only segment has these bytes, and the same with right checksums.
pub fn segment(bytes: &[u8]) {
    check(bytes.to_vec());
    let mut repaired = bytes.to_vec();
    repair_checksums(&mut repaired);
    check(repaired);
}

fn check(bytes: Vec<u8>) {
    let disk = MemoryDisk::default();
    disk.set(NAME, bytes.clone());
    let mut out = Vec::new();
    let verdict = verify(&disk, &mut out);
    let is_whole = matches!(&verdict, Ok(verdict) if verdict.problems.is_empty());
    let _ = stats(&disk, &mut out);
    let _ = dump(&disk, (0, Position::MAX), Detail::Updates, &mut out);
    let before = updates(&disk);
    reader::any(&disk, is_whole.then_some(&before));
    let _ = export(&disk, Range::ALL, &[Filter::all()], &mut out);
    assert_eq!(disk.files()[NAME], bytes, "the tools change nothing");

    let opening = Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [1; 16],
        new_epoch: Epoch(1),
        now_ns: 5,
    };
    let (mut log, recovery) = match Log::open(disk.clone(), SETTINGS, opening) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(!is_whole, "verify finds no fault with it: {error}");
            // What is cut off is saved before the disk is asked for more space than it has.
            let is_full = error.to_string().starts_with("reserving");
            assert!(is_full || disk.files()[NAME] == bytes, "{error}");
            return;
        }
    };
    assert!(!is_whole || recovery.cut.is_none());
    let after = updates(&disk);
    // What was cut off is at the end.
    assert!(before.starts_with(&after));
    if log.next() < POSITION_MAX {
        let strip = strip(&log);
        log.write(&[strip], 6).expect("the disk works");
        assert_eq!(updates(&disk).len(), after.len() + 1);
    }
    let next = log.next();
    drop(log);
    let (log, recovery) = Log::open(disk, SETTINGS, opening).expect("it was put in order");
    assert_eq!((recovery.continuity, log.next()), (Continuity::Same, next));
    assert_eq!(recovery.cut, None);
}

fn updates(disk: &MemoryDisk) -> Vec<(Position, Vec<u8>)> {
    let mut updates = Vec::new();
    // An error means that it is no segment.
    let _ = read(disk, Range::ALL, |entry| {
        if let Entry::Update { head, bytes, .. } = entry {
            updates.push((head.position, bytes.to_vec()));
        }
    });
    updates
}

/// An update of a new topic.
fn strip(log: &Log<MemoryDisk>) -> Arc<Strip> {
    let topic = u32::try_from(log.topics().list().len()).expect("few topics fit");
    let mut builder = StripBuilder::new(log.next());
    builder.introduce(TopicInfo::new(topic, Topic::new("t").expect("it is valid")));
    builder.push(&Update {
        topic,
        position: log.next(),
        seq: 1,
        source_time_ns: None,
        ingest_time_ns: 7,
        quality: Quality::Live,
        value: Value::Reading(1.0),
    });
    Arc::new(builder.build())
}
