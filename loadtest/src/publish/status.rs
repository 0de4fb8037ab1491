//! What the publisher's thread is told, and what it tells.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use tickcast_protocol::message::TimeNs;

use crate::{
    latency::{Histogram, histogram},
    schedule::Schedule,
};

/// The publisher's own lateness at p99, at most. Beyond this a run is invalid.
pub const OWN_SLIP_MAX_NS: u64 = 1_000_000;

/// A stretch of time with its own schedule.
#[derive(Debug)]
pub struct Segment {
    /// The moment of the schedule's offset 0.
    pub start_ns: TimeNs,
    /// The slots.
    pub schedule: Schedule,
    /// Whether lateness is recorded.
    pub is_measured: bool,
}

/// What the publisher has done so far, for other threads to read.
#[derive(Debug, Default)]
pub struct PublisherStatus {
    /// Updates handed to the socket.
    pub published: AtomicU64,
    /// Measured updates that were late through the publisher's own fault.
    pub own_late: AtomicU64,
    /// The thread's id, 0 before it runs.
    pub(super) thread_id: AtomicU32,
    pub(super) is_stopped: AtomicBool,
}

/// What the publisher did in all.
#[derive(Debug)]
pub struct PublisherTotals {
    /// Updates handed to the socket.
    pub updates: u64,
    /// Sent - due, of measured updates.
    pub slip: Histogram,
    /// Sent - max(due, ready), of measured updates: the generator's own lateness.
    pub own_slip: Histogram,
    /// Time during which the socket took nothing, over the whole run.
    pub blocked_ns: i64,
}

impl Default for PublisherTotals {
    fn default() -> Self {
        Self {
            updates: 0,
            slip: histogram(),
            own_slip: histogram(),
            blocked_ns: 0,
        }
    }
}
