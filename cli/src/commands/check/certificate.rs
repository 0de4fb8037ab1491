//! What TLS has agreed on.

use jiff::Timestamp;
use rustls::ClientConnection;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use crate::words::shown;

/// Names of a certificate that are shown.
const NAMES_MAX: usize = 5;

/// Version and cipher.
pub(super) fn agreed(session: &ClientConnection) -> String {
    let version = session.protocol_version();
    let version = version
        .and_then(|version| version.as_str())
        .unwrap_or("unknown version");
    let cipher = session.negotiated_cipher_suite();
    let cipher = cipher.and_then(|cipher| cipher.suite().as_str());
    format!(
        "{}, {}",
        version.replace("TLSv1_", "TLS 1."),
        cipher.unwrap_or("unknown cipher")
    )
}

/// The server's certificate: for which names, by which authority, and until when. The handshake has
/// checked it.
pub(super) fn shown_certificate(session: &ClientConnection) -> String {
    let chain = session.peer_certificates().unwrap_or_default();
    let Some(first) = chain.first() else {
        return "none".to_owned();
    };
    let Ok((_, certificate)) = X509Certificate::from_der(first) else {
        return "it cannot be read".to_owned();
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let mut listed: Vec<String> = names.iter().take(NAMES_MAX).filter_map(name).collect();
    if names.len() > NAMES_MAX {
        listed.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    let end = certificate.validity().not_after.timestamp();
    let end = Timestamp::from_second(end).map_or("?".to_owned(), |end| end.to_string());
    let issuer = certificate.issuer().to_string();
    format!(
        "for {} by {}, until {end}",
        shown(&listed.join(", ")),
        shown(&issuer)
    )
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}
