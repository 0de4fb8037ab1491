//! The HTTP request that switches to WebSocket, and the checks that RFC 6455 (section 4.1) requires
//! of a client.

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderName},
};
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connect_error::{ConnectError, UrlError},
    server_url::ServerUrl,
};

/// RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Longest reason of a refusal that is read: a few sentences.
const REASON_MAX_BYTES: usize = 1024;

/// A connection that speaks WebSocket from now on.
#[derive(Debug)]
pub struct UpgradedStream<S> {
    /// The stream.
    pub stream: S,
    /// The bytes that arrived together with the server's answer, after it.
    pub rest: Bytes,
}

/// Asks the server to switch to WebSocket, and checks its answer. `headers` are sent besides those
/// of the handshake. Set a time limit.
pub async fn upgrade<S>(
    stream: S,
    server: &ServerUrl,
    headers: HeaderMap,
    subprotocol: Option<&str>,
) -> Result<UpgradedStream<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let key = fastwebsockets::handshake::generate_key();
    let mut request = Request::builder()
        .uri(&server.path)
        .header(header::HOST, &server.authority)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_VERSION, "13");
    if let Some(subprotocol) = subprotocol {
        request = request.header(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    let request = request.body(Empty::<Bytes>::new());
    let mut request = request.map_err(|error| ConnectError::BadUrl {
        url: server.to_string(),
        reason: UrlError::Syntax(error.to_string()),
    })?;
    request.headers_mut().extend(headers);

    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(response).await);
        }
        check_response(&response, &key, subprotocol)?;
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
    match upgraded.map(hyper::upgrade::Upgraded::downcast::<TokioIo<S>>) {
        Ok(Ok(parts)) => Ok(UpgradedStream {
            stream: parts.io.into_inner(),
            rest: parts.read_buf,
        }),
        Ok(Err(_)) => unreachable!("the stream has the type that was put in above"),
        Err(error) => Err(error),
    }
}

/// The error for a server that did not switch, with its reason. A server or a proxy may answer with
/// a page of any size instead, which is left out.
async fn refusal(response: Response<Incoming>) -> ConnectError {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_text = content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    let mut reason = String::new();
    if is_text {
        let body = Limited::new(response.into_body(), REASON_MAX_BYTES);
        if let Ok(body) = body.collect().await {
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            reason.extend(text.trim().chars().filter(|letter| !letter.is_control()));
        }
    }
    ConnectError::Status { status, reason }
}

fn check_response(
    response: &Response<Incoming>,
    key: &str,
    subprotocol: Option<&str>,
) -> Result<(), ConnectError> {
    let headers = response.headers();
    let accept = BASE64_STANDARD.encode(
        Sha1::new()
            .chain_update(key)
            .chain_update(ACCEPT_GUID)
            .finalize(),
    );
    check_header(headers, header::UPGRADE, |value| {
        value.eq_ignore_ascii_case("websocket")
    })?;
    check_header(headers, header::CONNECTION, |value| {
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    })?;
    check_header(headers, header::SEC_WEBSOCKET_ACCEPT, |value| {
        value == accept
    })?;
    match subprotocol {
        Some(asked) => {
            check_header(headers, header::SEC_WEBSOCKET_PROTOCOL, |value| {
                value == asked
            })?;
        }
        None => check_absent(headers, header::SEC_WEBSOCKET_PROTOCOL)?,
    }
    // The client offered no extension, so the server must not use one.
    check_absent(headers, header::SEC_WEBSOCKET_EXTENSIONS)
}

fn check_absent(headers: &HeaderMap, name: HeaderName) -> Result<(), ConnectError> {
    match headers.contains_key(&name) {
        true => check_header(headers, name, |_| false),
        false => Ok(()),
    }
}

fn check_header(
    headers: &HeaderMap,
    name: HeaderName,
    is_right: impl FnOnce(&str) -> bool,
) -> Result<(), ConnectError> {
    let value = headers
        .get(&name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match value {
        Some(value) if is_right(&value) => Ok(()),
        value => Err(ConnectError::Header { name, value }),
    }
}
