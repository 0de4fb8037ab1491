//! `tickcast token make`: signs a token.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use tickcast_protocol::topic::Filter;

use super::signer;
use crate::{connection::parse_duration, exit::Failure, numbers::parse_rate};

/// Longest file with a key.
const KEY_MAX_BYTES: u64 = 64 * 1024;

/// Shortest secret of HS256: a shorter one can be guessed (RFC 7518, section 3.2). The server
/// refuses it as well.
const SECRET_MIN_BYTES: usize = 32;

/// Sign a token and print it
///
/// The key chooses the algorithm: EdDSA, ES256 or RS256 for a private key in PEM (PKCS #8), and
/// HS256 for a secret in base64.
#[derive(Debug, Args)]
pub(super) struct MakeArgs {
    /// File with the private key in PEM, or with the secret in base64
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Id of the key in the identities file
    #[arg(long, value_name = "ID")]
    kid: String,

    /// Whom the token is for
    #[arg(long, value_name = "NAME")]
    subject: String,

    /// Role in the identities file
    #[arg(long, value_name = "NAME")]
    role: String,

    /// Audience in the identities file: the service that the token is for
    #[arg(long, value_name = "NAME")]
    audience: String,

    /// Issuer, if the identities file has one
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,

    /// How long it is valid, such as 12h, or until when, such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Expires,

    /// Id of the token, by which operators can revoke it
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Narrow what it may subscribe to; may be repeated
    #[arg(long, value_name = "FILTER")]
    subscribe: Vec<Filter>,

    /// Narrow the topics whose history it may read; may be repeated
    #[arg(long, value_name = "FILTER")]
    history: Vec<Filter>,

    /// Narrow what it may publish to; may be repeated
    #[arg(long, value_name = "FILTER")]
    publish: Vec<Filter>,

    /// Greatest rate of its subscriptions per second, which then bring newest values
    #[arg(long, value_name = "HZ", value_parser = parse_rate)]
    max_rate: Option<f64>,
}

/// When a token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expires {
    After(Duration),
    At(Timestamp),
}

impl FromStr for Expires {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(duration) = parse_duration(text) {
            return Ok(Self::After(duration));
        }
        let wrong = "expected a time such as 12h (at most a year) or 2026-12-01T00:00:00Z";
        text.parse().map(Self::At).map_err(|_| wrong)
    }
}

/// What a token says. docs/security.md describes the members.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    sub: &'a str,
    role: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    subscribe: &'a [Filter],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    history: &'a [Filter],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    publish: &'a [Filter],
    #[serde(skip_serializing_if = "Option::is_none")]
    max_rate_hz: Option<f64>,
}

impl MakeArgs {
    pub(super) fn run(&self) -> Result<String, Failure> {
        signer::install();
        let (algorithm, key) = read_key(&self.key).map_err(|reason| {
            let path = self.key.display();
            Failure::Failed(format!("the key in {path} {reason}"))
        })?;
        let now = Timestamp::now();
        let exp = match self.expires {
            Expires::After(duration) => now
                .as_second()
                .saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)),
            Expires::At(time) => time.as_second(),
        };
        if exp <= now.as_second() {
            let reason = "--expires: the time is over: use one that is to come";
            return Err(Failure::Usage(reason.to_owned()));
        }
        let claims = Claims {
            sub: &self.subject,
            role: &self.role,
            aud: &self.audience,
            iss: self.issuer.as_deref(),
            iat: now.as_second(),
            exp,
            jti: self.id.as_deref(),
            subscribe: &self.subscribe,
            history: &self.history,
            publish: &self.publish,
            max_rate_hz: self.max_rate,
        };
        let mut header = Header::new(algorithm);
        header.kid = Some(self.kid.clone());
        let token = encode(&header, &claims, &key);
        let token = token.map_err(|error| {
            let path = self.key.display();
            Failure::Failed(format!("the key in {path} cannot sign: {error}"))
        })?;
        Ok(format!("{token}\n"))
    }
}

/// A key and its algorithm. The error says what is wrong, as the rest of a sentence, and never
/// holds a part of the key.
fn read_key(path: &Path) -> Result<(Algorithm, EncodingKey), String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(KEY_MAX_BYTES).read_to_string(&mut text));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if text.contains("-----BEGIN") {
        let pem = text.as_bytes();
        // The library takes a public RSA key for a private one.
        let is_private = text.contains("PRIVATE KEY-----");
        let key = EncodingKey::from_ed_pem(pem)
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| EncodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)));
        return key.ok().filter(|_| is_private).ok_or_else(|| {
            "is no private key for EdDSA, ES256 or RS256: expected PEM with PKCS #8 (openssl \
             genpkey -algorithm ed25519)"
                .to_owned()
        });
    }
    let secret = BASE64_STANDARD.decode(text.trim());
    let secret = secret.map_err(|_| "is neither PEM nor a secret in base64")?;
    if secret.len() < SECRET_MIN_BYTES {
        let bytes = secret.len();
        return Err(format!(
            "is a secret of {bytes} bytes (at least {SECRET_MIN_BYTES}): openssl rand -base64 \
             {SECRET_MIN_BYTES} makes one"
        ));
    }
    Ok((Algorithm::HS256, EncodingKey::from_secret(&secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_expires_after_a_time_or_at_one() {
        let hours = Expires::After(Duration::from_secs(12 * 3_600));
        assert_eq!("12h".parse(), Ok(hours));
        let time = Expires::At("2026-12-01T00:00:00Z".parse().unwrap());
        assert_eq!("2026-12-01T00:00:00Z".parse(), Ok(time));
        assert!("soon".parse::<Expires>().is_err());
    }
}
