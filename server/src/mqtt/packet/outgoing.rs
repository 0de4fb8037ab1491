//! What a client publishes: its will, and messages.

use bytes::{BufMut, Bytes, BytesMut};

use super::super::version::MqttVersion;

/// A message to publish.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    /// Whether the broker keeps it as the newest of its topic.
    pub(crate) is_retained: bool,
    /// Quality of service: 0, 1 if the broker acknowledges it, or 2 if it takes it once only.
    pub(crate) qos: u8,
}

/// What the broker publishes when the connection breaks: retained, and with quality of service 1.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: String,
}

/// PUBLISH, and its flags (MQTT 5.0, section 3.3.1).
const PUBLISH: u8 = 0x30;
const AGAIN: u8 = 0x08;
const QOS_SHIFT: u8 = 1;
const RETAIN: u8 = 0x01;

/// Writes a PUBLISH (MQTT 5.0, section 3.3). The identifier is used for a message that the broker
/// answers. `is_again`: the broker may have the message, with the same identifier.
pub(super) fn write(
    version: MqttVersion,
    message: &Outgoing,
    id: u16,
    is_again: bool,
    out: &mut BytesMut,
) {
    let Outgoing {
        topic,
        payload,
        is_retained,
        qos,
    } = message;
    let topic_bytes = u16::try_from(topic.len()).unwrap_or(u16::MAX);
    let has_properties = version == MqttVersion::V5;
    let is_answered = *qos > 0;
    let head = 2 + usize::from(topic_bytes) + 2 * usize::from(is_answered);
    let bytes = head + usize::from(has_properties) + payload.len();
    let again = if is_again { AGAIN } else { 0 };
    let retain = if *is_retained { RETAIN } else { 0 };
    out.put_u8(PUBLISH | again | (qos << QOS_SHIFT) | retain);
    put_length(bytes, out);
    out.put_u16(topic_bytes);
    out.put_slice(&topic.as_bytes()[..usize::from(topic_bytes)]);
    if is_answered {
        out.put_u16(id);
    }
    if has_properties {
        out.put_u8(0);
    }
    out.put_slice(payload);
}

/// A variable byte integer (MQTT 5.0, section 1.5.5).
fn put_length(mut bytes: usize, out: &mut BytesMut) {
    loop {
        let low = (bytes % 128) as u8;
        bytes /= 128;
        match bytes {
            0 => return out.put_u8(low),
            _ => out.put_u8(low | 0x80),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_in_both_versions() {
        let written = |version, qos: u8, is_again: bool, payload: &[u8]| {
            let message = Outgoing {
                topic: "a/b".into(),
                payload: Bytes::copy_from_slice(payload),
                is_retained: qos > 0,
                qos,
            };
            let mut out = BytesMut::new();
            write(version, &message, 7, is_again, &mut out);
            out.to_vec()
        };
        let (v3, v5) = (MqttVersion::V3, MqttVersion::V5);
        assert_eq!(written(v3, 0, false, b"x"), b"\x30\x06\0\x03a/bx");
        assert_eq!(written(v3, 1, false, b"x"), b"\x33\x08\0\x03a/b\0\x07x");
        assert_eq!(written(v3, 2, true, b"x"), b"\x3d\x08\0\x03a/b\0\x07x");
        assert_eq!(written(v5, 1, false, b"x"), b"\x33\x09\0\x03a/b\0\x07\0x");
        let long = written(v5, 0, false, &[0; 300]);
        assert_eq!(long[..3], [0x30, 0xb2, 0x02]);
        assert_eq!(long.len(), 3 + 306);
    }
}
