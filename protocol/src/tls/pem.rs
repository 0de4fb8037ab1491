//! Certificates and private keys in PEM files.

use std::{
    fs::File,
    io::{Read, Take},
    path::Path,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

/// Longest file. A system's whole bundle of authorities has about 220 KiB.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The authorities that the system trusts. The variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name
/// others, as they do for OpenSSL.
pub(super) fn system_authorities(option: &str) -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Systems have old ones that no library accepts. A server that needs one of those is refused.
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors = found.errors.iter().map(|error| format!(" ({error})"));
        let errors: String = errors.collect();
        return Err(format!(
            "the system has no list of trusted authorities{errors}: install one (on Debian: \
             ca-certificates), or set {option} to a PEM file"
        ));
    }
    Ok(store)
}

/// The authorities in a file. Each must be usable.
pub fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let bytes = read(path)?;
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates_in(path, &bytes)?.into_iter().enumerate() {
        store
            .add(certificate)
            .map_err(|error| damaged(path, &bytes, index, &error.to_string()))?;
    }
    Ok(store)
}

/// A certificate and those that follow it.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates_in(path, &read(path)?)
}

/// The private key in a file.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let path = path.display();
        match error {
            pem::Error::NoItemsFound if has(&bytes, "ENCRYPTED") => format!(
                "the private key in {path} is encrypted: decrypt it with \
                 openssl pkey -in {path} -out FILE"
            ),
            pem::Error::NoItemsFound => {
                format!("{path} has no private key{}", instead(&bytes))
            }
            _ if has(&bytes, "Proc-Type: 4,ENCRYPTED") => format!(
                "the private key in {path} is encrypted: decrypt it with \
                 openssl pkey -in {path} -out FILE"
            ),
            error => format!("the private key in {path} is damaged: {}", said(&error)),
        }
    })
}

fn certificates_in(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        match certificate {
            Ok(certificate) => found.push(certificate),
            Err(error) => return Err(damaged(path, bytes, found.len(), &said(&error))),
        }
    }
    if found.is_empty() {
        let (path, instead) = (path.display(), instead(bytes));
        return Err(format!("{path} has no certificate{instead}"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut limited: Take<File> = file.take(FILE_MAX_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > FILE_MAX_BYTES {
        true => Err(format!(
            "{} is longer than {FILE_MAX_BYTES} bytes: expected a PEM file",
            path.display()
        )),
        false => Ok(bytes),
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

/// What a file has instead of what is expected in it.
fn instead(bytes: &[u8]) -> &'static str {
    /// The tag of an ASN.1 sequence, with which DER and PKCS#12 files begin.
    const SEQUENCE: u8 = 0x30;

    if bytes.is_empty() {
        ": it is empty"
    } else if bytes[0] == SEQUENCE {
        ": it looks like DER or PKCS#12, and PEM is expected (openssl x509 -inform der, or openssl \
         pkcs12 -nodes, converts it)"
    } else if has(bytes, "PRIVATE KEY-----") {
        ": it has a private key"
    } else if has(bytes, "BEGIN CERTIFICATE-----") {
        ": it has a certificate"
    } else if has(bytes, "BEGIN CERTIFICATE REQUEST-----") {
        ": it has a request for a certificate, which an authority must sign first"
    } else {
        ": expected PEM, with lines such as -----BEGIN CERTIFICATE----- or -----BEGIN PRIVATE KEY-----"
    }
}

/// Which certificate of a file is damaged, and the line where it begins.
fn damaged(path: &Path, bytes: &[u8], index: usize, reason: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = (1..).zip(text.lines());
    let begins = |(_, line): &(usize, &str)| line.contains("BEGIN CERTIFICATE");
    let line = lines.by_ref().filter(begins).nth(index);
    let line = line.map(|(line, _)| format!(":{line}")).unwrap_or_default();
    format!(
        "{}{line}: certificate {} is damaged: {reason}",
        path.display(),
        index + 1
    )
}

fn said(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            let marker = String::from_utf8_lossy(end_marker);
            format!("the line -----END {}----- is missing", marker.trim())
        }
        pem::Error::IllegalSectionStart { line } => {
            format!(
                "this line cannot begin a part: {}",
                String::from_utf8_lossy(line)
            )
        }
        pem::Error::Base64Decode(_) => "it is not base64".into(),
        other => other.to_string(),
    }
}
