//! Opens a WebSocket connection: TCP, then an HTTP request.

mod options;

pub use options::{CONNECT_TIMEOUT, ConnectOptions};

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio::net::TcpStream;

use crate::{
    message::BearerToken,
    websocket::{ConnectError, ServerUrl, UpgradedStream, connect, upgrade},
};

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(
    options: &ConnectOptions,
) -> Result<UpgradedStream<TcpStream>, ConnectError> {
    let server = ServerUrl::parse(&options.url)?;
    let opening = async {
        let stream = connect(&server, options.local_address).await?;
        let subprotocol = options.encoding.subprotocol();
        let headers = authorization(options.token.as_ref());
        upgrade(stream, &server, headers, Some(subprotocol)).await
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}

/// The header with a token. The server refuses a token that no header can hold.
fn authorization(token: Option<&BearerToken>) -> HeaderMap {
    let value = |token: &BearerToken| {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret())).ok()?;
        value.set_sensitive(true);
        Some((AUTHORIZATION, value))
    };
    token.and_then(value).into_iter().collect()
}
