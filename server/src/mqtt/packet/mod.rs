//! The packets of MQTT 3.1.1 and 5, as far as a subscriber sends and receives them.
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

/// The type of an acknowledgement, which both sides send. Which message it is for does not matter:
/// what is not acknowledged is published again with the next connection.
const PUBACK: u8 = 4;

/// Where an acknowledgement of version 5 has a reason, after the packet identifier (MQTT 5.0,
/// section 3.4.2.1), and the first reason that is a refusal.
const PUBACK_REASON_AT: usize = 4;
const REFUSED_MIN: u8 = 0x80;

impl MqttVersion {
    /// Reads a packet that is no message.
    pub(crate) fn read(self, packet: BytesMut) -> Result<Packet, Malformed> {
        if packet[0] >> 4 == PUBACK {
            let reason = packet.get(PUBACK_REASON_AT).copied();
            let is_refused = reason.is_some_and(|reason| reason >= REFUSED_MIN);
            return Ok(Packet::PubAck { is_refused });
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

    pub(crate) fn write_publish(self, message: &Outgoing, id: u16, out: &mut BytesMut) {
        outgoing::write(self, message, id, out);
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

/// An acknowledgement, which is the same in both versions: version 5 takes no reason for success.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ack {
    /// PUBACK, of quality of service 1.
    Received = 0x40,
    /// PUBREC, of quality of service 2.
    Stored = 0x50,
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

pub(crate) fn write_disconnect(out: &mut BytesMut) {
    out.put_slice(&[0xe0, 0]);
}

#[cfg(test)]
mod tests;
