//! Opens a connection: TCP, TLS if the URL says so, and the handshake of WebSocket.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};
use tickcast_protocol::websocket::{self, ServerUrl, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf},
    time::timeout,
};

use super::settings::WebsocketSettings;
use crate::tls::TlsClient;

/// Time from the first packet to the end of the handshake.
const CONNECT_MAX: Duration = Duration::from_secs(15);

/// What servers are told if no setting says otherwise.
const USER_AGENT: &str = concat!("tickcast-server/", env!("CARGO_PKG_VERSION"));

/// A stream with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open connection.
pub(super) type Socket = WebSocket<ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>>;

/// What connects to one server.
pub(super) struct Connector {
    url: ServerUrl,
    tls: Option<TlsClient>,
    headers: HeaderMap,
    message_max_bytes: usize,
}

impl Connector {
    /// The settings must have been checked. An error is a file that has changed since then.
    pub(super) fn new(settings: &WebsocketSettings) -> Result<Self, String> {
        let url = settings.url.as_ref().ok_or("there is no URL")?.0.clone();
        let tls = match url.is_tls {
            true => {
                let tls = TlsClient::new(&settings.tls, &url.host);
                Some(tls.map_err(|(key, reason)| format!("{key}: {reason}"))?)
            }
            false => None,
        };
        let mut headers = HeaderMap::new();
        let agent = settings.user_agent.as_deref().unwrap_or(USER_AGENT);
        if let Ok(agent) = HeaderValue::from_str(agent) {
            headers.insert(header::USER_AGENT, agent);
        }
        for header in &settings.headers {
            headers.append(&header.name, header.value.clone());
        }
        Ok(Self {
            url,
            tls,
            headers,
            message_max_bytes: settings.message_max_bytes,
        })
    }

    /// Opens a connection. An error is a whole sentence.
    pub(super) async fn connect(&mut self) -> Result<Socket, String> {
        timeout(CONNECT_MAX, self.open())
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {CONNECT_MAX:?}")))
    }

    async fn open(&mut self) -> Result<Socket, String> {
        let stream = websocket::connect(&self.url, None).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let stream: Box<dyn Stream> = match &mut self.tls {
            Some(tls) => {
                tls.reload().await?;
                Box::new(tls.connect(stream).await?)
            }
            None => Box::new(stream),
        };
        let upgraded = websocket::upgrade(stream, &self.url, self.headers.clone(), None).await;
        let upgraded = upgraded.map_err(|error| error.to_string())?;
        let (reader, writer) = tokio::io::split(upgraded.stream);
        Ok(WebSocket::new(
            reader,
            writer,
            &upgraded.rest,
            self.message_max_bytes,
        ))
    }
}
