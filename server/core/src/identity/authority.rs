//! Which claims become an identity, now and when something changes later.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use bincode::{Decode, Encode};
use tickcast_protocol::message::TimeNs;

use super::{
    claims::Claims,
    known::Identity,
    pattern::SUBJECT_MAX_BYTES,
    rights::FILTERS_MAX,
    role::{Role, RoleError},
};

/// Most revocations. They are kept until an operator lifts them; a longer list should become a new
/// key.
pub const REVOCATIONS_MAX: usize = 10_000;

/// The roles and the revocations; see the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Authority {
    /// The roles by name.
    pub roles: BTreeMap<Arc<str>, Role>,
    /// What is revoked.
    pub revocations: Revocations,
}

/// What is revoked: whole identities, and single tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations(BTreeSet<Revoked>);

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Revoked {
    /// All tokens of a subject.
    Subject(Arc<str>),
    /// The token with an id.
    Token(Arc<str>),
}

/// Why claims do not become an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The token has expired.
    Expired,
    /// The subject or the token is revoked.
    Revoked,
    /// The settings have no such role.
    NoRole(Arc<str>),
    /// The subject is empty or too long.
    Subject(usize),
    /// The subject cannot stand in a filter of the role.
    Role(RoleError),
    /// Role and token together have too many filters.
    TooManyFilters,
}

/// What becomes of an identity after a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Review {
    /// It stays as it is.
    Keep,
    /// It may do something else from now on.
    Change(Arc<Identity>),
    /// It ends.
    End(Denied),
}

impl Revocations {
    /// Adds a revocation. Returns whether it was new; `None` if there are too many.
    pub fn add(&mut self, revoked: Revoked) -> Option<bool> {
        if self.0.len() >= REVOCATIONS_MAX && !self.0.contains(&revoked) {
            return None;
        }
        Some(self.0.insert(revoked))
    }

    /// Lifts a revocation. Returns whether there was one.
    pub fn lift(&mut self, revoked: &Revoked) -> bool {
        self.0.remove(revoked)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Revoked> {
        self.0.iter()
    }

    fn include(&self, claims: &Claims) -> bool {
        let token = claims.token_id.clone().map(Revoked::Token);
        let subject = Revoked::Subject(Arc::clone(&claims.subject));
        token.is_some_and(|token| self.0.contains(&token)) || self.0.contains(&subject)
    }
}

impl Authority {
    /// The identity of claims.
    pub fn admit(&self, claims: Claims, wall_ns: TimeNs) -> Result<Identity, Denied> {
        let len = claims.subject.len();
        if !claims.is_anonymous() && !(1..=SUBJECT_MAX_BYTES).contains(&len) {
            return Err(Denied::Subject(len));
        }
        if self.revocations.include(&claims) {
            return Err(Denied::Revoked);
        }
        if claims.expires_ns.is_some_and(|end| end <= wall_ns) {
            return Err(Denied::Expired);
        }
        let role = self.roles.get(&claims.role);
        let role = role.ok_or_else(|| Denied::NoRole(Arc::clone(&claims.role)))?;
        let rights = role.rights(&claims.subject).map_err(Denied::Role)?;
        let rights = rights.narrowed(&claims.narrowing);
        Ok(Identity {
            rights: rights.ok_or(Denied::TooManyFilters)?,
            limits: role.limits.narrowed(claims.narrowing.limits),
            claims,
        })
    }

    /// What becomes of an identity now. `claims` is what its token says now; `None` if it is not
    /// genuine any more.
    pub fn review(&self, identity: &Identity, claims: Option<Claims>, wall_ns: TimeNs) -> Review {
        let Some(claims) = claims else {
            return Review::End(Denied::Revoked);
        };
        match self.admit(claims, wall_ns) {
            Ok(now) if now == *identity => Review::Keep,
            Ok(now) => Review::Change(Arc::new(now)),
            Err(denied) => Review::End(denied),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the token has expired: use a new one"),
            Self::Revoked => f.write_str("the token or its subject is revoked: ask an operator"),
            Self::NoRole(role) => write!(f, "the server has no role {role:?}"),
            Self::Subject(len) => write!(
                f,
                "the token's subject has {len} bytes (at least 1, limit {SUBJECT_MAX_BYTES})"
            ),
            Self::Role(RoleError { pattern }) => write!(
                f,
                "the token's subject cannot stand in the filter {pattern:?} of its role: it must be \
                 one level of a topic"
            ),
            Self::TooManyFilters => write!(
                f,
                "role and token together have too many filters (limit {FILTERS_MAX} for each action)"
            ),
        }
    }
}
