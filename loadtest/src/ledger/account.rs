//! One subscription's account: what it skipped, and what the server announced as lost.
//!
//! In mode `every` each jump of a seq is an update that did not come. The server must announce it
//! in a gap, so that over a whole subscription *skipped = announced*. What is skipped beyond that
//! is missing; what is announced beyond that is overstated. Only the sums must agree, not each gap:
//! a topic that changed while a gap's snapshot was on its way comes live instead, so its jump shows
//! only there.
//!
//! In mode `latest` jumps are conflation, but time never runs backwards.

use std::ops::RangeInclusive;

use tickcast_protocol::message::{Mode, Seq};

/// Identifies a topic within one thread, small and dense.
pub type TopicKey = u32;

/// Jumps that are remembered, to distinguish an update that comes late from one that comes twice.
/// Beyond this a late update counts as a duplicate, and its jump stays a loss: the kind of breach
/// is then wrong, but not whether there was one.
const HOLES_MAX: usize = 256;

/// What an update is to its subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// It came in order. In mode `latest` it may have replaced older updates.
    InOrder {
        /// Updates that it replaced in mode `latest`.
        conflated: u64,
    },
    /// It has come before.
    Duplicate,
    /// It came after a later one.
    Reordered,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Account {
    skipped: u64,
    announced: u64,
    holes: Vec<(TopicKey, RangeInclusive<Seq>)>,
}

impl Account {
    /// Whether a live update is the next one of its topic. If so, nothing else has to be done.
    pub fn is_next(last: &mut Seq, seq: Seq) -> bool {
        let is_next = seq == *last + 1;
        if is_next {
            *last = seq;
        }
        is_next
    }

    /// An update arrived. `last` is the newest seq of its topic so far, 0 if none came.
    pub fn arrived(
        &mut self,
        mode: Mode,
        topic: TopicKey,
        last: &mut Seq,
        seq: Seq,
        is_snapshot: bool,
    ) -> Arrived {
        if seq <= *last {
            return self.late(mode, topic, seq, *last);
        }
        let first = *last + 1;
        *last = seq;
        let between = seq - first;
        let mut conflated = 0;
        match mode {
            Mode::Latest => {
                self.skipped += between;
                conflated = between;
            }
            // A gap's snapshot brings the newest of the lost updates.
            Mode::Every if is_snapshot => self.skipped += between + 1,
            Mode::Every if between > 0 => {
                if self.holes.len() == HOLES_MAX {
                    self.holes.remove(0);
                }
                self.holes.push((topic, first..=seq - 1));
                self.skipped += between;
            }
            Mode::Every => {}
        }
        Arrived::InOrder { conflated }
    }

    /// An update that is not newer than the last one.
    fn late(&mut self, mode: Mode, topic: TopicKey, seq: Seq, last: Seq) -> Arrived {
        if mode == Mode::Latest && seq < last {
            return Arrived::Reordered;
        }
        let mut holes = self.holes.iter();
        let Some(hole) = holes.position(|(of, seqs)| *of == topic && seqs.contains(&seq)) else {
            return Arrived::Duplicate;
        };
        let (_, seqs) = self.holes.swap_remove(hole);
        for rest in [*seqs.start()..=seq - 1, seq + 1..=*seqs.end()] {
            if !rest.is_empty() {
                self.holes.push((topic, rest));
            }
        }
        self.skipped -= 1;
        Arrived::Reordered
    }

    /// The server announces updates as lost.
    pub fn announce(&mut self, lost: u64) {
        self.announced += lost;
    }

    /// Updates did not come, as the end shows.
    pub fn skip(&mut self, updates: u64) {
        self.skipped += updates;
    }

    /// Updates that were skipped so far, announced or not.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Updates that were announced as lost.
    pub fn announced(&self) -> u64 {
        self.announced
    }

    /// Updates that were skipped and not announced.
    pub fn missing(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Every => self.skipped.saturating_sub(self.announced),
            Mode::Latest => 0,
        }
    }

    /// Updates that were announced as lost and not skipped.
    pub fn overstated(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Every => self.announced.saturating_sub(self.skipped),
            Mode::Latest => self.announced,
        }
    }
}
