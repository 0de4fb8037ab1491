//! The end of a segment, which another thread writes while strips go to the next one: a stop at any
//! step of it, and disks that refuse it.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
};

use tickcast_log::{
    Continuity, Log, Reader,
    testing::{MemoryDisk, Operation, Outcome},
    tools::verify,
};

use crate::{
    rolling::{Feed, SHORT, begun, copy, open_short, updates},
    support::opening,
};

/// What the disk is asked for: to write the index, to sync it, to write the trailer, to cut the
/// file, and to sync that.
const STEPS: usize = 5;

/// Everything works for a number of operations, then nothing does. Of a write that is the first not
/// to work, some bytes are there.
fn stops_after(disk: &MemoryDisk, operations: usize, part: usize) {
    let mut left = operations;
    let mut part = Some(part);
    disk.plan(move |operation| match (left, operation, part) {
        (1.., ..) => {
            left -= 1;
            Outcome::Done
        }
        (0, Operation::Write(_), Some(1..)) => Outcome::Short(part.take().unwrap_or_default()),
        (0, ..) => Outcome::Fails(ErrorKind::Other),
    });
}

/// A segment has begun, and the thread that writes the end of the one before has stopped after some
/// steps. Then another strip was written.
fn stopped(steps: usize, part: usize) -> (MemoryDisk, Log<MemoryDisk>, Feed) {
    let (disk, mut log, mut feed) = begun();
    let unsynced = log.unsynced().unwrap().expect("a segment has begun");
    // Its strips are synced before that.
    stops_after(&disk, 1 + steps, part);
    let synced = unsynced.sync();
    disk.repair();
    let is_written = steps >= STEPS;
    assert_eq!(synced.without_index().count(), usize::from(!is_written));
    log.take_synced(synced).unwrap();
    assert_eq!(log.synced(), feed.next, "the strips are synced");
    if is_written {
        let bytes = log.segments().last().unwrap().bytes;
        let file = before_last(&disk.files()).1.len() as u64;
        assert_eq!(bytes, file);
    }
    log.write(&[feed.strip(100)], 9).unwrap();
    (disk, log, feed)
}

/// The segment before the last one.
fn before_last(files: &BTreeMap<String, Vec<u8>>) -> (String, Vec<u8>) {
    let (name, bytes) = files.iter().rev().nth(1).expect("two segments");
    (name.clone(), bytes.clone())
}

fn problems(disk: &MemoryDisk) -> Vec<String> {
    verify(disk, &mut io::sink()).unwrap().problems
}

#[test]
fn a_server_that_is_killed_at_any_step_has_lost_nothing_and_the_next_start_writes_the_end() {
    for (steps, part) in (0..=STEPS).flat_map(|steps| [(steps, 0), (steps, 20), (steps, 3_000)]) {
        let (disk, log, feed) = stopped(steps, part);
        let case = format!("{steps} steps, then {part} bytes");
        let (_, bytes) = before_last(&disk.files());
        // The part may be the whole trailer.
        let is_closed = bytes[bytes.len() - 32..].starts_with(b"TICKCEND");
        assert!(is_closed || steps < STEPS, "{case}");
        let (again, recovery) = open_short(&disk, 1);
        assert_eq!(recovery.continuity, Continuity::Same, "{case}");
        assert_eq!((recovery.cut, recovery.holes), (None, vec![]), "{case}");
        assert_eq!(recovery.rebuilt.len(), usize::from(!is_closed), "{case}");
        assert_eq!(again.next(), feed.next, "{case}");
        assert!(again.topics() == log.topics(), "{case}: other topics");
        assert_eq!(problems(&disk), [""; 0], "{case}");
        let positions = updates(&disk).into_iter().map(|(position, _)| position);
        assert!(positions.eq(1..feed.next), "{case}");
        let bytes = again.segments().last().unwrap().bytes;
        let file = before_last(&disk.files()).1.len() as u64;
        assert_eq!(bytes, file, "{case}");
    }
}

#[test]
fn a_power_cut_at_any_step_takes_nothing_that_is_synced() {
    for steps in 0..=STEPS {
        for seed in 1..8u32 {
            let (disk, log, feed) = stopped(steps, 3_000);
            let case = format!("{steps} steps, power cut {seed}");
            let synced = log.synced();
            assert_eq!(synced, feed.next - 100, "{case}");
            assert!(log.has_unwritten_begin(), "{case}");
            let mut random = seed.wrapping_mul(2_654_435_761) | 1;
            disk.cut_power(|| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // All sectors, none, or some.
                match seed {
                    1 => true,
                    2 => false,
                    _ => random >> 31 == 1,
                }
            });
            let (again, recovery) = open_short(&disk, 2);
            assert!(again.next() >= synced, "{case}: {recovery:?}");
            assert!(recovery.holes.is_empty(), "{case}: {recovery:?}");
            assert_eq!(problems(&disk), [""; 0], "{case}");
            let positions = updates(&disk).into_iter().map(|(position, _)| position);
            assert!(positions.eq(1..again.next()), "{case}");
        }
    }
}

#[test]
fn a_start_that_stops_while_it_writes_the_end_leaves_it_to_the_next_one() {
    let (disk, log, feed) = stopped(0, 0);
    let files = disk.files();
    // A start reads much. It is stopped after every few operations, until it needs fewer.
    for operations in (0..).step_by(11) {
        let disk = copy(&files);
        stops_after(&disk, operations, 3_000);
        if Log::open(disk.clone(), SHORT, opening(1, 10)).is_ok() {
            assert!(operations > 0);
            break;
        }
        disk.repair();
        let (again, recovery) = open_short(&disk, 1);
        assert!(recovery.holes.is_empty(), "{operations}: {recovery:?}");
        assert_eq!(again.next(), feed.next, "{operations}: {recovery:?}");
        assert!(again.topics() == log.topics(), "{operations}: other topics");
        assert_eq!(problems(&disk), [""; 0], "{operations}");
    }
}

#[test]
fn a_segment_with_a_damaged_strip_gets_no_end() {
    let (disk, _, _) = begun();
    let mut files = disk.files();
    let (name, mut bytes) = before_last(&files);
    let strips_end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[strips_end - 500] ^= 1;
    files.insert(name.clone(), bytes.clone());
    let stopped = copy(&files);
    let (_, recovery) = open_short(&stopped, 1);
    assert!(!recovery.rebuilt.is_empty(), "it is told");
    assert!(stopped.files()[&name] == bytes, "the file is another one");
}

#[test]
fn a_disk_that_refuses_an_index_is_told_of_and_updates_go_on() {
    let (disk, mut log, mut feed) = begun();
    let unsynced = log.unsynced().unwrap().expect("a segment has begun");
    disk.plan(|operation| match operation {
        Operation::Write(_) => Outcome::Fails(ErrorKind::StorageFull),
        _ => Outcome::Done,
    });
    let synced = unsynced.sync();
    disk.repair();
    let failures: Vec<_> = synced.without_index().map(ToString::to_string).collect();
    let (name, _) = before_last(&disk.files());
    assert_eq!(failures, [format!("writing to {name}: no storage space")]);
    assert!(synced.is_done());
    log.take_synced(synced).unwrap();
    log.write(&[feed.strip(100)], 9).unwrap();
    log.end(9).unwrap();
    assert_eq!(updates(&disk).len() as u64, feed.next - 1);
    let (_, recovery) = open_short(&disk, 2);
    assert_eq!(recovery.continuity, Continuity::Same);
    assert_eq!(problems(&disk), [""; 0]);
}

#[test]
fn a_start_on_a_full_disk_does_without_an_index_that_it_does_not_need() {
    let (disk, mut log, feed) = stopped(0, 0);
    log.end(9).unwrap();
    // The session fits into what is reserved.
    disk.plan(|operation| match operation {
        Operation::Write(1_000..) => Outcome::Fails(ErrorKind::StorageFull),
        _ => Outcome::Done,
    });
    let (again, recovery) = open_short(&disk, 2);
    assert_eq!(recovery.continuity, Continuity::Same);
    assert_eq!((again.next(), recovery.rebuilt.len()), (feed.next, 1));
    disk.repair();
    drop(again);
    open_short(&disk, 2);
    assert_eq!(problems(&disk), [""; 0]);
}

#[test]
fn a_reader_has_all_strips_before_the_end_is_written_and_after_it() {
    let (disk, mut log, feed) = begun();
    let last = feed.next - 1 - 100;
    let mut reader = Reader::open(disk).unwrap();
    assert!(reader.has_all(1, last));
    let unsynced = log.unsynced().unwrap().expect("a segment has begun");
    log.take_synced(unsynced.sync()).unwrap();
    reader.refresh().unwrap();
    assert!(reader.has_all(1, last));
    log.go_on_with_begin(usize::MAX).unwrap();
    reader.refresh().unwrap();
    assert!(reader.has_all(1, feed.next - 1));
}
