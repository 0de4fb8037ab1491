//! Signed tokens (JWT, RFC 7519).
//!
//! The key's id in the token chooses the key, and the key chooses the algorithm: what the token
//! says about its algorithm must be the same, and decides nothing.

use std::{collections::HashMap, path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{Jwk, JwkSet, KeyAlgorithm},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tickcast_core::identity::{Claims, Limits, Narrowing, Source};
use tickcast_protocol::{codec::explain_form, message::RATE_MIN_HZ, topic::Filter};

use super::{
    bounded,
    file::{JwtTable, KeyTable},
    provider,
};

/// Most keys.
const KEYS_MAX: usize = 100;

/// Longest file with a key or keys.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Shortest secret of HS256: a shorter one can be guessed (RFC 7518, section 3.2).
const SECRET_MIN_BYTES: usize = 32;

/// Longest leeway: clocks differ by less.
const LEEWAY_MAX_S: u64 = 300;

/// Checks signed tokens.
#[derive(Debug)]
pub(super) struct Signed {
    keys: HashMap<Arc<str>, Key>,
    audience: String,
    issuer: Option<String>,
    leeway_s: u64,
}

#[derive(Debug)]
struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What a signed token says.
#[derive(Debug, Deserialize)]
struct SignedClaims {
    sub: String,
    exp: f64,
    jti: Option<String>,
    role: String,
    subscribe: Option<Vec<Filter>>,
    history: Option<Vec<Filter>>,
    publish: Option<Vec<Filter>>,
    max_rate_hz: Option<f64>,
}

impl Signed {
    /// Reads the keys. `folder` is where relative paths begin.
    pub(super) fn new(table: JwtTable, folder: &Path) -> Result<Self, Vec<String>> {
        provider::install();
        let mut keys = HashMap::new();
        let mut problems = Vec::new();
        let mut add = |kid: String, key: Result<Key, String>| match key {
            Ok(key) if !keys.contains_key(&*kid) => {
                keys.insert(Arc::from(kid), key);
            }
            Ok(_) => problems.push(format!("jwt: key {kid:?} is there twice")),
            Err(problem) => problems.push(format!("jwt: key {kid:?}: {problem}")),
        };
        for key in &table.keys {
            add(key.kid.clone(), key_of_table(key, folder));
        }
        if let Some(path) = table.jwks {
            match read_set(&folder.join(path)) {
                Ok(set) => {
                    for jwk in &set.keys {
                        let kid = jwk.common.key_id.clone().unwrap_or_default();
                        add(kid, key_of_set(jwk));
                    }
                }
                Err(problem) => problems.push(format!("jwt: {problem}")),
            }
        }
        if !(1..=KEYS_MAX).contains(&keys.len()) {
            let number = keys.len();
            problems.push(format!(
                "jwt: there are {number} keys (at least 1, limit {KEYS_MAX})"
            ));
        }
        if table.leeway_s > LEEWAY_MAX_S {
            let leeway_s = table.leeway_s;
            problems.push(format!(
                "jwt: leeway_s is {leeway_s} (limit {LEEWAY_MAX_S})"
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            keys,
            audience: table.audience,
            issuer: table.issuer,
            leeway_s: table.leeway_s,
        })
    }

    /// Whether there is a key of this id.
    pub(super) fn has_key(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// What a token says, if it is genuine and for this server. An error never repeats the token.
    pub(super) fn check(&self, token: &str) -> Result<Claims, String> {
        // The library's error may repeat a part of the header.
        let header = decode_header(token).map_err(|_| {
            "the token has no header that this server can read, with one of the algorithms HS256, \
             RS256, ES256 and EdDSA"
        })?;
        if header.crit.is_some() {
            return Err(
                "the token's header has `crit`, which this server does not know".to_owned(),
            );
        }
        let kid = header.kid.ok_or("the token's header has no `kid`")?;
        let Some((kid, key)) = self.keys.get_key_value(&*kid) else {
            return Err("the token's `kid` is of no key that this server has".to_owned());
        };
        let mut validation = Validation::new(key.algorithm);
        validation.set_audience(&[&self.audience]);
        let mut required = vec!["exp", "aud", "sub"];
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation.leeway = self.leeway_s;
        validation.validate_nbf = true;
        let decoded = decode::<SignedClaims>(token, &key.key, &validation);
        let claims = decoded
            .map_err(|error| match error.kind() {
                ErrorKind::Json(_) => explain_claims(token, key),
                kind => said(kind),
            })?
            .claims;
        if let Some(rate) = claims.max_rate_hz
            && !(rate.is_finite() && rate >= RATE_MIN_HZ)
        {
            return Err(format!(
                "the token's claim `max_rate_hz` must be at least {RATE_MIN_HZ}"
            ));
        }
        Ok(Claims {
            source: Source::Signed(Arc::clone(kid)),
            subject: claims.sub.into(),
            token_id: claims.jti.map(Into::into),
            role: claims.role.into(),
            narrowing: Narrowing {
                subscribe: claims.subscribe,
                history: claims.history,
                publish: claims.publish,
                limits: Limits {
                    max_rate_hz: claims.max_rate_hz,
                    ..Limits::default()
                },
            },
            // A float that is too large becomes the largest integer.
            expires_ns: Some(((claims.exp + self.leeway_s as f64) * 1e9) as i64),
        })
    }
}

/// Which claim does not have its form, of a token whose signature is right.
fn explain_claims(token: &str, key: &Key) -> String {
    let mut signature_alone = Validation::new(key.algorithm);
    signature_alone.set_required_spec_claims::<&str>(&[]);
    signature_alone.validate_exp = false;
    signature_alone.validate_aud = false;
    decode::<Map<String, Value>>(token, &key.key, &signature_alone)
        .map_or_else(|_| NO_CLAIMS.to_owned(), |all| wrong_claim(&all.claims))
}

/// What is wrong with a token that has no claims.
const NO_CLAIMS: &str = "the token's claims are no object in JSON";

/// An error of the library in plain words, without any part of the token.
fn said(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::ExpiredSignature => "the token has expired: use a new one",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
            "the token's algorithm is not that of its key"
        }
        // A claim that this server asks for, so its name is no part of the token.
        ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => {
            "the token's claim `exp` is missing, or no number of seconds since 1970"
        }
        ErrorKind::MissingRequiredClaim(claim) => {
            return format!("the token's claim `{claim}` is missing, or of another form");
        }
        _ => "the token is not a signed token",
    }
    .to_owned()
}

/// What a claim must be.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Time,
    Number,
    Filters,
}

impl Form {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Time | Self::Number => value.is_number(),
            Self::Filters => Vec::<Filter>::deserialize(value).is_ok(),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Time => "a number of seconds since 1970",
            Self::Number => "a number",
            Self::Filters => "a list of filters",
        }
    }
}

/// The claims of [`SignedClaims`], and whether each must be there.
const CLAIMS: [(&str, bool, Form); 8] = [
    ("sub", true, Form::Text),
    ("exp", true, Form::Time),
    ("role", true, Form::Text),
    ("jti", false, Form::Text),
    ("subscribe", false, Form::Filters),
    ("history", false, Form::Filters),
    ("publish", false, Form::Filters),
    ("max_rate_hz", false, Form::Number),
];

/// Which claim does not have its form, without any part of it.
fn wrong_claim(claims: &Map<String, Value>) -> String {
    for (name, is_needed, form) in CLAIMS {
        let must_be = form.in_words();
        match claims.get(name).filter(|value| !value.is_null()) {
            None if is_needed => {
                return format!("the token's claim `{name}` is missing: it must be {must_be}");
            }
            Some(value) if !form.fits(value) => {
                return format!("the token's claim `{name}` must be {must_be}");
            }
            _ => {}
        }
    }
    NO_CLAIMS.to_owned()
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    match name {
        "HS256" => Ok(Algorithm::HS256),
        "RS256" => Ok(Algorithm::RS256),
        "ES256" => Ok(Algorithm::ES256),
        "EdDSA" => Ok(Algorithm::EdDSA),
        other => Err(format!(
            "algorithm {other:?} is not supported: use HS256, RS256, ES256 or EdDSA"
        )),
    }
}

fn key_of_table(table: &KeyTable, folder: &Path) -> Result<Key, String> {
    let algorithm = algorithm(&table.algorithm)?;
    let path = folder.join(&table.file);
    let bytes = read(&path)?;
    let damaged = |_: jsonwebtoken::errors::Error| {
        let (path, name) = (path.display(), &table.algorithm);
        format!("{path} has no public key for {name} in PEM")
    };
    let key = match algorithm {
        Algorithm::RS256 => DecodingKey::from_rsa_pem(&bytes).map_err(damaged)?,
        Algorithm::ES256 => DecodingKey::from_ec_pem(&bytes).map_err(damaged)?,
        Algorithm::EdDSA => DecodingKey::from_ed_pem(&bytes).map_err(damaged)?,
        _ => {
            let secret = BASE64_STANDARD.decode(bytes.trim_ascii());
            let path = path.display();
            DecodingKey::from_secret(
                &secret.map_err(|_| format!("{path} is not a secret in base64"))?,
            )
        }
    };
    checked(Key { algorithm, key })
}

fn key_of_set(jwk: &Jwk) -> Result<Key, String> {
    if jwk.common.key_id.is_none() {
        return Err("`kid` is missing".to_owned());
    }
    let algorithm = match jwk.common.key_algorithm {
        Some(KeyAlgorithm::HS256) => Algorithm::HS256,
        Some(KeyAlgorithm::RS256) => Algorithm::RS256,
        Some(KeyAlgorithm::ES256) => Algorithm::ES256,
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(_) => return Err("`alg` must be HS256, RS256, ES256 or EdDSA".to_owned()),
        None => return Err("`alg` is missing, which says what the key is for".to_owned()),
    };
    let key = DecodingKey::from_jwk(jwk)
        .map_err(|_| format!("its members are not those of a key for {algorithm:?}"))?;
    checked(Key { algorithm, key })
}

/// Refuses a key of another kind than its algorithm needs, and a short secret.
fn checked(key: Key) -> Result<Key, String> {
    let family = match key.algorithm {
        Algorithm::HS256 => AlgorithmFamily::Hmac,
        Algorithm::RS256 => AlgorithmFamily::Rsa,
        Algorithm::ES256 => AlgorithmFamily::Ec,
        _ => AlgorithmFamily::Ed,
    };
    if key.key.family() != family {
        return Err(format!("the key is not for {:?}", key.algorithm));
    }
    if family == AlgorithmFamily::Hmac {
        let len = key.key.try_get_as_bytes().map_or(0, <[u8]>::len);
        if len < SECRET_MIN_BYTES {
            return Err(format!(
                "the secret has {len} bytes (at least {SECRET_MIN_BYTES})"
            ));
        }
    }
    Ok(key)
}

fn read_set(path: &Path) -> Result<JwkSet, String> {
    let bytes = read(path)?;
    let set = serde_json::from_slice(&bytes);
    set.map_err(|error| {
        let path = path.display();
        let form = format!("{path} is not a set of keys (RFC 7517), such as {{\"keys\":[...]}}");
        explain_form(&form, &bytes, &error)
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let content = bounded::read(path, FILE_MAX_BYTES);
    content.map_err(|error| format!("cannot read {}: {error}", path.display()))
}
