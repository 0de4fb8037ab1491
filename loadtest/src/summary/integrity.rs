//! What was lost, and whether both sides counted the same.

use serde::{Deserialize, Serialize};

use crate::ledger::Tally;

/// Losses, duplicates and updates out of order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Integrity {
    /// What healthy subscribers saw.
    pub healthy: Tally,
    /// What subscribers saw that were slow, stalled or gone on purpose.
    pub hindered: Tally,
    /// Published updates that reached no subscriber. The server, or something before it, lost them.
    pub never_arrived: u64,
    /// Whether all updates reached all subscribers within the time for draining.
    pub drained: bool,
}

/// The server's counters compared with the receivers' counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconciliation {
    /// The counters. Empty if nothing could be compared.
    pub counters: Vec<CounterPair>,
    /// Why a difference is not a failure here, or why nothing was compared.
    pub remark: Option<String>,
}

/// A number that both sides counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CounterPair {
    /// The counter's name.
    pub name: String,
    /// Growth of the server's counter.
    pub server: u64,
    /// The load tester's count.
    pub ours: u64,
}
