//! A log that follows a stream, which goes on without it and loses its end.

use std::{io::ErrorKind, sync::Arc};

use proptest::prelude::*;
use tickcast_core::tape::Strip;
use tickcast_log::{
    GoesOn, Log, Opening, Reader, Relation,
    testing::{MemoryDisk, Operation, Outcome},
};
use tickcast_protocol::message::{EndedEpoch, Epoch, Lineage, Position};

use crate::support::{Source, held, open, opening, updates};

#[derive(Debug, Clone)]
enum Step {
    /// Strips with these numbers of updates, and texts of a length.
    Written(Vec<usize>, usize),
    /// The same while the log is not there.
    Missed(Vec<usize>, usize),
    /// The server ends, in this boot of the machine or with it; the disk keeps everything.
    Reopened { is_clean: bool, boot: u8 },
    /// The stream loses its end from this part of it on, and an epoch begins.
    Back(prop::sample::Index),
    /// An epoch begins that keeps everything.
    Epoch,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = || prop::collection::vec(0..5usize, 1..8);
    prop_oneof![
        6 => (sizes(), 0..200usize).prop_map(|(sizes, text)| Step::Written(sizes, text)),
        2 => (sizes(), 0..50usize).prop_map(|(sizes, text)| Step::Missed(sizes, text)),
        2 => (any::<bool>(), 1..3u8)
            .prop_map(|(is_clean, boot)| Step::Reopened { is_clean, boot }),
        2 => any::<prop::sample::Index>().prop_map(Step::Back),
        1 => Just(Step::Epoch),
    ]
}

/// The stream, as a log that misses nothing, and the log that follows it.
struct World {
    stream: Log<MemoryDisk>,
    source: Source,
    lineage: Lineage,
    disk: MemoryDisk,
    log: Option<Log<MemoryDisk>>,
    /// The strips that the log has.
    model: Vec<Arc<Strip>>,
}

fn following(boot: u8) -> Opening {
    Opening {
        goes_on: GoesOn::Always,
        ..opening(boot, 99)
    }
}

impl World {
    fn new() -> Self {
        let lineage = Lineage::new(Epoch(10));
        let (stream, _) = open(&MemoryDisk::default(), opening(1, 10));
        let disk = MemoryDisk::default();
        let (mut log, _) = open(&disk, following(1));
        log.go_on_in(&lineage, 5).unwrap();
        Self {
            stream,
            source: Source::default(),
            lineage,
            disk,
            log: Some(log),
            model: Vec::new(),
        }
    }

    fn log(&mut self) -> &mut Log<MemoryDisk> {
        self.log.as_mut().unwrap()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Written(sizes, text) => {
                let (next, topics) = (self.stream.next(), self.stream.topics().clone());
                if self.log().next() < next {
                    self.log().skip_to(next, topics, 5).unwrap();
                }
                for strip in self.strips(&sizes, text) {
                    assert!(!self.log().has(&strip), "{strip:?}");
                    self.log().write(std::slice::from_ref(&strip), 5).unwrap();
                    assert!(strip.is_empty() || self.log().has(&strip));
                    self.model.push(strip);
                }
            }
            Step::Missed(sizes, text) => drop(self.strips(&sizes, text)),
            Step::Reopened { is_clean, boot } => {
                let mut log = self.log.take().unwrap();
                if is_clean {
                    log.end(5).unwrap();
                }
                let (before, next) = (log.topics().clone(), log.next());
                drop(log);
                let (log, _) = open(&self.disk, following(boot));
                assert_eq!(log.lineage(), self.lineage, "it goes on in its epoch");
                assert_eq!((log.next(), log.topics()), (next, &before));
                self.log = Some(log);
            }
            Step::Back(kept) => {
                let kept = kept.index(self.stream.next() as usize) as Position;
                self.epoch(kept);
                let lineage = self.lineage.clone();
                self.stream.set_back(kept, &lineage, 5).unwrap();
                self.source = Source::after(self.stream.topics());
                if self.log().next() > kept + 1 {
                    self.back(kept);
                } else {
                    self.log().go_on_in(&lineage, 5).unwrap();
                }
            }
            Step::Epoch => {
                let last = self.stream.next() - 1;
                self.epoch(last);
                let lineage = self.lineage.clone();
                self.stream.go_on_in(&lineage, 5).unwrap();
                self.log().go_on_in(&lineage, 5).unwrap();
            }
        }
    }

    /// The next strips of the stream.
    fn strips(&mut self, sizes: &[usize], text: usize) -> Vec<Arc<Strip>> {
        let made = sizes.iter().map(|size| {
            let strip = self.source.strip(self.stream.next(), *size, text);
            self.stream.write(std::slice::from_ref(&strip), 5).unwrap();
            strip
        });
        made.filter(|strip| strip.is_news()).collect()
    }

    fn epoch(&mut self, last: Position) {
        let epoch = self.lineage.epoch;
        self.lineage.continues.push(EndedEpoch { epoch, last });
        self.lineage.epoch = Epoch(epoch.0 + 1);
    }

    fn back(&mut self, kept: Position) {
        let (lineage, last) = (self.lineage.clone(), self.log().next() - 1);
        let back = self.log().set_back(kept, &lineage, 5).unwrap();
        let is_kept = |strip: &Arc<Strip>| strip.end() <= kept + 1;
        let end = self.model.iter().position(|strip| !is_kept(strip));
        let lost = self.model.split_off(end.unwrap_or(self.model.len()));
        assert_eq!((back.first, back.last), (self.log().next(), last));
        // Nothing is gone for good.
        let aside = held(&self.disk.aside());
        for update in updates(&lost) {
            assert!(aside.updates.contains(&update), "{}", update.0);
        }
    }

    fn compare(&mut self) {
        let (held, updates) = (held(&self.disk), updates(&self.model));
        let positions = |updates: &[(Position, Vec<u8>)]| -> Vec<_> {
            updates.iter().map(|(position, _)| *position).collect()
        };
        assert_eq!(positions(&held.updates), positions(&updates));
        assert_eq!(held.updates, updates);
        assert_eq!(held.flaws, Vec::<String>::new());
        let pairs = updates.windows(2).map(|pair| (pair[0].0 + 1, pair[1].0));
        let holes: Vec<_> = pairs.filter(|(first, end)| first < end).collect();
        let within = |missing: &&(Position, Position)| {
            updates.first().is_some_and(|(first, _)| missing.0 > *first)
                && updates.last().is_some_and(|(last, _)| missing.1 <= *last)
        };
        assert_eq!(joined(held.missing.iter().filter(within)), holes);
        let first = updates.first().map_or(1, |(position, _)| *position);
        let mut reader = Reader::open(self.disk.clone()).unwrap();
        let read = reader.strips(first, usize::MAX).unwrap();
        let strips: Vec<_> = read.strips.into_iter().map(Arc::new).collect();
        assert_eq!(self::updates(&strips), updates);
        assert_eq!(joined(read.missing.iter().filter(within)), holes);
    }
}

/// Ranges, with one instead of several that follow each other.
fn joined<'a>(ranges: impl Iterator<Item = &'a (Position, Position)>) -> Vec<(Position, Position)> {
    let mut joined: Vec<(Position, Position)> = Vec::new();
    for &(first, end) in ranges {
        match joined.last_mut() {
            Some(last) if last.1 == first => last.1 = end,
            _ => joined.push((first, end)),
        }
    }
    joined
}

proptest! {
    #[test]
    fn it_has_what_it_took_of_what_the_stream_kept(steps in prop::collection::vec(step(), 1..20)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.compare();
    }
}

#[test]
fn taking_back_that_is_interrupted_leaves_a_log_that_ends_earlier() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let mut strips = Vec::new();
    while log.segments().len() < 4 {
        let strip = source.strip(log.next(), 5, 40);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        strips.push(strip);
    }
    let kept = log.segments().nth(2).unwrap().first + 20;
    disk.plan(|operation| match operation {
        Operation::Create => Outcome::Fails(ErrorKind::StorageFull),
        _ => Outcome::Done,
    });
    let error = log.set_back(kept, &lineage(11, &[(10, kept)]), 5);
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("writing 0000000003.seg once more: "),
        "{error}"
    );
    drop(log);
    disk.repair();
    let (log, _) = open(&disk, following(1));
    let left = held(&disk);
    assert_eq!(left.flaws, Vec::<String>::new());
    let ledger = updates(&strips);
    let (before, after) = ledger.split_at(left.updates.len());
    assert_eq!(left.updates, before);
    assert!(log.next() > 1 && log.next() <= kept + 1);
    assert!(held(&disk.aside()).updates.ends_with(after));
}

fn lineage(epoch: u64, continues: &[(u64, Position)]) -> Lineage {
    let continues = continues.iter().map(|(epoch, last)| EndedEpoch {
        epoch: Epoch(*epoch),
        last: *last,
    });
    Lineage {
        epoch: Epoch(epoch),
        continues: continues.collect(),
    }
}

#[test]
fn a_log_and_a_stream_belong_together_by_their_epochs() {
    let log = lineage(3, &[(1, 50), (2, 80)]);
    let of = |stream: &Lineage| Relation::of(&log, stream);
    assert_eq!(of(&log), Relation::Same);
    assert_eq!(
        of(&lineage(4, &[(2, 80), (3, 90)])),
        Relation::Continued(90)
    );
    assert_eq!(
        of(&lineage(5, &[(3, 90), (4, 70)])),
        Relation::Continued(70)
    );
    assert_eq!(of(&lineage(2, &[(1, 50)])), Relation::Earlier);
    assert_eq!(of(&lineage(9, &[(1, 50), (2, 60)])), Relation::Other(60));
    assert_eq!(of(&lineage(9, &[(1, 40)])), Relation::Other(40));
    assert_eq!(of(&lineage(9, &[(7, 40)])), Relation::Other(0));
}
