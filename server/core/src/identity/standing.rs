//! The identity of one connection, and its end.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::{error::ErrorCode, message::TimeNs};

use super::{
    known::Identity,
    verify::{Admitted, Seat},
};
use crate::{now::Now, refusal::Refusal, totals::Totals};

/// A client is warned this long before its token expires, or for a fifth of the token's time if
/// that is shorter: enough to fetch another one.
const WARNING_NS: TimeNs = 60_000_000_000;
const WARNING_PART: TimeNs = 5;

/// What a connection knows about its client. Connections of a server without identities have none.
#[derive(Debug)]
pub struct Standing {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The client has to prove an identity up to this uptime.
    Unknown { until: Duration },
    Known {
        identity: Arc<Identity>,
        /// When the client is warned; `None` if it is not, or has been.
        warn_ns: Option<TimeNs>,
        /// Dropped with the identity.
        seat: Seat,
    },
}

/// The client that wants permission.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// Any client: the server has no identities.
    Everybody,
    /// A client that has not proved an identity.
    Unknown,
    /// A client with an identity.
    Known(&'a Identity),
}

/// What is due for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Its token is about to expire.
    Warn {
        /// When it does.
        expires_ns: TimeNs,
    },
    /// Its token has expired.
    Expired,
    /// It has proved no identity in time.
    Late,
}

impl Standing {
    /// A client that has to prove an identity up to an uptime.
    pub fn unknown(until: Duration) -> Self {
        Self {
            state: State::Unknown { until },
        }
    }

    /// A client with an identity.
    pub fn known(admitted: Admitted, now: Now) -> Self {
        let Admitted { identity, seat } = admitted;
        let warn_ns = identity.claims.expires_ns.map(|end| {
            let left = end.saturating_sub(now.wall_ns).max(0);
            end.saturating_sub(WARNING_NS.min(left / WARNING_PART))
        });
        Self {
            state: State::Known {
                identity,
                warn_ns,
                seat,
            },
        }
    }

    /// Who the client is.
    pub fn who(&self) -> Who<'_> {
        match &self.state {
            State::Unknown { .. } => Who::Unknown,
            State::Known { identity, .. } => Who::Known(identity),
        }
    }

    /// The identity, if the client has one.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        match &self.state {
            State::Unknown { .. } => None,
            State::Known { identity, .. } => Some(identity),
        }
    }

    /// What all connections of the identity use together, if it is counted.
    pub fn totals(&self) -> Option<&Arc<Totals>> {
        match &self.state {
            State::Unknown { .. } => None,
            State::Known { seat, .. } => seat.totals(),
        }
    }

    /// Takes a new identity. A client that has shown a token cannot become another identity: its
    /// subscriptions and its audit belong to the first one.
    pub fn renew(&mut self, admitted: Admitted, now: Now) -> Result<(), Refusal> {
        if let Some(identity) = self.identity()
            && !identity.claims.is_anonymous()
            && identity.claims.subject != admitted.identity.claims.subject
        {
            let reason = format!(
                "this connection belongs to {:?}, and the token to {:?}: open another connection",
                identity.claims.subject, admitted.identity.claims.subject
            );
            return Err(Refusal::new(ErrorCode::TokenRefused, reason));
        }
        *self = Self::known(admitted, now);
        Ok(())
    }

    /// Takes what the same token allows now.
    pub fn replace(&mut self, new: Arc<Identity>, now: Now) {
        let end = new.claims.expires_ns;
        if let State::Known {
            identity, warn_ns, ..
        } = &mut self.state
        {
            if identity.claims.expires_ns != end {
                *warn_ns = end.map(|end| end.saturating_sub(WARNING_NS).max(now.wall_ns));
            }
            *identity = new;
        }
    }

    /// What is due now. A warning is due once.
    pub fn due(&mut self, now: Now) -> Option<Due> {
        match &mut self.state {
            State::Unknown { until } => (*until <= now.uptime).then_some(Due::Late),
            State::Known { identity, .. } if identity.has_expired(now.wall_ns) => {
                Some(Due::Expired)
            }
            State::Known {
                identity, warn_ns, ..
            } => {
                warn_ns.take_if(|at| *at <= now.wall_ns)?;
                let expires_ns = identity.claims.expires_ns?;
                Some(Due::Warn { expires_ns })
            }
        }
    }
}
