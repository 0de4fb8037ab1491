//! Identities: what a client may do, and what happens when that changes.

mod changes;
mod histories;
mod reader;
mod rights;
mod tokens;

use std::sync::Arc;

use tickcast_core::{
    Now, Refusal,
    identity::{
        Admitted, Authority, Claims, Identity, Limits, Narrowing, Pattern, Revocations, Role, Seat,
        Source, Standing, Verify,
    },
    permissions::Access,
    settings::CoreSettings,
};
use tickcast_protocol::{codec::Encoding, error::ErrorCode, topic::Filter};

use crate::bench::{Bench, Client};

/// The roles: their names and what their bearers may read.
const ROLES: [(&str, &[&str]); 5] = [
    ("all", &["#"]),
    ("a", &["a/#"]),
    ("own", &["b/{sub}/+", "a/1"]),
    ("slow", &["#"]),
    ("none", &[]),
];

const SLOW_HZ: f64 = 2.0;

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn filters(texts: &[String]) -> Vec<Filter> {
    let texts = texts.iter();
    texts.map(|text| Filter::new(text).unwrap()).collect()
}

fn authority() -> Authority {
    let roles = ROLES.map(|(name, patterns)| {
        let patterns: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
        let limits = Limits {
            max_rate_hz: (name == "slow").then_some(SLOW_HZ),
            ..Limits::default()
        };
        let role = Role {
            name: name.into(),
            subscribe: patterns.clone(),
            history: None,
            publish: patterns,
            limits,
        };
        (name.into(), role)
    });
    Authority {
        roles: roles.into_iter().collect(),
        revocations: Revocations::default(),
    }
}

fn claims(subject: &str, role: &str, expires_ns: Option<i64>) -> Claims {
    Claims {
        source: Source::Listed,
        subject: subject.into(),
        token_id: Some(format!("{subject}-{role}").into()),
        role: role.into(),
        narrowing: Narrowing::default(),
        expires_ns,
    }
}

/// Tokens are `subject/role` or `subject/role/time`.
#[derive(Debug)]
struct Tokens(Authority);

impl Verify for Tokens {
    fn verify(&self, token: &str, now: Now) -> Result<Admitted, Refusal> {
        let refusal = |reason: String| Refusal::new(ErrorCode::TokenRefused, reason);
        let mut parts = token.split('/');
        let (Some(subject), Some(role)) = (parts.next(), parts.next()) else {
            return Err(refusal("not a token".to_owned()));
        };
        let expires_ns = parts.next().map(|time| time.parse().unwrap());
        let admitted = self.0.admit(claims(subject, role, expires_ns), now.wall_ns);
        let identity = admitted.map_err(|denied| refusal(denied.to_string()))?;
        Ok(Admitted {
            identity: Arc::new(identity),
            seat: seat(),
        })
    }
}

/// One of an identity that has no other connection.
fn seat() -> Seat {
    Seat::new((), Arc::default())
}

fn admitted(identity: Identity) -> Admitted {
    Admitted {
        identity: Arc::new(identity),
        seat: seat(),
    }
}

fn bench(settings: CoreSettings) -> Bench {
    Bench::new(settings).with_verify(Tokens(authority()))
}

fn generous() -> CoreSettings {
    CoreSettings {
        requests_per_s: 1_000_000,
        request_burst: 1_000_000,
        ..CoreSettings::default()
    }
}

impl Bench {
    fn connect_known(&mut self, identity: Identity) -> Client {
        let standing = Standing::known(admitted(identity), self.now());
        self.connect_standing(standing)
    }

    fn connect_standing(&mut self, standing: Standing) -> Client {
        let now = self.now();
        self.connect_with(|shard, pipe| {
            let access = Access::READER;
            shard.connect_as(pipe, Encoding::Json, access, Some(standing), now)
        })
    }

    fn identity(&self, subject: &str, role: &str) -> Identity {
        let claims = claims(subject, role, None);
        authority().admit(claims, self.now().wall_ns).unwrap()
    }
}

/// What the role and the token both allow, topic by topic.
fn model(role: &[String], token: Option<&[String]>, topic: &str) -> bool {
    let is_in = |filters: &[String]| {
        let mut filters = filters.iter().map(|text| text.replace("{sub}", "al"));
        filters.any(|text| Filter::new(&text).unwrap().matches(topic))
    };
    is_in(role) && token.is_none_or(is_in)
}
