//! The opening handshake of a WebSocket.

use hyper::{Method, Version};
use tickcast_protocol::codec::Encoding;
use tickcast_server::testing::request::handshake;

use super::header::{fields, values};

/// A method and a version in the first line, such as `GET 1.1`, and a field in each further line.
pub fn handshake(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let (method, version) = match first.iter().position(|byte| *byte == b' ') {
        Some(space) => (&first[..space], &first[space + 1..]),
        None => (first, &b"1.1"[..]),
    };
    let method = Method::from_bytes(method).unwrap_or(Method::GET);
    let version = match version {
        b"1.0" => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let fields = fields(lines);
    match handshake::check(&method, version, &fields) {
        Ok(()) => {
            assert_eq!((method, version), (Method::GET, Version::HTTP_11));
            assert_eq!(values(&fields, "sec-websocket-version"), [b"13"]);
            let keys = values(&fields, "sec-websocket-key");
            assert!(matches!(keys[..], [key] if is_key(key)), "{keys:?}");
            assert!(has_word(&values(&fields, "upgrade"), "websocket"));
            assert!(has_word(&values(&fields, "connection"), "upgrade"));
        }
        Err(error) => {
            assert!(error.status().is_client_error());
            assert!(!error.to_string().is_empty());
        }
    }
    let offered = values(&fields, "sec-websocket-protocol");
    if let Ok(encoding) = handshake::encoding(&fields) {
        let is_default = encoding == Encoding::Json && offered.iter().all(|o| !o.is_ascii());
        let is_default = is_default || offered.is_empty();
        assert!(is_default || has_word(&offered, encoding.subprotocol()));
    }
}

/// Whether a key has 22 digits of base64 and its padding, which 16 bytes take.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key[..22].iter().all(is_digit) && &key[22..] == b"=="
}

fn has_word(values: &[&[u8]], word: &str) -> bool {
    let contains = |value: &&[u8]| {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        value.contains(word)
    };
    values.iter().any(contains)
}
