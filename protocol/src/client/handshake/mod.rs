//! Opens a WebSocket connection: TCP, TLS if the URL says so, then an HTTP request.

mod header;
mod options;
mod stream;

pub use header::{ExtraHeader, HeaderError};
pub use options::{CONNECT_TIMEOUT, ConnectOptions};
pub(super) use stream::ClientStream;

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio::task::spawn_blocking;

use crate::{
    tls::TlsClient,
    websocket::{ConnectError, ServerUrl, UpgradedStream, connect, upgrade},
};

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(
    options: &ConnectOptions,
) -> Result<UpgradedStream<ClientStream>, ConnectError> {
    let server = ServerUrl::parse(&options.url)?;
    let headers = headers(options)?;
    let opening = async {
        let tls = match server.is_tls {
            true => Some(tls_client(options, &server).await?),
            false => None,
        };
        let stream = connect(&server, options.local_address).await?;
        let stream = match &tls {
            None => ClientStream::Plain(stream),
            Some(tls) => {
                let stream = tls.connect(stream).await.map_err(ConnectError::Tls)?;
                ClientStream::Tls(Box::new(stream))
            }
        };
        let subprotocol = options.encoding.subprotocol();
        let upgraded = upgrade(stream, &server, headers, Some(subprotocol)).await;
        upgraded.map_err(|error| explain(error, tls.as_ref()))
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}

/// The headers besides those of every handshake: the token, and those of the user's choice. The
/// server refuses a token that no header can hold.
fn headers(options: &ConnectOptions) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    for ExtraHeader { name, value } in &options.headers {
        headers.append(name, value.clone());
    }
    if let Some(token) = &options.token {
        if headers.contains_key(AUTHORIZATION) {
            return Err(ConnectError::TwoLogins);
        }
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.secret())) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
    }
    Ok(headers)
}

/// Reads the files of the options, which may be on a disk that does not answer.
async fn tls_client(
    options: &ConnectOptions,
    server: &ServerUrl,
) -> Result<TlsClient, ConnectError> {
    let (tls, host) = (options.tls.clone(), server.host.clone());
    let read = spawn_blocking(move || {
        let client = TlsClient::new(&tls, &host);
        client.map_err(|bad| bad.said(&tls))
    });
    let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
    read.map_err(ConnectError::Tls)
}

/// With TLS 1.3, a server refuses a client certificate after the handshake.
fn explain(error: ConnectError, tls: Option<&TlsClient>) -> ConnectError {
    let told = tls.and_then(|tls| tls.explain(&error));
    told.map_or(error, ConnectError::Tls)
}
