//! Settings of TLS, for outgoing connections and for listeners.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use tickcast_protocol::tls::TlsOptions;

/// TLS of an outgoing connection. Each field is a setting of a feed, see `crate::settings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ClientTls {
    /// PEM file with the authorities that may sign the server's certificate [default: those that
    /// the system trusts].
    #[arg(id = "tls_ca", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file with a client certificate, followed by the certificates between it and its
    /// authority.
    #[arg(id = "tls_cert", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// PEM file with the private key of the client certificate [default: the file of the
    /// certificate].
    #[arg(id = "tls_key", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Name that the server's certificate must have, and that the server is asked for [default: the
    /// host in the URL].
    #[arg(id = "tls_server_name", value_name = "NAME")]
    pub server_name: Option<String>,
    /// Protocol that the server is asked for (ALPN), such as x-amzn-mqtt-ca.
    #[arg(id = "tls_alpn", value_name = "NAME")]
    pub alpn: Option<String>,
    /// Accept any certificate. The connection is encrypted, but any machine between may read and
    /// change what it carries.
    #[arg(id = "tls_insecure", value_name = "BOOL", default_value = "false")]
    #[arg(action = ArgAction::Set)]
    pub insecure: bool,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerTls {
    /// The server's certificate, and those between it and its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of clients' certificates, which clients must have then.
    pub client_ca: Option<PathBuf>,
}

impl ClientTls {
    /// The same for a client.
    pub(super) fn options(&self) -> TlsOptions {
        TlsOptions {
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            server_name: self.server_name.clone(),
            alpn: self.alpn.clone(),
            insecure: self.insecure,
            prefix: "tls_",
        }
    }

    /// The key of a setting that has no effect without TLS.
    pub(crate) fn key_in_use(&self) -> Option<&'static str> {
        let keys = [
            ("tls_ca", self.ca.is_some()),
            ("tls_cert", self.cert.is_some()),
            ("tls_key", self.key.is_some()),
            ("tls_server_name", self.server_name.is_some()),
            ("tls_alpn", self.alpn.is_some()),
            ("tls_insecure", self.insecure),
        ];
        let (key, _) = keys.into_iter().find(|(_, is_set)| *is_set)?;
        Some(key)
    }
}
