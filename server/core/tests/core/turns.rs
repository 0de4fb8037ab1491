//! The turns of a round: which subscriber is written to when, and with what.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::Sequencer,
    settings::CoreSettings,
    shard::{ConnectionKey, Shard, Socket, Write, WriteMany, Written},
    tape::Strip,
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Epoch, Mode, Quality, Subscribe, TimeRequest},
    topic::Topic,
    value::Value,
};

use crate::bench::Bench;

const NOW: Now = Now {
    uptime: Duration::ZERO,
    wall_ns: 0,
};

/// The writes in order: the number of the subscriber, and how many frames it got.
type Log = Rc<RefCell<Vec<(usize, usize)>>>;

/// A socket that takes everything.
struct Logged {
    number: usize,
    log: Log,
}

impl Socket for Logged {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.log.borrow_mut().push((self.number, slices.len()));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// A shard whose turns write to two subscribers at least, and a topic that all subscribe to.
struct World {
    shard: Shard<Logged>,
    sequencer: Sequencer,
    subscribers: Vec<ConnectionKey>,
    log: Log,
}

impl World {
    fn new(subscribers: usize, mode: Mode) -> Self {
        let settings = Arc::new(CoreSettings::default());
        let mut shard = Shard::new(0, Epoch(1), settings, Arc::default()).with_turn_writes_min(2);
        let log = Log::default();
        let subscribe = |number| {
            let log = Rc::clone(&log);
            let key = shard.connect(
                Logged { number, log },
                Encoding::Bincode,
                Access::READER,
                NOW,
            );
            let subscribe = Subscribe {
                id: 1,
                filters: vec!["a".into()],
                mode,
                max_rate_hz: None,
            };
            shard.handle(key, ClientMessage::Subscribe(subscribe), NOW);
            key
        };
        let subscribers = (0..subscribers).map(subscribe).collect();
        while shard.catch_up(NOW) {}
        log.borrow_mut().clear();
        Self {
            shard,
            sequencer: Sequencer::new(1000),
            subscribers,
            log,
        }
    }

    fn update(&mut self) -> Arc<Strip> {
        let update = NewUpdate {
            topic: Topic::new("a").unwrap(),
            value: Value::Reading(1.0),
            source_time_ns: None,
            quality: Quality::Live,
            unit: None,
            facts: None,
        };
        let submission = Submission {
            updates: smallvec::smallvec![update],
            ..Submission::default()
        };
        self.sequencer.push(submission, NOW);
        self.sequencer.take_strip().unwrap()
    }

    /// What a turn with this many new updates writes.
    fn turn(&mut self, updates: usize) -> Vec<(usize, usize)> {
        let strips: Vec<_> = (0..updates).map(|_| self.update()).collect();
        self.shard.turn(&strips, NOW);
        self.log.take()
    }
}

/// Writes to several subscribers at once, and notes how many.
#[derive(Debug)]
struct Together(Rc<RefCell<Vec<usize>>>);

impl WriteMany<Logged> for Together {
    fn write_many(&mut self, writes: &[Write<'_, Logged>], written: &mut Written) {
        self.0.borrow_mut().push(writes.len());
        for write in writes {
            let slices: Vec<_> = write.slices().map(IoSlice::new).collect();
            written.push(write.socket.try_write(&slices).unwrap());
        }
    }
}

#[test]
fn all_subscribers_of_a_turn_are_written_to_at_once_where_there_is_a_way() {
    let mut world = World::new(8, Mode::Every);
    let calls = Rc::<RefCell<Vec<usize>>>::default();
    world.shard = world.shard.with_write_many(Together(Rc::clone(&calls)));
    assert_eq!(world.turn(1), [(0, 1), (1, 1)]);
    assert_eq!(world.turn(0), [(2, 1), (3, 1)]);
    assert_eq!(*calls.borrow(), [2, 2]);
}

#[test]
fn a_subscriber_late_in_a_round_gets_newer_updates_in_the_same_write() {
    let mut world = World::new(8, Mode::Every);
    assert_eq!(world.turn(1), [(0, 1), (1, 1)]);
    assert!(!world.shard.is_round_over());
    assert_eq!(world.turn(1), [(2, 2), (3, 2)]);
    assert_eq!(world.turn(1), [(4, 3), (5, 3)]);
    assert_eq!(world.turn(0), [(6, 3), (7, 3)]);
    assert!(world.shard.is_round_over());
    // The early subscribers now get the updates after their turn, also in one write, and before any
    // subscriber is written to a second time.
    assert!(world.shard.has_unsent());
    assert_eq!(world.turn(1), [(0, 3), (1, 3)]);
    assert_eq!(world.turn(0), [(2, 2), (3, 2)]);
    assert_eq!(world.turn(0), [(4, 1), (5, 1)]);
    assert!(world.shard.has_unsent());
    assert_eq!(world.turn(0), [(6, 1), (7, 1)]);
    assert!(!world.shard.has_unsent());
}

#[test]
fn newest_values_wait_for_the_end_of_the_round() {
    let mut world = World::new(4, Mode::Latest);
    assert_eq!(world.turn(1), [(0, 1), (1, 1)]);
    assert_eq!(world.turn(1), [(2, 1), (3, 1)]);
    assert!(world.shard.has_unsent());
    assert_eq!(world.turn(1), [(1, 1), (2, 1)]);
    assert_eq!(world.turn(0), [(3, 1), (0, 1)]);
    assert!(!world.shard.has_unsent());
}

#[test]
fn a_large_round_takes_four_turns_and_starts_with_another_subscriber_each_time() {
    let mut world = World::new(40, Mode::Every);
    for round in 0..3 {
        let mut order = world.turn(1);
        assert_eq!(order.len(), 10);
        for _ in 1..4 {
            order.extend(world.turn(0));
        }
        assert!(!world.shard.has_unsent());
        let expected: Vec<_> = (0..40).map(|nth| ((nth + round) % 40, 1)).collect();
        assert_eq!(order, expected);
    }
}

#[test]
fn an_answer_does_not_wait_for_its_turn_and_follows_earlier_messages_of_its_client() {
    let mut world = World::new(8, Mode::Every);
    world.turn(1);
    let request = TimeRequest {
        id: 7,
        client_time_ns: 1,
    };
    let last = world.subscribers[7];
    world.shard.handle(last, ClientMessage::Time(request), NOW);
    assert_eq!(world.log.take(), [(7, 2)]);
    assert_eq!(world.turn(0), [(2, 1), (3, 1)]);
    assert_eq!(world.turn(0), [(4, 1), (5, 1)]);
    // Its turn is over before it comes.
    assert_eq!(world.turn(0), [(6, 1)]);
}

#[test]
fn a_closed_connection_is_not_written_to_and_its_successor_gets_none_of_its_messages() {
    let mut world = World::new(8, Mode::Every);
    world.turn(1);
    world.shard.disconnect(world.subscribers[5]);
    let log = Rc::clone(&world.log);
    let stranger = Logged { number: 99, log };
    world
        .shard
        .connect(stranger, Encoding::Bincode, Access::READER, NOW);
    assert_eq!(world.log.take(), [(99, 1)], "the greeting");
    assert_eq!(world.turn(0), [(2, 1), (3, 1)]);
    assert_eq!(world.turn(0), [(4, 1)]);
    assert_eq!(world.turn(0), [(6, 1), (7, 1)]);
}

#[test]
fn the_bytes_of_all_writes_of_a_turn_are_counted() {
    let mut bench = Bench::new(CoreSettings::default());
    let clients = [(); 3].map(|()| bench.reader(Encoding::Json));
    for client in &clients {
        bench.subscribe(client, "#", (Mode::Every, None), None);
    }
    bench.settle();
    let take = || {
        clients
            .each_ref()
            .map(|client| client.pipe.take_bytes().len())
    };
    take();
    let before = bench.stats.bytes.get();
    bench.publish(&[("a", 1.0)]);
    let taken = take();
    assert!(taken.iter().all(|bytes| *bytes > 0), "{taken:?}");
    let written: usize = taken.iter().sum();
    assert_eq!(bench.stats.bytes.get() - before, written as u64);
}
