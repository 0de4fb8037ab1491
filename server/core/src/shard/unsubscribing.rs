//! The end of subscriptions and channels.

use tickcast_protocol::message::{ServerMessage, Unsubscribed};

use super::{
    Shard,
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    socket::Socket,
    steps::Steps,
    subscription::{Progress, Subscription},
    under_way::{Outcome, Unsubscribing},
};

/// Subscriptions of a connection that are compared in one step.
pub(super) const SUBSCRIPTIONS_PER_STEP: usize = 8;

impl<S: Socket> Shard<S> {
    pub(super) fn go_on_unsubscribing(
        &mut self,
        key: ConnectionKey,
        request: &mut Unsubscribing,
        steps: &mut Steps,
    ) -> Outcome {
        while let Some(&channel) = request.channels.as_slice().first() {
            if steps.are_spent() {
                return Outcome::Unfinished;
            }
            request.channels.next();
            let found = self.subscription_in(key, Some(ChannelKey::from_id(channel)), steps);
            if let Some(subscription) = found {
                self.end_subscription(subscription, steps);
                request.ended.push(channel);
            }
        }
        self.count_jointly(key);
        let answer = Unsubscribed::answer(request.id, std::mem::take(&mut request.ended));
        self.answer_moved(key, &ServerMessage::Unsubscribed(answer));
        Outcome::Done
    }

    /// A connection's subscription to a channel, if it has one.
    pub(super) fn subscription_in(
        &self,
        key: ConnectionKey,
        channel: Option<ChannelKey>,
        steps: &mut Steps,
    ) -> Option<SubscriptionKey> {
        let channel = channel?;
        let subscriptions = &self.connections[key.slot].subscriptions;
        steps.take(1 + subscriptions.len() / SUBSCRIPTIONS_PER_STEP);
        let is_in =
            |&subscription: &SubscriptionKey| self.subscriptions[subscription].channel == channel;
        subscriptions.iter().copied().find(is_in)
    }

    /// Ends a subscription, and its channel if this was the last one.
    pub(super) fn end_subscription(&mut self, key: SubscriptionKey, steps: &mut Steps) {
        let slot = self.subscriptions[key].connection.slot;
        let connection = &mut self.connections[slot];
        let of_connection = &mut connection.subscriptions;
        let behind = connection.catching_up.subscriptions.len();
        steps.take(1 + (of_connection.len() + behind) / SUBSCRIPTIONS_PER_STEP);
        of_connection.retain(|&mut other| other != key);
        connection.catching_up.forget(key);
        self.forget_subscription(key);
    }

    /// Ends all subscriptions of a connection.
    pub(super) fn end_subscriptions(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.slot];
        connection.catching_up.forget_all();
        let subscriptions = std::mem::take(&mut connection.subscriptions);
        self.stats.steps.add(subscriptions.len() as u64);
        for subscription in subscriptions {
            self.forget_subscription(subscription);
        }
        self.count_jointly(key);
    }

    /// Ends a subscription that its connection does not know any more.
    fn forget_subscription(&mut self, key: SubscriptionKey) {
        self.note_ended(key);
        if let Progress::Live(_) = self.subscriptions[key].progress {
            self.leave_live(key);
        }
        let Subscription {
            channel,
            is_waiting,
            ref mut is_ended,
            ..
        } = self.subscriptions[key];
        if is_waiting {
            // Its channel's list still has the key, and thousands may wait there. It is free when
            // the channel wakes them.
            *is_ended = true;
            self.ended_subscriptions += 1;
        } else {
            self.subscriptions.remove(key);
        }
        self.count_subscriptions();
        self.release(channel);
    }

    /// Removes an ended subscription that its channel has woken.
    pub(super) fn remove_ended(&mut self, key: SubscriptionKey) {
        self.subscriptions.remove(key);
        self.ended_subscriptions -= 1;
    }

    pub(super) fn count_subscriptions(&self) {
        let subscriptions = self.subscriptions.len() - self.ended_subscriptions;
        self.stats.subscriptions.set(subscriptions as u64);
    }

    /// Releases a subscription's part in a channel, which ends with the last one.
    pub(super) fn release(&mut self, key: ChannelKey) {
        let channel = &mut self.channels[key];
        channel.subscriptions -= 1;
        if channel.subscriptions == 0 {
            let waiting = std::mem::take(&mut channel.waiting);
            self.channels.end(key);
            self.stats.channels.set(self.channels.len() as u64);
            for subscription in waiting {
                self.remove_ended(subscription);
            }
        }
    }

    /// Goes on to remove ended channels.
    pub(super) fn sweep(&mut self, steps: &mut Steps) {
        if !self.channels.has_ended() {
            return;
        }
        let removed = self.channels.sweep(&mut self.topics, steps);
        if !removed.is_empty() {
            let channels = &mut self.channels;
            let is_gone = |key| channels.get_mut(key).is_none();
            self.rounds.forget(is_gone);
        }
        self.stats.steps.add(steps.taken() as u64);
    }
}
