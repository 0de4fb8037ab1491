//! Opens a WebSocket connection: TCP, then an HTTP request.

mod error;
mod options;

mod target;

mod tcp;
mod upgrade;

pub use error::{ConnectError, UrlError};
pub use options::{CONNECT_TIMEOUT, ConnectOptions};
pub(super) use upgrade::Upgraded;

use target::Target;

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(options: &ConnectOptions) -> Result<Upgraded, ConnectError> {
    let target = Target::parse(&options.url)?;
    let opening = async {
        let stream = tcp::connect(&target, options.local_address).await?;
        upgrade::upgrade(stream, &target, options.encoding).await
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}
