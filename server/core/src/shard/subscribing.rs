//! Requests to subscribe, and the list of subscriptions.

use tickcast_protocol::{
    codec,
    error::ErrorCode,
    message::{
        Accepted, FilterRequest, List, Mode, Position, Refused, Resume, ServerMessage, Start,
        Subscribe, SubscribeResult, SubscriptionInfo, Subscriptions,
    },
    topic::Filter,
};

use super::{
    Shard,
    behind::{Behind, SnapshotRange},
    channel::ChannelSpec,
    count_walk::{CountWalk, Counted},
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    pace::Pace,
    socket::Socket,
    status_cursor::StatusCursor,
    steps::Steps,
    subscription::{Progress, Subscription},
    under_way::{Begin, FilterResult, Outcome, Starting, Subscribing},
};
use crate::{permissions::Action, refusal::Refusal, wire};

/// Steps of checking a filter and of encoding its result.
const FILTER_STEPS: usize = 16;

/// Bytes of the answer that are copied in one step.
const BYTES_PER_STEP: usize = 1024;

impl<S: Socket> Shard<S> {
    /// Whether another node of the cluster has given the client more than this one has read. That
    /// is soon over, so the client must not begin anew.
    pub(super) fn is_behind(&self, request: &Subscribe) -> bool {
        let head = self.tape.head();
        let is_ahead =
            |resume: &Resume| resume.epoch == self.lineage.epoch && resume.position > head;
        let mut filters = request.filters.iter();
        self.settings.is_node && filters.any(|one| one.resume.as_ref().is_some_and(is_ahead))
    }

    pub(super) fn go_on_subscribing(
        &mut self,
        key: ConnectionKey,
        request: &mut Subscribing,
        steps: &mut Steps,
    ) -> Outcome {
        loop {
            if let Some(starting) = &mut request.starting {
                let Some((behind, begin)) = self.start(starting, steps) else {
                    return Outcome::Unfinished;
                };
                if let Some(Starting {
                    filter, channel, ..
                }) = request.starting.take()
                {
                    let subscription = self.add_subscription(key, channel, behind);
                    request.results.push(FilterResult::Accepted {
                        filter,
                        subscription,
                        begin,
                    });
                }
            }
            if steps.are_spent() && !request.filters.as_slice().is_empty() {
                return Outcome::Unfinished;
            }
            let Some(FilterRequest { filter, resume }) = request.filters.next() else {
                break;
            };
            steps.take(FILTER_STEPS);
            match self.check_filter(key, &filter, request.mode, request.max_rate_hz) {
                Ok(spec) => self.begin_filter(key, request, filter, spec, resume, steps),
                Err(refusal) => self.refuse_filter(key, request, filter, refusal),
            }
        }
        self.answer_subscribe(key, request, steps);
        Outcome::Done
    }

    fn check_filter(
        &self,
        key: ConnectionKey,
        filter: &str,
        mode: Mode,
        max_rate_hz: Option<f64>,
    ) -> Result<ChannelSpec, Refusal> {
        let filter = Filter::new(filter)
            .map_err(|error| Refusal::of_text(ErrorCode::BadFilter, "filter", filter, error))?;
        self.check(key, Action::Subscribe(&filter))?;
        Ok(ChannelSpec {
            filter,
            wire: self.connections[key.slot].wire,
            pace: grant(mode, max_rate_hz)?.limited(self.who(key))?,
        })
    }

    fn begin_filter(
        &mut self,
        key: ConnectionKey,
        request: &mut Subscribing,
        filter: String,
        spec: ChannelSpec,
        resume: Option<Resume>,
        steps: &mut Steps,
    ) {
        if let Some(subscription) = self.subscription_in(key, self.channels.find(&spec), steps) {
            return request.results.push(FilterResult::Accepted {
                filter,
                subscription,
                begin: Start::Existing.into(),
            });
        }
        if let Err(refusal) = self.take_subscription(key) {
            return self.refuse_filter(key, request, filter, refusal);
        }
        request.starting = Some(Starting {
            filter,
            channel: self.channel_for(spec, steps),
            resume,
            walk: None,
        });
    }

    pub(super) fn refuse_filter(
        &self,
        key: ConnectionKey,
        request: &mut Subscribing,
        filter: String,
        refusal: Refusal,
    ) {
        self.note_refusal(key, &refusal);
        let Refusal { code, reason } = refusal;
        self.stats.refused(code);
        let result = SubscribeResult::Refused(Refused {
            filter,
            code,
            reason,
        });
        let encoding = self.connections[key.slot].wire.encoding();
        let start = request.refused.len();
        codec::append_result(&result, encoding, &mut request.refused);
        let range = start..request.refused.len();
        request.results.push(FilterResult::Refused(range));
    }

    /// Answers, and lets the new subscriptions begin: the answer is sent before the messages that
    /// follow from it.
    fn answer_subscribe(
        &mut self,
        key: ConnectionKey,
        request: &mut Subscribing,
        steps: &mut Steps,
    ) {
        let wire = self.connections[key.slot].wire;
        let mut begun = Vec::new();
        let mut first = None;
        let mut encoded = std::mem::take(&mut request.refused);
        let results = std::mem::take(&mut request.results).into_iter();
        let ranges: Vec<_> = results
            .map(|result| match result {
                FilterResult::Refused(range) => range,
                FilterResult::Accepted {
                    filter,
                    subscription,
                    begin,
                } => {
                    if begin.start != Start::Existing {
                        begun.push(subscription);
                    }
                    let accepted = self.accepted(subscription, filter, begin);
                    let start = encoded.len();
                    first.get_or_insert_with(|| accepted.clone());
                    let result = SubscribeResult::Accepted(accepted);
                    codec::append_result(&result, wire.encoding(), &mut encoded);
                    start..encoded.len()
                }
            })
            .collect();
        steps.take(encoded.len() / BYTES_PER_STEP);
        let results = ranges.into_iter().map(|range| &encoded[range]);
        let place = first.map(|accepted: Accepted| {
            let resume = Resume {
                epoch: accepted.epoch,
                position: accepted.position,
                count: Some(accepted.count),
                snapshot: accepted.snapshot,
            };
            resume.into()
        });
        let offset = self.offset(key);
        let frame = wire::subscribed(request.id, results, place.as_ref(), offset.as_deref(), wire);
        self.send(key, frame);
        for subscription in begun {
            self.go_on(key, subscription);
        }
    }

    /// Turns a part in a channel into a subscription.
    pub(super) fn add_subscription(
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
            is_waiting: false,
            is_ended: false,
        });
        self.connections[key.slot].subscriptions.push(subscription);
        self.count_subscriptions();
        self.note_begun(subscription);
        subscription
    }

    /// Goes on to find what a new subscription needs. Returns its start, or `None` if there are no
    /// more steps.
    fn start(&mut self, starting: &mut Starting, steps: &mut Steps) -> Option<(Behind, Begin)> {
        let head = self.tape.head();
        let key = starting.channel;
        if !self.channels.build(key, &mut self.topics, head, steps) {
            return None;
        }
        let kept = starting
            .resume
            .map(|resume| (resume, self.lineage.kept(resume.epoch)));
        let start = match kept {
            None => Start::Fresh,
            Some((_, None)) => Start::EpochChanged,
            Some((resume, Some(kept))) if resume.epoch != self.lineage.epoch => {
                return self.continue_epoch(key, resume, kept, &mut starting.walk, steps);
            }
            Some((resume, _)) if resume.position > head => Start::PositionAhead,
            Some((resume, _)) => {
                let behind = self.resume(key, resume, &mut starting.walk, steps)?;
                return Some((behind.due(), Start::Resumed.into()));
            }
        };
        let channel = &self.channels[key];
        let reached = channel.reached(head);
        let statuses = StatusCursor::fresh(channel);
        let mut behind = Behind::at(reached, Some(channel.count()), statuses);
        if channel.topic_count() > 0 {
            behind.snapshot = Some(SnapshotRange {
                after: 0,
                until: reached,
            });
        }
        Some((behind.due(), start.into()))
    }

    /// The subscription of a client of an earlier epoch, of which the server has kept the updates
    /// up to a position: it goes on there, or before.
    ///
    /// A snapshot of everything comes first. It takes back what the server has lost. And it has the
    /// values that no frame had, because later ones were to come, which are lost now.
    fn continue_epoch(
        &mut self,
        channel: ChannelKey,
        resume: Resume,
        kept: Position,
        walk: &mut Option<(Position, CountWalk)>,
        steps: &mut Steps,
    ) -> Option<(Behind, Begin)> {
        let is_truncated = resume.position > kept;
        let token = Resume {
            position: resume.position.min(kept),
            count: resume.count.filter(|_| !is_truncated),
            snapshot: Some(0),
            ..resume
        };
        let mut behind = self.resume(channel, token, walk, steps)?;
        behind.statuses = StatusCursor::fresh(&self.channels[channel]);
        let behind = behind.due();
        if !is_truncated {
            return Some((behind, Start::Resumed.into()));
        }
        let counts = resume.count.zip(behind.count);
        let lost = counts.and_then(|(of_client, kept)| of_client.checked_sub(kept));
        self.stats.truncated.add(1);
        self.stats.truncated_updates.add(lost.unwrap_or(0));
        let begin = Begin {
            start: Start::Truncated,
            lost,
        };
        Some((behind, begin))
    }

    fn resume(
        &mut self,
        channel: ChannelKey,
        resume: Resume,
        walk: &mut Option<(Position, CountWalk)>,
        steps: &mut Steps,
    ) -> Option<Behind> {
        let head = self.tape.head();
        let channel = &mut self.channels[channel];
        // While no batch is open, there is no update after the last batch.
        let position = match walk {
            Some((position, _)) => *position,
            None => resume.position.min(channel.reached(head)),
        };
        let count = match resume.count {
            Some(count) => Some(count),
            None => {
                let known = channel.known_counts(head);
                let (_, walk) =
                    walk.get_or_insert((position, CountWalk::from_nearest(position, known)));
                match walk.advance(position, channel, &self.tape, steps) {
                    Counted::Known(count) => Some(count),
                    Counted::Unknown => None,
                    Counted::Searching => return None,
                }
            }
        };
        let mut behind = Behind::at(
            position,
            count,
            StatusCursor::resumed(channel, resume.position),
        );
        behind.snapshot = resume
            .snapshot
            .filter(|&after| after < position)
            .map(|after| SnapshotRange {
                after,
                until: position,
            });
        Some(behind)
    }

    pub(super) fn accepted(&self, key: SubscriptionKey, filter: String, begin: Begin) -> Accepted {
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
            filter,
            channel: channel.key.id(),
            mode,
            max_rate_hz,
            epoch: self.lineage.epoch,
            position,
            count,
            snapshot,
            start: begin.start,
            lost: begin.lost,
        }
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

    /// A part in the channel for a spec, which is created if it does not exist.
    pub(super) fn channel_for(&mut self, spec: ChannelSpec, steps: &mut Steps) -> ChannelKey {
        let key = match self.channels.find(&spec) {
            Some(key) => key,
            None => {
                let epoch = self.lineage.epoch;
                self.channels.insert(spec, epoch, &self.topics, steps)
            }
        };
        self.channels[key].subscriptions += 1;
        self.stats.channels.set(self.channels.len() as u64);
        key
    }

    /// Gives a request up, because its connection ends.
    pub(super) fn give_up_subscribing(&mut self, request: Subscribing) {
        if let Some(starting) = request.starting {
            self.release(starting.channel);
        }
    }
}

/// The pace for a request, or the reason why it has none.
pub(super) fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Result<Pace, Refusal> {
    Pace::grant(mode, max_rate_hz).ok_or_else(|| {
        let reason = Pace::wrong_rate(max_rate_hz.unwrap_or_default());
        Refusal::new(ErrorCode::BadRate, reason)
    })
}
