//! Messages of clients and servers, in both encodings.

use tickcast_protocol::{
    codec::{self, Encoding, Posted},
    message::{ClientMessage, Publish},
};

/// A client's message in bincode.
pub fn client_bincode(bytes: &[u8]) {
    client(bytes, Encoding::Bincode);
}

/// A client's message in JSON.
pub fn client_json(bytes: &[u8]) {
    client(bytes, Encoding::Json);
}

/// A decoded message is the same after encoding and decoding it again, in either encoding. What
/// cannot be decoded is explained in few words.
fn client(bytes: &[u8], encoding: Encoding) {
    let Ok(message) = codec::decode_client(bytes, encoding) else {
        let explained = codec::explain_request(bytes, encoding);
        assert!(explained.reason.len() < 2_000, "{explained:?}");
        return;
    };
    let encodings = match has_json(&message) {
        true => &[Encoding::Bincode, Encoding::Json][..],
        false => &[encoding],
    };
    for &encoding in encodings {
        let written = codec::encode_client(&message, encoding);
        // A message that is short in one encoding may be too long in the other.
        if written.len() > codec::CLIENT_MESSAGE_MAX_BYTES {
            continue;
        }
        let read = codec::decode_client(&written, encoding)
            .expect("the encoder writes what the decoder reads");
        // Compare the bytes, because NaN is not equal to itself.
        assert_eq!(codec::encode_client(&read, encoding), written);
    }
}

/// The body of a publish over HTTP. What is read of it is what a WebSocket's message with the same
/// updates says.
pub fn posted(bytes: &[u8]) {
    let publish = match codec::decode_posted(bytes) {
        Ok(Posted::Publish(publish)) => ClientMessage::Publish(publish),
        Ok(Posted::PublishOnce(publish)) => ClientMessage::PublishOnce(publish),
        Ok(Posted::Update(update)) => {
            let alone = codec::decode_posted_update(bytes).expect("it is an update");
            let publish = |update| {
                ClientMessage::Publish(Publish {
                    id: None,
                    updates: vec![update],
                })
            };
            // Compare the bytes, because NaN is not equal to itself.
            let [alone, posted] = [alone, update.clone()]
                .map(|update| codec::encode_client(&publish(update), Encoding::Json));
            assert_eq!(alone, posted);
            publish(update)
        }
        Err(reason) => {
            assert!((1..2_000).contains(&reason.len()), "{reason}");
            return;
        }
    };
    let written = codec::encode_client(&publish, Encoding::Json);
    if written.len() > codec::CLIENT_MESSAGE_MAX_BYTES {
        return;
    }
    let again = match codec::decode_posted(&written) {
        Ok(Posted::Publish(again)) => ClientMessage::Publish(again),
        Ok(Posted::PublishOnce(again)) => ClientMessage::PublishOnce(again),
        _ => panic!("a message of a WebSocket is a body"),
    };
    let again = codec::encode_client(&again, Encoding::Json);
    assert_eq!(again, written);
}

/// JSON cannot express a rate that is not finite. The server refuses one in bincode.
fn has_json(message: &ClientMessage) -> bool {
    let rate = match message {
        ClientMessage::Subscribe(subscribe) => subscribe.max_rate_hz,
        ClientMessage::Change(change) => change.max_rate_hz,
        _ => None,
    };
    rate.is_none_or(f64::is_finite)
}

/// A server's message in bincode.
pub fn server_bincode(bytes: &[u8]) {
    let Ok(message) = codec::decode_server_bincode(bytes) else {
        return;
    };
    let written = codec::encode_server_bincode(&message);
    let read =
        codec::decode_server_bincode(&written).expect("the encoder writes what the decoder reads");
    assert_eq!(codec::encode_server_bincode(&read), written);
}

/// A server's message in JSON.
pub fn server_json(bytes: &[u8]) {
    let Ok(message) = codec::decode_server_json(bytes) else {
        return;
    };
    let written = codec::encode_server_json(&message);
    let read =
        codec::decode_server_json(&written).expect("the encoder writes what the decoder reads");
    assert_eq!(codec::encode_server_json(&read), written);
}
