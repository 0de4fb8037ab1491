//! Outgoing connections with TLS.

use std::{error::Error, io, sync::Arc};

use rustls::{
    ClientConfig, InconsistentKeys,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{failure, pem, settings::ClientTls, unverified::Unverified};

/// What connects to one server with TLS. The server's certificate must have the name of its host,
/// or the one in the settings.
pub(crate) struct TlsClient {
    settings: ClientTls,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

/// A setting's key, and what is wrong with its value.
type BadSetting = (&'static str, String);

impl TlsClient {
    /// Reads the files of the settings. `host` is a name or an address, IPv6 with or without
    /// brackets.
    pub(crate) fn new(settings: &ClientTls, host: &str) -> Result<Self, BadSetting> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            let key = match settings.server_name {
                Some(_) => "tls_server_name",
                None => "url",
            };
            let reason = format!("{name:?} is neither a DNS name nor an IP address");
            (key, reason)
        })?;
        Ok(Self {
            settings: settings.clone(),
            name,
            config: Arc::new(config(settings)?),
        })
    }

    /// Reads the files again, which may have been renewed. After an error the last ones that could
    /// be read are used.
    pub(crate) async fn reload(&mut self) -> Result<(), String> {
        let settings = self.settings.clone();
        // A file may be on a disk that does not answer.
        let read = spawn_blocking(move || config(&settings)).await;
        let read = read.map_err(|error| error.to_string())?;
        self.config = Arc::new(read.map_err(|(key, reason)| format!("{key}: {reason}"))?);
        Ok(())
    }

    /// Makes the handshake. An error is a whole sentence. Set a time limit.
    pub(crate) async fn connect<S>(&self, stream: S) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await;
        stream.map_err(|error| failure::handshake(&error, &self.settings, &self.name))
    }

    /// What an error of an established connection means, if it is about TLS: with TLS 1.3, a server
    /// refuses a client certificate after the handshake.
    /// The error may be the cause of others.
    pub(crate) fn explain(&self, error: &(dyn Error + 'static)) -> Option<String> {
        let mut next = Some(error);
        while let Some(error) = next {
            let found = error.downcast_ref::<io::Error>();
            let reason = found.and_then(|error| failure::later(error, &self.settings, &self.name));
            if reason.is_some() {
                return reason;
            }
            next = error.source();
        }
        None
    }
}

fn config(settings: &ClientTls) -> Result<ClientConfig, BadSetting> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3");
    let builder = if settings.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    } else {
        let authorities = match &settings.ca {
            Some(path) => pem::authorities(path),
            None => pem::system_authorities(),
        };
        builder.with_root_certificates(authorities.map_err(|reason| ("tls_ca", reason))?)
    };
    let mut config = match (&settings.cert, &settings.key) {
        (None, None) => builder.with_no_client_auth(),
        (None, Some(_)) => {
            let reason = "a private key needs its certificate: set tls_cert".into();
            return Err(("tls_key", reason));
        }
        (Some(cert), key) => {
            let key = key.as_ref().unwrap_or(cert);
            let chain = pem::certificates(cert).map_err(|reason| ("tls_cert", reason))?;
            let secret = pem::private_key(key).map_err(|reason| ("tls_key", reason))?;
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
                        return (
                            "tls_cert",
                            format!("the certificate in {cert} is damaged: {error}"),
                        );
                    }
                    error => format!(
                        "the private key in {key} cannot be used ({error}): expected RSA of 2048 \
                         to 8192 bits, ECDSA with P-256, P-384 or P-521, or Ed25519"
                    ),
                };
                ("tls_key", reason)
            })?
        }
    };
    if let Some(protocol) = &settings.alpn {
        config.alpn_protocols = vec![protocol.clone().into_bytes()];
    }
    // A resumed session would not verify the certificate again.
    config.resumption = Resumption::disabled();
    Ok(config)
}
