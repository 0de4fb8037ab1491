//! What a shard tells an audit: who may do what, which positions of which filter were handed to
//! whom, and what was refused.
//!
//! A shard without an audit asks once for each event below, and never for an update.

use std::fmt;

use tickcast_protocol::{
    error::ErrorCode,
    message::{ChannelId, Mode, Position},
    topic::{Filter, Topic},
};

use crate::identity::Who;

/// Receives the facts. The core does no I/O.
pub trait Audit: fmt::Debug {
    /// Takes note of a fact about a connection, which is named by its number in its shard.
    fn note(&self, connection: u64, who: Who<'_>, fact: Fact<'_>);
}

/// A fact about a connection; see the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact<'a> {
    /// What its client may do has become known, or has changed.
    Identity,
    /// A subscription begins.
    Begun {
        /// Its channel.
        channel: ChannelId,
        /// Its filter.
        filter: &'a Filter,
        /// Its mode.
        mode: Mode,
        /// Its maximum rate, if it has one.
        max_rate_hz: Option<f64>,
        /// It gets what comes after this position.
        from: Position,
        /// And the newest value of each topic up to it, as far as they came after this position.
        snapshot_after: Option<Position>,
    },
    /// A subscription has ended.
    Ended {
        /// Its channel.
        channel: ChannelId,
        /// Its filter.
        filter: &'a Filter,
        /// The last position that was handed to the connection.
        to: Position,
        /// The newest values after this position were not handed over any more; `None` if all of
        /// them were.
        snapshot_to: Option<Position>,
    },
    /// Updates were lost to a subscription, which was told of the gap.
    Lost {
        /// Its channel.
        channel: ChannelId,
        /// Its position after the gap.
        to: Position,
        /// Their number, if it is known.
        updates: Option<u64>,
    },
    /// Earlier updates of a topic were handed to the connection.
    History {
        /// The topic.
        topic: &'a Topic,
        /// The positions of the first and the last one; `None` if there were none.
        positions: Option<(Position, Position)>,
        /// Their number.
        updates: usize,
    },
    /// Candles or rows of a topic were handed to the connection.
    Candles {
        /// The topic.
        topic: &'a Topic,
        /// All updates up to this position are in them.
        position: Position,
        /// Their number.
        intervals: usize,
    },
    /// A request was refused because of who the client is.
    Refused {
        /// The code.
        code: ErrorCode,
        /// The reason, which never repeats a token.
        reason: &'a str,
    },
    /// The connection is being closed, with this code.
    Closed {
        /// The code; `None` if the connection just ended.
        code: Option<u16>,
    },
}

/// Whether a refusal says something about the client, and not about the form of its request.
pub(crate) fn is_about_permission(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SubscribeForbidden
            | ErrorCode::PublishForbidden
            | ErrorCode::NotAuthenticated
            | ErrorCode::TokenRefused
            | ErrorCode::TooManyConnections
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_form_says_nothing_about_the_client() {
        assert!(is_about_permission(ErrorCode::SubscribeForbidden));
        assert!(is_about_permission(ErrorCode::TokenRefused));
        assert!(!is_about_permission(ErrorCode::BadTopic));
    }
}
