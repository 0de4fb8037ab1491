//! Opens a connection: TCP, TLS if the URL says so, and the handshake of WebSocket.

use std::{error::Error, iter, time::Duration};

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};
use tickcast_protocol::websocket::{self, ConnectError, ServerUrl, WebSocket, WebSocketError};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf},
    time::timeout,
};

use super::settings::WebsocketSettings;
use crate::{hang_up::is_hang_up, tls::TlsClient};

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

    /// Opens a connection. An error is a whole sentence. `warn` gets what is wrong with one that is
    /// made nevertheless.
    pub(super) async fn connect(&mut self, warn: impl FnOnce(String)) -> Result<Socket, String> {
        timeout(CONNECT_MAX, self.open(warn))
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {CONNECT_MAX:?}")))
    }

    /// Why an open connection has ended.
    pub(super) fn ended(&self, error: &WebSocketError) -> String {
        match (self.explain(error), error) {
            (Some(reason), _) => reason,
            (None, WebSocketError::Io(error)) if is_hang_up(error) => {
                "the server closed the connection without a close frame".to_owned()
            }
            (None, error) => error.to_string(),
        }
    }

    async fn open(&mut self, warn: impl FnOnce(String)) -> Result<Socket, String> {
        let stream = self.reach(warn).await?;
        let upgraded = websocket::upgrade(stream, &self.url, self.headers.clone(), None).await;
        let upgraded = upgraded.map_err(|error| self.refused(&error))?;
        let (reader, writer) = tokio::io::split(upgraded.stream);
        Ok(WebSocket::new(
            reader,
            writer,
            &upgraded.rest,
            self.message_max_bytes,
        ))
    }

    /// Opens what carries the WebSocket.
    async fn reach(&mut self, warn: impl FnOnce(String)) -> Result<Box<dyn Stream>, String> {
        #[cfg(test)]
        if let Some(stream) = crate::simulation::dial() {
            return Ok(Box::new(stream.map_err(|error| error.to_string())?));
        }
        let stream = websocket::connect(&self.url, None).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let Some(tls) = &mut self.tls else {
            return Ok(Box::new(stream));
        };
        if let Err(reason) = tls.reload().await {
            warn(format!("{reason}; what was read before is used"));
        }
        Ok(Box::new(tls.connect(stream).await?))
    }

    /// Why a server has not switched to WebSocket.
    fn refused(&self, error: &ConnectError) -> String {
        if let Some(reason) = self.explain(error) {
            return reason;
        }
        let ConnectError::Http(http) = error else {
            return error.to_string();
        };
        let other = match self.url.is_tls {
            true => "this port may be one without WebSocket",
            false => "this port may be one for TLS (wss://), or without WebSocket",
        };
        let mut causes = iter::successors(http.source(), |error| (*error).source());
        let is_end = causes.any(|error| error.downcast_ref().is_some_and(is_hang_up));
        if http.is_parse() {
            format!("the server's answer is not HTTP: {other}")
        } else if is_end || http.is_incomplete_message() || http.is_canceled() || http.is_closed() {
            format!("the server closed the connection during the WebSocket handshake: {other}")
        } else {
            error.to_string()
        }
    }

    fn explain(&self, error: &(dyn Error + 'static)) -> Option<String> {
        self.tls.as_ref()?.explain(error)
    }
}
