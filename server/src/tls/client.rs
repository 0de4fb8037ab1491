//! Outgoing connections with TLS, with the names that their settings have.

use std::error::Error;

use tickcast_protocol::tls::{self, BadOption, TlsOption};
use tokio::io::{AsyncRead, AsyncWrite};

use super::settings::ClientTls;

/// A setting's key, and what is wrong with its value.
type BadSetting = (&'static str, String);

/// What connects to one server with TLS.
pub(crate) struct TlsClient(tls::TlsClient);

impl TlsClient {
    /// Reads the files of the settings. `host` is a name or an address, IPv6 with or without
    /// brackets.
    pub(crate) fn new(settings: &ClientTls, host: &str) -> Result<Self, BadSetting> {
        let client = tls::TlsClient::new(&settings.options(), host);
        client.map(Self).map_err(|BadOption { option, reason }| {
            let key = match option {
                TlsOption::Ca => "tls_ca",
                TlsOption::Cert => "tls_cert",
                TlsOption::Key => "tls_key",
                TlsOption::ServerName => "tls_server_name",
                TlsOption::Url => "url",
            };
            (key, reason)
        })
    }

    /// Reads the files again, which may have been renewed. After an error the last ones that could
    /// be read are used.
    pub(crate) async fn reload(&mut self) -> Result<(), String> {
        self.0.reload().await
    }

    /// Makes the handshake. An error is a whole sentence. Set a time limit.
    pub(crate) async fn connect<S>(
        &self,
        stream: S,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.0.connect(stream).await
    }

    /// What an error of an established connection means, if it is about TLS: with TLS 1.3, a server
    /// refuses a client certificate after the handshake.
    /// The error may be the cause of others.
    pub(crate) fn explain(&self, error: &(dyn Error + 'static)) -> Option<String> {
        self.0.explain(error)
    }
}
