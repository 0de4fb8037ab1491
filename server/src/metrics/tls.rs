//! Handshakes of TLS, PROXY headers and certificates.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use tickcast_core::stats::Number;

/// Why a connection has ended before it could be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// It took too long.
    Timeout,
    /// The client has gone.
    Lost,
    /// A PROXY header is missing or wrong, or its sender is not trusted.
    Proxy,
    /// The client speaks HTTP without TLS.
    PlainHttp,
    /// The client speaks something else.
    NotTls,
    /// The client has no version, cipher or protocol in common with the server.
    Incompatible,
    /// The client has no certificate.
    NoCertificate,
    /// The client's certificate is not accepted.
    Certificate,
    /// The client does not accept the server's certificate, or gave up for another reason.
    Refused,
    /// The client violates the protocol.
    Protocol,
}

impl HandshakeFailure {
    pub(crate) const ALL: [Self; 10] = [
        Self::Timeout,
        Self::Lost,
        Self::Proxy,
        Self::PlainHttp,
        Self::NotTls,
        Self::Incompatible,
        Self::NoCertificate,
        Self::Certificate,
        Self::Refused,
        Self::Protocol,
    ];

    /// The name in the metrics and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Proxy => "proxy",
            Self::PlainHttp => "plain_http",
            Self::NotTls => "not_tls",
            Self::Incompatible => "incompatible",
            Self::NoCertificate => "no_certificate",
            Self::Certificate => "certificate",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
        }
    }
}

/// The handshakes of all listeners.
#[derive(Debug, Default)]
pub(crate) struct HandshakeStats {
    /// Under way, with their PROXY headers.
    pub(crate) under_way: Number,
    /// Connections for whose handshakes there was no place at once.
    pub(crate) waited: Number,
    /// Finished, with a new session.
    pub(crate) full: Number,
    /// Finished, with the session of an earlier connection.
    pub(crate) resumed: Number,
    failed: [Number; HandshakeFailure::ALL.len()],
}

impl HandshakeStats {
    /// Counts a failure.
    pub(crate) fn failed(&self, failure: HandshakeFailure) {
        self.failed[failure as usize].add(1);
    }

    /// The number of failures for each reason, by its name.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = HandshakeFailure::ALL.map(HandshakeFailure::as_str);
        names.into_iter().zip(self.failed.iter().map(Number::get))
    }
}

/// The certificate of one listener.
#[derive(Debug)]
pub(crate) struct CertificateStats {
    /// The listener.
    pub(crate) listener: String,
    expires: AtomicI64,
}

impl CertificateStats {
    /// That of a listener.
    pub(crate) fn new(listener: String) -> Self {
        Self {
            listener,
            expires: AtomicI64::new(0),
        }
    }

    /// When it expires, in seconds since the Unix epoch.
    pub(crate) fn expires(&self) -> i64 {
        self.expires.load(Relaxed)
    }

    pub(crate) fn set_expires(&self, seconds: i64) {
        self.expires.store(seconds, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_number_of_its_own() {
        let stats = HandshakeStats::default();
        for (times, failure) in HandshakeFailure::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| stats.failed(failure));
        }
        let names = HandshakeFailure::ALL.map(HandshakeFailure::as_str);
        let expected: Vec<_> = names.into_iter().zip(0..).collect();
        assert_eq!(stats.failures().collect::<Vec<_>>(), expected);
    }
}
