//! The packets of MQTT 3.1.1 and 5, as far as a client sends and receives them.
//!
//! rumqttc encodes and decodes those that differ between the versions. Its own connection is not
//! used: it ends at a message above the limit, sends no unsubscription of its own, and takes no
//! stream but its own.
//!
//! The files in reading order:
//!
//! * this file, `types`: packets of either version
//! * `frames`: packets from a stream of bytes; skips messages above the limit
//! * `publish`: the one packet that comes often
//! * `outgoing`: what is published
//! * `v3`, `v5`: the other packets, by rumqttc
//! * `walk`: all packets of a stream, for the fuzz target

mod frames;
mod outgoing;
mod publish;
mod types;
mod v3;
mod v5;
mod walk;

use bytes::{BufMut, BytesMut};

use super::version::MqttVersion;

use frames::HEAD_MAX_BYTES;

pub(crate) use frames::{Frame, Frames, Skipped};
pub(crate) use outgoing::{Outgoing, Will};
pub(crate) use publish::Publish;
pub use walk::{Walked, walk};

pub(crate) use types::{Connect, Goodbye, Malformed, Packet, Subscribe};

/// The types of packets that answer what was published.
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBCOMP: u8 = 7;

/// The first reason of an answer that is a refusal (MQTT 5.0, section 3.4.2.1).
const REFUSED_MIN: u8 = 0x80;

impl MqttVersion {
    /// Reads a packet that is no message.
    pub(crate) fn read(self, packet: BytesMut) -> Result<Packet, Malformed> {
        if let kind @ (PUBACK | PUBREC | PUBCOMP) = packet[0] >> 4 {
            return read_answer(kind, &packet);
        }
        match self {
            Self::V3 => v3::read(packet),
            Self::V5 => v5::read(packet),
        }
    }

    pub(crate) fn write_connect(self, connect: &Connect, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_connect(connect, out),
            Self::V5 => v5::write_connect(connect, out),
        }
    }

    /// The identifier is for a message that the broker answers. `is_again`: the broker may have it.
    pub(crate) fn write_publish(
        self,
        message: &Outgoing,
        id: u16,
        is_again: bool,
        out: &mut BytesMut,
    ) {
        outgoing::write(self, message, id, is_again, out);
    }

    pub(crate) fn write_subscribe(self, subscribe: Subscribe<'_>, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_subscribe(subscribe, out),
            Self::V5 => v5::write_subscribe(subscribe, out),
        }
    }

    pub(crate) fn write_unsubscribe(self, id: u16, filters: Vec<String>, out: &mut BytesMut) {
        match self {
            Self::V3 => v3::write_unsubscribe(id, filters, out),
            Self::V5 => v5::write_unsubscribe(id, filters, out),
        }
    }
}

/// An answer to what was published: the packet identifier, and in version 5 a reason.
fn read_answer(kind: u8, packet: &[u8]) -> Result<Packet, Malformed> {
    let is_last = |byte: &u8| *byte < 0x80;
    // The length before it has one byte, or more if a text of the reason follows.
    let head = packet.iter().skip(1).position(is_last);
    let body = head.map_or(&[][..], |bytes| &packet[bytes + 2..]);
    let [high, low, rest @ ..] = body else {
        return Err(format!("a packet of type {kind} has no packet identifier"));
    };
    let id = u16::from_be_bytes([*high, *low]);
    let is_refused = rest.first().is_some_and(|reason| *reason >= REFUSED_MIN);
    Ok(match kind {
        PUBACK => Packet::PubAck { id, is_refused },
        PUBREC => Packet::PubRec { id, is_refused },
        // A broker that does not know the identifier any more has no work left with it either.
        _ => Packet::PubComp(id),
    })
}

/// An acknowledgement, which is the same in both versions: version 5 takes no reason for success.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ack {
    /// PUBACK, of quality of service 1.
    Received = 0x40,
    /// PUBREC, of quality of service 2.
    Stored = 0x50,
    /// PUBREL, of PUBREC.
    Release = 0x62,
    /// PUBCOMP, of PUBREL.
    Released = 0x70,
}

impl Ack {
    pub(crate) fn write(self, id: u16, out: &mut BytesMut) {
        out.put_slice(&[self as u8, 2]);
        out.put_u16(id);
    }
}

pub(crate) fn write_ping(out: &mut BytesMut) {
    out.put_slice(&[0xc0, 0]);
}

/// `ends_session`: the broker is to forget a session that it would keep, which only version 5 can
/// say.
pub(crate) fn write_disconnect(version: MqttVersion, ends_session: bool, out: &mut BytesMut) {
    match ends_session && version == MqttVersion::V5 {
        // No reason, and one property: the session expires at once (MQTT 5.0, section 3.14.2.2).
        true => out.put_slice(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0]),
        false => out.put_slice(&[0xe0, 0]),
    }
}

#[cfg(test)]
mod tests;
