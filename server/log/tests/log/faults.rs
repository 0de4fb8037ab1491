//! A disk that is full, fails or is slow: what was written stays, and writing can be tried again.

use std::io::ErrorKind;

use tickcast_log::{
    LogError,
    testing::{MemoryDisk, Operation, Outcome},
};

use crate::support::{Source, held, open, opening, updates};

#[test]
fn a_full_disk_loses_nothing_and_writing_goes_on_when_there_is_room() {
    for operation in [0, 1, 2] {
        let disk = MemoryDisk::default();
        let (mut log, _) = open(&disk, opening(1, 10));
        let mut source = Source::default();
        let mut ledger = Vec::new();
        let fails = move |found: Operation| match found {
            Operation::Write(_) => operation == 0,
            Operation::Create => operation == 1,
            Operation::SetLen => operation == 2,
            _ => false,
        };
        let mut failures = 0;
        for round in 0..200 {
            if round % 5 == 0 {
                disk.plan(move |operation| match fails(operation) {
                    true => Outcome::Fails(ErrorKind::StorageFull),
                    false => Outcome::Done,
                });
            }
            let strip = source.strip(log.next(), 3, 50);
            let strips = std::slice::from_ref(&strip);
            if let Err(failure) = log.write(strips, 9) {
                failures += 1;
                assert_eq!(failure.written, 0);
                assert!(failure.to_string().contains(".seg"), "{failure}");
                disk.repair();
                log.write(strips, 9).unwrap();
            }
            disk.repair();
            ledger.extend(updates([&strip]));
        }
        assert!(failures > 0, "{operation}");
        assert!(log.segments().len() > 2);
        assert_eq!(held(&disk).updates, ledger);
        drop(log);
        let (log, recovery) = open(&disk, opening(1, 11));
        assert_eq!((log.next(), recovery.cut), (ledger.len() as u64 + 1, None));
    }
}

#[test]
fn short_writes_are_continued_and_a_partial_one_counts_what_is_whole() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let mut next = 1;
    let strips = [3, 4, 5].map(|count| {
        let strip = source.strip(next, count, 20);
        next = strip.end();
        strip
    });
    let mut calls = 0;
    disk.plan(move |operation| match operation {
        Operation::Write(_) => {
            calls += 1;
            match calls {
                1 => Outcome::Short(300),
                _ => Outcome::Fails(ErrorKind::Other),
            }
        }
        _ => Outcome::Done,
    });
    let failure = log.write(&strips, 9).unwrap_err();
    assert!((1..3).contains(&failure.written), "{failure:?}");
    let written = &strips[..failure.written];
    assert_eq!(log.next(), written.last().unwrap().end());
    disk.plan(|operation| match operation {
        Operation::Write(_) => Outcome::Short(7),
        _ => Outcome::Done,
    });
    log.write(&strips[failure.written..], 9).unwrap();
    disk.repair();
    assert_eq!(held(&disk).updates, updates(&strips));
}

#[test]
fn after_a_failed_sync_nothing_is_written_because_it_is_unknown_what_is_on_the_disk() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let strip = source.strip(1, 3, 20);
    log.write(&[strip], 9).unwrap();
    assert!(log.unsynced_bytes() > 0);
    disk.plan(|operation| match operation {
        Operation::Sync => Outcome::Fails(ErrorKind::Other),
        _ => Outcome::Done,
    });
    assert!(matches!(log.sync(), Err(LogError::NotSynced(_))));
    // A second sync would succeed without having written anything: it is not asked.
    disk.repair();
    let error = log.sync().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("positions 1 to 3; it is unknown which of them are on the disk"),
        "{error}"
    );
    assert!(log.unsynced_bytes() > 0);
    let strip = source.strip(4, 3, 20);
    assert!(log.write(&[strip], 9).is_err());
    assert!(log.end(9).is_err());
}

#[test]
fn a_strip_that_does_not_follow_is_refused() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let strips = [source.strip(1, 3, 20), source.strip(5, 3, 20)];
    let failure = log.write(&strips, 9).unwrap_err();
    assert_eq!(failure.written, 1);
    assert_eq!(
        failure.to_string(),
        "a strip begins at position 5, and 4 is next"
    );
}

#[test]
fn a_segment_that_cannot_be_removed_is_told() {
    let disk = MemoryDisk::default();
    let mut settings = crate::support::SETTINGS;
    settings.bytes_max = Some(8192);
    let (mut log, _) = tickcast_log::Log::open(disk.clone(), settings, opening(1, 10)).unwrap();
    let mut source = Source::default();
    while log.segments().len() < 3 {
        let strip = source.strip(log.next(), 5, 50);
        log.write(&[strip], 9).unwrap();
    }
    disk.plan(|operation| match operation {
        Operation::Remove => Outcome::Fails(ErrorKind::PermissionDenied),
        _ => Outcome::Done,
    });
    let (removed, error) = log.retain(9);
    assert!(removed.is_empty());
    assert!(
        error
            .unwrap()
            .to_string()
            .starts_with("removing 0000000001.seg")
    );
    disk.repair();
    let (removed, error) = log.retain(9);
    assert!(!removed.is_empty() && error.is_none());
}

#[test]
fn what_a_failed_sync_has_not_written_is_written_again_by_the_next_start() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let strip = source.strip(1, 30, 100);
    log.write(std::slice::from_ref(&strip), 9).unwrap();
    disk.plan(|operation| match operation {
        Operation::Sync => Outcome::Fails(ErrorKind::Other),
        _ => Outcome::Done,
    });
    assert!(log.sync().is_err());
    drop(log);
    disk.repair();
    // The kernel has the bytes, and takes them for written.
    let (mut log, recovery) = open(&disk, opening(1, 11));
    assert_eq!((log.next(), recovery.cut), (31, None));
    log.end(9).unwrap();
    drop(log);
    disk.cut_power(|| false);
    let (log, recovery) = open(&disk, opening(2, 12));
    assert_eq!((log.next(), recovery.cut), (31, None));
    assert_eq!(held(&disk).updates, updates([&strip]));
}

#[test]
fn a_strip_that_contradicts_those_before_it_is_not_in_the_log_and_ends_writing() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let first = Source::default().strip(1, 3, 20);
    // Its seqs begin again.
    let second = Source::default().strip(4, 3, 20);
    let strips = [first, second];
    let failure = log.write(&strips, 9).unwrap_err();
    assert_eq!((failure.written, log.next()), (1, 4));
    let text = failure.to_string();
    assert!(
        text.contains("a strip at position 4 does not fit the log"),
        "{text}"
    );
    log.sync().unwrap();
    assert_eq!(log.synced(), 4);
    let third = Source::after(log.topics()).strip(4, 3, 20);
    assert_eq!(log.write(&[third], 9).unwrap_err().to_string(), text);
    drop(log);
    let (log, recovery) = open(&disk, opening(1, 11));
    assert_eq!((log.next(), recovery.cut), (4, None));
    assert_eq!(held(&disk).updates, updates(&strips[..1]));
}
