//! Opens a WebSocket connection: TCP, TLS if the URL says so, then an HTTP request.

mod options;
mod stream;

pub use options::{CONNECT_TIMEOUT, ConnectOptions};
pub(super) use stream::ClientStream;

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio::task::spawn_blocking;

use crate::{
    message::BearerToken,
    tls::TlsClient,
    websocket::{ConnectError, ServerUrl, UpgradedStream, connect, upgrade},
};

/// Connects and upgrades the connection, within the options' timeout.
pub(super) async fn open(
    options: &ConnectOptions,
) -> Result<UpgradedStream<ClientStream>, ConnectError> {
    let server = ServerUrl::parse(&options.url)?;
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
        let headers = authorization(options.token.as_ref());
        let upgraded = upgrade(stream, &server, headers, Some(subprotocol)).await;
        upgraded.map_err(|error| explain(error, tls.as_ref()))
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
