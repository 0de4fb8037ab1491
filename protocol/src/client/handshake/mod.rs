//! Opens a WebSocket connection: TCP, then an HTTP request.

mod options;

pub use options::{CONNECT_TIMEOUT, ConnectOptions};

use hyper::HeaderMap;
use tokio::net::TcpStream;

use crate::websocket::{ConnectError, ServerUrl, UpgradedStream, connect, upgrade};

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(
    options: &ConnectOptions,
) -> Result<UpgradedStream<TcpStream>, ConnectError> {
    let server = ServerUrl::parse(&options.url)?;
    let opening = async {
        let stream = connect(&server, options.local_address).await?;
        let subprotocol = options.encoding.subprotocol();
        upgrade(stream, &server, HeaderMap::new(), Some(subprotocol)).await
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}
