//! Tickcast's form for clients of Socket.IO: its messages in JSON, inside of packets.

use tickcast_protocol::codec::{self, Encoding};

use super::{
    incoming::Incoming,
    selection::TopicSelection,
    tickcast::{self, SUBSCRIBE_ID, SubscribeParams},
};
use crate::{
    scan::ScanError,
    wire::websocket::{self, Opcode},
};

/// Where a client connects that begins with a WebSocket.
pub(super) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// The packet that connects the main namespace.
const CONNECT: &[u8] = b"40";

/// Pings of Engine.IO, and the answer.
const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";

/// What is in front of a message.
const EVENT: &[u8] = b"42";
const ACKNOWLEDGEMENT: &[u8] = b"43";

/// Appends the frames to send after the handshake: the event's data is the request in JSON.
pub(super) fn append_greeting(topics: TopicSelection, params: &SubscribeParams, out: &mut Vec<u8>) {
    websocket::append_frame(Opcode::Text, CONNECT, out);
    let request = codec::encode_client(&tickcast::subscription(topics, params), Encoding::Json);
    let request = String::from_utf8_lossy(&request);
    // The name of the event and its acknowledgement say what these two members say.
    let own = format!("{{\"type\":\"subscribe\",\"id\":{SUBSCRIBE_ID},");
    let fields = request.strip_prefix(&own).unwrap_or(&request);
    let packet = format!("42{SUBSCRIBE_ID}[\"subscribe\",{{{fields}]");
    websocket::append_frame(Opcode::Text, packet.as_bytes(), out);
}

/// Appends the frame that answers a ping.
pub(super) fn append_pong(out: &mut Vec<u8>) {
    websocket::append_frame(Opcode::Text, PONG, out);
}

/// Hands out the stamps of a batch, or what another message means.
pub(super) fn read_message(
    message: &[u8],
    mut incoming: impl FnMut(Incoming<'_>),
) -> Result<(), ScanError> {
    if message == PING {
        incoming(Incoming::Ping);
        return Ok(());
    }
    if !message.starts_with(EVENT) && !message.starts_with(ACKNOWLEDGEMENT) {
        return Ok(());
    }
    // An offset has no braces.
    let start = message.iter().position(|&byte| byte == b'{');
    let end = message.iter().rposition(|&byte| byte == b'}');
    let (Some(start), Some(end)) = (start, end) else {
        return Err(ScanError::Malformed);
    };
    let json = message.get(start..=end).ok_or(ScanError::Malformed)?;
    tickcast::read_message(Encoding::Json, json, incoming)
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::message::Mode;

    use super::*;

    fn read(message: &str) -> Vec<String> {
        let mut all = Vec::new();
        read_message(message.as_bytes(), |incoming| {
            all.push(format!("{incoming:?}"));
        })
        .unwrap();
        all
    }

    #[test]
    fn packets_that_are_no_messages_are_pings_or_nothing() {
        assert_eq!(read("2"), ["Ping"]);
        assert!(read("0{\"sid\":\"a\"}").is_empty());
        assert!(read("40{\"sid\":\"a\",\"pid\":\"b\"}").is_empty());
        let gap = "42[\"gap\",{\"type\":\"gap\",\"channel\":1,\"from\":1,\"to\":4,\"lost\":3,\
                   \"snapshot\":1},\"0000000000000001:4~e~a\"]";
        assert_eq!(read(gap), ["Lost(3)"]);
        let subscribed = "431[{\"type\":\"subscribed\",\"id\":1,\"results\":[]}]";
        assert_eq!(read(subscribed), ["Subscribed"]);
        assert!(read_message(b"42[1]", |_| {}).is_err());
    }

    #[test]
    fn the_greeting_connects_and_subscribes() {
        let topics = TopicSelection {
            first: 0,
            count: 2,
            topics: 2,
        };
        let params = SubscribeParams {
            encoding: Encoding::Json,
            mode: Mode::Every,
            max_rate_hz: None,
        };
        let mut frames = Vec::new();
        append_greeting(topics, &params, &mut frames);
        // A client's frames are masked with zeros here, or with a key: only their number shows.
        assert_eq!(frames[0], 0x81);
        assert_eq!(frames[1] & 0x7f, 2);
    }
}
