//! Random histories of publish, subscribe, block, unblock, disconnect and resume, on a shard
//! without sockets and clocks, against a simple model: in mode `every` nothing is lost uncounted,
//! doubled or out of order; in mode `latest` the newest value always arrives; no client is ever
//! sent a topic it was not introduced to; a client knows the name that a topic had at each of its
//! updates; and a client that has caught up knows all statuses and names. With a log that has more
//! than the tape, nothing is lost but what the log has lost.

mod client;
mod memory;
mod operations;
mod truth;
mod world;

use proptest::{prelude::*, test_runner::FileFailurePersistence};
use tickcast_core::{shard::SLICE_MAX_STEPS, wire::BATCH_MAX_BYTES};
use tickcast_protocol::message::{Epoch, Position};

use memory::{LONG_TAPE, LogKind, Memory, SHORT_TAPE, SHORT_TAPE_AND_LOG};
use operations::{Limits, Op, limits, op};
use world::World;

const EPOCH: Epoch = Epoch(7);
const TOPICS: [&str; 6] = ["a/1", "a/2", "a/3", "b/1", "b/2", "c"];
const FILTERS: [&str; 5] = ["#", "a/+", "b/1", "c", "none/yet"];
const CLIENTS: usize = 4;

fn check(memory: Memory, limits: Limits, ops: Vec<Op>) {
    let mut world = World::new(memory, limits);
    for op in ops {
        world.act(op);
    }
    world.settle();
    // Once more with all clients live: shared batches must continue where catching up ended.
    for _ in 0..2 {
        world.publish(&[0, 1, 2, 3, 4, 5, 5]);
        world.settle();
    }
    let statuses = world.statuses();
    for client in &world.clients {
        assert_eq!(client.asked, Vec::<usize>::new());
        for subscription in &client.subscriptions {
            subscription.check(&world.truth, &statuses);
            assert!(memory.log != LogKind::Whole || subscription.gaps.is_empty());
            let is_known = |topic: &&usize| subscription.filter.matches(TOPICS[**topic]);
            for topic in world.ids.iter().filter(is_known) {
                let name = world.truth.name(*topic, Position::MAX);
                assert_eq!(client.names[topic], name, "{}", TOPICS[*topic]);
            }
        }
    }
}

/// How many histories of each kind are tried, as a multiple of what `PROPTEST_CASES` says (256).
const CASES_FACTOR: u32 = 8;

fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    let seeds = FileFailurePersistence::Direct("tests/core/failed_histories.txt");
    ProptestConfig {
        cases: config.cases * CASES_FACTOR,
        max_shrink_iters: config.max_shrink_iters.min(20_000),
        // `PROPTEST_DISABLE_FAILURE_PERSISTENCE` leaves none.
        failure_persistence: config.failure_persistence.map(|_| Box::new(seeds) as _),
        ..config
    }
}

/// Histories that have failed once, for any reason, in their shortest form.
#[test]
fn histories_that_have_failed_before_are_tried_first() {
    use Op::{CatchUp, Change, Disconnect, Publish, Room, Subscribe, Turn, Unblock, Wait};

    let subscribe = |client, filter, pace| Subscribe {
        client,
        filter,
        pace,
    };
    let histories = [
        // One connection with the same filter in two modes, and nothing else.
        vec![subscribe(0, 0, 1), subscribe(0, 0, 0), Publish(vec![0])],
        // A snapshot that ends while a batch is open, of a topic that is not new.
        vec![
            subscribe(0, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Wait(10),
            subscribe(2, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
        ],
        // The same, and a resume before the batch is closed.
        vec![
            subscribe(0, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Wait(10),
            subscribe(2, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Disconnect(2),
            subscribe(2, 0, 2),
            CatchUp,
        ],
        // A socket that takes a part of a frame, and a connection that ends behind.
        vec![
            subscribe(0, 1, 0),
            CatchUp,
            Room {
                client: 0,
                bytes: 7,
            },
            Publish(vec![0, 1, 2]),
            Turn,
            Publish(vec![0, 1, 2]),
            Turn,
            Disconnect(0),
            subscribe(0, 1, 0),
            Unblock(0),
        ],
        // A snapshot that is not sent when its subscription moves to a channel at an earlier
        // position.
        vec![
            subscribe(2, 3, 2),
            Publish(vec![5]),
            Turn,
            Publish(vec![0]),
            Turn,
            subscribe(0, 3, 0),
            Change {
                client: 0,
                nth: 0,
                pace: 2,
            },
        ],
    ];
    for history in histories {
        for memory in [SHORT_TAPE, SHORT_TAPE_AND_LOG, LONG_TAPE] {
            for turn_writes in 1..=CLIENTS {
                for (max_steps, batch_max_bytes) in [
                    (3, BATCH_MAX_BYTES),
                    (SLICE_MAX_STEPS, 1),
                    (SLICE_MAX_STEPS, BATCH_MAX_BYTES),
                ] {
                    let limits = Limits {
                        turn_writes,
                        max_steps,
                        batch_max_bytes,
                    };
                    check(memory, limits, history.clone());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    /// The tape holds everything, so nothing may be lost.
    #[test]
    fn with_a_long_tape_every_subscriber_receives_everything(
        limits in limits(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        check(LONG_TAPE, limits, ops);
    }

    /// The tape holds two or three strips: a client that stops for long falls off it.
    #[test]
    fn with_a_short_tape_every_loss_is_counted(
        limits in limits(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        check(SHORT_TAPE, limits, ops);
    }

    /// The log holds what the tape has dropped, so nothing may be lost.
    #[test]
    fn with_a_short_tape_and_a_log_every_subscriber_receives_everything(
        limits in limits(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        check(SHORT_TAPE_AND_LOG, limits, ops);
    }

    /// The log loses strips as well: at its begin, in its middle, and while it is read.
    #[test]
    fn with_a_log_that_loses_strips_every_loss_is_counted(
        limits in limits(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let memory = Memory { log: LogKind::Lossy, ..SHORT_TAPE };
        check(memory, limits, ops);
    }
}
