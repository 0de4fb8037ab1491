//! The identities of a server, for all its threads.

use std::{
    iter,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tickcast_core::{
    Now, Refusal,
    identity::{
        Admitted, Claims, Denied, Identity, REVOCATIONS_MAX, Review, Revoked, Standing, Verify,
    },
};
use tickcast_protocol::error::ErrorCode;

use super::{
    operators::OperatorError,
    revoked,
    seats::Seats,
    state::State,
    tickets::{TicketError, Tickets},
};
use crate::clock::Clock;

/// The identities of a server.
#[derive(Debug)]
pub(crate) struct Auth {
    path: PathBuf,
    /// Time for a client to prove an identity.
    timeout: Duration,
    state: RwLock<Arc<State>>,
    seats: Seats,
    tickets: Mutex<Tickets>,
    /// Held while the state is replaced, so that no change is lost.
    changing: Mutex<()>,
}

impl Auth {
    /// Reads the identities file.
    pub(crate) fn load(
        path: PathBuf,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Arc<Self>, Vec<String>> {
        let state = State::load(&path)?;
        Ok(Arc::new(Self {
            path,
            timeout,
            state: RwLock::new(Arc::new(state)),
            seats: Seats::new(clock),
            tickets: Mutex::default(),
            changing: Mutex::default(),
        }))
    }

    /// The standing of a new connection: with the token that its handshake has shown, without one
    /// as an anonymous client, or as one that has to authenticate.
    pub(crate) fn begin(&self, token: Option<&str>, now: Now) -> Result<Standing, Refusal> {
        let state = self.state();
        let Some(token) = token else {
            return match state.anonymous(now.wall_ns) {
                None => Ok(Standing::unknown(now.uptime + self.timeout)),
                Some(Ok(identity)) => Ok(Standing::known(self.seated(Arc::new(identity))?, now)),
                Some(Err(denied)) => Err(refusal(&denied)),
            };
        };
        Ok(Standing::known(self.verified(&state, token, now)?, now))
    }

    /// A ticket for an identity.
    pub(crate) fn ticket(&self, identity: &Arc<Identity>, now: Now) -> Result<String, TicketError> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.issue(Arc::clone(identity), now.uptime)
    }

    /// The standing of a client by its ticket, which is used up with this. What the identity may do
    /// now counts.
    pub(crate) fn redeem(&self, ticket: &str, now: Now) -> Result<Standing, Refusal> {
        let redeemed = {
            let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.redeem(ticket, now.uptime)
        };
        let Some(identity) = redeemed else {
            let reason = "the ticket is unknown, was used before, or is too old: get another one \
                          with POST /v1/ticket";
            return Err(Refusal::new(ErrorCode::TokenRefused, reason));
        };
        let identity = match self.review(&identity, now) {
            Review::Keep => identity,
            Review::Change(identity) => identity,
            Review::End(denied) => return Err(refusal(&denied)),
        };
        Ok(Standing::known(self.seated(identity)?, now))
    }

    /// Whether a request at the admin address may send a command: from this machine, or by a token
    /// of a role that has it. Returns the subject of the token.
    pub(crate) fn operator(
        &self,
        token: Option<&str>,
        is_loopback: bool,
        command: &str,
        now: Now,
    ) -> Result<Option<Arc<str>>, OperatorError> {
        let state = self.state();
        let Some(token) = token else {
            if is_loopback && !state.operators.always_token {
                return Ok(None);
            }
            let reason = "commands need a token: send the header `Authorization: Bearer TOKEN`";
            return Err(OperatorError::Unknown(reason.to_owned()));
        };
        let claims = state.claims(token).map_err(OperatorError::Unknown)?;
        let identity = state.authority.admit(claims, now.wall_ns);
        let identity = identity.map_err(|denied| OperatorError::Unknown(denied.to_string()))?;
        state.operators.check(&identity.claims.role, command)?;
        Ok(Some(identity.claims.subject))
    }

    /// What becomes of an identity now.
    pub(crate) fn review(&self, identity: &Identity, now: Now) -> Review {
        self.state().review(identity, now.wall_ns)
    }

    /// Reads the file again. If something is wrong, nothing changes. The connections must be
    /// reviewed after it.
    pub(crate) fn reload(&self) -> Result<(), Vec<String>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let state = State::load(&self.path)?;
        self.replace(state);
        Ok(())
    }

    /// Revokes an identity or a token. The file is written first. The connections must be reviewed
    /// after it. Returns whether it was not revoked yet.
    pub(crate) fn revoke(&self, revoked: Revoked) -> Result<bool, String> {
        self.follow(iter::once((&revoked, true)), true)
    }

    /// Lifts a revocation. Returns whether there was one.
    pub(crate) fn lift(&self, revoked: &Revoked) -> Result<bool, String> {
        self.follow(iter::once((revoked, false)), true)
    }

    /// Follows the last words on what is revoked. What is restored stays revoked here, unless it
    /// `lifts`. Returns whether something has changed.
    pub(crate) fn follow<'a>(
        &self,
        words: impl Iterator<Item = (&'a Revoked, bool)>,
        lifts: bool,
    ) -> Result<bool, String> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.state();
        let mut revocations = old.authority.revocations.clone();
        let mut has_changed = false;
        for (about, is_revoked) in words {
            has_changed |= match is_revoked {
                true => revocations.add(about.clone()).ok_or_else(|| {
                    format!("there are too many revocations (limit {REVOCATIONS_MAX}): lift some")
                })?,
                false => lifts && revocations.lift(about),
            };
        }
        if has_changed {
            revoked::write(&old.revocations_path, &revocations)?;
            self.replace(old.with_revocations(revocations));
        }
        Ok(has_changed)
    }

    fn verified(&self, state: &State, token: &str, now: Now) -> Result<Admitted, Refusal> {
        let refused = |reason: String| Refusal::new(ErrorCode::TokenRefused, reason);
        let claims: Claims = state.claims(token).map_err(refused)?;
        let identity = state.authority.admit(claims, now.wall_ns);
        self.seated(Arc::new(identity.map_err(|denied| refusal(&denied))?))
    }

    fn seated(&self, identity: Arc<Identity>) -> Result<Admitted, Refusal> {
        let Some(seat) = self.seats.take(&identity) else {
            let max = identity.limits.connections.unwrap_or_default();
            let name = identity.name();
            let reason = format!("{name} has as many connections as it may (limit {max})");
            return Err(Refusal::new(ErrorCode::TooManyConnections, reason));
        };
        Ok(Admitted { identity, seat })
    }

    fn state(&self) -> Arc<State> {
        let state = self.state.read();
        Arc::clone(&state.unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, state: State) {
        let mut current = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(state);
    }
}

/// Checks tokens for a shard.
#[derive(Debug)]
pub(crate) struct Verifier(pub(crate) Arc<Auth>);

impl Verify for Verifier {
    fn verify(&self, token: &str, now: Now) -> Result<Admitted, Refusal> {
        let Self(auth) = self;
        auth.verified(&auth.state(), token, now)
    }
}

fn refusal(denied: &Denied) -> Refusal {
    Refusal::new(ErrorCode::TokenRefused, denied.to_string())
}
