//! Packets of Socket.IO 5 in Engine.IO 4, each in one WebSocket text frame.
//!
//! An event carries a message of the protocol in JSON, and the client's offset after it as the last
//! argument: `42["batch",{...},"OFFSET"]`. The client library keeps the offset of the last event by
//! itself, and brings it back when it reconnects. An answer is an acknowledgement: `437[{...}]`.
//! The same bytes go to all clients of a channel.

use bytes::Bytes;
use tickcast_protocol::message::RequestId;

use super::{
    frame::{HEADER_MAX_BYTES, Header, Opcode, framed},
    place::Place,
};

/// The id of a request whose client wants no acknowledgement. Its answer is an event, which does
/// not show this id.
pub const NO_ACK: RequestId = RequestId::MAX;

/// What is in front of a batch: an Engine.IO message (4) with a Socket.IO event (2).
pub(super) const BATCH_PREFIX: &[u8] = b"42[\"batch\",";

/// The text of a packet as a WebSocket frame.
pub fn text_frame(text: &[u8]) -> Bytes {
    framed(Opcode::Text, text)
}

/// The end of an event, with an offset if it has one.
pub(super) fn append_event_end(offset: Option<&str>, out: &mut Vec<u8>) {
    if let Some(offset) = offset {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(offset.as_bytes());
        out.push(b'"');
    }
    out.push(b']');
}

/// One message as a packet: an answer to a request as its acknowledgement, everything else as an
/// event. The JSON text begins with the message's type, and an answer's `id` is the next member.
pub(super) fn packet(json: &[u8], place: Option<&Place>) -> Bytes {
    match acknowledged(json) {
        Some(id) => acknowledgement(id, json),
        None => event(json, place.map(Place::part).as_deref()),
    }
}

/// An answer that changes what is subscribed: an event with the offset after it comes first, so
/// that a client which has the acknowledgement can also recover. `json` is the message.
pub(super) fn answer_at(json: &[u8], offset: &str) -> Bytes {
    let event = event(json, Some(offset));
    match acknowledged(json) {
        Some(id) => [event, acknowledgement(id, json)].concat().into(),
        None => event,
    }
}

fn event(json: &[u8], offset: Option<&str>) -> Bytes {
    let kind = kind(json);
    let mut packet = b"42[\"".to_vec();
    packet.extend_from_slice(kind);
    packet.extend_from_slice(b"\",");
    match id(json) {
        Some((NO_ACK, len)) => {
            let (start, rest) = json.split_at(TYPE.len() + kind.len());
            packet.extend_from_slice(start);
            packet.push(b'"');
            packet.extend_from_slice(&rest[len..]);
        }
        _ => packet.extend_from_slice(json),
    }
    append_event_end(offset, &mut packet);
    framed(Opcode::Text, &packet)
}

fn acknowledgement(id: RequestId, json: &[u8]) -> Bytes {
    let mut packet = format!("43{id}[").into_bytes();
    packet.extend_from_slice(json);
    packet.push(b']');
    framed(Opcode::Text, &packet)
}

/// What the codec writes in front of a message's type, and after it in front of an id.
const TYPE: &[u8] = b"{\"type\":\"";
const ID: &[u8] = b"\",\"id\":";

/// The type of a message in JSON.
fn kind(json: &[u8]) -> &[u8] {
    let rest = json.strip_prefix(TYPE).unwrap_or_default();
    let end = rest.iter().position(|&byte| byte == b'"');
    &rest[..end.unwrap_or(0)]
}

/// The request that a message acknowledges.
fn acknowledged(json: &[u8]) -> Option<RequestId> {
    let (id, _) = id(json)?;
    (id != NO_ACK).then_some(id)
}

/// The id of an answer, and the bytes from the end of its type to the end of the id.
fn id(json: &[u8]) -> Option<(RequestId, usize)> {
    let after = &json[TYPE.len() + kind(json).len()..];
    let id = after.strip_prefix(ID)?;
    let digits = id.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&id[..digits]).ok()?.parse().ok()?;
    Some((number, ID.len() + digits))
}

/// The offset at the end of an event's frame.
pub fn offset_of(frame: &[u8]) -> Option<&[u8]> {
    let rest = frame.strip_suffix(b"\"]")?;
    let start = rest.iter().rposition(|&byte| byte == b'"')? + 1;
    Some(&rest[start..])
}

/// The frame of an event with another offset.
pub fn with_offset(frame: &[u8], offset: &str) -> Bytes {
    let old = offset_of(frame).unwrap_or_default();
    let header_bytes = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    let body = &frame[header_bytes..frame.len() - old.len() - 2];
    let header = Header::new(Opcode::Text, body.len() + offset.len() + 2);
    let mut moved = Vec::with_capacity(HEADER_MAX_BYTES + body.len() + offset.len() + 2);
    moved.extend_from_slice(header.as_bytes());
    moved.extend_from_slice(body);
    moved.extend_from_slice(offset.as_bytes());
    moved.extend_from_slice(b"\"]");
    moved.into()
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        codec,
        error::ErrorCode,
        message::{
            Epoch, ErrorMessage, Gap, Published, Resume, ServerMessage, TimeAnswer, TopicId,
            Unsubscribed,
        },
    };

    use super::*;

    fn text(frame: &[u8]) -> &str {
        let header = if frame[1] < 126 { 2 } else { 4 };
        std::str::from_utf8(&frame[header..]).unwrap()
    }

    fn json(message: &ServerMessage<TopicId>) -> Vec<u8> {
        codec::encode_server(message, codec::Encoding::Json)
    }

    fn published(id: RequestId) -> Vec<u8> {
        json(&ServerMessage::Published(Published { id, position: 9 }))
    }

    #[test]
    fn an_answer_is_an_acknowledgement_of_its_request() {
        let frame = packet(&published(7), None);
        assert_eq!(
            text(&frame),
            r#"437[{"type":"published","id":7,"position":9}]"#
        );
        let time = ServerMessage::Time(TimeAnswer {
            id: 0,
            client_time_ns: 1,
            receive_time_ns: 2,
            send_time_ns: 2,
        });
        assert!(text(&packet(&json(&time), None)).starts_with("430[{"));
        let error = |id| {
            let error = ErrorMessage {
                id,
                code: ErrorCode::BadFilter,
                reason: "\"id\":5".to_owned(),
                temporary: false,
                retry_after_ms: None,
            };
            packet(&json(&ServerMessage::Error(error)), None)
        };
        assert!(text(&error(Some(3))).starts_with("433[{"));
        assert!(text(&error(None)).starts_with("42[\"error\",{"));
    }

    #[test]
    fn a_request_without_acknowledgement_is_answered_by_an_event_without_id() {
        let frame = packet(&published(NO_ACK), None);
        let event = r#"42["published",{"type":"published","position":9}]"#;
        assert_eq!(text(&frame), event);
        let with_offset = answer_at(&published(NO_ACK), "o");
        assert_eq!(text(&with_offset), event.replace("}]", "},\"o\"]"));
    }

    #[test]
    fn an_event_ends_with_the_place_after_it() {
        let gap = ServerMessage::Gap(Gap {
            channel: 3,
            from: 1,
            to: 9,
            lost: Some(4),
            snapshot: 1,
        });
        let resume = Resume {
            epoch: Epoch(1),
            position: 9,
            count: Some(4),
            snapshot: Some(1),
        };
        let place = Place {
            resume,
            subscription: Some("e~a".into()),
        };
        let frame = packet(&json(&gap), Some(&place));
        assert!(text(&frame).starts_with("42[\"gap\",{\"type\":\"gap\","));
        assert!(text(&frame).ends_with("},\"0000000000000001:9:4:1~e~a\"]"));
        assert_eq!(offset_of(&frame).unwrap(), place.part().as_bytes());
        for len in [0, 1, 60, 200, 70_000] {
            let offset = "x".repeat(len);
            let moved = with_offset(&frame, &offset);
            assert_eq!(offset_of(&moved).unwrap(), offset.as_bytes());
            let back = with_offset(&moved, &place.part());
            assert_eq!(back, frame, "{len}");
        }
    }

    #[test]
    fn an_answer_that_changes_what_is_subscribed_comes_as_an_event_first() {
        let ended = |id| {
            json(&ServerMessage::Unsubscribed(Unsubscribed::answer(
                id,
                vec![3],
            )))
        };
        let both = answer_at(&ended(4), "o");
        let event = r#"42["unsubscribed",{"type":"unsubscribed","id":4,"channels":[3]},"o"]"#;
        let ack = r#"434[{"type":"unsubscribed","id":4,"channels":[3]}]"#;
        let frames = [text_frame(event.as_bytes()), text_frame(ack.as_bytes())];
        assert_eq!(both, frames.concat());
        let alone = answer_at(&ended(NO_ACK), "o");
        assert!(text(&alone).starts_with("42[\"unsubscribed\",{"));
        assert!(!alone.windows(2).any(|pair| pair == b"43"));
    }
}
