//! Opens a WebSocket connection: TCP, then an HTTP request.

mod error;
mod options;

mod server_url;

mod tcp;
mod upgrade;

pub use error::{ConnectError, UrlError};
pub use options::{CONNECT_TIMEOUT, ConnectOptions};
pub(super) use upgrade::UpgradedStream;

use server_url::ServerUrl;

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(options: &ConnectOptions) -> Result<UpgradedStream, ConnectError> {
    let server = ServerUrl::parse(&options.url)?;
    let opening = async {
        let stream = tcp::connect(&server, options.local_address).await?;
        upgrade::upgrade(stream, &server, options.encoding).await
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}
