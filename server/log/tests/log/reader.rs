//! Reading any part of a log while it is written, cut, damaged and forgotten.

use proptest::prelude::*;
use tickcast_core::tape::Strip;
use tickcast_log::{
    Disk, Entry, Limits, Log, LogSettings, OpenError, Order, Question, Range, Reader, Wanted,
    testing::MemoryDisk,
};
use tickcast_protocol::{
    codec,
    message::{Position, TimeNs},
    topic::{Filter, Topic},
};

use crate::support::{SETTINGS, Source, opening};

/// Longer than a block of the index, so that a segment has several.
const LONG_TEXT: usize = 30_000;

const LONG_SEGMENTS: LogSettings = LogSettings {
    segment_bytes: 1_000_000,
    bytes_max: None,
    age_max_ns: None,
};

/// An update as the model knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    position: Position,
    topic: u32,
    time_ns: TimeNs,
    bytes: Vec<u8>,
}

fn known(strip: &Strip) -> impl Iterator<Item = Known> {
    strip.updates().map(|update| Known {
        position: update.position,
        topic: update.topic,
        time_ns: codec::decode_update_head_bincode(update.bincode)
            .unwrap()
            .ingest_time_ns,
        bytes: update.bincode.to_vec(),
    })
}

fn everything() -> Wanted {
    Wanted::Filters(vec![Filter::all()])
}

fn topic(number: u32) -> Wanted {
    Wanted::Topic(Topic::new(&format!("plant/{number}")).unwrap())
}

fn is_wanted(wanted: &Wanted, number: u32) -> bool {
    let name = format!("plant/{number}");
    match wanted {
        Wanted::Topic(topic) => topic.as_str() == name,
        Wanted::Filters(filters) => filters.iter().any(|filter| filter.matches(&name)),
    }
}

/// What the parts of an answer have told together.
#[derive(Debug, Default)]
struct Told {
    updates: Vec<Known>,
    missing: Vec<(Position, Position)>,
    flaws: usize,
    calls: usize,
}

/// Asks for all parts of an answer. `between` is called between two of them.
fn ask(
    reader: &mut Reader<MemoryDisk>,
    question: &Question,
    limits: Limits,
    mut between: impl FnMut(&mut Reader<MemoryDisk>),
) -> Result<Told, OpenError> {
    let mut told = Told::default();
    let mut after = None;
    loop {
        let before = told.updates.len();
        after = reader.page(question, after, limits, |entry| match entry {
            Entry::Update { head, bytes, info } => {
                assert_eq!(info.topic.as_str(), format!("plant/{}", head.topic));
                assert_eq!(info.unit.as_deref(), (head.topic == 1).then_some("°C"));
                told.updates.push(Known {
                    position: head.position,
                    topic: head.topic,
                    time_ns: head.ingest_time_ns,
                    bytes: bytes.to_vec(),
                });
            }
            Entry::Missing { first, end } => told.missing.push((first, end)),
            Entry::Flaw { .. } => told.flaws += 1,
            Entry::Status { .. } | Entry::Publish(_) => panic!("it is not asked for"),
        })?;
        told.calls += 1;
        assert!(told.updates.len() - before <= limits.updates);
        assert!(told.calls < 10_000, "the parts have no end: {after:?}");
        if after.is_none() {
            return Ok(told);
        }
        between(reader);
    }
}

/// Positions that were told, as updates or as missing.
fn told_positions(told: &Told) -> Vec<Position> {
    let updates = told.updates.iter().map(|update| update.position);
    let missing = told.missing.iter().flat_map(|(first, end)| *first..*end);
    let mut positions: Vec<_> = updates.chain(missing).collect();
    positions.sort_unstable();
    positions
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let filters = |texts: &[&str]| {
        let filters = texts.iter().map(|text| Filter::new(text).unwrap());
        Wanted::Filters(filters.collect())
    };
    prop_oneof![
        Just(everything()),
        (0..9u32).prop_map(topic),
        Just(filters(&["plant/3", "plant/5"])),
        Just(filters(&["other/#"])),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::OldestFirst), Just(Order::NewestFirst)]
}

fn limits() -> impl Strategy<Value = Limits> {
    let updates = prop_oneof![1..5usize, Just(usize::MAX)];
    let read_bytes = prop_oneof![Just(1), 1_000..1_000_000u64, Just(u64::MAX)];
    (updates, read_bytes).prop_map(|(updates, read_bytes)| Limits {
        updates,
        read_bytes,
    })
}

/// Positions and times of a range. The updates of a source have times of 10 ns each.
fn range() -> impl Strategy<Value = Range> {
    let from = prop_oneof![Just(0), 0..80u64];
    let to = prop_oneof![Just(Position::MAX), 0..80u64];
    let from_ns = prop_oneof![Just(TimeNs::MIN), 0..800i64];
    let to_ns = prop_oneof![Just(TimeNs::MAX), 0..800i64];
    (from, to, from_ns, to_ns).prop_map(|(from, to, from_ns, to_ns)| Range {
        from,
        to,
        from_ns,
        to_ns,
    })
}

/// Strips to write: the number of their updates, and whether their texts are long.
fn strips() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0..6usize, prop::bool::weighted(0.3)), 1..16)
}

struct Written {
    disk: MemoryDisk,
    log: Log<MemoryDisk>,
    source: Source,
    model: Vec<Known>,
}

impl Written {
    fn new(settings: LogSettings) -> Self {
        let disk = MemoryDisk::default();
        let (log, _) = Log::open(disk.clone(), settings, opening(1, 10)).unwrap();
        Self {
            disk,
            log,
            source: Source::default(),
            model: Vec::new(),
        }
    }

    fn write(&mut self, updates: usize, is_long: bool) {
        let text = if is_long { LONG_TEXT } else { 100 };
        let strip = self.source.strip(self.log.next(), updates, text);
        self.model.extend(known(&strip));
        self.log.write(&[strip], 9).unwrap();
    }

    fn reader(&self) -> Reader<MemoryDisk> {
        Reader::open(self.disk.clone()).unwrap()
    }

    /// What the answer to a question must have.
    fn expected(&self, question: &Question) -> Vec<Known> {
        let Range {
            from,
            to,
            from_ns,
            to_ns,
        } = question.range;
        let updates = self.model.iter().filter(|update| {
            (from..=to).contains(&update.position)
                && (from_ns..to_ns).contains(&update.time_ns)
                && is_wanted(&question.wanted, update.topic)
        });
        let mut updates: Vec<_> = updates.cloned().collect();
        if question.order == Order::NewestFirst {
            updates.reverse();
        }
        updates
    }
}

proptest! {
    #[test]
    fn the_parts_of_an_answer_are_what_was_written(
        strips in strips(),
        are_long in any::<bool>(),
        wanted in wanted(),
        order in order(),
        range in range(),
        limits in limits(),
    ) {
        let mut written = Written::new(if are_long { LONG_SEGMENTS } else { SETTINGS });
        // This reader sees the log grow.
        let mut growing = written.reader();
        for (updates, is_long) in strips {
            written.write(updates, is_long);
            growing.refresh().unwrap();
            prop_assert_eq!(growing.end(), written.log.next());
        }
        let question = Question { wanted, range, order };
        let expected = written.expected(&question);
        for mut reader in [growing, written.reader()] {
            let told = ask(&mut reader, &question, limits, |_| {}).unwrap();
            prop_assert_eq!(&told.updates, &expected);
            prop_assert_eq!((told.missing, told.flaws), (vec![], 0));
        }
    }

    #[test]
    fn strips_from_a_position_on_are_what_was_written(
        strips in strips(),
        are_long in any::<bool>(),
        from in 0..80u64,
        max_bytes in prop_oneof![1..3_000usize, Just(usize::MAX)],
    ) {
        let mut written = Written::new(if are_long { LONG_SEGMENTS } else { SETTINGS });
        for (updates, is_long) in strips {
            written.write(updates, is_long);
        }
        let mut reader = written.reader();
        let (mut next, mut found) = (from, Vec::new());
        loop {
            let some = reader.strips(next, max_bytes).unwrap();
            prop_assert_eq!(some.missing, vec![]);
            let bytes: usize = some.strips.iter().rev().skip(1).map(Strip::len_bytes).sum();
            prop_assert!(bytes < max_bytes);
            for strip in &some.strips {
                prop_assert!(!strip.is_empty());
                found.extend(known(strip).filter(|update| update.position >= from));
            }
            if some.strips.is_empty() {
                break;
            }
            next = some.next;
        }
        let expected = written.model.iter().filter(|update| update.position >= from);
        let expected: Vec<_> = expected.cloned().collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn of_a_damaged_log_each_position_is_told_once_and_no_update_is_wrong(
        strips in strips(),
        are_long in any::<bool>(),
        order in order(),
        limits in limits(),
        segment in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut written = Written::new(if are_long { LONG_SEGMENTS } else { SETTINGS });
        for (updates, is_long) in strips {
            written.write(updates, is_long);
        }
        let mut growing = written.reader();
        let names: Vec<_> = written.disk.files().into_iter().collect();
        let (name, mut bytes) = segment.get(&names).clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        written.disk.set(&name, bytes);
        let question = Question { wanted: everything(), range: Range::ALL, order };
        let newest = names.last().is_some_and(|(newest, _)| *newest == name);
        let fresh = Reader::open(written.disk.clone());
        for reader in [Ok(growing.refresh()).map(|_: Result<(), OpenError>| growing), fresh] {
            // A damaged beginning of a segment is refused with its name.
            let told = reader.and_then(|mut reader| {
                let end = reader.end();
                ask(&mut reader, &question, limits, |_| {}).map(|told| (told, end))
            });
            let (told, end) = match told {
                Ok(told) => told,
                Err(error) => {
                    prop_assert!(error.to_string().contains(&name), "{error}");
                    continue;
                }
            };
            for update in &told.updates {
                prop_assert_eq!(&written.model[update.position as usize - 1], update);
            }
            prop_assert_eq!(told_positions(&told), (1..end).collect::<Vec<_>>());
            // Of the segment that is written to, damage at the end looks like nothing.
            prop_assert!(newest || end == written.log.next());
        }
    }

    #[test]
    fn what_is_half_written_is_not_there_yet(
        strips in strips(),
        cut in any::<prop::sample::Index>(),
        is_zeroed in any::<bool>(),
    ) {
        let mut written = Written::new(LONG_SEGMENTS);
        let mut reader = written.reader();
        for (updates, is_long) in strips {
            let before = written.disk.files();
            written.write(updates, is_long);
            let Some((name, after)) = written.disk.files().pop_last() else { continue };
            // Another thread sees some of the bytes, from the first or from the last ones on. The
            // last strip of a segment may have made its file longer.
            let mut seen = before.get(&name).cloned().unwrap_or_default();
            seen.resize(after.len(), 0);
            let changed: Vec<_> = (0..after.len()).filter(|at| seen[*at] != after[*at]).collect();
            let (first, last) = changed.split_at(cut.index(changed.len() + 1));
            for at in if is_zeroed { first } else { last } {
                seen[*at] = after[*at];
            }
            written.disk.set(&name, seen);
            reader.refresh().unwrap();
            prop_assert!(reader.end() <= written.log.next());
            written.disk.set(&name, after);
            reader.refresh().unwrap();
            prop_assert_eq!(reader.end(), written.log.next());
        }
        let question = Question {
            wanted: everything(),
            range: Range::ALL,
            order: Order::OldestFirst,
        };
        let limits = Limits { updates: usize::MAX, read_bytes: u64::MAX };
        let told = ask(&mut reader, &question, limits, |_| {}).unwrap();
        prop_assert_eq!(told.updates, written.model);
    }
}

#[test]
fn what_retention_removes_while_it_is_read_is_told_as_missing() {
    let settings = LogSettings {
        bytes_max: Some(20_000),
        ..SETTINGS
    };
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for refreshes in [true, false] {
            let mut written = Written::new(settings);
            while written.log.segments().len() < 12 {
                written.write(5, false);
            }
            let mut reader = written.reader();
            let question = Question {
                wanted: everything(),
                range: Range {
                    from: 1,
                    ..Range::ALL
                },
                order,
            };
            let limits = Limits {
                updates: 10,
                read_bytes: 1,
            };
            let end = reader.end();
            let mut calls = 0;
            let told = ask(&mut reader, &question, limits, |reader| {
                calls += 1;
                if calls == 2 {
                    let (removed, error) = written.log.retain(9);
                    assert!(removed.len() > 3 && error.is_none());
                }
                if refreshes {
                    reader.refresh().unwrap();
                }
            });
            let told = told.unwrap();
            assert_eq!(told_positions(&told), (1..end).collect::<Vec<_>>());
            assert!(!told.missing.is_empty(), "{order:?}");
            for update in &told.updates {
                assert_eq!(written.model[update.position as usize - 1], *update);
            }
        }
    }
}

#[test]
fn a_reader_knows_where_the_log_begins_and_ends() {
    let mut written = Written::new(LogSettings {
        bytes_max: Some(8_000),
        ..SETTINGS
    });
    let mut reader = written.reader();
    assert_eq!(
        (reader.first(), reader.end(), reader.begin_ns()),
        (1, 1, None)
    );
    while written.log.segments().len() < 8 {
        written.write(5, false);
    }
    reader.refresh().unwrap();
    assert_eq!(reader.begin_ns(), Some(written.model[0].time_ns));
    let newest = written.model.last().map(|update| update.time_ns);
    assert_eq!(reader.end_ns(), newest);
    written.log.retain(9);
    reader.refresh().unwrap();
    let first = written.log.segments().next().unwrap();
    assert_eq!(reader.first(), first.first);
    assert_eq!(reader.begin_ns(), Some(first.times.min_ns));
    assert_eq!(reader.end(), written.log.next());
    let empty = Reader::open(MemoryDisk::default()).unwrap();
    assert_eq!((empty.first(), empty.end()), (1, 1));
}

#[test]
fn a_part_reads_no_more_than_its_bound_and_one_block() {
    let mut written = Written::new(LONG_SEGMENTS);
    for _ in 0..60 {
        written.write(3, true);
    }
    let question = Question {
        wanted: topic(6),
        range: Range::ALL,
        order: Order::OldestFirst,
    };
    let limits = Limits {
        updates: usize::MAX,
        read_bytes: 1,
    };
    let mut reader = written.reader();
    let told = ask(&mut reader, &question, limits, |_| {}).unwrap();
    assert_eq!(told.updates, written.expected(&question));
    // 180 updates of 30 KB are some twenty blocks of 256 KiB.
    assert!(told.calls >= 15, "{}", told.calls);
}

#[test]
fn the_begin_of_each_segment_tells_how_many_updates_each_topic_had() {
    let mut written = Written::new(SETTINGS);
    while written.log.segments().len() < 6 {
        written.write(5, false);
    }
    let mut reader = written.reader();
    let firsts: Vec<_> = written
        .log
        .segments()
        .map(|it| (it.number, it.first))
        .collect();
    let seqs = |first: Position| {
        let topics = written.log.topics().list().len() as u32;
        let before = &written.model[..first as usize - 1];
        let seq = |topic| before.iter().filter(|update| update.topic == topic).count() as u64;
        (0..topics).map(seq).collect::<Vec<_>>()
    };
    let mut find = |after, until| reader.begin_between(after, until, 7).unwrap();
    for pair in firsts.windows(2) {
        let ((_, before), (_, first)) = (pair[0], pair[1]);
        for after in [before, first - 1] {
            let begin = find(after, Position::MAX).unwrap();
            let mut expected = seqs(first);
            expected.truncate(begin.seqs.len());
            assert_eq!((begin.first, begin.seqs), (first, expected));
            assert_eq!(find(after, first).unwrap().first, first);
            assert_eq!(find(after, first - 1), None);
        }
    }
    assert_eq!(find(written.log.next(), Position::MAX), None);
    let (number, damaged) = firsts[2];
    let too_many = |reader: &mut Reader<MemoryDisk>| {
        reader.begin_between(damaged - 1, Position::MAX, 2).unwrap()
    };
    assert_eq!(too_many(&mut reader), None);
    // A segment whose topics cannot be read is passed over, and so is one that is gone.
    let name = format!("{number:010}.seg");
    let bytes = written.disk.files()[&name].clone();
    let mut damaged_bytes = bytes.clone();
    let topics = bytes.windows(5).position(|part| part == b"plant").unwrap();
    damaged_bytes[topics] ^= 1;
    written.disk.set(&name, damaged_bytes);
    let after = damaged - 1;
    let begin = |reader: &mut Reader<MemoryDisk>| {
        reader
            .begin_between(after, Position::MAX, 7)
            .unwrap()
            .unwrap()
    };
    assert_eq!(begin(&mut reader).first, firsts[3].1);
    written.disk.remove(&name).unwrap();
    assert_eq!(begin(&mut reader).first, firsts[3].1);
}
