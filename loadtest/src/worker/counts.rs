//! Numbers of connections and traffic.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCounts {
    /// Connections whose subscriptions are confirmed, now.
    pub open: u64,
    /// Connections whose subscriptions were ever confirmed.
    pub subscribed: u64,
    /// Connections that ended before their subscriptions were confirmed.
    pub failed: u64,
    /// Connections that ended without being asked to.
    pub closed: u64,
    /// Those of `closed` whose subscribers are hindered on purpose.
    pub hindered_closed: u64,
    /// Connections that were ended on purpose, to reconnect.
    pub churned: u64,
    /// Subscriptions that were resumed.
    pub resumed: u64,
    /// Messages read.
    pub messages: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Updates that seem to have arrived before they were due.
    pub from_the_future: u64,
}

impl ConnectionCounts {
    /// Adds another worker's numbers.
    pub fn add(&mut self, other: &Self) {
        self.open += other.open;
        self.subscribed += other.subscribed;
        self.failed += other.failed;
        self.closed += other.closed;
        self.hindered_closed += other.hindered_closed;
        self.churned += other.churned;
        self.resumed += other.resumed;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.from_the_future += other.from_the_future;
    }
}
