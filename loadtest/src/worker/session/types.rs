//! What goes into a session, and what comes out.

use tickcast_protocol::message::TimeNs;

/// One message with its circumstances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// The payload.
    pub(crate) payload: &'a [u8],
    /// When it was read from the socket.
    pub(crate) received_ns: TimeNs,
    /// How its updates are timed.
    pub(crate) timing: ReceiverTiming,
}

/// How a receiver's updates are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiverTiming {
    /// Every update is timed.
    Probe,
    /// A sample is timed.
    Sample,
    /// Nothing is timed: the receiver is slow on purpose.
    None,
}

/// What a message means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    /// Nothing.
    None,
    /// All subscriptions are confirmed.
    Subscribed {
        /// How many of them were resumed.
        resumed: usize,
    },
}

/// Why a session cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubscriberError {
    /// A subscription was refused.
    #[error("filter {filter} was refused: {reason}")]
    Refused {
        /// The filter.
        filter: String,
        /// The server's reason.
        reason: String,
    },
    /// A message cannot be read.
    #[error("unreadable message: {0}")]
    Unreadable(String),
    /// The server reports an error.
    #[error("the server reports: {reason} ({code})")]
    Server {
        /// The code, from the protocol's list.
        code: u16,
        /// The text.
        reason: String,
    },
}
