//! What a connection does together with others: those of its identity, and those of its address.
//!
//! The limits are those of the identity at this moment, and of the settings for addresses. What is
//! used of them is in [`Totals`], which all shards share.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::error::ErrorCode;

use super::{Shard, joint::Part, keys::ConnectionKey, socket::Socket};
use crate::{
    identity::Who,
    now::Now,
    refusal::Refusal,
    stats::{LimitOf, Limited},
    totals::{TotalLimits, Totals},
    wire::Wire,
};

/// Whose limits they are.
const OF: [LimitOf; 2] = [LimitOf::Identity, LimitOf::Address];

impl<S: Socket> Shard<S> {
    /// Counts a connection together with the others of its address.
    pub fn join_address(&mut self, key: ConnectionKey, totals: Arc<Totals>) {
        if let Some(connection) = self.connections.get(key) {
            connection.joint.get_or_insert_default().address = Some(Part::new(totals));
            self.count_jointly(key);
        }
    }

    /// Counts a connection together with the others of its identity.
    pub(super) fn join_identity(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.slot];
        let standing = connection.standing.as_ref();
        let Some(totals) = standing.and_then(|standing| standing.totals()) else {
            return;
        };
        let totals = Arc::clone(totals);
        let joint = connection.joint.get_or_insert_default();
        let is_same = |part: &Part| Arc::ptr_eq(&part.totals, &totals);
        if !joint.identity.as_ref().is_some_and(is_same) {
            joint.identity = Some(Part::new(totals));
            self.count_jointly(key);
        }
    }

    /// Counts the subscriptions that a connection has, also above the limits.
    pub(super) fn count_jointly(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.slot];
        if let Some(joint) = &mut connection.joint {
            let subscriptions = connection.subscriptions.len() as u32;
            joint.parts().for_each(|part| part.count(subscriptions));
        }
    }

    /// Takes a request, or refuses it with the milliseconds until there is one.
    pub(super) fn take_joint_request(
        &mut self,
        key: ConnectionKey,
        now: Now,
    ) -> Result<(), (Refusal, u32)> {
        // An event stream is a request over HTTP, which is counted there.
        if self.connections[key.slot].wire == Wire::Events {
            return Ok(());
        }
        for of in OF {
            let Some((part, limits)) = self.joint_part(key, of) else {
                continue;
            };
            if let Err(wait) = part.totals.take_request(&limits, now.uptime) {
                self.stats.limited(Limited::Requests, of);
                let reason = limits.too_many_requests(&self.whose(key, of));
                let refusal = Refusal::new(ErrorCode::TooManyRequests, reason);
                let ms = wait.as_nanos().div_ceil(1_000_000);
                return Err((refusal, u32::try_from(ms).unwrap_or(u32::MAX)));
            }
        }
        Ok(())
    }

    /// The identity or the address whose limits are reached, for the text of a refusal.
    fn whose(&self, key: ConnectionKey, of: LimitOf) -> String {
        match self.who(key) {
            Who::Known(identity) if of == LimitOf::Identity => identity.name(),
            _ => "your address".to_owned(),
        }
    }

    /// Takes a subscription beyond those that a connection has.
    pub(super) fn take_subscription(&mut self, key: ConnectionKey) -> Result<(), Refusal> {
        let has = self.connections[key.slot].subscriptions.len();
        let max = self.settings.subscriptions_max;
        if has >= max {
            self.stats
                .limited(Limited::Subscriptions, LimitOf::Connection);
            let reason = format!("too many subscriptions (limit {max})");
            return Err(Refusal::new(ErrorCode::TooManySubscriptions, reason));
        }
        for of in OF {
            let Some((part, limits)) = self.joint_part(key, of) else {
                continue;
            };
            if part.totals.take_subscription(&limits) {
                part.subscriptions += 1;
                continue;
            }
            let reason = limits.too_many_subscriptions(&self.whose(key, of));
            self.stats.limited(Limited::Subscriptions, of);
            self.count_jointly(key);
            return Err(Refusal::new(ErrorCode::TooManySubscriptions, reason));
        }
        Ok(())
    }

    /// Charges a message that publishes.
    pub(super) fn charge_jointly(&mut self, key: ConnectionKey, amounts: (usize, usize), now: Now) {
        for of in OF {
            if let Some((part, limits)) = self.joint_part(key, of) {
                part.totals.charge_publish(&limits, amounts, now.uptime);
                if part.totals.publish_pause(&limits, now.uptime).is_some() {
                    self.stats.limited(Limited::Publishes, of);
                }
            }
        }
    }

    /// Time until the connections together may publish again.
    pub(super) fn joint_pause(&mut self, key: ConnectionKey, now: Now) -> Option<Duration> {
        let pauses = OF.map(|of| {
            let (part, limits) = self.joint_part(key, of)?;
            part.totals.publish_pause(&limits, now.uptime)
        });
        pauses.into_iter().max().flatten()
    }

    /// A connection's part in limits, and the limits; `None` if it has no part in them.
    fn joint_part(&mut self, key: ConnectionKey, of: LimitOf) -> Option<(&mut Part, TotalLimits)> {
        self.connections[key.slot].joint.as_ref()?;
        let limits = match (of, self.who(key)) {
            (LimitOf::Address, _) => self.settings.of_address,
            (LimitOf::Identity, Who::Known(identity)) => identity.limits.totals(),
            _ => TotalLimits::default(),
        };
        let joint = self.connections[key.slot].joint.as_mut()?;
        Some((joint.part(of)?, limits))
    }
}
