use hyper::{
    HeaderMap, Method, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use proptest::prelude::*;
use tickcast_protocol::codec::Encoding;

use super::{
    super::handshake::{HandshakeError, check, encoding},
    headers,
};

/// The handshake of RFC 6455, section 1.3.
const PROPER: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

fn get(fields: &[(&'static str, &str)]) -> Result<(), HandshakeError> {
    check(&Method::GET, Version::HTTP_11, &headers(fields))
}

/// The proper handshake with one header replaced, or left out.
fn with(name: &'static str, value: Option<&str>) -> Result<(), HandshakeError> {
    let mut fields: Vec<_> = PROPER
        .into_iter()
        .filter(|(other, _)| *other != name)
        .collect();
    fields.extend(value.map(|value| (name, value)));
    get(&fields)
}

/// The proper handshake with one header more.
fn and(name: &'static str, value: &str) -> Result<(), HandshakeError> {
    get(&[&PROPER[..], &[(name, value)]].concat())
}

#[test]
fn a_proper_handshake_passes_also_among_other_tokens() {
    assert_eq!(get(&PROPER), Ok(()));
    assert_eq!(with("connection", Some("keep-alive, UPGRADE")), Ok(()));
    assert_eq!(with("upgrade", Some("h2c , WebSocket")), Ok(()));
    assert_eq!(and("connection", "keep-alive"), Ok(()));
    assert_eq!(and("content-length", "0"), Ok(()));
}

#[test]
fn only_a_get_of_http_1_1_upgrades() {
    let sent = headers(&PROPER);
    for method in [Method::HEAD, Method::POST, Method::OPTIONS, Method::CONNECT] {
        let refused = check(&method, Version::HTTP_11, &sent);
        assert_eq!(refused, Err(HandshakeError::Method), "{method}");
    }
    let refused = check(&Method::GET, Version::HTTP_10, &sent);
    assert_eq!(refused, Err(HandshakeError::Http10));
    let told = HandshakeError::Http10.to_string();
    assert!(told.contains("proxy_http_version 1.1"), "{told}");
}

#[test]
fn a_request_without_the_headers_of_an_upgrade_is_told_which_are_missing() {
    for (name, value) in [
        ("upgrade", None),
        ("upgrade", Some("h2c")),
        ("upgrade", Some("websockets")),
        ("connection", None),
        ("connection", Some("close")),
        ("connection", Some("keep-alive")),
    ] {
        assert_eq!(
            with(name, value),
            Err(HandshakeError::Stripped),
            "{name} {value:?}"
        );
    }
    assert_eq!(get(&[]), Err(HandshakeError::NoUpgrade));
}

#[test]
fn the_version_is_13_once() {
    for version in [
        None,
        Some("12"),
        Some("8"),
        Some("013"),
        Some("13, 8"),
        Some(""),
    ] {
        let refused = with("sec-websocket-version", version);
        assert_eq!(refused, Err(HandshakeError::Version), "{version:?}");
    }
    assert_eq!(
        and("sec-websocket-version", "13"),
        Err(HandshakeError::Version)
    );
}

#[test]
fn the_key_is_16_bytes_once() {
    for key in [
        None,
        Some(""),
        Some("x"),
        Some("dGhlIHNhbXBsZSBub25jZQ"),
        Some("dGhlIHNhbXBsZSBub25jZQ="),
        Some("dGhlIHNhbXBsZSBub25j"),
        Some("dGhlIHNhbXBsZSBub25jZTE="),
        Some("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="),
        Some("????????????????????????"),
    ] {
        let refused = with("sec-websocket-key", key);
        assert_eq!(refused, Err(HandshakeError::Key), "{key:?}");
    }
    let again = and("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(again, Err(HandshakeError::Key));
}

#[test]
fn a_handshake_has_no_body() {
    assert_eq!(and("content-length", "1"), Err(HandshakeError::Body));
    assert_eq!(
        and("transfer-encoding", "chunked"),
        Err(HandshakeError::Body)
    );
}

#[test]
fn a_refusal_names_what_would_be_accepted() {
    let fields = |error: HandshakeError| HeaderMap::from_iter(error.headers());
    for error in [
        HandshakeError::Http10,
        HandshakeError::Stripped,
        HandshakeError::NoUpgrade,
    ] {
        assert_eq!(error.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(fields(error)[UPGRADE], "websocket");
        assert_eq!(fields(error)[CONNECTION], "upgrade");
        assert_eq!(fields(error)[SEC_WEBSOCKET_VERSION], "13");
    }
    assert_eq!(HandshakeError::Version.status(), StatusCode::BAD_REQUEST);
    assert_eq!(fields(HandshakeError::Version)[SEC_WEBSOCKET_VERSION], "13");
    for error in [
        HandshakeError::Key,
        HandshakeError::Body,
        HandshakeError::Subprotocol,
    ] {
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert!(fields(error).is_empty());
    }
    let method = HandshakeError::Method;
    assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn the_first_known_subprotocol_decides_the_encoding() {
    let offered = |value: &str| encoding(&headers(&[("sec-websocket-protocol", value)]));
    assert_eq!(encoding(&HeaderMap::new()), Ok(Encoding::Json));
    assert_eq!(offered("tickcast.v1.bincode"), Ok(Encoding::Bincode));
    assert_eq!(offered("soap, tickcast.v1.json"), Ok(Encoding::Json));
    assert_eq!(
        offered("tickcast.v1.bincode, tickcast.v1.json"),
        Ok(Encoding::Bincode)
    );
    assert_eq!(offered("soap"), Err(HandshakeError::Subprotocol));
    assert_eq!(offered(""), Err(HandshakeError::Subprotocol));
    let told = HandshakeError::Subprotocol.to_string();
    assert!(
        told.contains("tickcast.v1.bincode or tickcast.v1.json"),
        "{told}"
    );
}

proptest! {
    /// Every handshake with 16 bytes passes, and none with another number of them.
    #[test]
    fn a_key_passes_if_it_holds_16_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let key = BASE64_STANDARD.encode(&bytes);
        let expected = if bytes.len() == 16 { Ok(()) } else { Err(HandshakeError::Key) };
        prop_assert_eq!(with("sec-websocket-key", Some(&key)), expected);
    }

    #[test]
    fn any_header_passes_or_is_refused(
        at in 0..PROPER.len(),
        value in "[ -~]{0,40}",
    ) {
        let (name, proper) = PROPER[at];
        let passes = with(name, Some(&value)).is_ok();
        if matches!(name, "sec-websocket-version") {
            prop_assert_eq!(passes, value.trim() == proper);
        }
    }
}
