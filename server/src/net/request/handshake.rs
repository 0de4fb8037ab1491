//! The opening handshake of a WebSocket (RFC 6455, section 4.2.1).

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{
    HeaderMap, Method, StatusCode, Version,
    header::{
        self, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
};
use tickcast_protocol::codec::Encoding;

/// Length of a decoded key.
const KEY_BYTES: usize = 16;

/// The only version of the protocol.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// A handshake is a GET.
    #[error("a WebSocket is opened with GET (RFC 6455, section 4.1)")]
    Method,
    /// HTTP/1.0 has no upgrade.
    #[error(
        "a WebSocket needs HTTP/1.1, and this request is HTTP/1.0: in nginx, set \
         `proxy_http_version 1.1;` (docs/proxies.md)"
    )]
    Http10,
    /// The request is a handshake without the two headers that a proxy does not pass on by itself.
    #[error(
        "the headers `Upgrade: websocket` and `Connection: upgrade` are missing, and the rest of \
         a handshake is there: let the proxy pass on both (docs/proxies.md)"
    )]
    Stripped,
    /// The request is no handshake at all.
    #[error("this is a WebSocket: connect with ws://")]
    NoUpgrade,
    /// A handshake has no body, and what follows it is a frame.
    #[error("a handshake has no body: leave out Content-Length and Transfer-Encoding")]
    Body,
    /// The version is missing, unknown or there twice.
    #[error("the header Sec-WebSocket-Version must be there once, with the value 13")]
    Version,
    /// The key is missing, there twice or not 16 bytes.
    #[error("the header Sec-WebSocket-Key must be there once, with 16 bytes in base64")]
    Key,
    /// No subprotocol in the list is known.
    #[error(
        "none of the subprotocols is supported: use {} or {}",
        Encoding::Bincode.subprotocol(),
        Encoding::Json.subprotocol()
    )]
    Subprotocol,
}

impl HandshakeError {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Http10 | Self::Stripped | Self::NoUpgrade => StatusCode::UPGRADE_REQUIRED,
            Self::Body | Self::Version | Self::Key | Self::Subprotocol => StatusCode::BAD_REQUEST,
        }
    }

    /// Further headers of the answer: 426 names the protocol (RFC 9110, section 15.5.22), and a
    /// wrong version gets the right one (RFC 6455, section 4.4).
    pub fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        let version = (SEC_WEBSOCKET_VERSION, VERSION);
        match self {
            Self::Version => vec![version],
            _ if self.status() == StatusCode::UPGRADE_REQUIRED => {
                let upgrade = (UPGRADE, HeaderValue::from_static("websocket"));
                let connection = (CONNECTION, HeaderValue::from_static("upgrade"));
                vec![upgrade, connection, version]
            }
            _ => Vec::new(),
        }
    }
}

/// Checks a request to a WebSocket's path.
pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), HandshakeError> {
    if method != Method::GET {
        return Err(HandshakeError::Method);
    }
    // The header Upgrade has no meaning in HTTP/1.0 (RFC 9110, section 7.8).
    if version == Version::HTTP_10 {
        return Err(HandshakeError::Http10);
    }
    if !has_token(headers, UPGRADE, "websocket") || !has_token(headers, CONNECTION, "upgrade") {
        return Err(if headers.contains_key(SEC_WEBSOCKET_KEY) {
            HandshakeError::Stripped
        } else {
            HandshakeError::NoUpgrade
        });
    }
    let is_empty = |length: &HeaderValue| length == "0";
    if headers.contains_key(TRANSFER_ENCODING)
        || !headers.get_all(CONTENT_LENGTH).iter().all(is_empty)
    {
        return Err(HandshakeError::Body);
    }
    if only(headers, SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, SEC_WEBSOCKET_KEY).and_then(|key| BASE64_STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != KEY_BYTES) {
        return Err(HandshakeError::Key);
    }
    Ok(())
}

/// The encoding of the first known subprotocol that the client offers; JSON if it offers none.
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, HandshakeError> {
    let mut offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok(Encoding::Json);
    }
    let known = offered.find_map(Encoding::from_subprotocol);
    known.ok_or(HandshakeError::Subprotocol)
}

/// The value of a header that is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether a list of tokens has one, in any case (RFC 9110, section 5.6.1).
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}
