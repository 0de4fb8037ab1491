//! Packets of an MQTT broker.

use tickcast_server::testing::mqtt::{MqttVersion, Walked, walk};

/// Longest packet that is accepted here. A fuzzer quickly exceeds this limit.
const PACKET_MAX_BYTES: usize = 200;

/// What a broker sends. The first byte selects the version.
pub fn packets(bytes: &[u8]) {
    let Some((choice, stream)) = bytes.split_first() else {
        return;
    };
    let version = match choice % 2 {
        0 => MqttVersion::V3,
        _ => MqttVersion::V5,
    };
    let (packets, malformed) = walk(version, stream, stream.len(), PACKET_MAX_BYTES);
    for packet in &packets {
        match packet {
            Walked::Message(topic, payload, identifiers) => {
                // Two bytes are the least that a message has beside these.
                assert!(topic.len() + payload.len() + identifiers + 2 <= PACKET_MAX_BYTES);
            }
            Walked::TooLong(topic, length) => {
                assert!(*length > PACKET_MAX_BYTES && topic.len() < *length);
            }
            Walked::Other(told) => assert!(told.len() < 10_000),
        }
    }
    if let Some(reason) = &malformed {
        assert!(!reason.is_empty() && reason.len() < 10_000);
    }
    // The result is the same for any division into reads.
    for piece in [1, 7, 64] {
        let divided = walk(version, stream, piece, PACKET_MAX_BYTES);
        assert_eq!(divided, (packets.clone(), malformed.clone()));
    }
}
