//! What the identities file says, checked.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{Timestamp, tz::TimeZone};
use tickcast_core::identity::{
    Authority, Claims, Denied, FILTERS_MAX, Identity, Limits, Narrowing, Pattern, Review,
    Revocations, Role, SUBJECT_MAX_BYTES, Source,
};
use tickcast_protocol::{
    message::{RATE_MIN_HZ, TimeNs},
    topic::Filter,
};

use super::{
    TOKEN_MAX_BYTES, bounded,
    file::{IdentitiesFile, RoleTable, TokenTable},
    listed::{Listed, TOKENS_MAX},
    operators::Operators,
    revoked,
    secret::parse_hash,
    signed::Signed,
    words::in_words,
};

/// Longest identities file.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What the identities file says; see the module.
#[derive(Debug)]
pub struct State {
    pub(super) authority: Authority,
    listed: Arc<Listed>,
    signed: Option<Arc<Signed>>,
    /// The role of clients without a token.
    anonymous: Option<Arc<str>>,
    pub(super) operators: Operators,
    pub(super) revocations_path: PathBuf,
}

/// Checks an identities file, and returns everything that is wrong with it.
pub(crate) fn check_file(path: &Path) -> Result<(), Vec<String>> {
    State::load(path).map(|_| ())
}

impl State {
    /// Reads the file and what it names.
    pub(super) fn load(path: &Path) -> Result<Self, Vec<String>> {
        let text = bounded::read_text(path, FILE_MAX_BYTES);
        let text =
            text.map_err(|error| vec![format!("cannot read {}: {error}", path.display())])?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file, and what it names beside the file.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Vec<String>> {
        let shown = path.display();
        let one = |problem: String| vec![problem];
        let file = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text[..at].matches('\n').count() + 1;
            let told = in_words(error.message());
            let place = match text.lines().nth(line - 1).and_then(key_of) {
                Some(key) if told.starts_with("it is ") => format!("{shown}:{line}: {key}"),
                _ => format!("{shown}:{line}"),
            };
            one(format!("{place}: {told}"))
        })?;
        let named = |problem: String| format!("{shown}: {problem}");
        let problems = |problems: Vec<String>| problems.into_iter().map(named).collect();
        Self::new(file, path).map_err(problems)
    }

    fn new(file: IdentitiesFile, path: &Path) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut roles = BTreeMap::new();
        if file.roles.is_empty() {
            // An empty file is one that is being written, and would end all connections.
            problems.push("there are no roles, so no client could connect".to_owned());
        }
        let always_token = file.admin.is_some_and(|admin| admin.always_token);
        let mut operators = Operators::new(always_token);
        for (name, table) in file.roles {
            if let Err(problem) = operators.add(&name, &table.commands) {
                problems.push(format!("role {name:?}: {problem}"));
            }
            match role(&name, table) {
                Ok(role) => drop(roles.insert(Arc::clone(&role.name), role)),
                Err(problem) => problems.push(format!("role {name:?}: {problem}")),
            }
        }
        let revocations_path = match file.revocations {
            Some(own) => folder.join(own),
            None => {
                let mut name = path.as_os_str().to_owned();
                name.push(".revoked");
                name.into()
            }
        };
        let revocations = revoked::read(&revocations_path).unwrap_or_else(|problem| {
            problems.push(problem);
            Default::default()
        });
        let authority = Authority { roles, revocations };
        let anonymous = file.anonymous.map(|table| Arc::<str>::from(table.role));
        if let Some(role) = &anonymous
            && let Err(denied) = authority.admit(Claims::anonymous(Arc::clone(role)), 0)
        {
            problems.push(format!("anonymous: {denied}"));
        }
        let mut listed = Listed::default();
        for table in file.tokens {
            let id = table.id.clone();
            if let Err(problem) = add_token(&mut listed, table, &authority) {
                problems.push(format!("token {id:?}: {problem}"));
            }
        }
        if listed.len() > TOKENS_MAX {
            let number = listed.len();
            problems.push(format!("there are {number} tokens (limit {TOKENS_MAX})"));
        }
        let signed = match file.jwt.map(|table| Signed::new(table, folder)) {
            Some(Ok(signed)) => Some(signed),
            Some(Err(found)) => {
                problems.extend(found);
                None
            }
            None => None,
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            authority,
            listed: Arc::new(listed),
            signed: signed.map(Arc::new),
            anonymous,
            operators,
            revocations_path,
        })
    }

    /// The claims of a token, if it is genuine. An error never repeats the token.
    pub fn claims(&self, token: &str) -> Result<Claims, String> {
        if token.len() > TOKEN_MAX_BYTES {
            let len = token.len();
            return Err(format!(
                "the token has {len} bytes (limit {TOKEN_MAX_BYTES})"
            ));
        }
        if let Some(claims) = self.listed.find(token) {
            return Ok(claims.clone());
        }
        match &self.signed {
            Some(signed) if token.contains('.') => signed.check(token),
            _ => Err("the token is unknown".to_owned()),
        }
    }

    /// The identity of a client without a token; `None` if such clients have no role.
    pub(super) fn anonymous(&self, wall_ns: TimeNs) -> Option<Result<Identity, Denied>> {
        let role = self.anonymous.as_ref()?;
        let claims = Claims::anonymous(Arc::clone(role));
        Some(self.authority.admit(claims, wall_ns))
    }

    /// The same with other revocations.
    pub(super) fn with_revocations(&self, revocations: Revocations) -> Self {
        Self {
            authority: Authority {
                roles: self.authority.roles.clone(),
                revocations,
            },
            listed: Arc::clone(&self.listed),
            signed: self.signed.clone(),
            anonymous: self.anonymous.clone(),
            operators: self.operators.clone(),
            revocations_path: self.revocations_path.clone(),
        }
    }

    /// What becomes of an identity that another state has admitted.
    pub(super) fn review(&self, identity: &Identity, wall_ns: TimeNs) -> Review {
        let claims = &identity.claims;
        let now = match &claims.source {
            Source::Anonymous => self.anonymous.clone().map(Claims::anonymous),
            Source::Listed => {
                let id = claims.token_id.as_deref();
                id.and_then(|id| self.listed.by_id(id)).cloned()
            }
            Source::Signed(kid) => {
                let signed = self.signed.as_ref();
                let has_key = signed.is_some_and(|signed| signed.has_key(kid));
                has_key.then(|| claims.clone())
            }
        };
        self.authority.review(identity, now, wall_ns)
    }
}

/// The key of a line `KEY = VALUE`.
fn key_of(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim())
}

fn role(name: &str, table: RoleTable) -> Result<Role, String> {
    let patterns = |texts: Vec<String>| {
        let patterns = texts
            .iter()
            .map(|text| Pattern::new(text).map_err(|error| format!("filter {text:?}: {error}")));
        patterns.collect::<Result<Vec<_>, _>>()
    };
    let limits = Limits {
        max_rate_hz: table.max_rate_hz,
        connections: table.connections,
        subscriptions: table.subscriptions,
        requests_per_s: table.requests_per_s,
        publish_updates_per_s: table.publish_updates_per_s,
        publish_bytes_per_s: table.publish_bytes_per_s,
    };
    check_limits(limits)?;
    let role = Role {
        name: name.into(),
        subscribe: patterns(table.subscribe)?,
        history: table.history.map(patterns).transpose()?,
        publish: patterns(table.publish)?,
        limits,
    };
    if !role.is_bounded() {
        return Err(format!(
            "too many filters for one action (limit {FILTERS_MAX})"
        ));
    }
    Ok(role)
}

fn check_limits(limits: Limits) -> Result<(), String> {
    if let Some(rate) = limits.max_rate_hz
        && !(rate.is_finite() && rate >= RATE_MIN_HZ)
    {
        return Err(format!(
            "max_rate_hz is {rate}: it must be at least {RATE_MIN_HZ}"
        ));
    }
    for (name, limit) in [
        ("requests_per_s", limits.requests_per_s),
        ("publish_updates_per_s", limits.publish_updates_per_s),
        ("publish_bytes_per_s", limits.publish_bytes_per_s),
    ] {
        if limit == Some(0) {
            return Err(format!("{name} is 0: it must be above 0, or missing"));
        }
    }
    Ok(())
}

fn add_token(listed: &mut Listed, table: TokenTable, authority: &Authority) -> Result<(), String> {
    if !(1..=SUBJECT_MAX_BYTES).contains(&table.id.len()) {
        return Err(format!("its id must have 1 to {SUBJECT_MAX_BYTES} bytes"));
    }
    let hash = parse_hash(&table.sha256).ok_or(
        "sha256 is not the hash of a token, which has 64 hexadecimal digits: make one with \
         tickcast-server --make-token",
    )?;
    let filters = |texts: Option<Vec<String>>| {
        let Some(texts) = texts else {
            return Ok(None);
        };
        let filters = texts
            .iter()
            .map(|text| Filter::new(text).map_err(|error| format!("filter {text:?}: {error}")));
        filters.collect::<Result<Vec<_>, _>>().map(Some)
    };
    let id: Arc<str> = table.id.into();
    let claims = Claims {
        source: Source::Listed,
        subject: table.subject.into(),
        token_id: Some(Arc::clone(&id)),
        role: table.role.into(),
        narrowing: Narrowing {
            subscribe: filters(table.subscribe)?,
            history: filters(table.history)?,
            publish: filters(table.publish)?,
            limits: Limits::default(),
        },
        expires_ns: table.expires.map(expiry).transpose()?,
    };
    // A token that could never be used is a mistake; one that has expired or is revoked is not.
    match authority.admit(claims.clone(), 0) {
        Ok(_) | Err(Denied::Expired | Denied::Revoked) => {}
        Err(denied) => return Err(denied.to_string()),
    }
    if !listed.add(id, hash, claims) {
        return Err("its id or its hash is there twice".to_owned());
    }
    Ok(())
}

/// A time of the file, in ns since the Unix epoch.
fn expiry(time: toml::value::Datetime) -> Result<TimeNs, String> {
    let text = time.to_string();
    let zoned = text.parse::<Timestamp>().ok().or_else(|| {
        // A time without an offset, or a date, is in UTC.
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    let ns = zoned.and_then(|time| TimeNs::try_from(time.as_nanosecond()).ok());
    ns.ok_or_else(|| format!("expires is {text}: it must be a date and a time"))
}
