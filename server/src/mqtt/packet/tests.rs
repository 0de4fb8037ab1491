//! Tests: packets arrive in parts of any size, and long messages are skipped.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

const MAX_BYTES: usize = 200;

/// A message as a broker sends it.
fn message(version: MqttVersion, topic: &str, qos: u8, payload: &[u8], ids: &[u32]) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_u16(topic.len() as u16);
    body.put_slice(topic.as_bytes());
    if qos > 0 {
        body.put_u16(7);
    }
    if version == MqttVersion::V5 {
        let mut properties = BytesMut::new();
        properties.put_slice(&[0x01, 1, 0x03, 0, 1, b'x']);
        for id in ids {
            properties.put_u8(0x0b);
            put_number(*id, &mut properties);
        }
        properties.put_slice(&[0x26, 0, 1, b'k', 0, 1, b'v', 0x02, 0, 0, 0, 9]);
        put_number(properties.len() as u32, &mut body);
        body.put_slice(&properties);
    }
    body.put_slice(payload);
    let mut packet = BytesMut::new();
    packet.put_u8(0x31 | (qos << 1));
    put_number(body.len() as u32, &mut packet);
    packet.put_slice(&body);
    packet.to_vec()
}

#[test]
fn a_broker_of_an_older_version_answers_as_that_one_does() {
    let refusal = |answer: [u8; 4]| {
        let packet = MqttVersion::V5.read(BytesMut::from(&answer[..])).unwrap();
        let Packet::ConnAck(answer) = packet else {
            panic!("{packet:?}");
        };
        answer.refusal.unwrap()
    };
    for code in [0, 1] {
        let text = refusal([0x20, 2, 0, code]);
        assert!(text.contains("try version 3.1.1"), "{text}");
    }
    let text = refusal([0x20, 2, 0, 4]);
    assert!(text.contains("password"), "{text}");
}

#[test]
fn answers_to_what_was_published_have_an_identifier_and_maybe_a_refusal() {
    let read = |packet: &[u8]| {
        let read = MqttVersion::V5.read(BytesMut::from(packet));
        read.map(|packet| format!("{packet:?}"))
    };
    let with_text = [&[0x50, 0x88, 0x01, 1, 2, 0x97][..], &[b'x'; 133]].concat();
    for (packet, expected) in [
        (
            &[0x40, 2, 1, 2][..],
            "PubAck { id: 258, is_refused: false }",
        ),
        (
            &[0x40, 3, 1, 2, 0x87],
            "PubAck { id: 258, is_refused: true }",
        ),
        // No subscriber is no refusal.
        (
            &[0x50, 3, 1, 2, 0x10],
            "PubRec { id: 258, is_refused: false }",
        ),
        (&with_text, "PubRec { id: 258, is_refused: true }"),
        (&[0x70, 2, 0, 7], "PubComp(7)"),
        (&[0x70, 3, 0, 7, 0x92], "PubComp(7)"),
    ] {
        assert_eq!(read(packet).as_deref(), Ok(expected));
    }
    let error = read(&[0x50, 1, 1]).unwrap_err();
    assert!(error.contains("no packet identifier"), "{error}");
}

fn put_number(mut number: u32, out: &mut BytesMut) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

fn read_all(frames: &mut Frames, version: MqttVersion, out: &mut Vec<(String, usize)>) {
    while let Some(frame) = frames.next().unwrap() {
        out.push(match frame {
            Frame::Message {
                packet,
                header_bytes,
            } => {
                let message = Publish::read(version, packet, header_bytes).unwrap();
                let topic = String::from_utf8(message.topic.to_vec()).unwrap();
                (topic, message.payload.len())
            }
            Frame::Other(packet) => ("other".into(), packet.len()),
            Frame::TooLong(skipped) => {
                let topic = String::from_utf8(skipped.head.topic.to_vec()).unwrap();
                (format!("{topic} too long"), skipped.bytes)
            }
        });
    }
}

proptest! {
    #[test]
    fn long_messages_are_skipped_and_all_others_arrive_in_parts_of_any_size(
        messages in prop::collection::vec((0usize..400, 0u8..3, any::<bool>()), 1..12),
        parts in prop::collection::vec(1usize..70, 1..20),
        is_new in any::<bool>(),
    ) {
        let version = if is_new { MqttVersion::V5 } else { MqttVersion::V3 };
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (number, (length, qos, has_ping)) in messages.into_iter().enumerate() {
            let topic = format!("t/{number}");
            let packet = message(version, &topic, qos, &vec![b'x'; length], &[1, 2, 70_000, 4]);
            match packet.len() > MAX_BYTES {
                true => expected.push((format!("{topic} too long"), packet.len())),
                false => expected.push((topic, length)),
            }
            bytes.extend(packet);
            if has_ping {
                bytes.extend([0xd0, 0]);
                expected.push(("other".into(), 2));
            }
        }
        let mut frames = Frames::new(MAX_BYTES);
        let (mut found, mut rest) = (Vec::new(), bytes.as_slice());
        for part in parts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*part).min(rest.len()));
            frames.buffer().put_slice(now);
            read_all(&mut frames, version, &mut found);
            prop_assert!(frames.rest().len() <= MAX_BYTES + 5);
            rest = later;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_packets_or_malformed(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        is_new in any::<bool>(),
    ) {
        let version = if is_new { MqttVersion::V5 } else { MqttVersion::V3 };
        let mut frames = Frames::new(MAX_BYTES);
        frames.buffer().put_slice(&bytes);
        while let Ok(Some(frame)) = frames.next() {
            let _ = match frame {
                Frame::Message { packet, header_bytes } => {
                    Publish::read(version, packet, header_bytes).map(drop)
                }
                Frame::Other(packet) => version.read(packet).map(drop),
                Frame::TooLong(_) => Ok(()),
            };
        }
    }
}

#[test]
fn a_message_has_all_its_identifiers_and_its_payload() {
    let packet = message(
        MqttVersion::V5,
        "a/b",
        1,
        b"payload",
        &[1, 2, 70_000, 268_435_455],
    );
    let header_bytes = 2;
    let read = Publish::read(MqttVersion::V5, Bytes::from(packet), header_bytes).unwrap();
    assert_eq!(read.identifiers.as_slice(), [1, 2, 70_000, 268_435_455]);
    assert_eq!(read.payload, "payload");
    assert_eq!((read.qos, read.id, read.is_retained), (1, 7, true));
}

#[test]
fn a_packet_that_is_long_and_no_message_ends_the_connection() {
    let mut frames = Frames::new(MAX_BYTES);
    frames.buffer().put_slice(&[0x90, 0xff, 0xff, 0x7f]);
    let error = frames.next().unwrap_err();
    assert!(
        error.contains("type 9 has 2097155 bytes (limit 200)"),
        "{error}"
    );
    let mut frames = Frames::new(MAX_BYTES);
    frames.buffer().put_slice(&[0x30, 0xff, 0xff, 0xff, 0xff]);
    assert!(frames.next().unwrap_err().contains("more than four bytes"));
}
