//! The opening handshake: encoding, origin, and the stream that remains after it.

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tickcast_protocol::codec::Encoding;
use tokio::net::TcpStream;

use super::{
    answer::{Answer, text},
    http_stream::HttpStream,
    listener,
};

/// The encoding of the first known subprotocol that the client offers; JSON if it offers none.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Box<Answer>> {
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
    offered.find_map(Encoding::from_subprotocol).ok_or_else(|| {
        let known = [Encoding::Bincode, Encoding::Json]
            .map(Encoding::subprotocol)
            .join(" or ");
        Box::new(text(
            StatusCode::BAD_REQUEST,
            format!("none of the subprotocols is supported: use {known}"),
        ))
    })
}

/// Refuses pages of other sites. A browser sends the site of the page that connects (RFC 6455,
/// section 10.2). The server's own pages and the sites in the settings are allowed. Programs other
/// than browsers do not send the header.
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), String> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or("");
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    let is_own = origin
        .split_once("://")
        .is_some_and(|(_, site)| site.eq_ignore_ascii_case(host));
    let is_allowed = allowed
        .iter()
        .any(|allowed| allowed == "*" || allowed == origin);
    if is_own || is_allowed {
        return Ok(());
    }
    Err(format!(
        "pages of {origin:?} may not connect: add it to the setting `origins` to allow them"
    ))
}

/// The TCP stream of an upgraded connection, and the bytes already read from it.
pub(super) fn parts(upgraded: Upgraded) -> Option<(TcpStream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<HttpStream>>().ok()?;
    let stream = parts.io.into_inner().into_inner()?;
    if let Err(error) = listener::leave_to_shard(&stream) {
        tracing::debug!(%error, "cannot set the socket options");
    }
    Some((stream, parts.read_buf))
}
