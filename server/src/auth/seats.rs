//! The connections of each identity, in all shards.

use std::sync::Arc;

use tickcast_core::identity::{Identity, Seat};

use crate::{accounts::Accounts, clock::Clock};

/// Counts connections by subject.
#[derive(Debug)]
pub(super) struct Seats(Arc<Accounts<Arc<str>>>);

impl Seats {
    pub(super) fn new(clock: Clock) -> Self {
        Self(Accounts::new(clock))
    }

    /// A seat for a connection; `None` if the identity has as many as it may. Clients without a
    /// token are counted together.
    pub(super) fn take(&self, identity: &Identity) -> Option<Seat> {
        let max = identity.limits.connections.map(|max| max as usize);
        let member = self.0.join(Arc::clone(&identity.claims.subject), max)?;
        let totals = Arc::clone(member.totals());
        Some(Seat::new(member, totals))
    }
}
