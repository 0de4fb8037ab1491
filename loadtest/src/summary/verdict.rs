//! The verdict of a run.

use serde::{Deserialize, Serialize};

/// The outcome of a run. Each has an exit code of the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is wrong.
    #[default]
    Passed,
    /// An assertion failed.
    AssertionFailed,
    /// Updates were lost, doubled or out of order, or the server's counters differ.
    IntegrityFailed,
    /// The load tester was the limit, so the latencies mean nothing; or there are none.
    Invalid,
    /// The user pressed Ctrl+C.
    Interrupted,
}

impl Outcome {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::AssertionFailed => 4,
            Self::IntegrityFailed => 5,
            Self::Invalid => 6,
            Self::Interrupted => 130,
        }
    }
}

/// See [`Outcome`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// The worst that was found.
    pub outcome: Outcome,
    /// The reasons, one sentence each.
    pub reasons: Vec<String>,
}

/// The result of an assertion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssertionResult {
    /// The assertion as it was written.
    pub assertion: String,
    /// Whether it holds.
    pub passed: bool,
    /// The number, as text.
    pub actual: String,
}
