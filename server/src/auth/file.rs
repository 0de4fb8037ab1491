//! The identities file, as it is written.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentitiesFile {
    /// The roles by name.
    #[serde(default)]
    pub(super) roles: BTreeMap<String, RoleTable>,
    /// The role of clients without a token.
    pub(super) anonymous: Option<AnonymousTable>,
    /// The admin address.
    pub(super) admin: Option<AdminTable>,
    /// The tokens that the file lists.
    #[serde(default)]
    pub(super) tokens: Vec<TokenTable>,
    /// How signed tokens are checked.
    pub(super) jwt: Option<JwtTable>,
    /// Where revocations are kept [default: the path of the file with `.revoked`].
    pub(super) revocations: Option<PathBuf>,
}

/// A role. Its limits are of all connections of a subject together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleTable {
    #[serde(default)]
    pub(super) subscribe: Vec<String>,
    pub(super) history: Option<Vec<String>>,
    #[serde(default)]
    pub(super) publish: Vec<String>,
    pub(super) max_rate_hz: Option<f64>,
    pub(super) connections: Option<u32>,
    pub(super) subscriptions: Option<u32>,
    pub(super) requests_per_s: Option<u32>,
    pub(super) publish_updates_per_s: Option<u32>,
    pub(super) publish_bytes_per_s: Option<u32>,
    /// Commands of the admin address.
    #[serde(default)]
    pub(super) commands: Vec<String>,
}

/// The admin address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminTable {
    /// Whether commands from this machine need a token as well.
    pub(super) always_token: bool,
}

/// Clients without a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnonymousTable {
    pub(super) role: String,
}

/// A token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenTable {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) role: String,
    pub(super) sha256: String,
    pub(super) expires: Option<toml::value::Datetime>,
    pub(super) subscribe: Option<Vec<String>>,
    pub(super) history: Option<Vec<String>>,
    pub(super) publish: Option<Vec<String>>,
}

/// Signed tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtTable {
    pub(super) audience: String,
    pub(super) issuer: Option<String>,
    #[serde(default)]
    pub(super) leeway_s: u64,
    /// A file with keys (RFC 7517), each with `kid` and `alg`.
    pub(super) jwks: Option<PathBuf>,
    #[serde(default)]
    pub(super) keys: Vec<KeyTable>,
}

/// A key of signed tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    pub(super) kid: String,
    pub(super) algorithm: String,
    /// A public key in PEM, or the secret of HS256 in base64.
    pub(super) file: PathBuf,
}
