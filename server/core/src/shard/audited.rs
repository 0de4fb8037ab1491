//! What an audit is told. Nothing here runs for an update.

use tickcast_protocol::{codec, message::Position, topic::Topic};

use super::{
    Shard,
    keys::{ConnectionKey, SubscriptionKey},
    socket::Socket,
    subscription::Progress,
};
use crate::{
    audit::{Audit, Fact, is_about_permission},
    identity::Who,
    refusal::Refusal,
    tape::Stretch,
};

impl<S: Socket> Shard<S> {
    /// Tells an audit who receives what.
    pub fn with_audit(mut self, audit: Box<dyn Audit>) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Tells the audit a fact about a connection.
    pub(super) fn note(&self, key: ConnectionKey, fact: Fact<'_>) {
        if let Some(audit) = &self.audit
            && let Some(connection) = self.connections.find(key)
        {
            let standing = connection.standing.as_ref();
            let who = standing.map_or(Who::Everybody, |standing| standing.who());
            audit.note(key.to_u64(), who, fact);
        }
    }

    /// Tells the audit which earlier updates were read.
    pub(super) fn note_history(&self, key: ConnectionKey, topic: &Topic, stretch: &Stretch) {
        if self.audit.is_none() {
            return;
        }
        let position = |index: usize| {
            let update = codec::decode_update_bincode(stretch.get(index));
            update.ok().map(|update| update.position)
        };
        let ends = stretch.len().checked_sub(1);
        let positions = ends.and_then(|last| position(0).zip(position(last)));
        let updates = stretch.len();
        let history = Fact::History {
            topic,
            positions,
            updates,
        };
        self.note(key, history);
    }

    /// Tells the audit of a refusal, if it says something about the client.
    pub(super) fn note_refusal(&self, key: ConnectionKey, refusal: &Refusal) {
        let &Refusal { code, ref reason } = refusal;
        if self.audit.is_some() && is_about_permission(code) {
            self.note(key, Fact::Refused { code, reason });
        }
    }

    /// Tells the audit where a subscription begins.
    pub(super) fn note_begun(&self, key: SubscriptionKey) {
        if self.audit.is_none() {
            return;
        }
        let subscription = &self.subscriptions[key];
        let channel = &self.channels[subscription.channel];
        let (mode, max_rate_hz) = channel.spec.pace.granted();
        let begun = Fact::Begun {
            channel: channel.key.id(),
            filter: &channel.spec.filter,
            mode,
            max_rate_hz,
            from: subscription.position(channel),
            snapshot_after: snapshot_after(&subscription.progress),
        };
        self.note(subscription.connection, begun);
    }

    /// Tells the audit where a subscription ends. It must still have its progress.
    pub(super) fn note_ended(&self, key: SubscriptionKey) {
        if self.audit.is_none() {
            return;
        }
        let subscription = &self.subscriptions[key];
        let channel = &self.channels[subscription.channel];
        let ended = Fact::Ended {
            channel: channel.key.id(),
            filter: &channel.spec.filter,
            to: subscription.position(channel),
            snapshot_to: snapshot_after(&subscription.progress),
        };
        self.note(subscription.connection, ended);
    }
}

/// The position after which newest values are still to be sent.
fn snapshot_after(progress: &Progress) -> Option<Position> {
    match progress {
        Progress::Live(_) => None,
        Progress::Behind(behind) => behind.snapshot.map(|range| range.after),
    }
}
