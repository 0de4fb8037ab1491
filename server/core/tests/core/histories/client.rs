//! The clients of a history: what each one is sent, and what it must have got.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tickcast_core::shard::ConnectionKey;
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Batch, Changed, Mode, Position, ServerMessage, Start, Status, Statuses, SubscribeResult,
        TopicInfo, TopicStatus, Update,
    },
    topic::{Filter, Topic},
    value::Value,
};

use super::{TOPICS, truth::Truth};
use crate::pipe::Pipe;

/// One filter in one mode, over all connections of a client.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) filter: Filter,
    pub(super) mode: Mode,
    pub(super) rate: Option<f64>,
    /// The position where counting began. `None` before the first answer.
    pub(super) base: Option<Position>,
    pub(super) position: Position,
    pub(super) count: u64,
    /// The position in the snapshot while it is incomplete.
    pub(super) snapshot: Option<Position>,
    /// Positions of live updates.
    pub(super) live: Vec<Position>,
    /// Ranges reported as lost, with the number of updates in them.
    pub(super) gaps: Vec<(Position, Position, u64)>,
    pub(super) latest: BTreeMap<usize, Position>,
    /// Statuses received since the subscription began or was resumed.
    pub(super) statuses: HashMap<usize, Status>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    pub(super) connection: Option<(ConnectionKey, Pipe)>,
    pub(super) subscriptions: Vec<Subscription>,
    /// Channels of this connection, with the index of their subscription.
    pub(super) channels: HashMap<u32, usize>,
    /// Filters that wait for their answer, in order.
    pub(super) asked: Vec<usize>,
    /// What to ask for when the connection's request is no longer under way.
    pub(super) to_ask: VecDeque<Ask>,
    /// Whether the answer to a change has not arrived. The next request depends on it.
    pub(super) is_changing: bool,
    /// Topic indices by id, kept across connections.
    pub(super) topics: HashMap<u32, usize>,
    /// The name of each topic, by its index, also kept.
    pub(super) names: HashMap<usize, usize>,
}

/// A request that waits for its turn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    /// To subscribe to a filter in a pace. A change before it may have made such a subscription.
    New { filter: usize, pace: usize },
    /// To resume the subscription with this index.
    Resume(usize),
    /// To change the pace of the subscription with this index.
    Change(usize, usize),
}

/// Mode and rate.
pub(super) const PACES: [(Mode, Option<f64>); 3] = [
    (Mode::Every, None),
    (Mode::Latest, None),
    (Mode::Latest, Some(10.0)),
];

fn topic_index(topic: &Topic) -> usize {
    TOPICS
        .iter()
        .position(|name| *name == topic.as_str())
        .unwrap()
}

impl Client {
    pub(super) fn receive(&mut self, truth: &Truth) {
        let Some((_, pipe)) = self.connection.clone() else {
            return;
        };
        while let Some(frame) = pipe.next_frame() {
            let message = match self.encoding {
                Encoding::Bincode => match codec::decode_server_bincode(&frame.payload).unwrap() {
                    ServerMessage::Batch(batch) => ServerMessage::Batch(self.resolve(batch)),
                    ServerMessage::Subscribed(subscribed) => ServerMessage::Subscribed(subscribed),
                    ServerMessage::Gap(gap) => ServerMessage::Gap(gap),
                    ServerMessage::Changed(changed) => ServerMessage::Changed(changed),
                    ServerMessage::Status(message) => {
                        ServerMessage::Status(self.resolve_statuses(message))
                    }
                    ServerMessage::Error(error) => panic!("{error:?}"),
                    _ => continue,
                },
                Encoding::Json => codec::decode_server_json(&frame.payload).unwrap(),
            };
            self.take(message, truth);
        }
    }

    fn introduce(&mut self, topics: &[TopicInfo]) {
        for info in topics {
            let topic = topic_index(&info.topic);
            self.topics.insert(info.id, topic);
            let name = info.name.as_ref().map_or(0, |name| name.parse().unwrap());
            let before = self.names.insert(topic, name);
            assert!(before <= Some(name), "an old name of {}", info.topic);
        }
    }

    /// Checks that the names are at least those of a batch's updates.
    fn check_names(&self, batch: &Batch<Topic>, truth: &Truth) {
        for update in &batch.updates {
            let topic = topic_index(&update.topic);
            let expected = truth.name(topic, update.position);
            assert!(
                self.names[&topic] >= expected,
                "no new name of {}",
                update.topic
            );
        }
    }

    pub(super) fn name(&self, id: u32) -> Topic {
        let known = self.topics.get(&id);
        let topic = known.unwrap_or_else(|| panic!("topic {id} not introduced"));
        Topic::new(TOPICS[*topic]).unwrap()
    }

    fn resolve_statuses(&mut self, message: Statuses<u32>) -> Statuses<Topic> {
        self.introduce(&message.topics);
        let statuses = message.statuses.into_iter().map(|status| TopicStatus {
            topic: self.name(status.topic),
            status: status.status,
            since_ns: status.since_ns,
        });
        Statuses {
            statuses: statuses.collect(),
            channel: message.channel,
            topics: message.topics,
        }
    }

    fn resolve(&mut self, batch: Batch<u32>) -> Batch<Topic> {
        self.introduce(&batch.topics);
        let updates = batch.updates.into_iter().map(|update| Update {
            topic: self.name(update.topic),
            position: update.position,
            seq: update.seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: update.ingest_time_ns,
            quality: update.quality,
            value: update.value,
        });
        Batch {
            updates: updates.collect(),
            channel: batch.channel,
            from: batch.from,
            to: batch.to,
            snapshot: batch.snapshot,
            topics: batch.topics,
        }
    }

    pub(super) fn take(&mut self, message: ServerMessage<Topic>, truth: &Truth) {
        match message {
            ServerMessage::Subscribed(subscribed) => {
                for result in subscribed.results {
                    let SubscribeResult::Accepted(accepted) = result else {
                        panic!("{result:?}");
                    };
                    let index = self.asked.remove(0);
                    let subscription = &mut self.subscriptions[index];
                    self.channels.insert(accepted.channel, index);
                    match accepted.start {
                        Start::Existing => continue,
                        Start::Fresh => {
                            assert!(subscription.base.is_none());
                            subscription.base = Some(accepted.position);
                            subscription.count = accepted.count;
                            let before = truth.matching(&subscription.filter, 0, accepted.position);
                            assert_eq!(accepted.count, before.len() as u64);
                        }
                        Start::Resumed => {
                            // No update of the filter may lie between the two positions.
                            let skipped = truth.matching(
                                &subscription.filter,
                                accepted.position,
                                subscription.position,
                            );
                            assert_eq!(skipped, Vec::<Position>::new());
                            if subscription.mode == Mode::Every {
                                assert_eq!(accepted.count, subscription.count);
                            }
                        }
                        start => panic!("{start:?}"),
                    }
                    subscription.statuses.clear();
                    subscription.position = accepted.position;
                    subscription.snapshot = accepted.snapshot;
                }
            }
            ServerMessage::Gap(gap) => {
                let subscription = &mut self.subscriptions[self.channels[&gap.channel]];
                assert_eq!(subscription.mode, Mode::Every);
                assert_eq!(
                    (gap.from, subscription.snapshot),
                    (subscription.position, None)
                );
                let lost = gap.lost.unwrap();
                subscription.gaps.push((gap.from, gap.to, lost));
                subscription.count += lost;
                subscription.position = gap.to;
                subscription.snapshot = Some(gap.snapshot);
            }
            ServerMessage::Changed(changed) => {
                let index = self.channels.remove(&changed.previous).unwrap();
                self.channels.insert(changed.channel, index);
                self.is_changing = false;
                self.subscriptions[index].change(&changed, truth);
            }
            ServerMessage::Batch(batch) => {
                if self.encoding == Encoding::Json {
                    self.introduce(&batch.topics);
                }
                self.check_names(&batch, truth);
                let subscription = &mut self.subscriptions[self.channels[&batch.channel]];
                subscription.take(&batch, truth);
            }
            ServerMessage::Status(message) => {
                if self.encoding == Encoding::Json {
                    self.introduce(&message.topics);
                }
                let subscription = &mut self.subscriptions[self.channels[&message.channel]];
                for TopicStatus { topic, status, .. } in message.statuses {
                    assert!(subscription.filter.matches(topic.as_str()));
                    let topic = topic_index(&topic);
                    subscription.statuses.insert(topic, status);
                }
            }
            _ => {}
        }
    }
}

impl Subscription {
    /// Counting begins again, at the same place.
    pub(super) fn change(&mut self, changed: &Changed, truth: &Truth) {
        let skipped = truth.matching(&self.filter, changed.position, self.position);
        assert_eq!(skipped, Vec::<Position>::new());
        assert!(changed.position <= self.position);
        (self.mode, self.rate) = (changed.mode, changed.max_rate_hz);
        if self.mode == Mode::Every {
            let before = truth.matching(&self.filter, 0, changed.position);
            assert_eq!(changed.count, before.len() as u64);
        }
        self.base = Some(changed.position);
        self.position = changed.position;
        self.count = changed.count;
        self.live.clear();
        self.gaps.clear();
    }

    pub(super) fn take(&mut self, batch: &Batch<Topic>, truth: &Truth) {
        let expected = if batch.snapshot {
            self.snapshot.unwrap()
        } else {
            self.position
        };
        assert_eq!(
            batch.from, expected,
            "a hole or an overlap in {:?}",
            self.filter
        );
        let mut before = batch.from;
        for update in &batch.updates {
            assert!(before < update.position && update.position <= batch.to);
            before = update.position;
            let topic = topic_index(&update.topic);
            assert!(self.filter.matches(update.topic.as_str()));
            assert_eq!(truth.tape[update.position as usize - 1], topic);
            assert_eq!(update.seq, truth.seq(update.position));
            assert_eq!(update.value, Value::Reading(update.position as f64));
            let latest = self.latest.entry(topic).or_default();
            if !batch.snapshot {
                assert!(*latest < update.position, "an old value after a newer one");
                self.live.push(update.position);
                self.count += 1;
            }
            if !truth.is_historical(update.position) {
                *latest = (*latest).max(update.position);
            } else {
                assert!(self.mode == Mode::Every && !batch.snapshot, "{update:?}");
            }
        }
        if batch.snapshot {
            assert!(batch.to <= self.position);
            self.snapshot = (batch.to < self.position).then_some(batch.to);
        } else {
            assert_eq!(self.snapshot, None, "live before the end of the snapshot");
            self.position = batch.to;
        }
    }

    /// The checks at the end, when everything has arrived.
    pub(super) fn check(&self, truth: &Truth, statuses: &HashMap<usize, Status>) {
        let head = truth.tape.len() as Position;
        let Some(base) = self.base else { return };
        for (&topic, &status) in statuses {
            if self.filter.matches(TOPICS[topic]) {
                let known = self.statuses.get(&topic).copied().unwrap_or_default();
                assert_eq!(known, status, "{} of {:?}", TOPICS[topic], self.filter);
            }
        }
        let newest = (0..TOPICS.len()).filter(|&topic| self.filter.matches(TOPICS[topic]));
        for topic in newest {
            let is_newest = |&position: &Position| {
                truth.tape[position as usize - 1] == topic && !truth.is_historical(position)
            };
            let position = (1..=head).rev().find(is_newest);
            assert_eq!(
                self.latest.get(&topic).copied(),
                position,
                "{topic} {:?}",
                self
            );
        }
        if self.mode == Mode::Every {
            let mut expected = truth.matching(&self.filter, base, head);
            for &(from, to, lost) in &self.gaps {
                let before = expected.len();
                expected.retain(|&position| position <= from || position > to);
                assert_eq!((before - expected.len()) as u64, lost, "{from}..{to}");
            }
            assert_eq!(self.live, expected);
            assert_eq!(
                self.count,
                truth.matching(&self.filter, 0, head).len() as u64
            );
        }
    }
}
