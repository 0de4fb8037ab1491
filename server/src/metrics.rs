//! Counters, and their text form for Prometheus.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tickcast_protocol::error::CloseCode;

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Replaces.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Places for close codes: those of the registry, one for "none", one for all others.
const CLOSES: usize = CloseCode::ALL.len() + 2;

/// What one shard counts.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Open connections.
    pub connections: Number,
    /// Connections there have been.
    pub connected: Number,
    /// Subscriptions.
    pub subscriptions: Number,
    /// Channels.
    pub channels: Number,
    /// Topics.
    pub topics: Number,
    /// The newest position applied.
    pub position: Number,
    /// What the strips of the tape cost, in bytes.
    pub tape_bytes: Number,
    /// Updates handed to connections: one update to a thousand subscribers counts a thousand.
    pub deliveries: Number,
    /// Batches handed to connections.
    pub batches: Number,
    /// Bytes the kernel took.
    pub bytes: Number,
    /// Updates that were replaced by newer ones before a subscriber in mode `latest` got them.
    pub conflated: Number,
    /// Gaps told to subscribers in mode `every`.
    pub gaps: Number,
    /// Updates lost in them.
    pub gap_updates: Number,
    /// How often a connection took no more bytes and fell behind.
    pub blocked: Number,
    /// Error messages sent.
    pub refused: Number,
    closes: [Number; CLOSES],
}

impl ShardStats {
    /// Counts a connection's end.
    pub fn closed(&self, code: Option<u16>) {
        let place = match code {
            None => CLOSES - 2,
            Some(code) => CloseCode::ALL
                .iter()
                .position(|known| known.number() == code)
                .unwrap_or(CLOSES - 1),
        };
        self.closes[place].add(1);
    }

    pub(crate) fn closes(&self) -> impl Iterator<Item = (String, u64)> {
        let known = CloseCode::ALL.iter().map(|code| code.number().to_string());
        let names = known.chain(["none".to_owned(), "other".to_owned()]);
        names.zip(self.closes.iter().map(Number::get))
    }
}

/// All shards' numbers.
pub type AllStats = Arc<[Arc<ShardStats>]>;
