//! What a client of Socket.IO sends: packets, events and offsets.

use tickcast_core::wire::{self, OFFSET_PARTS_MAX};
use tickcast_protocol::codec::{self, Encoding};
use tickcast_server::testing::socket_io::{Step, Talk, request};

/// Packets, one in each line.
pub fn socket_io(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut talk = Talk::default();
    let mut is_connected = false;
    for line in text.lines() {
        match talk.take(line) {
            Step::Connect(auth) => {
                assert!(!is_connected, "a client connects once");
                is_connected = true;
                talk.connected();
                let offset = auth.offset.as_deref().and_then(wire::parse_offset);
                assert!(offset.is_none_or(|parts| parts.len() <= OFFSET_PARTS_MAX));
            }
            Step::Event { id, args } => {
                assert!(is_connected, "an event comes after the connection");
                match request(args, id, |_| vec![1]) {
                    Ok(request) => drop(codec::decode_client(request.as_bytes(), Encoding::Json)),
                    Err(reason) => assert!(!reason.is_empty()),
                }
            }
            Step::Send(packet) => assert!(packet.starts_with("44")),
            Step::End | Step::Violation(_) => return,
            Step::Nothing => {}
        }
    }
}
