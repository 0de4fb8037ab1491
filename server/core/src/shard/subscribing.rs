//! Subscriptions from start to end: requests to subscribe, to change the pace, to list and to
//! unsubscribe.

use tickcast_protocol::{
    error::ErrorCode,
    message::{
        Accepted, Change, Changed, FilterRequest, List, Mode, Refused, Resume, ServerMessage,
        Start, Subscribe, SubscribeResult, Subscribed, SubscriptionInfo, Subscriptions,
        Unsubscribe, Unsubscribed,
    },
    topic::Filter,
};

use super::{
    Shard,
    behind::{Behind, SnapshotRange},
    channel::ChannelSpec,
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    pace::Pace,
    socket::Socket,
    status_cursor::StatusCursor,
    subscription::{Progress, Subscription},
};
use crate::{permissions::Action, refusal::Refusal};

impl<S: Socket> Shard<S> {
    pub(super) fn subscribe(&mut self, key: ConnectionKey, request: Subscribe) {
        let Subscribe {
            id,
            filters,
            mode,
            max_rate_hz,
        } = request;
        let mut results = Vec::with_capacity(filters.len());
        let mut begun = Vec::new();
        for FilterRequest { filter, resume } in filters {
            let result = match self.subscribe_one(key, &filter, mode, max_rate_hz, resume) {
                Ok((accepted, new)) => {
                    begun.extend(new);
                    SubscribeResult::Accepted(accepted)
                }
                Err(Refusal { code, reason }) => SubscribeResult::Refused(Refused {
                    filter,
                    code,
                    reason,
                }),
            };
            results.push(result);
        }
        // The answer is sent before the messages that follow from it.
        self.answer(key, &ServerMessage::Subscribed(Subscribed { id, results }));
        for subscription in begun {
            self.go_on(key, subscription);
        }
    }

    fn subscribe_one(
        &mut self,
        key: ConnectionKey,
        filter: &str,
        mode: Mode,
        max_rate_hz: Option<f64>,
        resume: Option<Resume>,
    ) -> Result<(Accepted, Option<SubscriptionKey>), Refusal> {
        let checked = Filter::new(filter)
            .map_err(|error| Refusal::of_text(ErrorCode::BadFilter, "filter", filter, error))?;
        let connection = &self.connections[key.slot];
        let permissions = &self.settings.permissions;
        permissions.check(connection.access, Action::Subscribe(&checked))?;
        let pace = grant(mode, max_rate_hz)?;
        let spec = ChannelSpec {
            filter: checked,
            wire: connection.wire,
            pace,
        };
        if let Some(existing) = self.subscription_in(key, self.channels.find(&spec)) {
            return Ok((self.accepted(existing, filter, Start::Existing), None));
        }
        let max = self.settings.subscriptions_max;
        if connection.subscriptions.len() >= max {
            let reason = format!("too many subscriptions (limit {max})");
            return Err(Refusal::new(ErrorCode::TooManySubscriptions, reason));
        }
        let channel = self.channel_for(spec);
        let (behind, start) = self.begin(channel, resume);
        let subscription = self.add_subscription(key, channel, behind);
        Ok((
            self.accepted(subscription, filter, start),
            Some(subscription),
        ))
    }

    /// A connection's subscription to a channel, if it has one.
    fn subscription_in(
        &self,
        key: ConnectionKey,
        channel: Option<ChannelKey>,
    ) -> Option<SubscriptionKey> {
        let channel = channel?;
        let subscriptions = &self.connections[key.slot].subscriptions;
        let is_in =
            |&subscription: &SubscriptionKey| self.subscriptions[subscription].channel == channel;
        subscriptions.iter().copied().find(is_in)
    }

    fn add_subscription(
        &mut self,
        key: ConnectionKey,
        channel: ChannelKey,
        mut behind: Behind,
    ) -> SubscriptionKey {
        // An earlier snapshot may have had to leave out a topic of the open batch.
        behind.is_partial = self.channels[channel].is_open();
        let subscription = self.subscriptions.insert(Subscription {
            connection: key,
            channel,
            progress: Progress::Behind(behind),
        });
        self.channels[channel].subscriptions += 1;
        self.connections[key.slot].subscriptions.push(subscription);
        self.stats
            .subscriptions
            .set(self.subscriptions.len() as u64);
        subscription
    }

    /// Returns the start of a new subscription.
    fn begin(&mut self, channel: ChannelKey, resume: Option<Resume>) -> (Behind, Start) {
        let start = match resume {
            None => Start::Fresh,
            Some(resume) if resume.epoch != self.epoch => Start::EpochChanged,
            Some(resume) if resume.position > self.tape.head() => Start::PositionAhead,
            Some(resume) => return (self.resume(channel, resume), Start::Resumed),
        };
        let channel = &self.channels[channel];
        let reached = channel.reached(self.tape.head());
        let statuses = StatusCursor::fresh(channel);
        let mut behind = Behind::at(reached, Some(channel.count()), statuses);
        if channel.topic_count() > 0 {
            behind.snapshot = Some(SnapshotRange {
                after: 0,
                until: reached,
            });
        }
        (behind, start)
    }

    fn resume(&mut self, channel: ChannelKey, resume: Resume) -> Behind {
        let channel = &mut self.channels[channel];
        // While no batch is open, there is no update after the last batch.
        let position = resume.position.min(channel.reached(self.tape.head()));
        let count = resume.count.or_else(|| {
            (position >= self.tape.floor()).then(|| channel.count_at(position, &self.tape))
        });
        let mut behind = Behind::at(position, count, StatusCursor::fresh(channel));
        behind.snapshot = resume
            .snapshot
            .filter(|&after| after < position)
            .map(|after| SnapshotRange {
                after,
                until: position,
            });
        behind
    }

    fn accepted(&mut self, key: SubscriptionKey, filter: &str, start: Start) -> Accepted {
        let Subscription {
            channel, progress, ..
        } = &self.subscriptions[key];
        let channel = &self.channels[*channel];
        let (mode, max_rate_hz) = channel.spec.pace.granted();
        let (position, count, snapshot) = match progress {
            Progress::Live(_) => (channel.flushed(), channel.flushed_count(), None),
            Progress::Behind(behind) => (
                behind.cursor,
                behind.count.unwrap_or_else(|| channel.flushed_count()),
                behind.snapshot.map(|range| range.after),
            ),
        };
        Accepted {
            filter: filter.to_owned(),
            channel: channel.key.id(),
            mode,
            max_rate_hz,
            epoch: self.epoch,
            position,
            count,
            snapshot,
            start,
        }
    }

    pub(super) fn unsubscribe(&mut self, key: ConnectionKey, request: Unsubscribe) {
        let Unsubscribe { id, mut channels } = request;
        channels.retain(|&channel| {
            let channel = ChannelKey::from_id(channel);
            let subscription = self.subscription_in(key, Some(channel));
            if let Some(subscription) = subscription {
                self.end_subscription(subscription);
            }
            subscription.is_some()
        });
        self.answer(
            key,
            &ServerMessage::Unsubscribed(Unsubscribed { id, channels }),
        );
    }

    pub(super) fn list(&mut self, key: ConnectionKey, request: List) {
        let connection = &self.connections[key.slot];
        let infos = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription];
            let channel = &self.channels[subscription.channel];
            let (mode, max_rate_hz) = channel.spec.pace.granted();
            SubscriptionInfo {
                channel: channel.key.id(),
                filter: channel.spec.filter.as_str().to_owned(),
                mode,
                max_rate_hz,
                position: subscription.position(channel),
                topics: channel.topic_count() as u32,
            }
        });
        let subscriptions = infos.collect();
        let answer = Subscriptions {
            id: request.id,
            subscriptions,
        };
        self.answer(key, &ServerMessage::Subscriptions(answer));
    }

    /// Moves a subscription to the channel of another pace. It keeps its position on the tape.
    pub(super) fn change(&mut self, key: ConnectionKey, request: Change) {
        let Change {
            id,
            channel: previous,
            mode,
            max_rate_hz,
        } = request;
        let channel = ChannelKey::from_id(previous);
        let Some(subscription) = self.subscription_in(key, Some(channel)) else {
            let reason = format!("there is no subscription with channel {previous}");
            let refusal = Refusal::new(ErrorCode::UnknownChannel, reason);
            return self.refuse(key, Some(id), refusal, None);
        };
        let pace = match grant(mode, max_rate_hz) {
            Ok(pace) => pace,
            Err(refusal) => return self.refuse(key, Some(id), refusal, None),
        };
        let spec = ChannelSpec {
            pace,
            ..self.channels[channel].spec.clone()
        };
        let other = self.subscription_in(key, self.channels.find(&spec));
        let moved = match other {
            // The subscription has this pace already, or the connection has another one with it.
            Some(other) => {
                if other != subscription {
                    self.end_subscription(subscription);
                }
                other
            }
            None => {
                let to = self.channel_for(spec);
                let behind = self.leave(subscription, to);
                self.end_subscription(subscription);
                self.add_subscription(key, to, behind)
            }
        };
        let accepted = self.accepted(moved, "", Start::Existing);
        let changed = Changed {
            id,
            previous,
            channel: accepted.channel,
            mode: accepted.mode,
            max_rate_hz: accepted.max_rate_hz,
            position: accepted.position,
            count: accepted.count,
        };
        self.answer(key, &ServerMessage::Changed(changed));
        if other.is_none() {
            self.go_on(key, moved);
        }
    }

    /// Returns the state of a subscription, converted to another channel of the same topics.
    fn leave(&mut self, subscription: SubscriptionKey, to: ChannelKey) -> Behind {
        let Subscription {
            channel, progress, ..
        } = &self.subscriptions[subscription];
        let from = &self.channels[*channel];
        let (cursor, snapshot, statuses) = match progress {
            Progress::Live(_) => (from.flushed(), None, StatusCursor::current(from)),
            Progress::Behind(behind) => (behind.cursor, behind.snapshot, behind.statuses),
        };
        let to = &mut self.channels[to];
        let cursor = cursor.min(to.reached(self.tape.head()));
        let count = (cursor >= self.tape.floor()).then(|| to.count_at(cursor, &self.tape));
        Behind {
            snapshot,
            ..Behind::at(cursor, count, statuses)
        }
    }

    /// The channel for a spec; it is created if it does not exist.
    fn channel_for(&mut self, spec: ChannelSpec) -> ChannelKey {
        if let Some(key) = self.channels.find(&spec) {
            return key;
        }
        let head = self.tape.head();
        let channels = &mut self.channels;
        let key = channels.insert(spec, self.epoch, &mut self.topics, head);
        self.stats.channels.set(self.channels.len() as u64);
        key
    }

    /// Ends a subscription, and its channel if this was the last one.
    pub(super) fn end_subscription(&mut self, key: SubscriptionKey) {
        if let Progress::Live(_) = self.subscriptions[key].progress {
            self.leave_live(key);
        }
        let Subscription {
            connection,
            channel,
            ..
        } = self.subscriptions.remove(key);
        let subscriptions = self.subscriptions.len() as u64;
        self.stats.subscriptions.set(subscriptions);
        if let Some(connection) = self.connections.get(connection) {
            connection.subscriptions.retain(|&mut other| other != key);
            let behind = &mut connection.catching_up.subscriptions;
            behind.retain(|&other| other != key);
        }
        let state = &mut self.channels[channel];
        state.waiting.retain(|&other| other != key);
        state.subscriptions -= 1;
        if state.subscriptions == 0 {
            self.end_channel(channel);
        }
    }

    fn end_channel(&mut self, key: ChannelKey) {
        self.channels.remove(key, &mut self.topics);
        self.rounds.forget(key);
        self.statuses.forget(key);
        self.stats.channels.set(self.channels.len() as u64);
    }
}

fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Result<Pace, Refusal> {
    Pace::grant(mode, max_rate_hz).ok_or_else(|| {
        let reason = Pace::wrong_rate(max_rate_hz.unwrap_or_default());
        Refusal::new(ErrorCode::BadRate, reason)
    })
}
