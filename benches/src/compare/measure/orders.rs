//! What the comparison and its measuring processes say to each other: JSON, one value per line.

use serde::{Deserialize, Serialize};

use crate::compare::figures::Measurement;

/// What a measuring process is told to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum TurnOrder {
    /// Take the next turn.
    Turn,
    /// Return the result of all turns.
    SumUp,
}

/// What it answers when it has started, and to each order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TurnAnswer {
    /// Started, or the turn is over.
    Done,
    /// The result of all turns.
    Measured(Box<Measurement>),
    /// Why it cannot continue.
    Failed(String),
}
