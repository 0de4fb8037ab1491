//! Opens a WebSocket connection: TCP, then an HTTP request.

mod error;
mod options;

mod server_url;

mod tcp;
mod upgrade;

pub use error::{ConnectError, UrlError};
pub use options::{CONNECT_TIMEOUT, ConnectOptions};
pub use server_url::ServerUrl;
pub use tcp::connect;
pub use upgrade::{UpgradedStream, upgrade};

use hyper::HeaderMap;
use tokio::net::TcpStream;

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
