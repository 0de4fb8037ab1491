//! Counters that one thread changes and others read. The server names and labels them.

use std::sync::atomic::{AtomicU64, Ordering};

use tickcast_protocol::error::{CloseCode, ErrorCode};

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds an amount.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Subtracts an amount that was added before.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Replaces the number.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The current number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of closed connections: one per registered code, one for "no code", one for all others.
const CLOSES: usize = CloseCode::ALL.len() + 2;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Subscriptions at a time.
    Subscriptions,
    /// Requests per second.
    Requests,
    /// Updates and bytes published per second.
    Publishes,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOf {
    /// One connection's.
    Connection,
    /// That of all connections of an identity.
    Identity,
    /// That of all connections of an address.
    Address,
}

impl Limited {
    const ALL: [(Self, &str); 3] = [
        (Self::Subscriptions, "subscriptions"),
        (Self::Requests, "requests"),
        (Self::Publishes, "publishes"),
    ];
}

impl LimitOf {
    const ALL: [(Self, &str); 3] = [
        (Self::Connection, "connection"),
        (Self::Identity, "identity"),
        (Self::Address, "address"),
    ];
}

/// The numbers of one shard.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Open connections.
    pub connections: Number,
    /// Connections accepted since the start.
    pub connected: Number,
    /// Subscriptions.
    pub subscriptions: Number,
    /// Channels.
    pub channels: Number,
    /// Topics.
    pub topics: Number,
    /// The newest position applied.
    pub position: Number,
    /// Cost of the strips on the tape, in bytes.
    pub tape_bytes: Number,
    /// Updates handed to connections: one update for a thousand subscribers counts as a thousand.
    pub deliveries: Number,
    /// Batches handed to connections.
    pub batches: Number,
    /// Bytes that the kernel accepted.
    pub bytes: Number,
    /// Subscriptions that have ended because they are no longer allowed.
    pub forbidden: Number,
    /// Updates that newer ones replaced before a subscriber in mode `latest` got them.
    pub conflated: Number,
    /// Gaps sent to subscribers in mode `every`.
    pub gaps: Number,
    /// Updates lost in these gaps.
    pub gap_updates: Number,
    /// Subscriptions of clients that have updates which the server has lost.
    pub truncated: Number,
    /// Number of these updates, as far as it is known: each counts once for each subscription.
    pub truncated_updates: Number,
    /// How often a connection's socket was full and its subscriptions fell behind.
    pub blocked: Number,
    /// Connections whose socket is full now.
    pub behind: Number,
    /// Updates on the tape that the slowest subscription has not received.
    pub lag_updates: Number,
    /// Parts of the log that were read for subscribers that the tape has left behind.
    pub log_reads: Number,
    /// Bytes of the updates in these parts.
    pub log_read_bytes: Number,
    /// Parts of the log that were read for candles and rows that memory does not have.
    pub log_candle_reads: Number,
    /// Answers about candles and rows of which an interval needs more of the log than is read.
    pub log_candles_cut: Number,
    /// Memory of the parts that are kept.
    pub log_window_bytes: Number,
    /// Subscriptions that read the log now.
    pub log_readers: Number,
    /// Requests without a connection whose updates are on the tape.
    pub posts: Number,
    /// Updates of these.
    pub posted_updates: Number,
    /// Messages after which a connection was not read for a while, because it published more than
    /// its limits allow.
    pub publish_pauses: Number,
    /// Steps of work so far, see [`Steps`](crate::shard::Steps).
    pub steps: Number,
    /// Requests and filters refused, by error code.
    refusals: [Number; ErrorCode::ALL.len()],
    closes: [Number; CLOSES],
    /// How often each limit was reached.
    limited: [[Number; LimitOf::ALL.len()]; Limited::ALL.len()],
}

impl ShardStats {
    /// Counts a closed connection.
    pub fn closed(&self, code: Option<u16>) {
        let index = match code {
            None => CLOSES - 2,
            Some(code) => CloseCode::ALL
                .iter()
                .position(|known| known.number() == code)
                .unwrap_or(CLOSES - 1),
        };
        self.closes[index].add(1);
    }

    /// Counts a request or a filter that was refused.
    pub fn refused(&self, code: ErrorCode) {
        let index = ErrorCode::ALL.iter().position(|known| *known == code);
        if let Some(number) = index.and_then(|index| self.refusals.get(index)) {
            number.add(1);
        }
    }

    /// Requests and filters refused, by the number of the error code.
    pub fn refusals(&self) -> impl Iterator<Item = (u16, u64)> {
        let codes = ErrorCode::ALL.iter().map(|code| code.number());
        codes.zip(self.refusals.iter().map(Number::get))
    }

    /// Counts that a limit was reached.
    pub fn limited(&self, what: Limited, of: LimitOf) {
        self.limited[what as usize][of as usize].add(1);
    }

    /// How often each limit was reached, by what is limited and whose limit it is.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Limited::ALL.into_iter().flat_map(|(what, limited)| {
            LimitOf::ALL.map(|(of, whose)| {
                let number = &self.limited[what as usize][of as usize];
                (limited, whose, number.get())
            })
        })
    }

    /// Closed connections by close code, with `none` and `other` at the end.
    pub fn closes(&self) -> impl Iterator<Item = (String, u64)> {
        let known = CloseCode::ALL.iter().map(|code| code.number().to_string());
        let names = known.chain(["none".to_owned(), "other".to_owned()]);
        names.zip(self.closes.iter().map(Number::get))
    }
}
