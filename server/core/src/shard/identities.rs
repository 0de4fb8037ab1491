//! Who the clients are, and what follows when that changes.
//!
//! A change takes effect for each subscription at its own position: that of the last batch that was
//! handed to the connection. What is no longer allowed ends there with `unsubscribed`, so nothing
//! before the position is missing and nothing after it is sent. This holds for a client that is
//! behind as well. A request that is under way is checked again.

use std::sync::Arc;

use tickcast_protocol::{
    error::{CloseCode, ErrorCode},
    message::{Authenticate, ChannelId, Expiring, Position, ServerMessage, Start, Unsubscribed},
};

use super::{
    Event, Shard,
    channel::ChannelSpec,
    keys::{ConnectionKey, SubscriptionKey},
    socket::Socket,
    steps::Steps,
    under_way::{Changing, FilterResult, Subscribing, UnderWay},
};
use crate::{
    audit::Fact,
    identity::{Denied, Due, Identity, Review, Standing, Verify, Who},
    now::Now,
    permissions::Action,
    refusal::Refusal,
};

impl<S: Socket> Shard<S> {
    /// Lets clients prove identities by tokens.
    pub fn with_verify(mut self, verify: Box<dyn Verify>) -> Self {
        self.verify = Some(verify);
        self
    }

    /// The identity of a connection's client, if it has one.
    pub fn identity(&mut self, key: ConnectionKey) -> Option<&Arc<Identity>> {
        let connection = self.connections.get(key)?;
        connection.standing.as_ref()?.identity()
    }

    /// Applies what has become of a client's identity. A connection that has ended is left alone.
    pub fn review(&mut self, key: ConnectionKey, review: Review, now: Now) {
        match review {
            Review::Keep => {}
            Review::End(Denied::Expired) => self.end_as(key, CloseCode::TokenExpired, now),
            Review::End(_) => self.end_as(key, CloseCode::Revoked, now),
            Review::Change(identity) => {
                let connection = self.connections.get(key);
                let standing = connection.and_then(|connection| connection.standing.as_mut());
                if let Some(standing) = standing {
                    standing.replace(identity, now);
                    self.apply_identity(key, None, now);
                }
            }
        }
    }

    /// Ends a connection, as an operator wants it.
    pub fn kick(&mut self, key: ConnectionKey, now: Now) {
        self.end_as(key, CloseCode::Kicked, now);
    }

    fn end_as(&mut self, key: ConnectionKey, code: CloseCode, now: Now) {
        self.close_with(key, code, code.text(), now);
    }

    /// Checks whether a connection's client may do something.
    pub(super) fn check(&self, key: ConnectionKey, action: Action<'_>) -> Result<(), Refusal> {
        let permissions = &self.settings.permissions;
        permissions.check(self.connections[key.slot].access, self.who(key), action)
    }

    /// Who a connection's client is.
    pub(super) fn who(&self, key: ConnectionKey) -> Who<'_> {
        let standing = self.connections[key.slot].standing.as_ref();
        standing.map_or(Who::Everybody, |standing| standing.who())
    }

    /// Proves or renews an identity.
    pub(super) fn authenticate(&mut self, key: ConnectionKey, request: Authenticate, now: Now) {
        let Authenticate { id, token } = request;
        let verified = match &self.verify {
            Some(verify) => verify.verify(token.secret(), now),
            None => {
                let reason = "this server has no identities: connect without a token";
                Err(Refusal::new(ErrorCode::TokenRefused, reason))
            }
        };
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let renewed = verified.and_then(|admitted| match &mut connection.standing {
            Some(standing) => standing.renew(admitted, now),
            standing @ None => {
                *standing = Some(Box::new(Standing::known(admitted, now)));
                Ok(())
            }
        });
        match renewed {
            Ok(()) => self.apply_identity(key, Some(id), now),
            Err(refusal) => {
                self.refuse(key, Some(id), refusal, None);
                if matches!(self.who(key), Who::Unknown) {
                    self.end_as(key, CloseCode::NotAuthenticated, now);
                }
            }
        }
    }

    /// Whether a client's token has expired. Then its connection ends now, unless it has another
    /// token.
    pub(super) fn has_expired(&self, key: ConnectionKey, now: Now) -> bool {
        match self.who(key) {
            Who::Known(identity) => identity.has_expired(now.wall_ns),
            Who::Everybody | Who::Unknown => false,
        }
    }

    /// Ends a connection whose token has expired.
    pub(super) fn end_expired(&mut self, key: ConnectionKey, now: Now) {
        self.end_as(key, CloseCode::TokenExpired, now);
    }

    /// Runs the timers of a client's identity.
    pub(super) fn tick_identity(&mut self, key: ConnectionKey, now: Now) {
        let connection = &mut self.connections[key.slot];
        let Some(standing) = connection.standing.as_mut() else {
            return;
        };
        match standing.due(now) {
            None => {}
            Some(Due::Warn { expires_ns }) => {
                self.answer(key, &ServerMessage::Expiring(Expiring { expires_ns }));
            }
            Some(Due::Expired) => self.end_as(key, CloseCode::TokenExpired, now),
            Some(Due::Late) => self.end_as(key, CloseCode::NotAuthenticated, now),
        }
    }

    /// Tells a client what it may do, and ends what it may not do any more.
    pub(super) fn apply_identity(&mut self, key: ConnectionKey, id: Option<u32>, now: Now) {
        let Who::Known(identity) = self.who(key) else {
            return;
        };
        let told = identity.told(id);
        self.note(key, Fact::Identity);
        self.answer(key, &ServerMessage::Authenticated(told));
        self.join_identity(key);
        self.recheck_request(key);
        let subscriptions = self.connections[key.slot].subscriptions.clone();
        for subscription in subscriptions {
            let channel = self.subscriptions[subscription].channel;
            let spec = &self.channels[channel].spec;
            if let Err(refusal) = self.check_spec(key, spec) {
                self.end_forbidden(key, subscription, refusal.reason);
            }
        }
        self.flush_answers(now);
    }

    /// Whether a client may have a subscription.
    fn check_spec(&self, key: ConnectionKey, spec: &ChannelSpec) -> Result<(), Refusal> {
        self.check(key, Action::Subscribe(&spec.filter))?;
        match spec.pace.limited(self.who(key))? {
            pace if pace == spec.pace => Ok(()),
            pace => {
                let (_, rate) = pace.granted();
                let reason = format!(
                    "the rate is above the role's, which is {} Hz: subscribe again",
                    rate.unwrap_or_default()
                );
                Err(Refusal::new(ErrorCode::SubscribeForbidden, reason))
            }
        }
    }

    /// Ends a subscription that is no longer allowed, at its position.
    fn end_forbidden(&mut self, key: ConnectionKey, subscription: SubscriptionKey, reason: String) {
        let of_channel = &self.subscriptions[subscription];
        let channel = &self.channels[of_channel.channel];
        let (id, position) = (channel.key.id(), of_channel.position(channel));
        self.end_counted(subscription);
        self.tell_forbidden(key, id, position, reason);
    }

    fn end_counted(&mut self, subscription: SubscriptionKey) {
        let mut steps = Steps::unlimited();
        let connection = self.subscriptions[subscription].connection;
        self.end_subscription(subscription, &mut steps);
        self.count_jointly(connection);
        self.stats.steps.add(steps.taken() as u64);
    }

    fn tell_forbidden(
        &mut self,
        key: ConnectionKey,
        channel: ChannelId,
        position: Position,
        reason: String,
    ) {
        let message = Unsubscribed {
            id: None,
            channels: vec![channel],
            position: Some(position),
            reason: Some(reason),
        };
        self.stats.forbidden.add(1);
        self.answer_moved(key, &ServerMessage::Unsubscribed(message));
    }

    /// Checks the request under way again. A question about history is checked when its answer
    /// comes.
    fn recheck_request(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.slot];
        let Some(mut request) = connection.under_way.take() else {
            return;
        };
        match *request {
            UnderWay::Subscribe(ref mut subscribing) => self.recheck_subscribing(key, subscribing),
            UnderWay::Change(changing) => {
                if let Some(changing) = self.recheck_changing(key, changing) {
                    let request = Box::new(UnderWay::Change(changing));
                    self.connections[key.slot].under_way = Some(request);
                }
                return;
            }
            UnderWay::Unsubscribe(_) | UnderWay::History(_) => {}
        }
        self.connections[key.slot].under_way = Some(request);
    }

    /// Turns results that are no longer allowed into refusals. Nothing was sent of subscriptions
    /// that the request has made, so they end without a word.
    fn recheck_subscribing(&mut self, key: ConnectionKey, request: &mut Subscribing) {
        let results = std::mem::take(&mut request.results);
        for result in results {
            let FilterResult::Accepted {
                filter,
                subscription,
                begin,
            } = result
            else {
                request.results.push(result);
                continue;
            };
            // Two results can be of the same subscription, which may have ended with the first.
            let channel = self.subscriptions.get_mut(subscription);
            let checked = match channel.map(|subscription| subscription.channel) {
                Some(channel) => self.check_spec(key, &self.channels[channel].spec),
                None => Err(ErrorCode::SubscribeForbidden.into()),
            };
            match checked {
                Ok(()) => request.results.push(FilterResult::Accepted {
                    filter,
                    subscription,
                    begin,
                }),
                Err(refusal) => {
                    if begin.start != Start::Existing {
                        self.end_counted(subscription);
                    }
                    self.refuse_filter(key, request, filter, refusal);
                }
            }
        }
        let Some(starting) = request.starting.take() else {
            return;
        };
        match self.check_spec(key, &self.channels[starting.channel].spec) {
            Ok(()) => request.starting = Some(starting),
            Err(refusal) => {
                self.release(starting.channel);
                self.count_jointly(key);
                self.refuse_filter(key, request, starting.filter, refusal);
            }
        }
    }

    /// Gives a change up if the subscription is no longer allowed.
    fn recheck_changing(&mut self, key: ConnectionKey, changing: Changing) -> Option<Changing> {
        let mut checked = self.check_spec(key, &self.channels[changing.to].spec);
        if changing.left.is_none() {
            let channel = self.subscriptions[changing.subscription].channel;
            checked = checked.and(self.check_spec(key, &self.channels[channel].spec));
        }
        let Err(refusal) = checked else {
            return Some(changing);
        };
        self.release(changing.to);
        self.count_jointly(key);
        let reason = refusal.reason.clone();
        // A subscription that has not left its channel yet is checked with the others.
        if let Some(left) = &changing.left {
            self.tell_forbidden(key, changing.previous, left.cursor, reason);
        }
        self.refuse(key, Some(changing.id), refusal, None);
        self.events.push(Event::Ready(key));
        None
    }
}
