//! TLS of listeners: what clients are shown, and what is asked of them.

use std::sync::Arc;

use rustls::{
    Error, InconsistentKeys, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use tickcast_protocol::tls::pem;

use super::{settings::ServerTls, validity::Validity};

/// The only protocol spoken on the connection. A client that asks for HTTP/2 alone is refused.
const PROTOCOL: &[u8] = b"http/1.1";

/// Tickets after each handshake: a WebSocket is one connection, and the next handshake brings a new
/// ticket.
const TICKETS: usize = 1;

/// A setting's key, and what is wrong with its value.
pub(crate) type BadSetting = (&'static str, String);

/// What a listener needs, read from its files.
#[derive(Debug, Clone)]
pub(crate) struct ListenerTls {
    /// For handshakes.
    pub config: Arc<ServerConfig>,
    /// When the server's certificate is valid.
    pub validity: Validity,
}

/// Checks the files of a listener.
pub(crate) fn check(settings: &ServerTls) -> Result<(), BadSetting> {
    load(settings).map(|_| ())
}

/// Reads the files of a listener.
pub(crate) fn load(settings: &ServerTls) -> Result<ListenerTls, BadSetting> {
    let chain = pem::certificates(&settings.cert).map_err(|reason| ("tls_cert", reason))?;
    let key = pem::private_key(&settings.key).map_err(|reason| ("tls_key", reason))?;
    // Not those after it: clients find another way to an authority if one of them has expired.
    let validity = Validity::of(&chain[0]).map_err(|reason| {
        let cert = settings.cert.display();
        (
            "tls_cert",
            format!("the certificate in {cert} is damaged: {reason}"),
        )
    })?;
    validity.check_now().map_err(|reason| {
        let cert = settings.cert.display();
        ("tls_cert", format!("the certificate in {cert} {reason}"))
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3");
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let authorities = pem::authorities(path).map_err(|reason| ("tls_client_ca", reason))?;
            builder.with_client_cert_verifier(verifier(authorities, &provider)?)
        }
    };
    let config = builder.with_single_cert(chain.clone(), key.clone_key());
    let mut config = config.map_err(|error| explain(error, settings, &provider, &chain, &key))?;
    config.alpn_protocols = vec![PROTOCOL.into()];
    config.send_tls13_tickets = TICKETS;
    // Sessions are kept by the clients, encrypted with keys that change every few hours. So a
    // thousand clients that come back at once need no memory here.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()
        .map_err(|error| ("tls_cert", format!("cannot make keys for tickets: {error}")))?;
    Ok(ListenerTls {
        config: Arc::new(config),
        validity,
    })
}

fn verifier(
    authorities: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, BadSetting> {
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(provider));
    let verifier = builder.build();
    verifier.map_err(|error| ("tls_client_ca", error.to_string()))
}

/// Why rustls does not take a chain and a key.
fn explain(
    error: Error,
    settings: &ServerTls,
    provider: &CryptoProvider,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> BadSetting {
    let (cert, key_file) = (settings.cert.display(), settings.key.display());
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let is_own = |certificate: &CertificateDer<'static>| {
                let alone = vec![certificate.clone()];
                CertifiedKey::from_der(alone, key.clone_key(), provider).is_ok()
            };
            match chain.iter().position(is_own) {
                Some(at) => (
                    "tls_cert",
                    format!(
                        "the certificates in {cert} are in the wrong order: number {} belongs to \
                         the private key, and must be the first",
                        at + 1
                    ),
                ),
                None => (
                    "tls_key",
                    format!(
                        "the private key in {key_file} does not belong to the certificate in {cert}"
                    ),
                ),
            }
        }
        Error::InvalidCertificate(_) => (
            "tls_cert",
            format!("the certificate in {cert} is damaged: {error}"),
        ),
        error => (
            "tls_key",
            format!(
                "the private key in {key_file} cannot be used ({error}): expected RSA of 2048 to \
                 8192 bits, ECDSA with P-256, P-384 or P-521, or Ed25519"
            ),
        ),
    }
}
