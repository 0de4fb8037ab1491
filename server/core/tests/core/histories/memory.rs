//! What is remembered of the past: the tape, and the log behind it.

use std::sync::Arc;

use tickcast_core::tape::Strip;
use tickcast_protocol::message::Position;

/// A tape that never forgets.
pub(super) const LONG_TAPE_BYTES: usize = 1 << 20;

pub(super) const LONG_TAPE: Memory = Memory {
    tape_bytes: LONG_TAPE_BYTES,
    log: LogKind::None,
};

/// Two or three strips.
pub(super) const SHORT_TAPE: Memory = Memory {
    tape_bytes: 2_000,
    log: LogKind::None,
};

pub(super) const SHORT_TAPE_AND_LOG: Memory = Memory {
    log: LogKind::Whole,
    ..SHORT_TAPE
};

/// What the shard can ask for besides its tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogKind {
    None,
    /// It has everything.
    Whole,
    /// It loses strips.
    Lossy,
}

/// What is remembered of the past.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) tape_bytes: usize,
    pub(super) log: LogKind,
}

/// A log, and the reads of it that are under way.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) kind: LogKind,
    pub(super) strips: Vec<Arc<Strip>>,
    /// Strips that are lost.
    pub(super) lost: Vec<bool>,
    pub(super) reads: Vec<Position>,
}

impl Log {
    /// The strips from a position on, up to a number of them and the first one that is lost.
    pub(super) fn read(&self, from: Position, strips: usize) -> Vec<Arc<Strip>> {
        let all = self.strips.iter().zip(&self.lost);
        let later = all.filter(|(strip, _)| strip.end() > from);
        let there = later.take_while(|(_, is_lost)| !**is_lost);
        there
            .map(|(strip, _)| Arc::clone(strip))
            .take(strips)
            .collect()
    }
}
