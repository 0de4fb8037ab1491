//! The way to the broker: TCP, with TLS and WebSocket if the URL says so.
//!
//! * this file: connects
//! * `stream`: what a connection is made of
//! * `handshake`: asks a server to switch to WebSocket
//! * `websocket`: a stream of bytes in the messages of a WebSocket

mod handshake;
mod stream;
mod websocket;

use std::{error::Error, io, io::ErrorKind};

use tokio::{net::TcpStream, task::spawn_blocking};

use self::websocket::WebSocketStream;
use super::url::{MqttUrl, Scheme};
use crate::tls::{ClientTls, TlsClient};
pub(crate) use stream::Stream;

/// Connects to one broker, again and again.
pub(crate) struct Dialer {
    url: MqttUrl,
    tls_settings: ClientTls,
    /// Made for the first connection.
    tls: Option<TlsClient>,
}

impl Dialer {
    pub(crate) fn new(url: MqttUrl, tls_settings: ClientTls) -> Self {
        Self {
            url,
            tls_settings,
            tls: None,
        }
    }

    /// Connects. Set a time limit. `warn` gets what is wrong with a connection that is made
    /// nevertheless.
    pub(crate) async fn dial(
        &mut self,
        warn: impl FnOnce(String),
    ) -> Result<Box<dyn Stream>, String> {
        #[cfg(test)]
        if let Some(stream) = crate::simulation::dial() {
            let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
            return self.speak(stream).await;
        }
        let url = self.url.clone();
        let host = url.host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((host, url.port)).await;
        let tcp = tcp.map_err(|error| format!("cannot connect: {error}"))?;
        // Acknowledgements are small, and must not wait for each other.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        if !url.scheme.has_tls() {
            return self.speak(tcp).await;
        }
        self.load_tls(warn).await?;
        let tls = self.tls.as_ref().expect("it has just been loaded");
        let stream = tls.connect(tcp).await?;
        self.speak(stream).await
    }

    async fn load_tls(&mut self, warn: impl FnOnce(String)) -> Result<(), String> {
        if let Some(tls) = &mut self.tls {
            if let Err(reason) = tls.reload().await {
                warn(format!("{reason}; what was read before is used"));
            }
            return Ok(());
        }
        let (settings, host) = (self.tls_settings.clone(), self.url.host.clone());
        // A file may be on a disk that does not answer.
        let tls = spawn_blocking(move || TlsClient::new(&settings, &host)).await;
        let tls = tls.map_err(|error| error.to_string())?;
        self.tls = Some(tls.map_err(|(key, reason)| format!("{key}: {reason}"))?);
        Ok(())
    }

    async fn speak(&self, stream: impl Stream + 'static) -> Result<Box<dyn Stream>, String> {
        if !self.url.scheme.has_websocket() {
            return Ok(Box::new(stream));
        }
        let upgraded = handshake::upgrade(stream, &self.url).await;
        let upgraded = upgraded.map_err(|failure| {
            let explained = failure
                .cause
                .as_deref()
                .and_then(|cause| self.explain(cause));
            explained.unwrap_or(failure.reason)
        })?;
        Ok(Box::new(WebSocketStream::new(upgraded)))
    }

    /// Why a connection has ended before the broker accepted it.
    pub(crate) fn refused(&self, error: &io::Error) -> String {
        if let Some(reason) = self.explain(error) {
            return reason;
        }
        if !is_closed(error) {
            return error.to_string();
        }
        let closed = "the broker closed the connection before it answered";
        let port = match self.url.scheme {
            Scheme::Mqtt => "this port may be one for TLS (mqtts://) or WebSocket (ws://), or ",
            Scheme::Mqtts => "this port may be one for WebSocket (wss://), or ",
            Scheme::Ws | Scheme::Wss => "",
        };
        format!("{closed}: {port}it may not speak this version of MQTT (setting version)")
    }

    /// Why a connection has ended.
    pub(crate) fn ended(&self, error: &io::Error) -> String {
        match self.explain(error) {
            Some(reason) => reason,
            None if is_closed(error) => "the broker closed the connection".into(),
            None => error.to_string(),
        }
    }

    /// What the first bytes mean that are no answer of a broker.
    pub(crate) fn strange(&self, bytes: &[u8]) -> Option<String> {
        /// A TLS record that is an alert.
        const ALERT: u8 = 0x15;

        match (bytes.first()?, self.url.scheme) {
            (&ALERT, Scheme::Mqtt) => Some("this port is one for TLS: use mqtts://".into()),
            (b'H', Scheme::Mqtt) => Some("this port is one for HTTP: use ws://".into()),
            (b'H', Scheme::Mqtts) => Some("this port is one for HTTP: use wss://".into()),
            _ => None,
        }
    }

    fn explain(&self, error: &(dyn Error + 'static)) -> Option<String> {
        self.tls.as_ref()?.explain(error)
    }
}

/// Whether the other side has closed, with or without a reset.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
