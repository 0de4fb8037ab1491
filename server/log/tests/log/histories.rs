//! Random histories of writing, syncing, crashes, power cuts and failing disks, against a ledger.

use std::{cell::RefCell, io::ErrorKind, rc::Rc};

use proptest::prelude::*;
use tickcast_log::{
    Continuity, Log,
    testing::{MemoryDisk, Operation, Outcome},
};

use crate::support::{SETTINGS, Source, held, open, opening, updates};

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// Some strips are written together; each has a number of updates and a length of their texts.
    Write(Vec<(usize, usize)>),
    /// Another thread may do it. Then it also writes the end of a segment.
    Sync { is_elsewhere: bool },
    /// The server is killed, and starts again. The first attempt meets faults.
    Kill(Vec<u8>),
    /// The server ends in order, and starts again in the same or in another boot.
    End { is_other_boot: bool },
    /// The machine loses power. Bits say which sectors survive. The first attempt to start again
    /// meets faults.
    PowerCut(u64, Vec<u8>),
    /// The next operations fail or are short, as the numbers say.
    Faults(Vec<u8>),
}

fn faults() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..9u8, 0..12)
}

fn step() -> impl Strategy<Value = Step> {
    let strips = prop::collection::vec((0..6usize, 0..120usize), 1..8);
    prop_oneof![
        10 => strips.prop_map(Step::Write),
        4 => any::<bool>().prop_map(|is_elsewhere| Step::Sync { is_elsewhere }),
        2 => faults().prop_map(Step::Kill),
        1 => any::<bool>().prop_map(|is_other_boot| Step::End { is_other_boot }),
        2 => (any::<u64>(), faults()).prop_map(|(bits, faults)| Step::PowerCut(bits, faults)),
        2 => faults().prop_map(Step::Faults),
    ]
}

struct History {
    disk: MemoryDisk,
    log: Log<MemoryDisk>,
    source: Source,
    /// What clients may have got.
    delivered: Vec<(u64, Vec<u8>)>,
    /// What was tried to write after that: it may be in the log as well.
    tried: Vec<(u64, Vec<u8>)>,
    /// Failed writes in a row. The second one may leave less of the first one's record than its
    /// beginning, so that the next start cannot tell it from damage.
    failures: u32,
    /// Position up to which a sync has succeeded.
    synced: u64,
    boot: u8,
    starts: u64,
    faults: Rc<RefCell<Vec<u8>>>,
}

impl History {
    fn new() -> Self {
        let disk = MemoryDisk::default();
        let faults = Rc::new(RefCell::new(Vec::new()));
        let (log, _) = open(&disk, opening(1, 1));
        let planned = Rc::clone(&faults);
        disk.plan(
            move |operation| match (planned.borrow_mut().pop(), operation) {
                (Some(short @ 1..=3), Operation::Write(_) | Operation::Read) => {
                    Outcome::Short(usize::from(short) * 30)
                }
                (Some(4), _) => Outcome::Fails(ErrorKind::Interrupted),
                (Some(5), Operation::Write(_) | Operation::Create | Operation::SetLen) => {
                    Outcome::Fails(ErrorKind::StorageFull)
                }
                (Some(6), Operation::Write(_) | Operation::Create) => {
                    Outcome::Fails(ErrorKind::Other)
                }
                (Some(7), Operation::Sync | Operation::SyncNames) => {
                    Outcome::Fails(ErrorKind::Other)
                }
                _ => Outcome::Done,
            },
        );
        Self {
            disk,
            log,
            source: Source::default(),
            delivered: Vec::new(),
            tried: Vec::new(),
            failures: 0,
            synced: 0,
            boot: 1,
            starts: 1,
            faults,
        }
    }

    fn write(&mut self, strips: &[(usize, usize)]) {
        let mut next = self.log.next();
        let strips = strips.iter().map(|(updates, text)| {
            let strip = self.source.strip(next, *updates, *text);
            next = strip.end();
            strip
        });
        let strips: Vec<_> = strips.collect();
        match self.log.write(&strips, 77) {
            Ok(()) => {
                self.delivered.extend(updates(&strips));
                self.tried.clear();
                self.failures = 0;
            }
            Err(failure) => {
                let (written, rest) = strips.split_at(failure.written);
                self.delivered.extend(updates(written));
                self.tried = updates(rest);
                self.failures += 1;
                // The server gives them up, and goes on after those that were written.
                self.source = Source::after(self.log.topics());
            }
        }
        assert_eq!(
            self.log.next(),
            self.delivered.last().map_or(1, |last| last.0 + 1)
        );
    }

    fn sync(&mut self, is_elsewhere: bool) {
        let result = match is_elsewhere {
            false => self.log.sync(),
            true => self.log.unsynced().and_then(|unsynced| match unsynced {
                Some(unsynced) => self.log.take_synced(unsynced.sync()),
                None => Ok(()),
            }),
        };
        match result {
            Ok(()) => self.synced = self.log.next() - 1,
            Err(_) => {
                // From then on nothing is written.
                let strip = self.source.clone().strip(self.log.next(), 1, 1);
                assert!(self.log.write(&[strip], 1).is_err());
                assert!(self.log.sync().is_err());
            }
        }
    }

    /// Starts the server again.
    fn start(&mut self, is_power_cut: bool, is_clean: bool, faults: &[u8]) {
        self.starts += 1;
        *self.faults.borrow_mut() = faults.to_vec();
        let attempt = Log::open(self.disk.clone(), SETTINGS, opening(self.boot, self.starts));
        self.faults.borrow_mut().clear();
        let (log, recovery) = attempt.unwrap_or_else(|_| {
            self.starts += 1;
            // It may have left a part of a record, as a failed write does.
            self.failures += 1;
            open(&self.disk, opening(self.boot, self.starts))
        });
        let is_same_epoch = log.epoch() == self.log.epoch();
        let next = log.next();
        let delivered = self.delivered.last().map_or(0, |last| last.0);
        match recovery.continuity {
            Continuity::New => assert_eq!(next, 1),
            Continuity::Same => assert!(next > delivered, "{recovery:?}"),
            Continuity::Follows(ended) => {
                assert!(is_power_cut || !is_clean || is_same_epoch, "{recovery:?}");
                assert_eq!(ended.last + 1, next);
                assert_eq!(log.continues().last(), Some(&ended));
            }
        }
        if next <= delivered {
            assert!(!is_same_epoch, "clients have what the log has not");
        }
        assert!(next > self.synced, "{recovery:?}");
        let failures = std::mem::take(&mut self.failures);
        if !is_power_cut {
            assert!(next > delivered, "{recovery:?}");
            assert!(failures > 1 || is_same_epoch, "{recovery:?}");
        }
        assert!(recovery.holes.is_empty());
        // What the log has is what was written, and nothing else.
        let all = [&self.delivered[..], &self.tried].concat();
        self.delivered = all
            .into_iter()
            .filter(|(position, _)| *position < next)
            .collect();
        self.tried.clear();
        let held = held(&self.disk);
        let positions =
            |updates: &[(u64, Vec<u8>)]| Vec::from_iter(updates.iter().map(|(p, _)| *p));
        assert_eq!(positions(&held.updates), positions(&self.delivered));
        assert!(held.updates == self.delivered, "other bytes");
        assert!(held.flaws.is_empty() && held.missing.is_empty(), "{held:?}");
        self.synced = next - 1;
        self.source = Source::after(log.topics());
        self.log = log;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(strips) => self.write(strips),
            Step::Sync { is_elsewhere } => self.sync(*is_elsewhere),
            Step::Faults(faults) => *self.faults.borrow_mut() = faults.clone(),
            Step::Kill(faults) => self.start(false, false, faults),
            Step::End { is_other_boot } => {
                let is_clean = self.log.end(9).is_ok();
                self.failures += u32::from(!is_clean);
                let is_power_cut = *is_other_boot && !is_clean;
                if *is_other_boot {
                    // The machine is off, so nothing is left in memory.
                    self.disk.cut_power(|| !is_clean);
                    self.boot += 1;
                }
                self.start(is_power_cut, is_clean, &[]);
            }
            Step::PowerCut(bits, faults) => {
                let mut bits = *bits | 1;
                self.disk.cut_power(|| {
                    // A generator of Marsaglia (xorshift).
                    bits ^= bits << 13;
                    bits ^= bits >> 7;
                    bits ^= bits << 17;
                    bits & 4 == 4
                });
                self.boot += 1;
                self.start(true, false, faults);
            }
        }
    }
}

/// How many histories are tried, as a multiple of what `PROPTEST_CASES` says (256).
const CASES_FACTOR: u32 = 2;

fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases * CASES_FACTOR,
        ..config
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn nothing_synced_is_lost_nothing_is_made_up_and_a_crash_loses_nothing(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut history = History::new();
        for step in &steps {
            history.step(step);
        }
        history.start(false, false, &[]);
    }
}
