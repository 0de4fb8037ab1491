//! What a proxy does to a connection, and at which moment.

use std::collections::VecDeque;

/// What passes the proxy when it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The client's part of the handshake.
    Request,
    /// The server's part of the handshake.
    Response,
    /// The first message of the server.
    Welcome,
    /// The client's first message.
    Subscribe,
    /// The answer to a subscription that begins afresh.
    Accepted,
    /// The first batch of a snapshot.
    Snapshot,
    /// A later batch of the same snapshot.
    MoreSnapshot,
    /// A live batch.
    Live,
    /// A live batch so late that each of a few subscriptions has received some.
    MoreLive,
    /// The answer to a subscription that is resumed.
    Resumed,
    /// The first live batch after that answer.
    CatchUp,
    /// A gap.
    Gap,
    /// A batch of the snapshot after a gap.
    GapSnapshot,
    /// A heartbeat.
    Heartbeat,
    /// The answer to a publish.
    Published,
    /// The message that the server drains.
    Draining,
    /// The server's close frame.
    Close,
}

/// What the proxy does with the bytes of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Delays them, and all after them.
    Delay,
    /// Sends them one by one.
    Slice,
    /// Sends a part of them, then resets the connection on both sides.
    Cut(Part),
    /// Sends a part of them, then closes the connection in order.
    End(Part),
    /// Sends a part of them, then nothing more in either direction.
    Stop(Part),
}

/// A part of the bytes of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// No byte.
    Nothing,
    /// The first byte.
    OneByte,
    /// The first half.
    Half,
    /// All but the last byte.
    AllButOne,
    /// All bytes.
    All,
}

impl Part {
    pub(crate) fn of(self, len: usize) -> usize {
        match self {
            Self::Nothing => 0,
            Self::OneByte => 1,
            Self::Half => len / 2,
            Self::AllButOne => len - 1,
            Self::All => len,
        }
    }
}

/// The steps of a proxy: each happens once, in this order.
pub type Plan = VecDeque<(Moment, Harm)>;
