//! The reader of logs: of known segments that are damaged, and of any bytes as a segment.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use tickcast_core::tape::{StatusChange, StripBuilder};
use tickcast_log::{
    Entry, GoesOn, Limits, Log, LogSettings, OpenError, Opening, Order, Question, Range, Reader,
    Wanted, testing::MemoryDisk,
};
use tickcast_protocol::{
    message::{Epoch, Position, Quality, Seq, Status, TopicInfo, Update},
    topic::{Filter, Topic},
    value::Value,
};

/// Most changes to a log: more of them leave nothing to read.
const CHANGES_MAX: usize = 8;

/// Most parts of an answer, of few positions: each part goes on after the one before.
const PARTS_MAX: usize = 10_000;

const TOPICS: u32 = 7;

type Files = BTreeMap<String, Vec<u8>>;

/// A log, and what was written to it.
struct Known {
    files: Files,
    /// The number of the topic of each update, and its bytes, from position 1 on.
    updates: Vec<(u32, Vec<u8>)>,
}

/// A known log, changed as the bytes say: no update that it tells is wrong, and each position up to
/// its end is told once, as an update or as missing.
///
/// The first byte says which log it is and how it is read, and then some bytes each are a change.
pub fn reader(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied();
    let how = bytes.next().unwrap_or(0);
    let known = match how % 8 {
        0 => long(),
        _ => short(),
    };
    let disk = disk_of(&known.files);
    // It knows the log as it was, or only as it is afterwards.
    let before = (how & 0x20 == 0).then(|| Reader::open(disk.clone()).expect("the log is whole"));
    let mut changed = known.files.clone();
    for _ in 0..CHANGES_MAX {
        if change(&mut changed, &mut bytes).is_none() {
            break;
        }
    }
    for (name, bytes) in &changed {
        disk.set(name, bytes.clone());
    }
    let limits = match how & 0x10 {
        0 => Limits {
            updates: usize::MAX,
            read_bytes: u64::MAX,
        },
        _ => Limits {
            updates: 3,
            read_bytes: 1,
        },
    };
    let is_changed = changed != known.files;
    let newest = known.files.keys().last();
    let is_newest_changed = newest.is_some_and(|newest| changed[newest] != known.files[newest]);
    let reader = match before {
        Some(mut before) => before.refresh().map(|()| before),
        None => Reader::open(disk),
    };
    let checked = reader.and_then(|mut reader| {
        let end = reader.end();
        let all = known.updates.len() as Position + 1;
        assert!(end == all || (end < all && is_newest_changed), "{end}");
        check_pages(&mut reader, known, limits, is_changed)?;
        check_strips(&mut reader, known, is_changed)?;
        check_begins(&mut reader, known)
    });
    if let Err(error) = checked {
        assert!(is_changed, "{error}");
    }
}

/// What a reader makes of any bytes, whose checksums may be right: its answers end. `expected` are
/// the updates of a segment that is whole.
pub(super) fn any(disk: &MemoryDisk, expected: Option<&[(Position, Vec<u8>)]>) {
    let Ok(mut reader) = Reader::open(disk.clone()) else {
        assert!(expected.is_none(), "a whole segment can be read");
        return;
    };
    let limits = Limits {
        updates: 2,
        read_bytes: 1,
    };
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let Ok(told) = ask(&mut reader, everything(), order, limits) else {
            assert!(expected.is_none(), "a whole segment can be read");
            continue;
        };
        if let Some(expected) = expected {
            let mut updates = told.updates;
            if order == Order::NewestFirst {
                updates.reverse();
            }
            assert!(
                updates
                    .iter()
                    .map(|told| (told.0, &told.2))
                    .eq(expected.iter().map(|(position, bytes)| (*position, bytes))),
                "{order:?}: all of a whole segment is told"
            );
        }
    }
    let mut next = 0;
    for _ in 0..PARTS_MAX {
        match reader.strips(next, 1) {
            Ok(some) if !some.strips.is_empty() => {
                assert!(some.next > next, "strips go on");
                next = some.next;
            }
            Ok(_) | Err(_) => break,
        }
    }
    let _ = reader.begin_between(0, Position::MAX, 10);
}

/// What the parts of an answer have told.
#[derive(Default)]
struct Told {
    /// Position, name of the topic, bytes.
    updates: Vec<(Position, String, Vec<u8>)>,
    missing: Vec<(Position, Position)>,
    flaws: usize,
}

fn everything() -> Wanted {
    Wanted::Filters(vec![Filter::all()])
}

fn ask(
    reader: &mut Reader<MemoryDisk>,
    wanted: Wanted,
    order: Order,
    limits: Limits,
) -> Result<Told, OpenError> {
    let range = Range::ALL;
    let question = Question {
        wanted,
        range,
        order,
    };
    let mut told = Told::default();
    let mut after = None;
    for _ in 0..PARTS_MAX {
        after = reader.page(&question, after, limits, |entry| match entry {
            Entry::Update { head, bytes, info } => {
                let name = info.topic.as_str().to_owned();
                told.updates.push((head.position, name, bytes.to_vec()));
            }
            Entry::Missing { first, end } => told.missing.push((first, end)),
            Entry::Flaw { .. } => told.flaws += 1,
            Entry::Status { .. } | Entry::Publish(_) => panic!("it is not asked for"),
        })?;
        if after.is_none() {
            return Ok(told);
        }
    }
    panic!("the parts of an answer have no end: {after:?}");
}

fn check_pages(
    reader: &mut Reader<MemoryDisk>,
    known: &Known,
    limits: Limits,
    is_changed: bool,
) -> Result<(), OpenError> {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let told = ask(reader, everything(), order, limits)?;
        check_told(&told, known, order, is_changed);
        let updates = told.updates.iter().map(|told| told.0);
        check_once(updates, &told.missing, reader.end());
    }
    let wanted = Wanted::Topic(topic(1));
    let told = ask(reader, wanted, Order::OldestFirst, limits)?;
    check_told(&told, known, Order::OldestFirst, is_changed);
    let is_told = |position: Position| {
        let has = |(first, end): &(Position, Position)| (*first..*end).contains(&position);
        told.updates.iter().any(|told| told.0 == position) || told.missing.iter().any(has)
    };
    for (position, (topic, _)) in (1..reader.end()).zip(&known.updates) {
        assert!(*topic != 1 || is_told(position), "{position} is missing");
    }
    Ok(())
}

fn check_told(told: &Told, known: &Known, order: Order, is_changed: bool) {
    for (position, name, bytes) in &told.updates {
        let (number, written) = &known.updates[*position as usize - 1];
        assert_eq!((name.as_str(), bytes), (topic(*number).as_str(), written));
    }
    let positions = told.updates.iter().map(|told| told.0);
    match order {
        Order::OldestFirst => assert!(positions.is_sorted()),
        Order::NewestFirst => assert!(positions.rev().is_sorted()),
    }
    assert!(is_changed || (told.flaws == 0 && told.missing.is_empty()));
}

/// Each position before the end was told once.
fn check_once(
    updates: impl Iterator<Item = Position>,
    missing: &[(Position, Position)],
    end: Position,
) {
    let missing = missing.iter().flat_map(|(first, end)| *first..*end);
    let mut positions: Vec<_> = updates.chain(missing).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..end).collect::<Vec<_>>());
}

fn check_strips(
    reader: &mut Reader<MemoryDisk>,
    known: &Known,
    is_changed: bool,
) -> Result<(), OpenError> {
    let (mut positions, mut missing) = (Vec::new(), Vec::new());
    let mut next = 1;
    loop {
        let some = reader.strips(next, 1_000)?;
        missing.extend(some.missing);
        for strip in &some.strips {
            for info in strip.topics() {
                assert_eq!(info.topic, topic(info.id));
            }
            for update in strip.updates() {
                let (number, written) = &known.updates[update.position as usize - 1];
                assert_eq!((update.topic, update.bincode), (*number, &**written));
                positions.push(update.position);
            }
        }
        if some.strips.is_empty() {
            assert!(some.next >= reader.end());
            break;
        }
        next = some.next;
    }
    assert!(positions.is_sorted());
    assert!(is_changed || missing.is_empty());
    check_once(positions.into_iter(), &missing, reader.end());
    Ok(())
}

fn check_begins(reader: &mut Reader<MemoryDisk>, known: &Known) -> Result<(), OpenError> {
    let mut after = 0;
    while let Some(begin) = reader.begin_between(after, Position::MAX, 100)? {
        let before = &known.updates[..begin.first as usize - 1];
        for (number, seq) in (0..).zip(&begin.seqs) {
            let of_topic = before.iter().filter(|(topic, _)| *topic == number);
            assert_eq!(*seq, of_topic.count() as Seq, "topic {number}");
        }
        assert!(begin.first > after);
        after = begin.first;
    }
    Ok(())
}

/// Makes one change. `None` if no bytes are left that say one.
fn change(files: &mut Files, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    let what = bytes.next()?;
    let from = bytes.next()?;
    let part = place(files, from, bytes)?;
    let length = 1usize << (bytes.next()? % 16);
    let index = usize::from(from) % files.len();
    let copy: Vec<u8> = {
        let file = files.values().nth(index)?;
        file[part..].iter().copied().take(length).collect()
    };
    let file = files.values_mut().nth(index)?;
    let end = part + copy.len();
    match what % 8 {
        0 => {
            let bits = bytes.next()?;
            if let Some(byte) = file.get_mut(part) {
                *byte ^= bits.max(1);
            }
        }
        1 => file.truncate(part),
        2 => file[part..].fill(0),
        3 => file[part..end].fill(0),
        4 => drop(file.drain(part..end)),
        // Doubled, at once or in another place.
        5 => drop(file.splice(end..end, copy)),
        6 | 7 => {
            let to = bytes.next()?;
            let at = place(files, to, bytes)?;
            let to = usize::from(to) % files.len();
            let file = files.values_mut().nth(to)?;
            let overwritten = if what % 8 == 6 { copy.len() } else { 0 };
            let end = (at + overwritten).min(file.len());
            drop(file.splice(at..end, copy));
        }
        _ => unreachable!("there are eight kinds"),
    }
    Some(())
}

/// A place in the file that a byte names: anywhere, near its begin, or near the end of what was
/// written.
fn place(files: &Files, file: u8, bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let file = files.values().nth(usize::from(file) % files.len())?;
    let (of, high, low) = (bytes.next()?, bytes.next()?, bytes.next()?);
    let number = usize::from(high) << 8 | usize::from(low);
    let written = file
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let place = match of % 3 {
        0 => (file.len() * number) >> 16,
        1 => number,
        _ => written.saturating_sub(number),
    };
    Some(place.min(file.len()))
}

fn disk_of(files: &Files) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (name, bytes) in files {
        disk.set(name, bytes.clone());
    }
    disk
}

fn topic(number: u32) -> Topic {
    Topic::new(&format!("plant/{number}")).expect("it is valid")
}

/// Some segments with one block each, written by two servers, the second one after a power cut.
fn short() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| write(4096, 60, 90))
}

/// Segments with several blocks.
fn long() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| write(600_000, 24, 40_000))
}

fn write(segment_bytes: u64, updates: Position, text_bytes: usize) -> Known {
    let disk = MemoryDisk::default();
    let settings = LogSettings {
        segment_bytes,
        bytes_max: None,
        age_max_ns: None,
    };
    let opening = |boot: u8| Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [boot; 16],
        new_epoch: Epoch(u64::from(boot)),
        now_ns: 5,
    };
    let mut seqs = [0; TOPICS as usize];
    let mut written = Vec::new();
    for boot in [1, 2] {
        let until = updates * Position::from(boot) / 2;
        let opened = Log::open(disk.clone(), settings, opening(boot));
        let (mut log, _) = opened.expect("the disk works");
        while log.next() <= until {
            let strip = strip(log.next(), text_bytes, &mut seqs);
            written.extend(strip.updates().map(|it| (it.topic, it.bincode.to_vec())));
            log.write(&[Arc::new(strip)], 6).expect("the disk works");
        }
    }
    Known {
        files: disk.files(),
        updates: written,
    }
}

fn strip(
    first: Position,
    text_bytes: usize,
    seqs: &mut [Seq; TOPICS as usize],
) -> tickcast_core::tape::Strip {
    let mut builder = StripBuilder::new(first);
    for position in first..=first + first % 3 {
        let mut number = (position * 5 % u64::from(TOPICS)) as u32;
        if seqs[number as usize] == 0 {
            // Topics are numbered in the order in which they come.
            let known = seqs.iter().take_while(|seq| **seq > 0).count();
            number = known as u32;
            builder.introduce(TopicInfo::new(number, topic(number)));
        } else if position.is_multiple_of(11) {
            builder.introduce(TopicInfo {
                unit: Some(format!("unit {position}")),
                ..TopicInfo::new(number, topic(number))
            });
        }
        let seq = &mut seqs[number as usize];
        *seq += 1;
        builder.push(&Update {
            topic: number,
            position,
            seq: *seq,
            source_time_ns: None,
            ingest_time_ns: 10 * position as i64,
            quality: Quality::Live,
            value: Value::Text("x".repeat(text_bytes)),
        });
    }
    if first.is_multiple_of(4) {
        builder.change_statuses([StatusChange {
            topic: 0,
            status: Status::Stale,
            since_ns: 7,
        }]);
    }
    builder.build()
}
