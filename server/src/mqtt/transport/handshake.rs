//! Asks a server to switch to WebSocket (RFC 6455, section 4.1), for MQTT (MQTT 5.0, section 6).

use std::{error::Error, io};

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::Empty;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{self, HeaderName},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};

use super::{super::url::MqttUrl, stream::Stream};
use crate::hang_up::is_hang_up;

/// RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The subprotocol of both versions of MQTT.
const SUBPROTOCOL: &str = "mqtt";

/// Why a server has not switched.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self {
            reason,
            cause: None,
        }
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        let what = if error.is_parse() {
            "the server's answer is not HTTP"
        } else if is_end(&error) {
            "the server closed the connection during the WebSocket handshake"
        } else {
            return Self {
                reason: format!("the WebSocket handshake failed: {error}"),
                cause: Some(error.into()),
            };
        };
        Self {
            reason: format!("{what}: this port may be one without WebSocket (mqtt:// or mqtts://)"),
            cause: Some(error.into()),
        }
    }
}

/// Whether the server has ended the connection, which it may do with a reset.
fn is_end(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    // An alert of TLS is an error of this kind as well, with a cause of its own.
    let is_reset = cause.is_some_and(|cause| is_hang_up(cause) && cause.get_ref().is_none());
    is_reset || error.is_incomplete_message() || error.is_canceled() || error.is_closed()
}

/// Makes the handshake over a stream.
pub(super) async fn upgrade(
    stream: impl Stream + 'static,
    url: &MqttUrl,
) -> Result<TokioIo<Upgraded>, Failure> {
    let key = BASE64_STANDARD.encode(rand::random::<[u8; 16]>());
    let request = Request::builder()
        .uri(url.path())
        .header(header::HOST, url.authority())
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the URL cannot be asked for: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        check(&response, &key)?;
        Ok(hyper::upgrade::on(&mut response).await?)
    };
    let connection = connection.with_upgrades();
    tokio::pin!(exchange, connection);
    // The connection ends with the upgrade. If it fails, the exchange fails as well.
    let upgraded = tokio::select! {
        result = &mut exchange => result,
        ended = &mut connection => match (exchange.await, ended) {
            // The connection has the cause, such as an alert of TLS.
            (Err(_), Err(error)) => Err(error.into()),
            (result, _) => result,
        },
    };
    upgraded.map(TokioIo::new)
}

fn check(response: &Response<Incoming>, key: &str) -> Result<(), Failure> {
    let (status, headers) = (response.status(), response.headers());
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::from(format!(
            "the server answered the WebSocket handshake with {status}: check the path of the URL \
             (brokers usually have /mqtt)"
        )));
    }
    let accept = Sha1::new().chain_update(key).chain_update(ACCEPT_GUID);
    let accept = BASE64_STANDARD.encode(accept.finalize());
    expect(headers, header::UPGRADE, |value| {
        value.eq_ignore_ascii_case("websocket")
    })?;
    expect(headers, header::SEC_WEBSOCKET_ACCEPT, |value| {
        value == accept
    })?;
    if !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        let reason = "the server speaks WebSocket, but not MQTT in it: check port and path";
        return Err(reason.to_owned().into());
    }
    expect(headers, header::SEC_WEBSOCKET_PROTOCOL, |value| {
        value == SUBPROTOCOL
    })?;
    // The client offers no extension, so the server must not use one.
    match headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        true => expect(headers, header::SEC_WEBSOCKET_EXTENSIONS, |_| false),
        false => Ok(()),
    }
}

fn expect(
    headers: &HeaderMap,
    name: HeaderName,
    is_right: impl FnOnce(&str) -> bool,
) -> Result<(), Failure> {
    let value = headers.get(&name);
    let value = value.map(|value| String::from_utf8_lossy(value.as_bytes()));
    match value {
        Some(value) if is_right(&value) => Ok(()),
        value => Err(Failure::from(format!(
            "the server's WebSocket handshake has {value:?} for the header {name}"
        ))),
    }
}
