//! Bytes of version 1 of the format, which every later server must read.

use std::{fs, path::PathBuf};

use tickcast_log::{Entry, Limits, Order, Question, Range, Reader, Wanted, testing::MemoryDisk};
use tickcast_protocol::topic::Filter;

use crate::support::{SETTINGS, Source, held, open, opening, updates};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/1")
}

/// A closed segment, and one whose server has ended in order. Zeros at the end are left out.
fn written() -> (MemoryDisk, Vec<(u64, Vec<u8>)>) {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let mut ledger = Vec::new();
    for _ in 0..20 {
        let strip = source.strip(log.next(), 4, 20);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        ledger.extend(updates([&strip]));
    }
    drop(log);
    let (mut log, _) = open(&disk, opening(2, 11));
    let strip = Source::after(log.topics()).strip(log.next(), 4, 20);
    log.write(std::slice::from_ref(&strip), 9).unwrap();
    ledger.extend(updates([&strip]));
    log.end(12).unwrap();
    (disk, ledger)
}

fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

#[test]
fn the_format_is_that_of_version_1_byte_by_byte() {
    let (disk, _) = written();
    let files: Vec<_> = disk.files().into_iter().collect();
    assert_eq!(files.len(), 2);
    for (name, bytes) in files {
        let path = folder().join(&name);
        let bytes = without_zeros(bytes);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let golden = fs::read(&path).unwrap();
        assert!(
            golden == bytes,
            "{name} is written in another way than version 1 says"
        );
    }
}

#[test]
fn a_log_of_version_1_is_read_and_continued() {
    let (_, ledger) = written();
    let disk = MemoryDisk::default();
    for entry in fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        // The zeros that were left out.
        bytes.resize(bytes.len().max(SETTINGS.segment_bytes as usize), 0);
        disk.set(&name, bytes);
    }
    let held = held(&disk);
    assert_eq!(held.updates, ledger);
    assert!(held.flaws.is_empty());
    let (log, recovery) = open(&disk, opening(9, 99));
    assert_eq!((log.epoch().0, log.next()), (11, ledger.len() as u64 + 1));
    assert_eq!((log.continues().len(), recovery.cut), (1, None));
}

#[test]
fn a_reader_finds_the_updates_of_version_1() {
    let (_, ledger) = written();
    let disk = MemoryDisk::default();
    for entry in fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        disk.set(&name, fs::read(entry.path()).unwrap());
    }
    let mut reader = Reader::open(disk).unwrap();
    let question = Question {
        wanted: Wanted::Filters(vec![Filter::all()]),
        range: Range::ALL,
        order: Order::OldestFirst,
    };
    let limits = Limits {
        updates: usize::MAX,
        read_bytes: u64::MAX,
    };
    let mut found = Vec::new();
    let next = reader.page(&question, None, limits, |entry| match entry {
        Entry::Update { head, bytes, .. } => found.push((head.position, bytes.to_vec())),
        other => panic!("{other:?}"),
    });
    assert_eq!(next.unwrap(), None);
    assert_eq!(found, ledger);
}
