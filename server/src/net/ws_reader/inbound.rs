//! The input from a client's WebSocket: messages, control frames, and violations.

use tickcast_protocol::error::CloseCode;

/// A message or control frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A text message; its bytes are UTF-8.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping with its payload, which the pong must repeat.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
}

/// The reason why there is no further message.
#[derive(Debug)]
pub enum InboundError {
    /// The connection ended without a close frame.
    Lost,
    /// The client violated a rule: close with this code and reason.
    Violation(Violation),
}

/// A violation of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The code to close with.
    pub code: CloseCode,
    /// The reason, for people to read.
    pub reason: &'static str,
}

impl Violation {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self {
            code: CloseCode::ProtocolError,
            reason,
        }
    }

    pub(super) const TOO_BIG: Self = Self {
        code: CloseCode::MessageTooBig,
        reason: "the message is longer than allowed",
    };

    pub(super) const NOT_UTF8: Self = Self {
        code: CloseCode::InvalidPayload,
        reason: "the text is not UTF-8",
    };

    pub(super) const UNFINISHED: Self = Self {
        code: CloseCode::PolicyViolation,
        reason: "the message was not complete within the message timeout",
    };

    pub(super) const NO_MEMORY: Self = Self {
        code: CloseCode::TryAgainLater,
        reason: "long messages of other clients use all memory for them",
    };
}
