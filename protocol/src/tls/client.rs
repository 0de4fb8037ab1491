//! Connections with TLS to one server.

use std::{error::Error, fmt, iter, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, InconsistentKeys,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    failure,
    options::{BadOption, TlsOption, TlsOptions},
    pem,
    unverified::Unverified,
};

/// What connects to one server with TLS. The server's certificate must have the name of its host,
/// or the one in the options.
pub struct TlsClient {
    options: TlsOptions,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads the files of the options. `host` is a name or an address, IPv6 with or without
    /// brackets.
    pub fn new(options: &TlsOptions, host: &str) -> Result<Self, BadOption> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = options.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            let key = match options.server_name {
                Some(_) => TlsOption::ServerName,
                None => TlsOption::Url,
            };
            let reason = format!("{name:?} is neither a DNS name nor an IP address");
            BadOption {
                option: key,
                reason,
            }
        })?;
        Ok(Self {
            options: options.clone(),
            name,
            config: Arc::new(config(options)?),
        })
    }

    /// Reads the files again, which may have been renewed. After an error the last ones that could
    /// be read are used.
    pub async fn reload(&mut self) -> Result<(), String> {
        let options = self.options.clone();
        // A file may be on a disk that does not answer.
        let read = spawn_blocking(move || config(&options)).await;
        let read = read.map_err(|error| error.to_string())?;
        let read = read.map_err(|bad| bad.said(&self.options))?;
        self.config = Arc::new(read);
        Ok(())
    }

    /// Makes the handshake. An error is a whole sentence. Set a time limit.
    pub async fn connect<S>(&self, stream: S) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await;
        stream.map_err(|error| failure::handshake(&error, &self.options, &self.name))
    }

    /// What an error of an established connection means, if it is about TLS: with TLS 1.3, a server
    /// refuses a client certificate after the handshake. The error may be the cause of others.
    pub fn explain(&self, error: &(dyn Error + 'static)) -> Option<String> {
        iter::successors(Some(error), |error| (*error).source())
            .find_map(|error| failure::later(error, &self.options, &self.name))
    }

    /// A session without a stream, for callers that have their own sockets.
    pub fn session(&self) -> Result<ClientConnection, String> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        session.map_err(|error| format!("TLS failed: {error}"))
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig, BadOption> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3");
    let builder = if options.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    } else {
        let authorities = match &options.ca {
            Some(path) => pem::authorities(path),
            None => pem::system_authorities(&options.named("ca")),
        };
        builder.with_root_certificates(authorities.map_err(TlsOption::Ca.bad())?)
    };
    let mut config = match (&options.cert, &options.key) {
        (None, None) => builder.with_no_client_auth(),
        (None, Some(_)) => {
            let cert = options.named("cert");
            let reason = format!("a private key needs its certificate: set {cert}");
            return Err(TlsOption::Key.bad()(reason));
        }
        (Some(cert), key) => {
            let key = key.as_ref().unwrap_or(cert);
            let chain = pem::certificates(cert).map_err(TlsOption::Cert.bad())?;
            let secret = pem::private_key(key).map_err(TlsOption::Key.bad())?;
            let config = builder.with_client_auth_cert(chain, secret);
            config.map_err(|error| {
                let (cert, key) = (cert.display(), key.display());
                let reason = match error {
                    rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                        format!(
                            "the private key in {key} does not belong to the certificate in {cert}"
                        )
                    }
                    rustls::Error::InvalidCertificate(_) => {
                        let reason = format!("the certificate in {cert} is damaged: {error}");
                        return TlsOption::Cert.bad()(reason);
                    }
                    error => format!(
                        "the private key in {key} cannot be used ({error}): expected RSA of 2048 \
                         to 8192 bits, ECDSA with P-256, P-384 or P-521, or Ed25519"
                    ),
                };
                TlsOption::Key.bad()(reason)
            })?
        }
    };
    if let Some(protocol) = &options.alpn {
        config.alpn_protocols = vec![protocol.clone().into_bytes()];
    }
    // A resumed session would not verify the certificate again.
    config.resumption = Resumption::disabled();
    Ok(config)
}
