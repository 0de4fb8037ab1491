//! The reason of a failed connection with TLS, in one sentence that says what to do.

use std::{
    error::Error as StdError,
    io::{self, ErrorKind},
};

use jiff::Timestamp;
use rustls::{
    AlertDescription, CertificateError, Error,
    pki_types::{ServerName, UnixTime},
};

use super::options::TlsOptions;

/// Why a handshake has failed.
pub(super) fn handshake(error: &io::Error, options: &TlsOptions, name: &ServerName<'_>) -> String {
    if let Some(error) = tls_error(error) {
        return sentence(error, options, name);
    }
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            let closed = "the server closed the connection during the TLS handshake";
            format!("{closed}: this port may be one without TLS")
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}

/// Why a connection has failed after its handshake, if the reason is TLS.
pub(super) fn later(
    error: &(dyn StdError + 'static),
    options: &TlsOptions,
    name: &ServerName<'_>,
) -> Option<String> {
    let inner = error.downcast_ref().and_then(tls_error);
    let found = error.downcast_ref().or(inner);
    found.map(|error| sentence(error, options, name))
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn sentence(error: &Error, options: &TlsOptions, name: &ServerName<'_>) -> String {
    match error {
        Error::InvalidCertificate(reason) => certificate(reason, options, name),
        Error::AlertReceived(alert) => refusal(*alert, options, name),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => {
            "the server's answer is not TLS: this port is one without TLS".to_owned()
        }
        Error::PeerIncompatible(reason) => {
            format!(
                "the server supports none of the versions and ciphers of this client: {reason:?}"
            )
        }
        other => format!("TLS failed: {other}"),
    }
}

/// Why the server's certificate is not accepted.
fn certificate(error: &CertificateError, options: &TlsOptions, name: &ServerName<'_>) -> String {
    let name = name.to_str();
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let trusted = match &options.ca {
                Some(path) => format!("an authority in {}", path.display()),
                None => "an authority that the system trusts".to_owned(),
            };
            format!(
                "the certificate of {name} is not signed by {trusted}: set {} to the certificate of \
                 the authority that signed it",
                options.named("ca")
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the certificate of {name} expired at {}: renew it at the server, or correct the \
             clock of this machine",
            time(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the certificate of {name} is not valid before {}: correct the clock of this machine \
             or of the authority",
            time(*not_before)
        ),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!(
                "the server's certificate has no host name in subjectAltName (a common name alone \
                 does not count), so it is not for {name}: issue it again with one"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            format!(
                "the server's certificate is for {}, not for {name}: connect to that name, or set {}",
                names.join(", "),
                options.named("server_name")
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!(
                "the certificate of {name} is not meant for servers: issue it again for serverAuth"
            )
        }
        CertificateError::Other(reason) if is_authority(&reason.0.to_string()) => format!(
            "the certificate of {name} is one of an authority (CA:TRUE), which a server may not \
             use as its own: issue it again with basicConstraints=CA:FALSE"
        ),
        other => format!("the certificate of {name} is not accepted: {other:?}"),
    }
}

/// webpki has this reason only in its own error type, which rustls passes on as an opaque one.
fn is_authority(reason: &str) -> bool {
    reason == "CaUsedAsEndEntity"
}

/// A name as webpki writes it: `DnsName("a.example")` or `IpAddress(10.0.0.1)`.
fn plain(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// Why the server has refused the connection.
fn refusal(alert: AlertDescription, options: &TlsOptions, name: &ServerName<'_>) -> String {
    use AlertDescription as Alert;

    let (own, key) = (options.named("cert"), options.named("key"));
    let required = || {
        let what = "the server requires a client certificate";
        format!("{what}: set {own} and {key}")
    };
    let Some(cert) = &options.cert else {
        return match alert {
            Alert::CertificateRequired | Alert::NoCertificate | Alert::BadCertificate => required(),
            // What servers answer with TLS 1.2.
            Alert::HandshakeFailure => {
                let what = "the server refused the TLS handshake";
                format!("{what}: it may require a client certificate ({own} and {key})")
            }
            alert => unlike_certificate(alert, options, name),
        };
    };
    let cert = cert.display();
    match alert {
        Alert::UnknownCA => format!(
            "the server does not trust the authority of the client certificate {cert}: use one of \
             its own authority"
        ),
        Alert::CertificateExpired => {
            format!("the server says that the client certificate {cert} has expired: renew it")
        }
        Alert::CertificateRevoked => {
            format!("the server says that the client certificate {cert} is revoked: use another")
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied
        | Alert::DecryptError => {
            format!("the server refused the client certificate {cert} ({alert:?})")
        }
        alert => unlike_certificate(alert, options, name),
    }
}

fn unlike_certificate(
    alert: AlertDescription,
    options: &TlsOptions,
    name: &ServerName<'_>,
) -> String {
    match alert {
        AlertDescription::UnrecognisedName => format!(
            "the server has no certificate for the name {}: set {}",
            name.to_str(),
            options.named("server_name")
        ),
        AlertDescription::ProtocolVersion => {
            "the server speaks neither TLS 1.2 nor TLS 1.3: older versions are not safe".into()
        }
        AlertDescription::NoApplicationProtocol => format!(
            "the server does not offer the protocol {:?}: change {}",
            options.alpn.as_deref().unwrap_or_default(),
            options.named("alpn")
        ),
        alert => format!("the server refused the TLS connection ({alert:?})"),
    }
}

fn time(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(second);
    time.map_or_else(|_| "a time far away".into(), |time| time.to_string())
}
