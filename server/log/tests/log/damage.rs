//! Flipped bits and missing bytes at every place of a log: never a wrong update, never silence.

use tickcast_log::{Log, testing::MemoryDisk, tools::verify};

use crate::support::{SETTINGS, Source, held, open, opening, updates};

/// A log of a closed and an open segment.
fn log() -> (MemoryDisk, Vec<(u64, Vec<u8>)>) {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let mut ledger = Vec::new();
    while disk.files().len() < 2 || log.next() < 60 {
        let strip = source.strip(log.next(), 3, 90);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        ledger.extend(updates([&strip]));
    }
    log.end(5).unwrap();
    (disk, ledger)
}

/// Checks what is read and what a start makes of a log that was changed in one place.
fn check(disk: &MemoryDisk, ledger: &[(u64, Vec<u8>)], is_seen: bool, place: &str) {
    let verdict = verify(disk, &mut Vec::new());
    let is_told = !matches!(&verdict, Ok(verdict) if verdict.problems.is_empty());
    assert_eq!(is_told, is_seen, "{place}: {verdict:?}");
    let files = disk.files();
    match Log::open(disk.clone(), SETTINGS, opening(1, 12)) {
        Err(_) => {
            assert!(is_seen, "{place}");
            assert_eq!(disk.files(), files, "{place}: nothing was changed");
        }
        Ok((log, recovery)) => {
            let held = held(disk);
            let is_ours = held.updates.iter().all(|update| ledger.contains(update));
            assert!(is_ours, "{place}: an update that was never written");
            let lost = ledger.len() - held.updates.len();
            let missing: u64 = held.missing.iter().map(|(first, end)| end - first).sum();
            let end = ledger.len() as u64 + 1;
            let cut = end.saturating_sub(log.next());
            assert_eq!(lost as u64, missing + cut, "{place}: {held:?} {recovery:?}");
            if cut > 0 {
                assert!(recovery.cut.is_some(), "{place}");
                assert_ne!(log.epoch().0, 10, "{place}: clients may have what was cut");
            }
            if missing > 0 {
                assert!(!held.flaws.is_empty(), "{place}");
            }
        }
    }
}

fn with(files: &std::collections::BTreeMap<String, Vec<u8>>) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (name, bytes) in files {
        disk.set(name, bytes.clone());
    }
    disk
}

#[test]
fn a_flipped_bit_anywhere_is_told_and_makes_no_wrong_update() {
    let (disk, ledger) = log();
    check(&disk, &ledger, false, "whole");
    let files = disk.files();
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let disk = with(&files);
            disk.set(name, damaged);
            check(&disk, &ledger, true, &format!("{name} byte {at}"));
        }
    }
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_told_and_makes_no_wrong_update() {
    let (disk, ledger) = log();
    let files = disk.files();
    for (name, bytes) in &files {
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in 0..written {
            let disk = with(&files);
            disk.set(name, bytes[..at].to_vec());
            let verdict = verify(&disk, &mut Vec::new());
            // Also in the same boot: the server did not cut it.
            let boot = 1 + (at % 2) as u8;
            let result = Log::open(disk.clone(), SETTINGS, opening(boot, 12));
            let place = format!("{name} cut at {at}");
            match result {
                Err(_) => assert!(
                    !matches!(&verdict, Ok(v) if v.problems.is_empty()),
                    "{place}"
                ),
                Ok((log, _)) => {
                    let held = held(&disk);
                    assert!(
                        held.updates.iter().all(|update| ledger.contains(update)),
                        "{place}"
                    );
                    let missing: u64 = held.missing.iter().map(|(first, end)| end - first).sum();
                    let known = held.updates.len() as u64 + missing;
                    assert_eq!(known + 1, log.next(), "{place}");
                    if log.next() <= ledger.len() as u64 {
                        let ended = log.continues().last().unwrap();
                        assert_eq!(ended.last + 1, log.next(), "{place}: what is lost is told");
                    }
                }
            }
        }
    }
}

#[test]
fn the_end_of_the_last_segment_can_be_torn_at_any_sector() {
    let (disk, ledger) = log();
    let files = disk.files();
    let (name, bytes) = files.last_key_value().unwrap();
    for sector in 0..bytes.len() / 512 {
        let mut damaged = bytes.clone();
        damaged[sector * 512..][..512].fill(0);
        if damaged == *bytes {
            continue;
        }
        let disk = with(&files);
        disk.set(name, damaged);
        let Ok((log, recovery)) = Log::open(disk.clone(), SETTINGS, opening(2, 12)) else {
            panic!("sector {sector}");
        };
        let held = held(&disk);
        // The begin of the segment is made anew from the segment before.
        let is_complete = held.updates == ledger;
        assert!(recovery.cut.is_some() || is_complete, "sector {sector}");
        let kept = (log.next() - 1) as usize;
        assert_eq!(held.updates, ledger[..kept], "sector {sector}");
        if !is_complete {
            assert_eq!(log.continues().last().unwrap().last as usize, kept);
        }
    }
}
