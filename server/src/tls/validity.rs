//! When certificates are valid.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// When a certificate is valid, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// From here on.
    pub from: i64,
    /// Up to here.
    pub to: i64,
}

impl Validity {
    /// That of a certificate. An error is why it cannot be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let validity = parsed.validity();
        Ok(Self {
            from: validity.not_before.timestamp(),
            to: validity.not_after.timestamp(),
        })
    }

    /// Seconds that are left.
    pub(crate) fn left_s(self) -> i64 {
        self.to.saturating_sub(now())
    }

    /// Why it is not valid now, as the end of a sentence.
    pub(crate) fn check_now(self) -> Result<(), String> {
        let now = now();
        if now > self.to {
            return Err(format!(
                "expired at {}: renew it, or correct the clock of this machine",
                shown(self.to)
            ));
        }
        if now < self.from {
            return Err(format!(
                "is not valid before {}: correct the clock of this machine",
                shown(self.from)
            ));
        }
        Ok(())
    }
}

/// A time, for people to read.
pub(crate) fn shown(second: i64) -> String {
    let time = Timestamp::from_second(second);
    time.map_or_else(|_| "a time far away".into(), |time| time.to_string())
}

fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
