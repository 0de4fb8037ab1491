//! Publishes of clients without a connection to the shard: each is a request of its own, as over
//! HTTP. Their limits and their refusals are those of a connection that publishes.

use std::time::Duration;

use smallvec::SmallVec;
use tickcast_protocol::message::Publication;

use super::{
    Shard, keys::ConnectionKey, publish_budget::PublishBudget, requests::UPDATE_STEPS,
    socket::Socket,
};
use crate::{
    identity::{Standing, Who},
    now::Now,
    permissions::{Access, Action},
    refusal::Refusal,
    stats::{LimitOf, Limited},
    totals::{TotalLimits, Totals},
    work::{Ack, NewUpdate, Once, Submission},
};

/// What the requests of one client share: the limits of a connection that publishes.
#[derive(Debug)]
pub struct Publisher {
    key: ConnectionKey,
    budget: PublishBudget,
}

/// The client of one request.
#[derive(Debug, Clone, Copy)]
pub struct Posting<'a> {
    /// What the settings allow it.
    pub access: Access,
    /// Its identity, if the server has any.
    pub standing: Option<&'a Standing>,
    /// What all connections of its address use together, if that is limited.
    pub address: Option<&'a Totals>,
}

impl<'a> Posting<'a> {
    /// Who the client is.
    pub fn who(&self) -> Who<'a> {
        self.standing.map_or(Who::Everybody, Standing::who)
    }

    /// What is counted together with others: whose, what is used, and the limits.
    fn joint(
        &self,
        of_address: TotalLimits,
    ) -> impl Iterator<Item = (LimitOf, &'a Totals, TotalLimits)> {
        let identity = self.standing.and_then(|standing| {
            let limits = standing.identity()?.limits.totals();
            Some((LimitOf::Identity, &**standing.totals()?, limits))
        });
        let address = self
            .address
            .map(|used| (LimitOf::Address, used, of_address));
        identity.into_iter().chain(address)
    }
}

impl<S: Socket> Shard<S> {
    /// A client that has published nothing yet. Its number is its own among those without a
    /// connection.
    pub fn publisher(&self, number: u32, now: Now) -> Publisher {
        let (updates, bytes) = (
            self.settings.publish_updates_per_s,
            self.settings.publish_bytes_per_s,
        );
        Publisher {
            key: ConnectionKey::without_connection(number),
            budget: PublishBudget::new(updates, bytes, now.uptime),
        }
    }

    /// Checks that a client may publish at all now: its permission, and then the limits, with the
    /// time to wait. To be called before its updates are read.
    pub fn check_posting(
        &self,
        publisher: &Publisher,
        posting: &Posting<'_>,
        now: Now,
    ) -> Result<(), (Refusal, Option<Duration>)> {
        let permissions = &self.settings.permissions;
        permissions
            .check(posting.access, posting.who(), Action::Publish)
            .map_err(|refusal| (refusal, None))?;
        let own = publisher.budget.pause(now.uptime);
        let own = own.map(|wait| (LimitOf::Connection, wait));
        let joint = posting
            .joint(self.settings.of_address)
            .filter_map(|(of, used, limits)| Some((of, used.publish_pause(&limits, now.uptime)?)));
        let longest = own.into_iter().chain(joint).max_by_key(|(_, wait)| *wait);
        let Some((of, wait)) = longest else {
            return Ok(());
        };
        self.stats.limited(Limited::Publishes, of);
        Err((Refusal::too_many_publishes(of), Some(wait)))
    }

    /// Charges updates to a client, and checks all of them. The error has the index of the first
    /// one that is refused; none is accepted then.
    pub fn post(
        &self,
        publisher: &mut Publisher,
        posting: &Posting<'_>,
        updates: Vec<Publication>,
        once: Option<Once>,
        bytes: usize,
        now: Now,
    ) -> Result<Submission, (usize, Refusal)> {
        // One that comes once takes a place among the publishers, also without updates.
        let amounts = (updates.len().max(once.iter().len()), bytes);
        publisher.budget.charge(amounts.0, amounts.1, now.uptime);
        for (_, used, limits) in posting.joint(self.settings.of_address) {
            used.charge_publish(&limits, amounts, now.uptime);
        }
        self.stats.steps.add((updates.len() * UPDATE_STEPS) as u64);
        let check = |(index, publication)| {
            let checked = self.check_publication(posting.access, posting.who(), publication);
            checked.map_err(|refusal| (index, refusal))
        };
        let updates: Result<SmallVec<[NewUpdate; 1]>, _> =
            updates.into_iter().enumerate().map(check).collect();
        Ok(Submission {
            updates: updates?,
            ack: Some(Ack {
                shard: self.index,
                connection: publisher.key.to_u64(),
                id: Some(0),
            }),
            feed: None,
            once,
        })
    }

    /// Counts a request whose updates are on the tape.
    pub fn note_posted(&self, updates: usize) {
        self.stats.posts.add(1);
        self.stats.posted_updates.add(updates as u64);
    }
}

impl Publisher {
    /// Where the answer to its next request comes from: the event
    /// [`Posted`](super::Event::Posted) with this key.
    pub fn key(&self) -> ConnectionKey {
        self.key
    }
}
