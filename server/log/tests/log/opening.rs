//! How a log continues after a clean end, a crash and a power cut, and what it refuses.

use std::io::ErrorKind;

use tickcast_log::{
    Continuity, FeedOutages, Flaw, Log, LogSettings, OpenError, Opening,
    testing::{MemoryDisk, Operation, Outcome},
};
use tickcast_protocol::message::{EndedEpoch, Epoch};

use crate::support::{SETTINGS, Source, held, open, opening, updates};

/// A log of some segments whose server has crashed.
fn crashed() -> (MemoryDisk, Vec<(u64, Vec<u8>)>) {
    let disk = MemoryDisk::default();
    let (mut log, recovery) = open(&disk, opening(1, 10));
    assert_eq!(recovery.continuity, Continuity::New);
    let mut source = Source::default();
    let mut strips = Vec::new();
    for _ in 0..30 {
        let strip = source.strip(log.next(), 5, 40);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        strips.push(strip);
    }
    let unsynced = log.unsynced().unwrap().expect("strips were written");
    log.take_synced(unsynced.sync()).unwrap();
    assert!(log.segments().len() >= 2);
    (disk, updates(&strips))
}

#[test]
fn a_crash_of_the_server_continues_the_epoch_and_nothing_is_missing() {
    let (disk, ledger) = crashed();
    let (log, recovery) = open(&disk, opening(1, 11));
    assert_eq!(recovery.continuity, Continuity::Same);
    assert_eq!((log.epoch(), log.next()), (Epoch(10), 151));
    assert_eq!(
        (recovery.cut, recovery.holes.len(), recovery.rebuilt.len()),
        (None, 0, 0)
    );
    let held = held(&disk);
    assert_eq!(held.updates, ledger);
    assert!(held.flaws.is_empty() && held.missing.is_empty() && held.statuses > 0);
    let topics = log.topics().list();
    assert_eq!(topics.len(), 7);
    assert_eq!(topics.iter().map(|topic| topic.seq).sum::<u64>(), 150);
    for topic in topics {
        let newest = ledger.iter().rfind(|(_, bytes)| *bytes == topic.newest);
        assert!(newest.unwrap().0 > 130, "{}", topic.info.topic);
    }
}

#[test]
fn another_boot_without_a_clean_end_begins_an_epoch_that_continues_the_last_one() {
    let (disk, ledger) = crashed();
    let (log, recovery) = open(&disk, opening(2, 11));
    let ended = EndedEpoch {
        epoch: Epoch(10),
        last: 150,
    };
    assert_eq!(recovery.continuity, Continuity::Follows(ended));
    assert_eq!((log.epoch(), log.next()), (Epoch(11), 151));
    assert_eq!(log.continues(), [ended]);
    drop(log);
    // The next start knows both.
    let (log, recovery) = open(&disk, opening(3, 12));
    let second = EndedEpoch {
        epoch: Epoch(11),
        last: 150,
    };
    assert_eq!(recovery.continuity, Continuity::Follows(second));
    assert_eq!(log.continues(), [ended, second]);
    assert_eq!(held(&disk).updates, ledger);
}

#[test]
fn a_clean_end_continues_the_epoch_also_after_the_machine_was_off() {
    let (disk, ledger) = crashed();
    let (mut log, _) = open(&disk, opening(1, 11));
    log.end(5).unwrap();
    drop(log);
    let (mut log, recovery) = open(&disk, opening(2, 12));
    assert_eq!(recovery.continuity, Continuity::Same);
    assert_eq!((log.epoch(), log.next()), (Epoch(10), 151));
    let strip = Source::after(log.topics()).strip(151, 3, 4);
    log.write(std::slice::from_ref(&strip), 9).unwrap();
    assert_eq!(held(&disk).updates, [ledger, updates([&strip])].concat());
}

#[test]
fn the_times_without_a_server_are_remembered_and_of_many_the_oldest_become_one() {
    const STARTS: i64 = 150;
    const REMEMBERED: usize = 128;
    let disk = MemoryDisk::default();
    let mut told = Vec::new();
    for start in 0..STARTS {
        let opening = Opening {
            now_ns: 1_000 * start,
            ..opening(1, 10)
        };
        let (mut log, _) = open(&disk, opening);
        told.extend(log.outages().last().copied());
        let strip = Source::after(log.topics()).strip(log.next(), 1, 40);
        log.write(&[strip], 9).unwrap();
    }
    assert_eq!(told.len() as i64, STARTS - 1, "none before the first start");
    let ends: Vec<_> = told.iter().map(|outage| outage.1).collect();
    let expected: Vec<_> = (1..STARTS).map(|start| 1_000 * start).collect();
    assert_eq!(ends, expected);
    assert!(told.iter().all(|(from, to)| from <= to));
    let (log, _) = open(&disk, opening(1, 10));
    let (joined, rest) = log.outages().split_first().unwrap();
    // The last one is that before the last start.
    let all: Vec<_> = told.iter().chain(log.outages().last()).copied().collect();
    let (first, last) = all.split_at(all.len() - (REMEMBERED - 1));
    assert_eq!(rest, last);
    assert_eq!(*joined, (first[0].0, first[first.len() - 1].1));
}

#[test]
fn a_record_whose_writing_was_interrupted_is_cut_and_the_epoch_goes_on() {
    let (disk, ledger) = crashed();
    let (name, whole) = disk.files().pop_last().unwrap();
    let (mut log, _) = open(&disk, opening(1, 11));
    let before = disk.files()[&name].clone();
    let strip = Source::after(log.topics()).strip(151, 2, 30);
    log.write(&[strip], 9).unwrap();
    let after = disk.files()[&name].clone();
    drop(log);
    assert_eq!(whole.len(), after.len(), "the space was reserved");
    let start = before.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = after.iter().rposition(|byte| *byte != 0).unwrap();
    assert!(end > start + 60);
    for torn in start..=end {
        let torn_disk = MemoryDisk::default();
        for (name, bytes) in disk.files() {
            torn_disk.set(&name, bytes);
        }
        let mut bytes = after.clone();
        bytes[torn..].fill(0);
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        torn_disk.set(&name, bytes);
        let (log, recovery) = open(&torn_disk, opening(1, 12));
        assert_eq!(recovery.continuity, Continuity::Same, "{torn}");
        assert_eq!(log.next(), 151);
        match recovery.cut {
            None => assert!(written <= start),
            Some(cut) => {
                assert!(cut.is_torn);
                assert_eq!(
                    (cut.offset, cut.bytes),
                    (start as u64, (written - start) as u64)
                );
                let saved = &torn_disk.files()[&cut.saved_as.unwrap()];
                assert_eq!(saved[..], after[start..written]);
            }
        }
        assert_eq!(held(&torn_disk).updates, ledger);
        // The other boot is told what is there, to the position.
        let (log, _) = open(&torn_disk, opening(2, 13));
        assert_eq!(log.continues().last().unwrap().last, 150);
    }
}

#[test]
fn a_damaged_byte_in_the_last_record_is_no_interruption() {
    let (disk, _) = crashed();
    let (name, mut bytes) = disk.files().pop_last().unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last - 3] ^= 1;
    disk.set(&name, bytes);
    let (log, recovery) = open(&disk, opening(1, 12));
    let cut = recovery.cut.unwrap();
    assert_eq!(cut.flaw, Flaw::Body);
    assert!(!cut.is_torn);
    assert_eq!(cut.positions, Some((146, 150)), "what was cut is told");
    assert!(matches!(recovery.continuity, Continuity::Follows(ended) if ended.last == 145));
    assert_eq!(log.epoch(), Epoch(12));
}

#[test]
fn damage_is_told_also_if_the_start_that_cuts_it_is_interrupted_anywhere() {
    for writes in 0.. {
        let (disk, _) = crashed();
        let (name, mut bytes) = disk.files().pop_last().unwrap();
        let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[last - 3] ^= 1;
        disk.set(&name, bytes);
        let mut left = writes;
        disk.plan(move |operation| match operation {
            Operation::Write(_) if left == 0 => Outcome::Fails(ErrorKind::Other),
            Operation::Write(_) => {
                left -= 1;
                Outcome::Short(100)
            }
            _ => Outcome::Done,
        });
        let first = Log::open(disk.clone(), SETTINGS, opening(1, 12));
        disk.repair();
        if first.is_ok() {
            assert!(writes > 10);
            break;
        }
        let (log, recovery) = open(&disk, opening(1, 13));
        // Clients may have what was cut, so it is another epoch.
        let ended = EndedEpoch {
            epoch: Epoch(10),
            last: 145,
        };
        assert_eq!((log.continues()[0], log.next()), (ended, 146), "{writes}");
        assert_ne!(log.epoch(), Epoch(10), "{writes}");
        let is_told =
            matches!(recovery.continuity, Continuity::Follows(ended) if ended.last == 145);
        assert!(is_told, "{writes}: {recovery:?}");
    }
}

#[test]
fn foreign_newer_and_damaged_files_are_refused_and_stay_as_they_are() {
    let check = |change: &dyn Fn(&MemoryDisk), expected: &str| {
        let (disk, _) = crashed();
        change(&disk);
        let files = disk.files();
        let error = Log::open(disk.clone(), SETTINGS, opening(1, 11)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(disk.files(), files);
    };
    let edit = |disk: &MemoryDisk, number: u64, edit: &dyn Fn(&mut Vec<u8>)| {
        let name = format!("{number:010}.seg");
        let mut bytes = disk.files()[&name].clone();
        edit(&mut bytes);
        disk.set(&name, bytes);
    };
    let last = crashed().0.files().len() as u64;
    check(
        &|disk| disk.set("thesis.doc", vec![1]),
        "thesis.doc is not a part",
    );
    for number in [1, last] {
        check(
            &|disk| edit(disk, number, &|bytes| bytes[0] = b'X'),
            "is not a part",
        );
        check(
            &|disk| {
                edit(disk, number, &|bytes| {
                    bytes[8] = 2;
                    let crc = crc(&bytes[..60]);
                    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
                });
            },
            "has version 2 of the format, and this server reads version 1",
        );
    }
    check(
        &|disk| edit(disk, 1, &|bytes| bytes[20] ^= 1),
        "0000000001.seg is damaged",
    );
    check(
        &|disk| edit(disk, 1, &|bytes| bytes.truncate(10)),
        "0000000001.seg is damaged",
    );
    // Two logs in one folder.
    check(
        &|disk| {
            let other = crashed().0.files();
            disk.set(&format!("{:010}.seg", last + 1), {
                let mut bytes = other["0000000001.seg"].clone();
                bytes[16..24].copy_from_slice(&(last + 1).to_le_bytes());
                let crc = crc(&bytes[..60]);
                bytes[60..64].copy_from_slice(&crc.to_le_bytes());
                bytes
            });
        },
        "it begins at position 1, and the one before ends at 151",
    );
}

/// CRC-32C, bit by bit, to compare the fast one with.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let odd = crc & 1;
            crc = crc >> 1 ^ if odd == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

#[test]
fn a_segment_that_was_being_made_is_made_again() {
    let (disk, ledger) = crashed();
    let last = disk.files().len() as u64;
    for bytes in [vec![], vec![0; 4096]] {
        disk.set(&format!("{:010}.seg", last + 1), bytes);
        let (log, recovery) = open(&disk, opening(1, 11));
        assert_eq!((recovery.continuity, log.next()), (Continuity::Same, 151));
        assert_eq!(recovery.cut, None);
        assert_eq!(held(&disk).updates, ledger);
        let (name, _) = disk.files().pop_last().unwrap();
        std::mem::drop(log);
        Log::open(disk.clone(), SETTINGS, opening(1, 11)).unwrap();
        assert!(matches!(
            disk.files()[&name].get(..8),
            Some(magic) if magic == b"TICKCLOG"
        ));
        tickcast_log::Disk::remove(&disk, &name).unwrap();
    }
}

#[test]
fn a_missing_segment_is_told_as_missing_positions() {
    let (disk, ledger) = crashed();
    tickcast_log::Disk::remove(&disk, "0000000002.seg").unwrap();
    let (_, recovery) = open(&disk, opening(1, 11));
    let [hole] = recovery.holes[..] else {
        panic!("{:?}", recovery.holes)
    };
    let held = held(&disk);
    assert_eq!(held.missing, [(hole.first, hole.end)]);
    let is_there = |position: u64| !(hole.first..hole.end).contains(&position);
    let rest: Vec<_> = ledger
        .into_iter()
        .filter(|(position, _)| is_there(*position))
        .collect();
    assert_eq!(held.updates, rest);
}

#[test]
fn errors_name_the_file_and_the_system_s_words() {
    let (disk, _) = crashed();
    disk.plan(|operation| match operation {
        Operation::Write(_) => Outcome::Fails(ErrorKind::ReadOnlyFilesystem),
        _ => Outcome::Done,
    });
    let error = Log::open(disk, SETTINGS, opening(1, 11)).unwrap_err();
    assert!(matches!(&error, OpenError::Io { what, .. } if what.contains(".seg")));
    assert!(
        error.to_string().contains("read-only filesystem"),
        "{error}"
    );
}

#[test]
fn the_outages_of_feeds_are_known_after_starts_and_when_their_segment_is_gone() {
    let feed = |name: &str, outages: &[(i64, i64)]| FeedOutages {
        name: name.to_owned(),
        outages: outages.to_vec(),
    };
    let first = vec![feed("one", &[(1, 2)])];
    let second = vec![feed("one", &[(1, 2), (5, i64::MAX)]), feed("two", &[])];
    let disk = MemoryDisk::default();
    let mut ledger = Vec::new();
    let (mut log, _) = open(&disk, opening(1, 10));
    log.note_feeds(first, 5).unwrap();
    write_strips(&mut log, 3, &mut ledger);
    log.note_feeds(second.clone(), 6).unwrap();
    drop(log);
    for start in 0..3 {
        let (mut log, recovery) = open(&disk, opening(1, 10));
        assert_eq!((log.feeds(), recovery.cut), (&second[..], None), "{start}");
        // The next ones begin with what is known.
        let segments = log.segments().len();
        while log.segments().len() < segments + 2 {
            write_strips(&mut log, 1, &mut ledger);
        }
        let settings = LogSettings {
            bytes_max: Some(1),
            ..SETTINGS
        };
        drop(log);
        let (mut log, _) = Log::open(disk.clone(), settings, opening(1, 10)).unwrap();
        assert!(!log.retain(9).0.is_empty());
        // Readers pass over it.
        let begin = held(&disk).updates[0].0;
        assert_eq!(held(&disk).updates, ledger[begin as usize - 1..]);
        assert!(held(&disk).flaws.is_empty());
        log.end(9).unwrap();
    }
}

fn write_strips(log: &mut Log<MemoryDisk>, count: usize, ledger: &mut Vec<(u64, Vec<u8>)>) {
    for _ in 0..count {
        let strip = Source::after(log.topics()).strip(log.next(), 4, 20);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        ledger.extend(updates([&strip]));
    }
}
