//! A message, decoded without a copy. rumqttc's decoder of version 5 takes the last bytes of some
//! properties for payload when a message has several subscription identifiers.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use super::{super::version::MqttVersion, Malformed};

/// A message (MQTT 5.0, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Usually UTF-8, which the specification demands.
    pub(crate) topic: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    /// 0 for quality of service 0.
    pub(crate) id: u16,
    /// Whether it is sent because of a subscription, and not because it was published just now.
    pub(crate) is_retained: bool,
    /// The identifiers of the subscriptions that match, if they have any.
    pub(crate) identifiers: SmallVec<[u32; 2]>,
}

impl Publish {
    /// Reads a message. `packet` is all of it, and `header_bytes` the length of its fixed header.
    pub(crate) fn read(
        version: MqttVersion,
        mut packet: Bytes,
        header_bytes: usize,
    ) -> Result<Self, Malformed> {
        let first = packet[0];
        packet.advance(header_bytes);
        let head = Self::head(first, &mut packet)?;
        let identifiers = match version {
            MqttVersion::V3 => SmallVec::new(),
            MqttVersion::V5 => take_identifiers(&mut packet)?,
        };
        Ok(Self {
            payload: packet,
            identifiers,
            ..head
        })
    }

    /// Reads what precedes properties and payload.
    pub(super) fn head(first: u8, packet: &mut Bytes) -> Result<Self, Malformed> {
        let qos = (first >> 1) & 3;
        if qos == 3 {
            return Err("a message has quality of service 3".into());
        }
        let length = take_u16(packet)?;
        let topic = take(packet, length.into())?;
        let id = if qos == 0 { 0 } else { take_u16(packet)? };
        if qos != 0 && id == 0 {
            return Err("a message of quality of service 1 or 2 has no packet identifier".into());
        }
        Ok(Self {
            topic,
            payload: Bytes::new(),
            qos,
            id,
            is_retained: first & 1 != 0,
            identifiers: SmallVec::new(),
        })
    }
}

const SHORT: &str = "a message is shorter than it says";

/// The subscription identifiers among the properties of a message.
fn take_identifiers(packet: &mut Bytes) -> Result<SmallVec<[u32; 2]>, Malformed> {
    let length = take_number(packet)?;
    let mut identifiers = SmallVec::new();
    if length == 0 {
        return Ok(identifiers);
    }
    let mut properties = take(packet, length as usize)?;
    while !properties.is_empty() {
        // MQTT 5.0, section 2.2.2.2.
        match properties.get_u8() {
            // Payload format.
            0x01 => drop(take(&mut properties, 1)?),
            // Message expiry.
            0x02 => drop(take(&mut properties, 4)?),
            // Content type, response topic, correlation data.
            0x03 | 0x08 | 0x09 => skip_text(&mut properties)?,
            0x0b => identifiers.push(take_number(&mut properties)?),
            // Topic alias, which this client does not allow.
            0x23 => return Err("a message has a topic alias, which was not allowed".into()),
            // User property: a name and a value.
            0x26 => {
                skip_text(&mut properties)?;
                skip_text(&mut properties)?;
            }
            other => return Err(format!("a message has the unknown property {other:#04x}")),
        }
    }
    Ok(identifiers)
}

fn skip_text(bytes: &mut Bytes) -> Result<(), Malformed> {
    let length = take_u16(bytes)?;
    take(bytes, length.into()).map(drop)
}

fn take(bytes: &mut Bytes, length: usize) -> Result<Bytes, Malformed> {
    match length <= bytes.len() {
        true => Ok(bytes.split_to(length)),
        false => Err(SHORT.into()),
    }
}

fn take_u16(bytes: &mut Bytes) -> Result<u16, Malformed> {
    bytes.try_get_u16().map_err(|_| SHORT.into())
}

/// A variable byte integer (MQTT 5.0, section 1.5.5).
fn take_number(bytes: &mut Bytes) -> Result<u32, Malformed> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let byte = bytes.try_get_u8().map_err(|_| SHORT)?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number in a message has more than four bytes".into())
}
