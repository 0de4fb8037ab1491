//! The state of the connection to a server.

use std::time::Instant;

use tickcast_protocol::message::Lineage;

/// What stands in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// No server answers at the address.
    Unreachable,
    /// A server answers, and does not accept the connection.
    Refused,
    /// The connection was open.
    Lost,
}

/// The state of the connection.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectionState {
    /// An attempt to connect is running.
    Connecting {
        /// Number of the attempt, from 1.
        attempt: u32,
    },
    /// The connection is open.
    Connected {
        /// Name and version of the server.
        server: String,
        /// Epoch of the tape, and those that it continues.
        lineage: Lineage,
    },
    /// The connection is open, but no heartbeat comes.
    Silent {
        /// When the last message came.
        since: Instant,
    },
    /// The connection is closed; the next attempt follows later.
    BackingOff {
        /// Number of the next attempt.
        attempt: u32,
        /// When it begins.
        until: Instant,
        /// What stands in the way.
        obstacle: Obstacle,
        /// Why the connection or the last attempt ended.
        why: String,
    },
    /// The connection is closed, and there is no further attempt.
    Ended {
        /// What stands in the way.
        obstacle: Obstacle,
        /// The reason.
        why: String,
    },
}
