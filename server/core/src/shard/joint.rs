//! What a connection has of limits that it shares with other connections.

use std::sync::Arc;

use crate::{stats::LimitOf, totals::Totals};

/// A connection's part in these; see the module.
#[derive(Debug, Default)]
pub(super) struct Joint {
    pub(super) identity: Option<Part>,
    pub(super) address: Option<Part>,
}

/// Its part in the limits of an identity or an address.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) totals: Arc<Totals>,
    /// Subscriptions of the connection that are counted.
    pub(super) subscriptions: u32,
}

impl Joint {
    /// One of the parts, if there is one.
    pub(super) fn part(&mut self, of: LimitOf) -> Option<&mut Part> {
        match of {
            LimitOf::Connection => None,
            LimitOf::Identity => self.identity.as_mut(),
            LimitOf::Address => self.address.as_mut(),
        }
    }

    /// All of them.
    pub(super) fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        self.identity.iter_mut().chain(&mut self.address)
    }
}

impl Part {
    /// A part that counts nothing yet.
    pub(super) fn new(totals: Arc<Totals>) -> Self {
        Self {
            totals,
            subscriptions: 0,
        }
    }

    /// Counts as many subscriptions as the connection has.
    pub(super) fn count(&mut self, subscriptions: u32) {
        let (totals, counted) = (&self.totals, self.subscriptions);
        totals.add_subscriptions(subscriptions.saturating_sub(counted));
        totals.release_subscriptions(counted.saturating_sub(subscriptions));
        self.subscriptions = subscriptions;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.totals.release_subscriptions(self.subscriptions);
    }
}
