//! The packets of MQTT 3.1.1 and 5, as far as a subscriber sends and receives them.
//!
//! rumqttc encodes and decodes those that differ between the versions. Its own connection is not
//! used: it ends at a message above the limit, sends no unsubscription of its own, and takes no
//! stream but its own.
//!
//! The files in reading order:
//!
//! * this file: packets of either version
//! * `frames`: packets from a stream of bytes; skips messages above the limit
//! * `publish`: the one packet that comes often
//! * `outgoing`: what is published
//! * `v3`, `v5`: the other packets, by rumqttc

mod frames;
mod outgoing;
mod publish;
mod v3;
mod v5;

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::settings::MqttVersion;

pub(super) use frames::{Frame, Frames, Skipped};
pub(super) use outgoing::{Outgoing, Will};
pub(super) use publish::Publish;

/// A packet from the broker that is no message.
#[derive(Debug)]
pub(super) enum Packet {
    /// The answer to CONNECT.
    ConnAck(ConnAck),
    /// The answer to a subscription: the granted quality of service, or why it is refused.
    SubAck { id: u16, answer: Result<u8, String> },
    /// The answer to an unsubscription. Version 5 says of each filter whether it was subscribed to.
    UnsubAck { id: u16, existed: Vec<bool> },
    /// The broker has a message of quality of service 1.
    PubAck,
    /// The broker will not send a message of quality of service 2 again.
    PubRel(u16),
    /// The answer to a ping.
    PingResp,
    /// The broker ends the connection.
    Disconnect(Goodbye),
}

/// The answer to CONNECT.
#[derive(Debug)]
pub(super) struct ConnAck {
    /// Why the broker refuses the connection.
    pub(super) refusal: Option<String>,
    /// Whether it has kept the session.
    pub(super) has_session: bool,
    /// Whether subscriptions may have identifiers.
    pub(super) has_identifiers: bool,
    /// The time between pings, if the broker chooses it.
    pub(super) keep_alive: Option<Duration>,
}

/// Why the broker ends a connection.
#[derive(Debug)]
pub(super) struct Goodbye {
    pub(super) reason: String,
    /// Whether the reason is another client with the same id.
    pub(super) is_taken_over: bool,
}

/// What CONNECT says.
#[derive(Debug, Clone)]
pub(super) struct Connect {
    pub(super) client_id: String,
    pub(super) login: Option<(String, String)>,
    pub(super) keep_alive: Duration,
    /// How long the broker keeps the session; zero for no session.
    pub(super) session_expiry: Duration,
    /// What the broker publishes if the connection breaks.
    pub(super) will: Option<Will>,
    /// Longest packet that the broker may send; only version 5 can say it.
    pub(super) packet_max_bytes: u32,
}

/// One filter to subscribe to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscribe<'a> {
    pub(super) id: u16,
    pub(super) filter: &'a str,
    pub(super) qos: u8,
    /// What the broker puts into each message that the filter matches; only version 5.
    pub(super) identifier: Option<u32>,
}

/// Longest packet there can be (MQTT 5.0, 1.5.5), with its header.
const PACKET_MAX_BYTES: usize = 268_435_455 + 5;

/// The type of an acknowledgement, which both sides send. Whatever else it says, nothing follows
/// from it: the state of a host is published again with each connection.
const PUBACK: u8 = 4;

/// A packet that the broker may not send, or not like this.
pub(super) type Malformed = String;

impl MqttVersion {
    /// Reads a packet that is no message.
    pub(super) fn read(self, packet: BytesMut) -> Result<Packet, Malformed> {
        if packet[0] >> 4 == PUBACK {
            return Ok(Packet::PubAck);
        }
        match self {
            Self::V3 => v3::read(packet),
            Self::V5 => v5::read(packet),
        }
    }

    pub(super) fn write_connect(self, connect: &Connect, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_connect(connect, out),
            Self::V5 => v5::write_connect(connect, out),
        }
    }

    pub(super) fn write_publish(self, message: &Outgoing, id: u16, out: &mut BytesMut) {
        outgoing::write(self, message, id, out);
    }

    pub(super) fn write_subscribe(self, subscribe: Subscribe<'_>, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_subscribe(subscribe, out),
            Self::V5 => v5::write_subscribe(subscribe, out),
        }
    }

    pub(super) fn write_unsubscribe(self, id: u16, filters: Vec<String>, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_unsubscribe(id, filters, out),
            Self::V5 => v5::write_unsubscribe(id, filters, out),
        }
    }
}

/// An acknowledgement, which is the same in both versions: version 5 takes no reason for success.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ack {
    /// PUBACK, of quality of service 1.
    Received = 0x40,
    /// PUBREC, of quality of service 2.
    Stored = 0x50,
    /// PUBCOMP, of PUBREL.
    Released = 0x70,
}

impl Ack {
    pub(super) fn write(self, id: u16, out: &mut BytesMut) {
        out.put_slice(&[self as u8, 2]);
        out.put_u16(id);
    }
}

pub(super) fn write_ping(out: &mut BytesMut) {
    out.put_slice(&[0xc0, 0]);
}

pub(super) fn write_disconnect(out: &mut BytesMut) {
    out.put_slice(&[0xe0, 0]);
}

/// Whether only a broker sends packets of this type, by their first byte.
fn is_from_broker(first: u8) -> bool {
    matches!(first >> 4, 2 | 6 | 9 | 11 | 13 | 14)
}

fn unexpected(first: u8) -> Malformed {
    format!("a packet of type {} is not expected", first >> 4)
}

/// The time between pings as it stands in CONNECT.
fn seconds(keep_alive: Duration) -> u16 {
    u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
