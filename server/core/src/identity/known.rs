//! An identity: claims, and the rights that result.

use tickcast_protocol::message::{Authenticated, RequestId, TimeNs};

use super::{
    claims::Claims,
    rights::{Limits, Rights},
};

/// An identity; see the module. Made by [`Authority::admit`](super::Authority::admit).
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// What its token says.
    pub claims: Claims,
    /// What it may do.
    pub rights: Rights,
    /// Its limits.
    pub limits: Limits,
}

impl Identity {
    /// Whether its token has expired.
    pub fn has_expired(&self, wall_ns: TimeNs) -> bool {
        self.claims.expires_ns.is_some_and(|end| end <= wall_ns)
    }

    /// Its name in texts for people.
    pub fn name(&self) -> String {
        match self.claims.is_anonymous() {
            true => format!("clients without a token (role {:?})", self.claims.role),
            false => format!("{:?} (role {:?})", self.claims.subject, self.claims.role),
        }
    }

    /// The message that tells a client what it may do.
    pub fn told(&self, id: Option<RequestId>) -> Authenticated {
        let texts = |filters: &[tickcast_protocol::topic::Filter]| {
            let texts = filters.iter().map(|filter| filter.as_str().to_owned());
            texts.collect()
        };
        Authenticated {
            id,
            subject: self.claims.subject.to_string(),
            role: self.claims.role.to_string(),
            expires_ns: self.claims.expires_ns,
            subscribe: texts(&self.rights.subscribe),
            history: texts(&self.rights.history),
            publish: texts(&self.rights.publish),
            max_rate_hz: self.limits.max_rate_hz,
        }
    }
}
