//! Authorities and certificates, made for one test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub enum Validity {
    /// Today.
    Now,
    /// Until the end of 2020.
    Past,
    /// From 2090 on.
    Future,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers.
    pub fn new(name: &str) -> Self {
        let mut params = parameters(name, &[], Validity::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate and its key, as a careless server would use them.
    pub fn itself(&self) -> Certificate {
        Certificate {
            cert: self.0.pem(),
            key: self.0.key().serialize_pem(),
        }
    }

    /// Signs a certificate for host names and addresses; clients may use it as well.
    ///
    /// # Panics
    ///
    /// If a name is none.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Certificate {
        let mut params = parameters("a certificate of the test", names, validity);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        Certificate {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Certificate {
    /// Writes both to a folder, as `NAME.pem` and `NAME.key`. Returns the paths.
    ///
    /// # Panics
    ///
    /// If the folder cannot be written to.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let write = |end: &str, text: &str| {
            let path = folder.join(format!("{name}.{end}"));
            fs::write(&path, text).expect("a file");
            path
        };
        (write("pem", &self.cert), write("key", &self.key))
    }
}

fn parameters(name: &str, names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names of hosts");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let (from, to) = match validity {
        Validity::Now => (2020, 2090),
        Validity::Past => (2010, 2020),
        Validity::Future => (2090, 2099),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 12, 31);
    params
}
