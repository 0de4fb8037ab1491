//! Why a request is refused.

use tickcast_protocol::error::ErrorCode;

/// The reason for a refusal, and its code in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// The reason, for people to read.
    pub reason: String,
}

impl Refusal {
    /// A refusal with a reason that says more than its code.
    pub fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { code, reason }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.text())
    }
}
