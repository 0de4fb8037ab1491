//! What the packets say, in either version.

use std::time::Duration;

use super::outgoing::Will;

/// A packet from the broker that is no message.
#[derive(Debug)]
pub(crate) enum Packet {
    /// The answer to CONNECT.
    ConnAck(ConnAck),
    /// The answer to a subscription: the granted quality of service, or why it is refused.
    SubAck { id: u16, answer: Result<u8, String> },
    /// The answer to an unsubscription. Version 5 says of each filter whether it was subscribed to.
    UnsubAck { id: u16, existed: Vec<bool> },
    /// The answer to a message of quality of service 1. Only version 5 refuses one.
    PubAck { id: u16, is_refused: bool },
    /// The first answer to a message of quality of service 2. Only version 5 refuses one.
    PubRec { id: u16, is_refused: bool },
    /// The last answer to a message of quality of service 2.
    PubComp(u16),
    /// The broker will not send a message of quality of service 2 again.
    PubRel(u16),
    /// The answer to a ping.
    PingResp,
    /// The broker ends the connection.
    Disconnect(Goodbye),
}

/// The answer to CONNECT.
#[derive(Debug)]
pub(crate) struct ConnAck {
    /// Why the broker refuses the connection.
    pub(crate) refusal: Option<String>,
    /// Whether it has kept the session.
    pub(crate) has_session: bool,
    /// Whether subscriptions may have identifiers.
    pub(crate) has_identifiers: bool,
    /// The time between pings, if the broker chooses it.
    pub(crate) keep_alive: Option<Duration>,
}

/// Why the broker ends a connection.
#[derive(Debug)]
pub(crate) struct Goodbye {
    pub(crate) reason: String,
    /// Whether the reason is another client with the same id.
    pub(crate) is_taken_over: bool,
}

/// What CONNECT says.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) login: Option<(String, String)>,
    pub(crate) keep_alive: Duration,
    /// How long the broker keeps the session; zero for no session.
    pub(crate) session_expiry: Duration,
    /// Whether the session begins now, whatever the broker has kept; only version 5 can say it of
    /// one that stays.
    pub(crate) is_new: bool,
    /// What the broker publishes if the connection breaks.
    pub(crate) will: Option<Will>,
    /// Longest packet that the broker may send; only version 5 can say it.
    pub(crate) packet_max_bytes: u32,
}

/// One filter to subscribe to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscribe<'a> {
    pub(crate) id: u16,
    pub(crate) filter: &'a str,
    pub(crate) qos: u8,
    /// What the broker puts into each message that the filter matches; only version 5.
    pub(crate) identifier: Option<u32>,
}

/// Longest packet there can be (MQTT 5.0, 1.5.5), with its header.
pub(super) const PACKET_MAX_BYTES: usize = 268_435_455 + 5;

/// A packet that the broker may not send, or not like this.
pub(crate) type Malformed = String;

/// Whether only a broker sends packets of this type, by their first byte.
pub(super) fn is_from_broker(first: u8) -> bool {
    matches!(first >> 4, 2 | 6 | 9 | 11 | 13 | 14)
}

pub(super) fn unexpected(first: u8) -> Malformed {
    format!("a packet of type {} is not expected", first >> 4)
}

pub(super) fn unreadable(first: u8, error: &dyn std::error::Error) -> Malformed {
    format!("a packet of type {} cannot be read: {error}", first >> 4)
}

/// The time between pings as it stands in CONNECT.
pub(super) fn seconds(keep_alive: Duration) -> u16 {
    u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX)
}
