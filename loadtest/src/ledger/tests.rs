//! Receivers of honest and of faulty servers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tickcast_protocol::message::{Accepted, Epoch, Gap, Mode, Position, Seq, Start};

use super::*;
use crate::scan::BatchHead;

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
        lost: None,
    }
}

/// A receiver of topics that do not exist yet, on an empty tape.
struct TestReceiver {
    receiver: Receiver,
    tally: Tally,
}

impl TestReceiver {
    fn new(mode: Mode) -> Self {
        let mut tally = Tally::default();
        let mut receiver = Receiver::new(mode);
        receiver.accepted(&accepted(mode, 0, None), Baseline::New, &mut tally);
        Self { receiver, tally }
    }

    fn batch(&mut self, from: Position, to: Position, snapshot: bool, updates: &[Update]) {
        let head = BatchHead {
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

/// A tape that the tests read by hand.
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
    /// The model knows what was sent and keeps the set of what arrived. It does not follow seqs.
    #[test]
    fn losses_duplicates_and_swaps_of_a_faulty_network_are_counted_exactly(
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
        let mut bench = TestReceiver::new(Mode::Every);
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
        // The chain is repaired by hand, because this test is about seqs.
        let at = bench.receiver.position();
        bench.batch(at, tape.position(), false, &arriving);
        let mut found = bench.finish(&tape.newest);
        found.misplaced = 0;
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn in_mode_every_an_honest_server_breaks_nothing_and_a_false_gap_is_found(
        steps in proptest::collection::vec((0..4usize, 0..TOPICS), 1..60),
        lie in -1i64..=1,
    ) {
        let mut tape = Tape::default();
        let mut bench = TestReceiver::new(Mode::Every);
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
                    // A change while the snapshot is on its way comes live.
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
    fn in_mode_latest_updates_are_conflated_and_the_final_values_must_arrive(
        steps in proptest::collection::vec((any::<bool>(), 0..TOPICS), 1..60),
        deliver_the_end in any::<bool>(),
    ) {
        let mut tape = Tape::default();
        let mut bench = TestReceiver::new(Mode::Latest);
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
fn check(break_it: impl FnOnce(&mut TestReceiver), expected: Tally) {
    let mut bench = TestReceiver::new(Mode::Every);
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
fn a_break_in_the_chain_of_positions_is_found() {
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
fn a_receiver_resumes_where_it_was_after_a_reconnect() {
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
