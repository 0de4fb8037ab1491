//! Bytes of version 1 of the format, which every later server must read.

use std::{fs, path::PathBuf};

use tickcast_log::{
    Entry, FeedOutages, Limits, Order, Question, Range, Reader, Wanted, testing::MemoryDisk,
};
use tickcast_protocol::topic::Filter;

use crate::support::{SETTINGS, Source, held, open, opening, updates};

/// As it is written now.
const NEWEST: &str = "1";

/// All that must be read. The first sessions did not say when no server ran, and the first logs did
/// not say when feeds were down.
const ALL: [&str; 3] = ["1-without-outages", "1-without-feeds", NEWEST];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The files of a folder, with `zeros` those that were left out at the end.
fn disk_of(name: &str, zeros: bool) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if zeros {
            bytes.resize(bytes.len().max(SETTINGS.segment_bytes as usize), 0);
        }
        disk.set(&name, bytes);
    }
    disk
}

/// When feeds were down.
fn feeds() -> Vec<FeedOutages> {
    let feed = |name: &str, outages| FeedOutages {
        name: name.to_owned(),
        outages,
    };
    vec![
        feed("sensors", vec![(100, 200), (300, i64::MAX)]),
        feed("märkte", vec![]),
    ]
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
    log.note_feeds(feeds(), 9).unwrap();
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
        let path = folder(NEWEST).join(&name);
        let bytes = without_zeros(bytes);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(folder(NEWEST)).unwrap();
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
    for name in ALL {
        let disk = disk_of(name, true);
        let held = held(&disk);
        assert_eq!(held.updates, ledger, "{name}");
        assert!(held.flaws.is_empty());
        let (log, recovery) = open(&disk, opening(9, 99));
        assert_eq!((log.epoch().0, log.next()), (11, ledger.len() as u64 + 1));
        assert_eq!((log.continues().len(), recovery.cut), (1, None));
        // The outage before this start is known in any case.
        let outages = if name == ALL[0] { 1 } else { 2 };
        assert_eq!(log.outages().len(), outages, "{name}");
        let feeds = if name == NEWEST { feeds() } else { vec![] };
        assert_eq!(log.feeds(), feeds, "{name}");
    }
}

#[test]
fn a_reader_finds_the_updates_of_version_1() {
    let (_, ledger) = written();
    for name in ALL {
        let mut reader = Reader::open(disk_of(name, false)).unwrap();
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
        assert_eq!(found, ledger, "{name}");
    }
}
