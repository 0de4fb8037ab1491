//! How a chain breaks.

use crate::message::{Epoch, Position};

/// Proof that something was lost, or that the server is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A live batch or a gap does not start where the last one ended.
    #[error("the client is at position {expected}, but the server continues from {from}")]
    Live {
        /// The client's position.
        expected: Position,
        /// Where the server continues.
        from: Position,
    },
    /// A batch of a snapshot does not start where the last one ended.
    #[error("the snapshot is at position {expected:?}, but the server continues from {from}")]
    Snapshot {
        /// The client's position; `None` if no snapshot is under way.
        expected: Option<Position>,
        /// Where the server continues.
        from: Position,
    },
    /// A live batch came before the snapshot was complete.
    #[error("the snapshot ended at position {at} instead of {end}")]
    SnapshotCut {
        /// How far the snapshot came.
        at: Position,
        /// How far it should have come.
        end: Position,
    },
    /// A range ends before it starts, or an update is out of order or outside of its batch's range.
    #[error(
        "the range ({from}, {to}] is reversed, or an update in it is out of order or outside of it"
    )]
    Range {
        /// Start of the range.
        from: Position,
        /// End of the range.
        to: Position,
    },
    /// A heartbeat or an answer has another position than the client.
    #[error("the client is at position {expected}, but the server has sent up to {position}")]
    Position {
        /// The client's position.
        expected: Position,
        /// Up to where the server has sent.
        position: Position,
    },
    /// The server resumed with another count than the client's.
    #[error("the client has accounted for {expected} updates, but the server for {count}")]
    Count {
        /// The client's count.
        expected: u64,
        /// The server's count.
        count: u64,
    },
    /// The server resumed in an epoch that does not continue the token's.
    #[error("the client is in epoch {expected}, which epoch {epoch} does not continue")]
    Epoch {
        /// The token's epoch.
        expected: Epoch,
        /// The server's epoch.
        epoch: Epoch,
    },
    /// The server has the token's epoch up to another position than it says.
    #[error(
        "of the epoch of position {position} the server has everything up to {kept}, which is not \
         what it does"
    )]
    Kept {
        /// The token's position.
        position: Position,
        /// The last position of the token's epoch that the server has, as its welcome says.
        kept: Position,
    },
}
