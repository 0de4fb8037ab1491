//! What is forgotten, and what is kept.

use tickcast_log::{Disk, Log, LogSettings, Reader, testing::MemoryDisk};

use crate::support::{SETTINGS, Source, held, opening, updates};

/// Writes ten segments, and retains after each strip.
fn retained(settings: LogSettings, now_ns: i64) -> (MemoryDisk, Log<MemoryDisk>, u64) {
    let disk = MemoryDisk::default();
    let (mut log, _) = Log::open(disk.clone(), settings, opening(1, 10)).unwrap();
    let mut source = Source::default();
    let mut removed = 0;
    while log.segments().len() as u64 + removed < 10 {
        let strip = source.strip(log.next(), 5, 50);
        log.write(&[strip], now_ns).unwrap();
        let (gone, error) = log.retain(now_ns);
        assert!(error.is_none());
        removed += gone.len() as u64;
    }
    (disk, log, removed)
}

/// Settings of a log that is shorter than what is written to it.
const SHORT: LogSettings = LogSettings {
    bytes_max: Some(20_000),
    ..SETTINGS
};

#[test]
fn the_oldest_segments_are_removed_above_the_bytes_and_the_rest_is_whole() {
    let (disk, log, removed) = retained(SHORT, 9);
    assert!(removed >= 4, "{removed}");
    assert!(log.bytes() <= 20_000);
    assert_eq!(disk.files().len(), log.segments().len() + 1);
    let held = held(&disk);
    let first = log.segments().next().unwrap().first;
    assert!(first > 1);
    // Names and units of topics that were introduced in a segment that is gone are known.
    assert_eq!(held.updates.first().unwrap().0, first);
    assert_eq!(held.updates.last().unwrap().0, log.next() - 1);
    assert_eq!(held.updates.len() as u64, log.next() - first);
    assert!(held.missing.is_empty() && held.flaws.is_empty());
}

#[test]
fn segments_are_removed_when_their_newest_update_is_too_old() {
    let settings = LogSettings {
        age_max_ns: Some(1_000),
        ..SETTINGS
    };
    // The times of the updates are some thousand ns.
    assert_eq!(retained(settings, 1_000).2, 0);
    let (_, log, removed) = retained(settings, 1_000_000);
    assert_eq!((removed, log.segments().len()), (10, 0));
}

#[test]
fn everything_is_kept_without_a_bound() {
    let (disk, log, removed) = retained(SETTINGS, i64::MAX);
    assert_eq!((removed, log.segments().len()), (0, 10));
    let mut source = Source::default();
    let mut ledger = Vec::new();
    while (ledger.len() as u64) < log.next() - 1 {
        let strip = source.strip(ledger.len() as u64 + 1, 5, 50);
        ledger.extend(updates([&strip]));
    }
    assert_eq!(held(&disk).updates, ledger);
}

#[test]
fn a_reader_knows_what_is_left_without_reading_it() {
    let (disk, log, _) = retained(SHORT, 9);
    let segments: Vec<_> = log.segments().cloned().collect();
    let (first, last) = (segments[0].first, log.next() - 1);
    let mut reader = Reader::open(disk.clone()).unwrap();
    assert!(reader.has_all(first, last));
    assert!(reader.has_all(first + 7, first + 7));
    assert!(reader.has_all(last, last));
    // Nothing is asked for.
    assert!(reader.has_all(last + 1, last));
    assert!(!reader.has_all(first - 1, last));
    assert!(!reader.has_all(first, last + 1));
    assert!(!reader.has_all(last + 1, last + 1));

    // A hole counts for what is before it alone.
    let gone = &segments[1];
    disk.remove(&format!("{:010}.seg", gone.number)).unwrap();
    reader.refresh().unwrap();
    assert!(reader.has_all(first, gone.first - 1));
    assert!(!reader.has_all(first, gone.first));
    assert!(!reader.has_all(gone.end - 1, last));
    assert!(reader.has_all(gone.end, last));
}
