//! What clients ask of a shard.

use smallvec::SmallVec;
use tickcast_protocol::{
    error::{CloseCode, ErrorCode},
    message::{
        Accepted, Change, Changed, ClientMessage, FilterRequest, List, Mode, Position, Publication,
        Publish, Quality, Refused, RequestId, Resume, ServerMessage, Start, Subscribe,
        SubscribeResult, Subscribed, SubscriptionInfo, Subscriptions, TimeAnswer, TimeNs,
        TimeRequest, Unsubscribe, Unsubscribed,
    },
    topic::{Filter, Topic},
};

use crate::{
    channel::{ChannelKey, ChannelSpec, Pace},
    clock::Now,
    connection::{ConnectionKey, Socket},
    ingest::{Ack, NewUpdate, Submission, Work},
    shard::Shard,
    statuses::StatusCursor,
    subscription::{Behind, Progress, SnapshotRange, Subscription, SubscriptionKey},
};

impl<S: Socket> Shard<S> {
    /// Carries out a request and answers it. What is to be published is returned: it has to be
    /// handed over to the sequencer, whose strip will bring the answer.
    pub fn handle(&mut self, key: ConnectionKey, message: ClientMessage, now: Now) -> Option<Work> {
        let is_publish = matches!(message, ClientMessage::Publish(_));
        let connection = self.connection_mut(key)?;
        if connection.closing_since.is_some() {
            return None;
        }
        if !is_publish && let Err(retry_after_ms) = connection.requests.take(now.uptime) {
            self.refuse_above_rate(key, request_id(&message), retry_after_ms, now);
            return None;
        }
        let mut work = None;
        match message {
            ClientMessage::Subscribe(request) => self.subscribe(key, request),
            ClientMessage::Unsubscribe(request) => self.unsubscribe(key, request),
            ClientMessage::Publish(request) => work = self.publish(key, request).map(Work::Updates),
            ClientMessage::Time(request) => self.tell_time(key, request, now.wall_ns),
            ClientMessage::List(request) => self.list(key, request),
            ClientMessage::Change(request) => self.change(key, request),
            ClientMessage::History(request) => work = self.ask_history(key, request),
        }
        self.flush_answers(now);
        work
    }

    /// Answers bytes that are no message.
    pub fn refuse_message(
        &mut self,
        key: ConnectionKey,
        code: ErrorCode,
        reason: String,
        now: Now,
    ) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        if connection.closing_since.is_some() {
            return;
        }
        // Nonsense counts as a request, or it would be the cheapest way to keep the server busy.
        match connection.requests.take(now.uptime) {
            Ok(()) => {
                self.refuse(key, None, code, reason);
                self.flush_answers(now);
            }
            Err(retry_after_ms) => self.refuse_above_rate(key, None, retry_after_ms, now),
        }
    }

    /// Says when to come back. Whoever does not listen is closed at last.
    fn refuse_above_rate(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        retry_after_ms: u32,
        now: Now,
    ) {
        let code = ErrorCode::TooManyRequests;
        self.refuse_for(key, id, code, code.text(), Some(retry_after_ms));
        let connection = self.connection_mut(key);
        if connection.is_some_and(|connection| connection.requests.is_exhausted()) {
            let code = CloseCode::RateLimit;
            self.close_with(key, code, code.text(), now);
        }
        self.flush_answers(now);
    }

    /// Answers a publish that came too late to be put on the tape.
    pub fn refuse_draining(&mut self, key: ConnectionKey, id: Option<u32>, now: Now) {
        let code = ErrorCode::Draining;
        self.refuse(key, id, code, code.text());
        self.flush_answers(now);
    }

    fn subscribe(&mut self, key: ConnectionKey, request: Subscribe) {
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
                Err((code, reason)) => SubscribeResult::Refused(Refused {
                    filter,
                    code,
                    reason,
                }),
            };
            results.push(result);
        }
        // The answer goes first; only then may what follows from it go out.
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
    ) -> Result<(Accepted, Option<SubscriptionKey>), (ErrorCode, String)> {
        let checked = Filter::new(filter)
            .map_err(|error| (ErrorCode::BadFilter, format!("filter {filter:?}: {error}")))?;
        if !self.settings.may_subscribe(&checked) {
            let reason = format!("subscribing to {filter:?} is not allowed by the settings");
            return Err((ErrorCode::SubscribeForbidden, reason));
        }
        let pace = grant(mode, max_rate_hz)?;
        let spec = ChannelSpec {
            filter: checked,
            wire: self.connections[key.index as usize].wire,
            pace,
        };
        if let Some(existing) = self.subscription_in(key, self.by_spec.get(&spec).copied()) {
            return Ok((self.accepted(existing, filter, Start::Existing), None));
        }
        let connection = &self.connections[key.index as usize];
        if connection.subscriptions.len() >= self.settings.subscriptions_max {
            let reason = format!("{} are allowed", self.settings.subscriptions_max);
            return Err((ErrorCode::TooManySubscriptions, reason));
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
        let subscriptions = &self.connections[key.index as usize].subscriptions;
        let is_in = |&subscription: &SubscriptionKey| {
            self.subscriptions[subscription as usize].channel == channel
        };
        subscriptions.iter().copied().find(is_in)
    }

    fn add_subscription(
        &mut self,
        key: ConnectionKey,
        channel: ChannelKey,
        mut behind: Behind,
    ) -> SubscriptionKey {
        // A topic in the open batch may be one that an earlier snapshot had to leave out.
        behind.is_partial = self.channels[channel as usize].is_open();
        let subscription = self.subscriptions.insert(Subscription {
            connection: key,
            channel,
            progress: Progress::Behind(behind),
        }) as SubscriptionKey;
        self.channels[channel as usize].subscriptions += 1;
        self.connections[key.index as usize]
            .subscriptions
            .push(subscription);
        self.stats
            .subscriptions
            .set(self.subscriptions.len() as u64);
        subscription
    }

    /// Where a new subscription begins.
    fn begin(&mut self, channel: ChannelKey, resume: Option<Resume>) -> (Behind, Start) {
        let start = match resume {
            None => Start::Fresh,
            Some(resume) if resume.epoch != self.epoch => Start::EpochChanged,
            Some(resume) if resume.position > self.tape.head() => Start::PositionAhead,
            Some(resume) => return (self.resume(channel, resume), Start::Resumed),
        };
        let channel = &self.channels[channel as usize];
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
        let channel = &mut self.channels[channel as usize];
        // Between the last batch and an open one that does not exist nothing has happened.
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
        } = &self.subscriptions[key as usize];
        let channel = &self.channels[*channel as usize];
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
            channel: channel.key,
            mode,
            max_rate_hz,
            epoch: self.epoch,
            position,
            count,
            snapshot,
            start,
        }
    }

    fn unsubscribe(&mut self, key: ConnectionKey, request: Unsubscribe) {
        let Unsubscribe { id, mut channels } = request;
        channels.retain(|&channel| {
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

    fn list(&mut self, key: ConnectionKey, request: List) {
        let connection = &self.connections[key.index as usize];
        let infos = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription as usize];
            let channel = &self.channels[subscription.channel as usize];
            let (mode, max_rate_hz) = channel.spec.pace.granted();
            SubscriptionInfo {
                channel: channel.key,
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

    /// Moves a subscription to the channel of another pace; it stays where it is on the tape.
    fn change(&mut self, key: ConnectionKey, request: Change) {
        let Change {
            id,
            channel,
            mode,
            max_rate_hz,
        } = request;
        let Some(subscription) = self.subscription_in(key, Some(channel)) else {
            let reason = format!("there is no subscription with channel {channel}");
            return self.refuse(key, Some(id), ErrorCode::UnknownChannel, reason);
        };
        let pace = match grant(mode, max_rate_hz) {
            Ok(pace) => pace,
            Err((code, reason)) => return self.refuse(key, Some(id), code, reason),
        };
        let spec = ChannelSpec {
            pace,
            ..self.channels[channel as usize].spec.clone()
        };
        let other = self.subscription_in(key, self.by_spec.get(&spec).copied());
        let moved = match other {
            // It has been what is wanted all the time, or another one is.
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
            previous: channel,
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

    /// Where a subscription is, as the beginning of one in another channel of the same topics.
    fn leave(&mut self, subscription: SubscriptionKey, to: ChannelKey) -> Behind {
        let Subscription {
            channel, progress, ..
        } = &self.subscriptions[subscription as usize];
        let from = &self.channels[*channel as usize];
        let (cursor, snapshot, statuses) = match progress {
            Progress::Live(_) => (from.flushed(), None, StatusCursor::current(from)),
            Progress::Behind(behind) => (behind.cursor, behind.snapshot, behind.statuses),
        };
        let to = &mut self.channels[to as usize];
        let cursor = cursor.min(to.reached(self.tape.head()));
        let count = (cursor >= self.tape.floor()).then(|| to.count_at(cursor, &self.tape));
        Behind {
            snapshot,
            ..Behind::at(cursor, count, statuses)
        }
    }

    fn publish(&mut self, key: ConnectionKey, request: Publish) -> Option<Submission> {
        let Publish { id, updates } = request;
        match self.check_publications(key, updates) {
            Ok(updates) => Some(Submission {
                updates,
                ack: id.map(|id| Ack {
                    shard: self.index,
                    connection: key.to_u64(),
                    id,
                }),
                feed: None,
            }),
            Err((code, reason)) => {
                self.refuse(key, id, code, reason);
                None
            }
        }
    }

    fn check_publications(
        &mut self,
        key: ConnectionKey,
        updates: Vec<Publication>,
    ) -> Result<SmallVec<[NewUpdate; 1]>, (ErrorCode, String)> {
        if !self.connections[key.index as usize].may_publish {
            let reason = "publishing is not allowed from this address by the settings".to_owned();
            return Err((ErrorCode::PublishForbidden, reason));
        }
        let check = |publication: Publication| {
            let Publication {
                topic,
                value,
                source_time_ns,
            } = publication;
            let name = Topic::new(&topic)
                .map_err(|error| (ErrorCode::BadTopic, format!("topic {topic:?}: {error}")))?;
            if !self
                .settings
                .publish_allow
                .iter()
                .any(|allowed| allowed.matches(&topic))
            {
                let reason = format!("publishing to {topic:?} is not allowed by the settings");
                return Err((ErrorCode::PublishForbidden, reason));
            }
            Ok(NewUpdate {
                topic: name,
                value,
                source_time_ns,
                quality: Quality::Live,
                unit: None,
            })
        };
        updates.into_iter().map(check).collect()
    }

    fn tell_time(&mut self, key: ConnectionKey, request: TimeRequest, received: TimeNs) {
        let answer = TimeAnswer {
            id: request.id,
            client_time_ns: request.client_time_ns,
            receive_time_ns: received,
            send_time_ns: received,
        };
        self.answer(key, &ServerMessage::Time(answer));
    }
}

impl Subscription {
    /// Up to where it has been handed to the connection.
    pub(crate) fn position(&self, channel: &crate::channel::Channel) -> Position {
        match &self.progress {
            Progress::Live(_) => channel.flushed(),
            Progress::Behind(behind) => behind.cursor,
        }
    }
}

fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Result<Pace, (ErrorCode, String)> {
    Pace::grant(mode, max_rate_hz).ok_or_else(|| {
        let rate = max_rate_hz.unwrap_or_default();
        (
            ErrorCode::BadRate,
            format!("a maximum rate of {rate} Hz: it must be finite and above 0"),
        )
    })
}

fn request_id(message: &ClientMessage) -> Option<u32> {
    match message {
        ClientMessage::Subscribe(request) => Some(request.id),
        ClientMessage::Unsubscribe(request) => Some(request.id),
        ClientMessage::Publish(request) => request.id,
        ClientMessage::Time(request) => Some(request.id),
        ClientMessage::List(request) => Some(request.id),
        ClientMessage::Change(request) => Some(request.id),
        ClientMessage::History(request) => Some(request.id),
    }
}
