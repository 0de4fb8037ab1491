//! What happens in a history.

use proptest::prelude::*;
use tickcast_core::{shard::SLICE_MAX_STEPS, wire::BATCH_MAX_BYTES};

use super::{CLIENTS, FILTERS, TOPICS};

#[derive(Debug, Clone)]
pub(super) enum Op {
    /// Updates of these topics in one strip.
    Publish(Vec<usize>),
    /// An update of the last topic tells a new name of this one.
    Tell(usize),
    Turn,
    CatchUp,
    /// A slice of the requests under way.
    Work,
    Subscribe {
        client: usize,
        filter: usize,
        pace: usize,
    },
    /// Changes the pace of one of a client's subscriptions.
    Change {
        client: usize,
        nth: usize,
        pace: usize,
    },
    /// The kernel takes this many more bytes for a client.
    Room {
        client: usize,
        bytes: usize,
    },
    Unblock(usize),
    /// The connection breaks, and bytes in flight are lost. The next subscribe resumes.
    Disconnect(usize),
    Wait(u64),
    /// The only feed is down.
    FeedDown,
    /// One of the reads of the log under way is answered, with up to this many strips.
    Answer {
        nth: usize,
        strips: usize,
    },
    /// The log loses some of its strips, from one of them on.
    Lose {
        first: usize,
        strips: usize,
    },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => prop::collection::vec(0..TOPICS.len(), 1..30).prop_map(Op::Publish),
        2 => (0..TOPICS.len()).prop_map(Op::Tell),
        4 => Just(Op::Turn),
        2 => Just(Op::CatchUp),
        3 => Just(Op::Work),
        3 => (client.clone(), 0..FILTERS.len(), 0..3usize)
            .prop_map(|(client, filter, pace)| Op::Subscribe { client, filter, pace }),
        2 => (client.clone(), 0..4usize, 0..3usize)
            .prop_map(|(client, nth, pace)| Op::Change { client, nth, pace }),
        2 => (client.clone(), 0..900usize).prop_map(|(client, bytes)| Op::Room { client, bytes }),
        3 => client.clone().prop_map(Op::Unblock),
        1 => client.prop_map(Op::Disconnect),
        2 => (1..200u64).prop_map(Op::Wait),
        1 => Just(Op::FeedDown),
        3 => (0..4usize, 1..5usize).prop_map(|(nth, strips)| Op::Answer { nth, strips }),
        1 => (0..20usize, 1..5usize).prop_map(|(first, strips)| Op::Lose { first, strips }),
    ]
}

/// Limits of the shard, which decide where a turn, a slice and a batch end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections that one turn writes to.
    pub(super) turn_writes: usize,
    /// Steps of a turn and of a slice.
    pub(super) max_steps: usize,
    /// Bytes at which a batch is closed.
    pub(super) batch_max_bytes: usize,
}

/// Limits that cut between a few topics or updates, and such that never cut.
pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let max_steps = prop_oneof![1..20usize, Just(SLICE_MAX_STEPS)];
    let batch_max_bytes = prop_oneof![1..300usize, Just(BATCH_MAX_BYTES)];
    let limits = (1..=CLIENTS, max_steps, batch_max_bytes);
    limits.prop_map(|(turn_writes, max_steps, batch_max_bytes)| Limits {
        turn_writes,
        max_steps,
        batch_max_bytes,
    })
}
