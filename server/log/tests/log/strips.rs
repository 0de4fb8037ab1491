//! Strips as a reader gives them to clients that come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tickcast_core::tape::{Strip, StripBuilder};
use tickcast_log::{Folder, Log, LogSettings, Reader, testing::MemoryDisk};
use tickcast_protocol::{
    message::{Position, Quality, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

use crate::support::{SETTINGS, Source, opening};

const SETTINGS_LARGE: LogSettings = LogSettings {
    segment_bytes: 1 << 20,
    ..SETTINGS
};

#[test]
fn strips_of_one_update_are_put_together() {
    let disk = MemoryDisk::default();
    let (mut log, _) = Log::open(disk.clone(), SETTINGS_LARGE, opening(1, 10)).unwrap();
    let mut source = Source::default();
    for _ in 0..500 {
        let strip = source.strip(log.next(), 1, 100);
        log.write(&[strip], 9).unwrap();
    }
    let strips = Reader::open(disk).unwrap().strips(1, usize::MAX).unwrap();
    let strips = strips.strips;
    let updates: usize = strips.iter().map(Strip::len).sum();
    assert_eq!(updates, 500);
    let bytes: Vec<_> = strips.iter().map(Strip::len_bytes).collect();
    assert!(bytes.iter().all(|bytes| *bytes < 4096 + 200), "{bytes:?}");
    // The first seven introduce a topic each, which holds from the strip's beginning on.
    let introduced: Vec<_> = strips.iter().map(|strip| strip.topics().len()).collect();
    let (first, others) = introduced.split_at(7);
    assert_eq!(first, [1; 7]);
    assert!(others.iter().all(|topics| *topics == 0));
    let full = bytes.iter().filter(|bytes| **bytes >= 4096).count();
    assert!(full >= strips.len() - 8, "{bytes:?}");
}

#[test]
fn an_update_that_cannot_be_decoded_ends_a_strip_and_is_missing() {
    let disk = MemoryDisk::default();
    let (mut log, _) = Log::open(disk.clone(), SETTINGS_LARGE, opening(1, 10)).unwrap();
    let update = |position| Update {
        topic: 0,
        position,
        seq: position,
        source_time_ns: None,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: Value::Text("x".to_owned()),
    };
    for first in [1, 3, 6] {
        let mut builder = StripBuilder::new(first);
        if first == 1 {
            builder.introduce(TopicInfo::new(0, Topic::new("plant/0").unwrap()));
        }
        builder.push(&update(first));
        builder.push(&update(first + 1));
        if first == 3 {
            // Its head is right.
            let mut other = StripBuilder::new(5);
            let bytes = other.push(&update(5));
            builder.push_encoded(0, Quality::Live, &bytes[..bytes.len() - 1]);
        }
        log.write(&[Arc::new(builder.build())], 9).unwrap();
    }
    let mut reader = Reader::open(disk).unwrap();
    // From within the strip, at the update and after it.
    for (from, missing) in [(5, vec![(5, 6)]), (6, vec![])] {
        let found = reader.strips(from, usize::MAX).unwrap();
        let firsts: Vec<_> = found.strips.iter().map(Strip::first).collect();
        assert_eq!((firsts, found.missing), (vec![6], missing), "{from}");
    }
    let found = reader.strips(1, usize::MAX).unwrap();
    let ranges: Vec<_> = found
        .strips
        .iter()
        .map(|it| (it.first(), it.end()))
        .collect();
    assert_eq!(
        (ranges, found.missing),
        (vec![(1, 5), (6, 8)], vec![(5, 6)])
    );
}

#[test]
fn a_reader_pauses_between_parts_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Folder::lock(folder.path()).unwrap();
    let (mut log, _) = Log::open(disk, SETTINGS_LARGE, opening(1, 10)).unwrap();
    let mut source = Source::default();
    let mut bytes = 0;
    while bytes < 500_000 {
        let strip = source.strip(log.next(), 1, 100);
        bytes += strip.len_bytes();
        log.write(&[strip], 9).unwrap();
    }
    let pauses = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pauses);
    let folder = Folder::read_only(folder.path()).with_pause(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let mut reader = Reader::open(folder).unwrap();
    let opened = pauses.swap(0, Ordering::Relaxed);
    let strips = reader.strips(1, usize::MAX).unwrap();
    assert_eq!(strips.next, log.next() as Position);
    let read = pauses.load(Ordering::Relaxed);
    // A part has 16 KiB.
    assert!(opened >= 500_000 / (16 * 1024), "{opened}");
    assert!(read >= 500_000 / (16 * 1024), "{read}");
}
