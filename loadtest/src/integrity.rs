//! Whether a receiver got what it was promised. Pure.
//!
//! A [`Receiver`] follows one subscription: the chain of positions from batch to batch, and the
//! seq of each topic. Every loss, double and swap ends up as a number in a [`Tally`].
//!
//! In mode `every` each jump of a seq is an update that did not come. The server must have
//! announced it in a gap, so that over the whole of a subscription *skipped = announced*. What is
//! skipped beyond that is missing; what is announced beyond that was overstated. (The sums must
//! agree, not the single gap: a topic that changed while the snapshot behind a gap was on its way
//! comes live instead, so that its jump shows only there.)
//!
//! In mode `latest` jumps are conflation, but time never runs backwards.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::{Accepted, Epoch, Gap, Mode, Position, Resume, Seq, Start};

use crate::scan::Head;

/// Names a topic in one worker, small and dense.
pub type TopicKey = u32;

/// Jumps that a receiver remembers, to tell an update that comes late from one that comes twice.
/// Beyond that a late one counts as a double, and the jump stays a loss: wrong in kind, never in
/// whether something was wrong.
const HOLES_MAX: usize = 256;

/// Marks a topic of which nothing is known. No seq comes near it.
const NEVER: Seq = Seq::MAX;

/// What receivers have seen, in updates unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// That arrived live.
    pub live: u64,
    /// That arrived in snapshots.
    pub snapshot: u64,
    /// That never came although they should have, and were not announced as lost.
    pub missing: u64,
    /// That came twice.
    pub duplicated: u64,
    /// That came behind a later one of the same topic.
    pub reordered: u64,
    /// With a position outside their batch's range or out of its order.
    pub misplaced: u64,
    /// Whose topic was never introduced.
    pub not_introduced: u64,
    /// Batches and heartbeats that do not go on where the receiver is.
    pub chain_breaks: u64,
    /// Skipped in mode `latest`, as they may be.
    pub conflated: u64,
    /// Gaps that were announced.
    pub gaps: u64,
    /// Lost, as announced in gaps.
    pub announced: u64,
    /// Announced as lost that were not.
    pub overstated: u64,
    /// Gaps whose count could not be checked.
    pub gaps_unchecked: u64,
}

impl Tally {
    /// All that arrived.
    pub fn received(&self) -> u64 {
        self.live + self.snapshot
    }

    /// How much of the contract was broken; 0 is what a server must reach.
    pub fn broken(&self) -> u64 {
        self.missing
            + self.duplicated
            + self.reordered
            + self.misplaced
            + self.not_introduced
            + self.chain_breaks
            + self.overstated
    }

    /// Adds what others have seen.
    pub fn add(&mut self, other: &Self) {
        self.live += other.live;
        self.snapshot += other.snapshot;
        self.missing += other.missing;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.misplaced += other.misplaced;
        self.not_introduced += other.not_introduced;
        self.chain_breaks += other.chain_breaks;
        self.conflated += other.conflated;
        self.gaps += other.gaps;
        self.announced += other.announced;
        self.overstated += other.overstated;
        self.gaps_unchecked += other.gaps_unchecked;
    }
}

/// What is known of topics that a receiver has not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// They do not exist yet: their first seq is 1.
    New,
    /// Nothing: their first seq is taken as it comes.
    Unknown,
}

/// One subscription's state.
///
/// Call [`accepted`](Self::accepted) when the server confirms it, then [`batch`](Self::batch) with
/// [`update`](Self::update) for each of its updates, [`gap`](Self::gap) and
/// [`heartbeat`](Self::heartbeat) as they come. Ask
/// [`resume`](Self::resume) for the place to go on from after a reconnect and call
/// [`finish`](Self::finish) at the end.
#[derive(Debug)]
pub struct Receiver {
    mode: Mode,
    baseline: Baseline,
    epoch: Epoch,
    position: Position,
    count: u64,
    snapshot: Option<Position>,
    /// Whether the snapshot under way, or the one before the next live batch, belongs to a gap.
    in_gap: bool,
    head: Head,
    at: Position,
    last: Vec<Seq>,
    holes: Vec<(TopicKey, RangeInclusive<Seq>)>,
    skipped: u64,
    announced: u64,
}

impl Receiver {
    /// Nothing received yet.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            baseline: Baseline::Unknown,
            epoch: Epoch(0),
            position: 0,
            count: 0,
            snapshot: None,
            in_gap: false,
            head: Head {
                channel: 0,
                from: 0,
                to: 0,
                snapshot: false,
            },
            at: 0,
            last: Vec::new(),
            holes: Vec::new(),
            skipped: 0,
            announced: 0,
        }
    }

    /// The server confirmed the subscription.
    pub fn accepted(&mut self, accepted: &Accepted, baseline: Baseline, tally: &mut Tally) {
        if accepted.start == Start::Resumed {
            // It may go back where nothing of the subscription lies between, but never forward.
            if accepted.position > self.position {
                tally.chain_breaks += 1;
            }
        } else {
            *self = Self::new(accepted.mode);
            self.baseline = baseline;
        }
        self.epoch = accepted.epoch;
        self.position = accepted.position;
        self.count = accepted.count;
        self.start_snapshot(accepted.snapshot, false);
    }

    /// Where to go on after a reconnect.
    pub fn resume(&self) -> Resume {
        Resume {
            epoch: self.epoch,
            position: self.position,
            count: (self.mode == Mode::Every).then_some(self.count),
            snapshot: self.snapshot,
        }
    }

    /// Up to where this receiver has it all.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a snapshot is under way.
    pub fn in_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// A batch begins.
    pub fn batch(&mut self, head: Head, tally: &mut Tally) {
        if head.snapshot {
            if self.snapshot != Some(head.from) || head.to > self.position {
                tally.chain_breaks += 1;
            }
            self.snapshot = Some(head.to).filter(|&to| to < self.position);
        } else {
            if self.position != head.from || self.snapshot.is_some() {
                tally.chain_breaks += 1;
            }
            self.snapshot = None;
            self.in_gap = false;
            self.position = head.to;
        }
        self.head = head;
        self.at = head.from;
    }

    /// One update of the batch.
    pub fn update(&mut self, topic: TopicKey, position: Position, seq: Seq, tally: &mut Tally) {
        if position <= self.at || position > self.head.to {
            tally.misplaced += 1;
        }
        self.at = position;
        let snapshot = self.head.snapshot;
        if snapshot {
            tally.snapshot += 1;
        } else {
            tally.live += 1;
            self.count += 1;
        }
        let index = topic as usize;
        if self.last.len() <= index {
            self.last.resize(index + 1, NEVER);
        }
        let last = match (self.last[index], self.baseline) {
            (NEVER, Baseline::New) if !snapshot || self.in_gap => 0,
            (NEVER, _) => {
                self.last[index] = seq;
                if self.in_gap {
                    tally.gaps_unchecked += 1;
                }
                return;
            }
            (last, _) => last,
        };
        if seq <= last {
            self.late(topic, seq, last, tally);
            return;
        }
        self.last[index] = seq;
        let between = seq - last - 1;
        match self.mode {
            Mode::Latest => tally.conflated += between,
            // A gap's snapshot brings the newest of the updates that were lost one by one.
            Mode::Every if snapshot => self.balance(between + 1, 0, tally),
            Mode::Every if between > 0 => {
                if self.holes.len() == HOLES_MAX {
                    self.holes.remove(0);
                }
                self.holes.push((topic, last + 1..=seq - 1));
                self.balance(between, 0, tally);
            }
            Mode::Every => {}
        }
    }

    /// An update that is not newer than what was there.
    fn late(&mut self, topic: TopicKey, seq: Seq, last: Seq, tally: &mut Tally) {
        if self.mode == Mode::Latest && seq < last {
            tally.reordered += 1;
            return;
        }
        let hole = self
            .holes
            .iter()
            .position(|(of, seqs)| *of == topic && seqs.contains(&seq));
        let Some(hole) = hole else {
            tally.duplicated += 1;
            return;
        };
        let (_, seqs) = self.holes.swap_remove(hole);
        for rest in [*seqs.start()..=seq - 1, seq + 1..=*seqs.end()] {
            if !rest.is_empty() {
                self.holes.push((topic, rest));
            }
        }
        tally.reordered += 1;
        self.rebalance(tally, |receiver| receiver.skipped -= 1);
    }

    /// Updates will not come one by one.
    pub fn gap(&mut self, gap: &Gap, tally: &mut Tally) {
        tally.gaps += 1;
        if gap.from != self.position || self.mode == Mode::Latest {
            tally.chain_breaks += 1;
        }
        self.position = gap.to;
        match gap.lost {
            Some(lost) => {
                tally.announced += lost;
                self.count += lost;
                self.balance(0, lost, tally);
            }
            None => tally.gaps_unchecked += 1,
        }
        self.start_snapshot(Some(gap.snapshot), true);
    }

    /// The server says up to where it has sent this subscription.
    pub fn heartbeat(&mut self, position: Position, tally: &mut Tally) {
        if position != self.position {
            tally.chain_breaks += 1;
        }
    }

    /// At the end, when the newest seq of a topic that belongs to this subscription is known:
    /// counts as missing, in mode `every`, the updates that did not come, and in mode `latest` the
    /// final value.
    pub fn finish(&mut self, topic: TopicKey, newest: Seq, tally: &mut Tally) {
        let last = match (self.newest(topic), self.baseline) {
            (Some(last), _) => last,
            (None, Baseline::New) => 0,
            // The snapshot should have brought its newest value.
            (None, Baseline::Unknown) => newest.saturating_sub(1),
        };
        let behind = newest.saturating_sub(last);
        match self.mode {
            Mode::Every => self.balance(behind, 0, tally),
            Mode::Latest => tally.missing += behind.min(1),
        }
    }

    /// The newest seq of a topic that came.
    pub fn newest(&self, topic: TopicKey) -> Option<Seq> {
        self.last
            .get(topic as usize)
            .copied()
            .filter(|&seq| seq != NEVER)
    }

    fn start_snapshot(&mut self, from: Option<Position>, in_gap: bool) {
        self.snapshot = from.filter(|&from| from < self.position);
        self.in_gap = in_gap;
    }

    fn balance(&mut self, skipped: u64, announced: u64, tally: &mut Tally) {
        self.rebalance(tally, |receiver| {
            receiver.skipped += skipped;
            receiver.announced += announced;
        });
    }

    /// Changes the sums and carries the difference into the tally.
    fn rebalance(&mut self, tally: &mut Tally, change: impl FnOnce(&mut Self)) {
        tally.missing -= self.skipped.saturating_sub(self.announced);
        tally.overstated -= self.announced.saturating_sub(self.skipped);
        change(self);
        tally.missing += self.skipped.saturating_sub(self.announced);
        tally.overstated += self.announced.saturating_sub(self.skipped);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TOPICS: usize = 3;

    fn accepted(mode: Mode, position: Position, snapshot: Option<Position>) -> Accepted {
        Accepted {
            filter: "#".into(),
            channel: 1,
            mode,
            max_rate_hz: None,
            epoch: Epoch(9),
            position,
            count: position,
            snapshot,
            start: Start::Fresh,
        }
    }

    /// A receiver of topics that do not exist yet, on a tape that is empty.
    struct Bench {
        receiver: Receiver,
        tally: Tally,
    }

    impl Bench {
        fn new(mode: Mode) -> Self {
            let mut tally = Tally::default();
            let mut receiver = Receiver::new(mode);
            receiver.accepted(&accepted(mode, 0, None), Baseline::New, &mut tally);
            Self { receiver, tally }
        }

        fn batch(&mut self, from: Position, to: Position, snapshot: bool, updates: &[Update]) {
            let head = Head {
                channel: 1,
                from,
                to,
                snapshot,
            };
            self.receiver.batch(head, &mut self.tally);
            for update in updates {
                self.receiver.update(
                    update.topic as TopicKey,
                    update.position,
                    update.seq,
                    &mut self.tally,
                );
            }
        }

        fn finish(&mut self, newest: &[Seq; TOPICS]) -> Tally {
            for (topic, &newest) in newest.iter().enumerate() {
                self.receiver
                    .finish(topic as TopicKey, newest, &mut self.tally);
            }
            self.tally
        }
    }

    #[derive(Debug, Clone, Copy)]
    struct Update {
        topic: usize,
        position: Position,
        seq: Seq,
    }

    /// A tape, to be read by hand.
    #[derive(Default)]
    struct Tape {
        updates: Vec<Update>,
        newest: [Seq; TOPICS],
    }

    impl Tape {
        fn publish(&mut self, topic: usize) {
            self.newest[topic] += 1;
            self.updates.push(Update {
                topic,
                position: self.position() + 1,
                seq: self.newest[topic],
            });
        }

        fn position(&self) -> Position {
            self.updates.len() as Position
        }

        fn since(&self, position: Position) -> &[Update] {
            &self.updates[position as usize..]
        }

        /// Each topic's newest update, by position, if it lies in (`from`, `to`].
        fn latest(&self, from: Position, to: Position) -> Vec<Update> {
            self.updates
                .iter()
                .filter(|update| update.seq == self.newest[update.topic])
                .filter(|update| update.position > from && update.position <= to)
                .copied()
                .collect()
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Fault {
        None,
        Lose,
        Double,
        SwapWithNext,
    }

    fn fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            8 => Just(Fault::None),
            1 => Just(Fault::Lose),
            1 => Just(Fault::Double),
            1 => Just(Fault::SwapWithNext),
        ]
    }

    proptest! {
        /// The model knows what was sent and keeps the set of what arrived; it does not follow seqs.
        #[test]
        fn what_a_faulty_network_loses_doubles_and_swaps_is_counted_exactly(
            history in proptest::collection::vec((0..TOPICS, fault()), 1..60),
        ) {
            let mut tape = Tape::default();
            let mut arriving: Vec<Update> = Vec::new();
            let mut swap = false;
            for (topic, fault) in history {
                tape.publish(topic);
                let update = *tape.updates.last().unwrap();
                match fault {
                    Fault::Lose => continue,
                    Fault::Double => arriving.extend([update, update]),
                    Fault::None | Fault::SwapWithNext => arriving.push(update),
                }
                if swap {
                    let len = arriving.len();
                    if len >= 2 {
                        arriving.swap(len - 2, len - 1);
                    }
                }
                swap = matches!(fault, Fault::SwapWithNext);
            }
            let mut expected = Tally::default();
            let mut seen = BTreeSet::new();
            let mut highest = [0; TOPICS];
            let mut bench = Bench::new(Mode::Every);
            for update in &arriving {
                expected.live += 1;
                if !seen.insert((update.topic, update.seq)) {
                    expected.duplicated += 1;
                } else if update.seq < highest[update.topic] {
                    expected.reordered += 1;
                }
                highest[update.topic] = highest[update.topic].max(update.seq);
            }
            expected.missing = (tape.updates.len() - seen.len()) as u64;
            // The chain is repaired by hand: this is about seqs.
            let at = bench.receiver.position();
            bench.batch(at, tape.position(), false, &arriving);
            let mut found = bench.finish(&tape.newest);
            found.misplaced = 0;
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn an_honest_server_breaks_nothing_in_mode_every_and_a_lying_gap_is_found(
            steps in proptest::collection::vec((0..4usize, 0..TOPICS), 1..60),
            lie in -1i64..=1,
        ) {
            let mut tape = Tape::default();
            let mut bench = Bench::new(Mode::Every);
            let mut cursor = 0;
            let mut lies = 0i64;
            for (step, topic) in steps {
                match step {
                    0 | 1 => tape.publish(topic),
                    2 => {
                        bench.batch(cursor, tape.position(), false, tape.since(cursor));
                        cursor = tape.position();
                    }
                    _ if cursor < tape.position() => {
                        let to = tape.position();
                        let truth = to - cursor;
                        let gap = Gap {
                            channel: 1,
                            from: cursor,
                            to,
                            lost: Some(truth.saturating_add_signed(lie)),
                            snapshot: cursor,
                        };
                        lies += lie;
                        bench.receiver.gap(&gap, &mut bench.tally);
                        // Changes while the snapshot is on its way, which then comes live.
                        tape.publish(topic);
                        let snapshot = tape.latest(cursor, to);
                        bench.batch(cursor, to, true, &snapshot);
                        cursor = to;
                    }
                    _ => {}
                }
            }
            bench.batch(cursor, tape.position(), false, tape.since(cursor));
            let tally = bench.finish(&tape.newest);
            prop_assert_eq!(tally.overstated, lies.max(0) as u64);
            prop_assert_eq!(tally.missing, (-lies).max(0) as u64);
            prop_assert_eq!(tally.broken(), lies.unsigned_abs());
        }

        #[test]
        fn mode_latest_conflates_and_its_final_values_must_arrive(
            steps in proptest::collection::vec((any::<bool>(), 0..TOPICS), 1..60),
            deliver_the_end in any::<bool>(),
        ) {
            let mut tape = Tape::default();
            let mut bench = Bench::new(Mode::Latest);
            let mut cursor = 0;
            for (flush, topic) in steps {
                tape.publish(topic);
                if flush {
                    let to = tape.position();
                    bench.batch(cursor, to, false, &tape.latest(cursor, to));
                    cursor = to;
                }
            }
            let to = tape.position();
            let stale = tape.latest(cursor, to).len() as u64;
            if deliver_the_end {
                bench.batch(cursor, to, false, &tape.latest(cursor, to));
            }
            let tally = bench.finish(&tape.newest);
            if deliver_the_end {
                prop_assert_eq!(tally.broken(), 0);
                prop_assert_eq!(tally.conflated, to - tally.live);
            } else {
                prop_assert_eq!(tally.broken(), stale);
            }
        }
    }

    #[track_caller]
    fn check(break_it: impl FnOnce(&mut Bench), expected: Tally) {
        let mut bench = Bench::new(Mode::Every);
        let first = Update {
            topic: 0,
            position: 3,
            seq: 1,
        };
        bench.batch(0, 5, false, &[first]);
        break_it(&mut bench);
        bench.tally.live -= 1;
        assert_eq!(bench.tally, expected);
    }

    #[test]
    fn a_chain_that_does_not_go_on_is_found() {
        let broken = Tally {
            chain_breaks: 1,
            ..Tally::default()
        };
        check(|bench| bench.batch(6, 7, false, &[]), broken);
        check(|bench| bench.batch(4, 7, false, &[]), broken);
        check(|bench| bench.batch(2, 4, true, &[]), broken);
        check(
            |bench| bench.receiver.heartbeat(6, &mut bench.tally),
            broken,
        );
        check(
            |bench| bench.receiver.heartbeat(5, &mut bench.tally),
            Tally::default(),
        );
    }

    #[test]
    fn updates_outside_their_batch_are_found() {
        for position in [5, 8] {
            let update = Update {
                topic: 0,
                position,
                seq: 2,
            };
            let misplaced = Tally {
                live: 1,
                misplaced: 1,
                ..Tally::default()
            };
            check(|bench| bench.batch(5, 7, false, &[update]), misplaced);
        }
    }

    #[test]
    fn a_receiver_goes_on_where_it_was_after_a_reconnect() {
        check(
            |bench| {
                let resume = bench.receiver.resume();
                assert_eq!((resume.position, resume.count), (5, Some(1)));
                let resumed = Accepted {
                    start: Start::Resumed,
                    ..accepted(Mode::Every, 5, None)
                };
                bench
                    .receiver
                    .accepted(&resumed, Baseline::Unknown, &mut bench.tally);
                let next = Update {
                    topic: 0,
                    position: 6,
                    seq: 3,
                };
                bench.batch(5, 6, false, &[next]);
            },
            Tally {
                live: 1,
                missing: 1,
                ..Tally::default()
            },
        );
    }
}
