//! The change from a segment to the next one, with many topics: how long a write takes that comes
//! to it. All clients wait for a write, so no write may have the work of all topics.

use std::{
    cell::Cell,
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tickcast_core::tape::{StatusChange, Strip, StripBuilder};
use tickcast_log::{
    Continuity, Entry, Folder, Log, LogSettings, Range, Reader, Recovery, read,
    testing::{MemoryDisk, Operation, Outcome},
};
use tickcast_protocol::{
    message::{Position, Quality, Status, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

use crate::support::{SETTINGS, opening};

/// Makes strips whose updates go through all topics.
pub(crate) struct Feed {
    topics: u32,
    pub(crate) next: Position,
}

impl Feed {
    fn new(topics: u32) -> Self {
        Self { topics, next: 1 }
    }

    pub(crate) fn strip(&mut self, updates: u32) -> Arc<Strip> {
        let mut builder = StripBuilder::new(self.next);
        for _ in 0..updates {
            let at = self.next - 1;
            let topic = (at % u64::from(self.topics)) as u32;
            let seq = 1 + at / u64::from(self.topics);
            if seq == 1 {
                let name = format!("plant{}/line{}/sensor{topic}", topic % 10, topic % 100);
                builder.introduce(TopicInfo::new(topic, Topic::new(&name).unwrap()));
            }
            builder.push(&Update {
                topic,
                position: self.next,
                seq,
                source_time_ns: None,
                ingest_time_ns: at as i64,
                quality: Quality::Live,
                value: Value::Reading(at as f64),
            });
            self.next += 1;
        }
        if self.next > u64::from(self.topics) {
            let topic = (self.next % u64::from(self.topics)) as u32;
            builder.change_statuses([StatusChange {
                topic,
                status: Status::Stale,
                since_ns: self.next as i64,
            }]);
        }
        Arc::new(builder.build())
    }
}

/// The times of writes of one strip each, up to the end of some segments.
fn times_of_writes(topics: u32, segments: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let disk = Folder::lock(folder.path()).unwrap();
    let settings = LogSettings {
        segment_bytes: 64 << 20,
        ..SETTINGS
    };
    let (mut log, _) = Log::open(disk, settings, opening(1, 10)).unwrap();
    let mut feed = Feed::new(topics);
    let mut times = Vec::new();
    while log.segments().len() < segments {
        let strip = feed.strip(500);
        let begun = Instant::now();
        log.write(&[strip], 9).unwrap();
        times.push(begun.elapsed());
        if let Some(unsynced) = log.unsynced().unwrap() {
            log.take_synced(unsynced.sync()).unwrap();
        }
    }
    times
}

#[test]
#[ignore = "measures; needs a release build and a quiet machine"]
fn the_times_of_writes_at_the_begin_of_segments() {
    for topics in [1_000, 250_000] {
        let mut times = times_of_writes(topics, 3);
        times.sort_unstable();
        let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize];
        println!(
            "{topics} topics: a strip of 500 updates: median {:.2?}, p99 {:.2?}, longest {:.2?}",
            at(0.5),
            at(0.99),
            &times[times.len() - 4..],
        );
    }
}

/// Topics whose begin of a segment has many parts.
const TOPICS: u32 = 10_000;

/// A part, with a margin: it ends with the first page above 64 KiB.
const PART_BYTES: usize = 80 * 1024;

/// Segments that are as long as the topics demand.
pub(crate) const SHORT: LogSettings = LogSettings {
    segment_bytes: 64 * 1024,
    bytes_max: None,
    age_max_ns: None,
};

/// Bytes of a segment before its first topic: its header and the session.
const SESSION_END: usize = 64 + 48 + 26 + 1;

pub(crate) fn open_short(disk: &MemoryDisk, boot: u8) -> (Log<MemoryDisk>, Recovery) {
    Log::open(disk.clone(), SHORT, opening(boot, u64::from(boot) * 10)).unwrap()
}

/// Writes strips until a segment with many topics has begun, and not more.
pub(crate) fn begun() -> (MemoryDisk, Log<MemoryDisk>, Feed) {
    let disk = MemoryDisk::default();
    let (mut log, _) = open_short(&disk, 1);
    let mut feed = Feed::new(TOPICS);
    while log.topics().list().len() < TOPICS as usize || !log.has_unwritten_begin() {
        log.write(&[feed.strip(100)], 9).unwrap();
        assert!(log.segments().len() < 10, "no segment has a long begin");
    }
    (disk, log, feed)
}

/// The same files on another disk.
pub(crate) fn copy(files: &BTreeMap<String, Vec<u8>>) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (name, bytes) in files {
        disk.set(name, bytes.clone());
    }
    disk
}

/// All updates, of which none is missing.
pub(crate) fn updates(disk: &MemoryDisk) -> Vec<(Position, Vec<u8>)> {
    let mut updates = Vec::new();
    read(disk, Range::ALL, |entry| match entry {
        Entry::Update { head, bytes, .. } => updates.push((head.position, bytes.to_vec())),
        Entry::Status { .. } | Entry::Publish(_) => {}
        Entry::Missing { .. } | Entry::Flaw { .. } => panic!("{entry:?}"),
    })
    .unwrap();
    updates
}

#[test]
fn no_write_has_the_work_of_all_topics() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open_short(&disk, 1);
    let mut feed = Feed::new(TOPICS);
    let written = Rc::new(Cell::new(0));
    let count = Rc::clone(&written);
    disk.plan(move |operation| {
        if let Operation::Write(bytes) = operation {
            count.set(count.get() + bytes);
        }
        Outcome::Done
    });
    // The first segments have the infos of all topics in their indexes.
    while !log.has_unwritten_begin() {
        log.write(&[feed.strip(100)], 9).unwrap();
    }
    let (mut most, mut begins) = (0, 0);
    while begins < 2 {
        let (segments, strip) = (log.segments().len(), feed.strip(100));
        let bytes = strip.len_bytes();
        written.set(0);
        log.write(&[strip], 9).unwrap();
        let has_begun = log.segments().len() > segments;
        assert!(!has_begun || log.has_unwritten_begin());
        begins += usize::from(has_begun);
        most = written.get().saturating_sub(2 * bytes).max(most);
        // Another thread syncs, and writes the index of the segment before.
        let unsynced = log.unsynced().unwrap().expect("a strip was written");
        log.take_synced(unsynced.sync()).unwrap();
    }
    assert!(most < 2 * PART_BYTES, "{most} bytes in one write");
    assert!(
        log.topics().bytes() > 6 * PART_BYTES,
        "{}",
        log.topics().bytes()
    );
}

#[test]
fn a_start_completes_the_begin_of_a_segment() {
    let (disk, mut log, mut feed) = begun();
    let name = disk.files().into_keys().next_back().unwrap();
    // What is not written of it are the zeros before the first strip.
    let begin = disk.files()[&name].clone();
    let mut end = SESSION_END + log.topics().bytes();
    end += begin[end..].iter().position(|byte| *byte != 0).unwrap();
    while log.has_unwritten_begin() {
        log.write(&[feed.strip(100)], 9).unwrap();
    }
    let files = disk.files();
    let expected = updates(&disk);
    assert_eq!(expected.len() as u64, feed.next - 1);
    let is_zero = |byte: &u8| *byte == 0;
    assert!(
        !files[&name][SESSION_END..end]
            .windows(64)
            .any(|it| it.iter().all(is_zero))
    );
    let check = |bytes: Vec<u8>, case: &str| {
        let stopped = copy(&files);
        stopped.set(&name, bytes);
        let (again, recovery) = open_short(&stopped, 1);
        assert_eq!(
            (recovery.cut, recovery.continuity),
            (None, Continuity::Same),
            "{case}"
        );
        assert_eq!(again.next(), feed.next, "{case}");
        assert!(again.topics() == log.topics(), "{case}: other topics");
        assert_eq!(updates(&stopped), expected, "{case}");
        let begin = SESSION_END..end;
        assert!(
            stopped.files()[&name][begin.clone()] == files[&name][begin],
            "{case}"
        );
    };
    // Written up to any place, also within a part.
    for written in (SESSION_END..end).step_by(29_989) {
        let mut bytes = files[&name].clone();
        bytes[written..end].fill(0);
        check(bytes, &format!("{written} bytes of {end}"));
    }
    // A power cut leaves any of the sectors.
    for nth in 2..5 {
        let mut bytes = files[&name].clone();
        let first = SESSION_END.next_multiple_of(512);
        for sector in (first..end - 512).step_by(nth * 512) {
            bytes[sector..sector + 512].fill(0);
        }
        check(bytes, &format!("without each sector of {nth}"));
    }
}

#[test]
fn a_begin_is_not_completed_from_a_damaged_segment() {
    let (disk, _, _) = begun();
    let mut files = disk.files();
    let before = files.len() - 2;
    let bytes = files.values_mut().nth(before).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let stopped = copy(&files);
    let (_, recovery) = open_short(&stopped, 1);
    assert!(recovery.cut.is_some(), "what is cut is told");
    assert_ne!(recovery.continuity, Continuity::Same);
}

#[test]
fn what_is_synced_is_there_after_a_power_cut_although_the_begin_is_not_complete() {
    for survives in [false, true] {
        let (disk, mut log, mut feed) = begun();
        log.write(&[feed.strip(100)], 9).unwrap();
        log.sync().unwrap();
        assert!(log.has_unwritten_begin());
        let (synced, topics) = (log.next(), log.topics().clone());
        log.write(&[feed.strip(100)], 9).unwrap();
        disk.cut_power(|| survives);
        let (again, recovery) = open_short(&disk, 2);
        assert!(
            matches!(recovery.continuity, Continuity::Follows(_)),
            "{recovery:?}"
        );
        match survives {
            true => assert_eq!(again.next(), feed.next),
            false => {
                assert_eq!(again.next(), synced);
                assert!(*again.topics() == topics, "other topics");
            }
        }
        assert_eq!(updates(&disk).len() as u64, again.next() - 1);
    }
}

#[test]
fn a_power_cut_takes_no_strip_of_a_closed_segment() {
    for seed in 0..20u32 {
        let (disk, log, feed) = begun();
        let first = feed.next - 100;
        assert_eq!(log.synced(), first);
        let mut random = seed.wrapping_mul(2_654_435_761) | 1;
        disk.cut_power(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random >> 31 == 1
        });
        let (again, recovery) = open_short(&disk, 2);
        assert!(again.next() >= first, "{seed}: {recovery:?}");
        assert!(recovery.holes.is_empty(), "{seed}: {recovery:?}");
        let mut next = 1;
        read(&disk, Range::ALL, |entry| match entry {
            Entry::Update { head, .. } => {
                assert_eq!(head.position, next, "{seed}");
                next += 1;
            }
            Entry::Missing { .. } => panic!("{seed}: {entry:?}"),
            Entry::Flaw { .. } => panic!("{seed}: {entry:?}"),
            Entry::Status { .. } | Entry::Publish(_) => {}
        })
        .unwrap();
        assert_eq!(next, again.next(), "{seed}");
    }
}

#[test]
fn a_segment_is_kept_while_the_next_one_needs_it() {
    let (disk, log, _) = begun();
    drop(log);
    let settings = LogSettings {
        bytes_max: Some(1),
        ..SHORT
    };
    // A start completes the begin, and a new segment needs this one again.
    let (mut log, _) = Log::open(disk, settings, opening(1, 10)).unwrap();
    let mut feed = Feed {
        topics: TOPICS,
        next: log.next(),
    };
    while !log.has_unwritten_begin() {
        log.write(&[feed.strip(100)], 9).unwrap();
    }
    log.retain(9);
    assert_eq!(log.segments().len(), 1);
    while log.has_unwritten_begin() {
        log.go_on_with_begin(0).unwrap();
    }
    log.retain(9);
    assert_eq!(log.segments().len(), 1, "it may be lost in a power cut");
    log.sync().unwrap();
    log.retain(9);
    assert_eq!(log.segments().len(), 0);
}

#[test]
fn a_log_ends_and_is_set_back_with_a_complete_begin() {
    let (disk, mut log, feed) = begun();
    log.end(9).unwrap();
    let (again, recovery) = open_short(&copy(&disk.files()), 2);
    assert_eq!(
        (recovery.cut, recovery.continuity),
        (None, Continuity::Same)
    );
    assert_eq!(again.next(), feed.next);

    let (disk, mut log, feed) = begun();
    let lineage = log.lineage();
    let kept = feed.next - 1 - 50;
    log.set_back(kept, &lineage, 9).unwrap();
    assert!(!log.has_unwritten_begin());
    // The last strip is taken back whole.
    assert_eq!(log.next(), feed.next - 100);
    assert_eq!(updates(&disk).len() as u64, log.next() - 1);
}

#[test]
fn a_reader_goes_on_once_the_begin_is_complete() {
    let (disk, mut log, feed) = begun();
    let mut reader = Reader::open(disk).unwrap();
    let begin = feed.next - 100;
    let strips = reader.strips(begin - 100, usize::MAX).unwrap();
    let end = strips.strips.iter().map(Strip::end).max();
    assert_eq!((end, strips.missing), (Some(begin), vec![]));
    log.go_on_with_begin(usize::MAX).unwrap();
    reader.refresh().unwrap();
    let strips = reader.strips(begin - 100, usize::MAX).unwrap();
    let end = strips.strips.iter().map(Strip::end).max();
    assert_eq!((end, strips.missing), (Some(feed.next), vec![]));
}
