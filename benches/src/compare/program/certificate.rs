//! The certificate of contenders with TLS: made for one run, with an authority of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tickcast_protocol::tls::{TlsClient, TlsOptions};

/// The only name in the certificate.
const HOST: &str = "127.0.0.1";

/// Files of a certificate.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, as PEM.
    pub chain: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// The authority that signed it, as PEM.
    pub authority: PathBuf,
}

impl Certificate {
    /// Makes one, in files of a folder. Its key is of the curve P-256, as most are.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(folder: &Path) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let signed = CertificateParams::new([HOST.to_owned()])?.signed_by(&key, &authority)?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            fs::write(&file, text).with_context(|| file.display().to_string())?;
            anyhow::Ok(file)
        };
        Ok(Self {
            chain: write("chain.pem", signed.pem())?,
            key: write("key.pem", key.serialize_pem())?,
            authority: write("authority.pem", authority.pem())?,
        })
    }

    /// A client that trusts the authority.
    pub(super) fn client(&self) -> anyhow::Result<Arc<TlsClient>> {
        let options = TlsOptions {
            ca: Some(self.authority.clone()),
            ..TlsOptions::default()
        };
        let client = TlsClient::new(&options, HOST).map_err(|bad| anyhow!(bad.reason))?;
        Ok(Arc::new(client))
    }
}
