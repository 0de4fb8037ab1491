//! Random histories of publish, subscribe, block, unblock, disconnect and resume, on a shard
//! without sockets and clocks, against a simple model: in mode `every` nothing is lost uncounted,
//! doubled or out of order; in mode `latest` the newest value always arrives; no client is ever
//! sent a topic it was not introduced to; a client knows the name that a topic had at each of its
//! updates; and a client that has caught up knows all statuses and names. With a log that has more
//! than the tape, nothing is lost but what the log has lost.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::IoSlice,
    sync::Arc,
    time::Duration,
};

use proptest::{prelude::*, test_runner::FileFailurePersistence};
use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::{
        Sequencer,
        liveness::{Expected, Liveness, LivenessSettings, SilenceRule},
    },
    settings::CoreSettings,
    shard::{
        ConnectionKey, Event, LOG_READS_MAX, LogBegin, LogPart, SLICE_MAX_STEPS, Shard, Socket,
        Write, WriteMany, Written,
    },
    stats::ShardStats,
    tape::Strip,
    work::{FeedId, NewUpdate, Submission, TopicFacts},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Batch, Change, Changed, ClientMessage, Epoch, FilterRequest, Mode, Position, Quality,
        Resume, Seq, ServerMessage, Start, Status, Statuses, Subscribe, SubscribeResult, TopicInfo,
        TopicStatus, Update,
    },
    topic::{Filter, Topic},
    value::Value,
};

use crate::pipe::Pipe;

const EPOCH: Epoch = Epoch(7);
const TOPICS: [&str; 6] = ["a/1", "a/2", "a/3", "b/1", "b/2", "c"];
const FILTERS: [&str; 5] = ["#", "a/+", "b/1", "c", "none/yet"];
const CLIENTS: usize = 4;

/// Room for everything that a history sends between two operations.
const ROOM_BYTES: usize = 100_000;

/// A tape that never forgets.
const LONG_TAPE_BYTES: usize = 1 << 20;

const LONG_TAPE: Memory = Memory {
    tape_bytes: LONG_TAPE_BYTES,
    log: LogKind::None,
};

/// Two or three strips.
const SHORT_TAPE: Memory = Memory {
    tape_bytes: 2_000,
    log: LogKind::None,
};

const SHORT_TAPE_AND_LOG: Memory = Memory {
    log: LogKind::Whole,
    ..SHORT_TAPE
};

#[derive(Debug, Clone)]
enum Op {
    /// Updates of these topics in one strip.
    Publish(Vec<usize>),
    /// An update of the last topic tells a new name of this one.
    Tell(usize),
    Turn,
    CatchUp,
    /// A slice of the requests under way.
    Work,
    Subscribe {
        client: usize,
        filter: usize,
        pace: usize,
    },
    /// Changes the pace of one of a client's subscriptions.
    Change {
        client: usize,
        nth: usize,
        pace: usize,
    },
    /// The kernel takes this many more bytes for a client.
    Room {
        client: usize,
        bytes: usize,
    },
    Unblock(usize),
    /// The connection breaks, and bytes in flight are lost. The next subscribe resumes.
    Disconnect(usize),
    Wait(u64),
    /// The only feed is down.
    FeedDown,
    /// One of the reads of the log under way is answered, with up to this many strips.
    Answer {
        nth: usize,
        strips: usize,
    },
    /// The log loses some of its strips, from one of them on.
    Lose {
        first: usize,
        strips: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => prop::collection::vec(0..TOPICS.len(), 1..30).prop_map(Op::Publish),
        2 => (0..TOPICS.len()).prop_map(Op::Tell),
        4 => Just(Op::Turn),
        2 => Just(Op::CatchUp),
        3 => Just(Op::Work),
        3 => (client.clone(), 0..FILTERS.len(), 0..3usize)
            .prop_map(|(client, filter, pace)| Op::Subscribe { client, filter, pace }),
        2 => (client.clone(), 0..4usize, 0..3usize)
            .prop_map(|(client, nth, pace)| Op::Change { client, nth, pace }),
        2 => (client.clone(), 0..900usize).prop_map(|(client, bytes)| Op::Room { client, bytes }),
        3 => client.clone().prop_map(Op::Unblock),
        1 => client.prop_map(Op::Disconnect),
        2 => (1..200u64).prop_map(Op::Wait),
        1 => Just(Op::FeedDown),
        3 => (0..4usize, 1..5usize).prop_map(|(nth, strips)| Op::Answer { nth, strips }),
        1 => (0..20usize, 1..5usize).prop_map(|(first, strips)| Op::Lose { first, strips }),
    ]
}

/// Writes to several sockets at once, but sometimes only one frame or nothing.
#[derive(Debug, Default)]
struct Together(usize);

impl WriteMany<Pipe> for Together {
    fn write_many(&mut self, writes: &[Write<'_, Pipe>], taken: &mut Written) {
        for write in writes {
            self.0 = (self.0 + 1) % 5;
            let slices: Vec<_> = write.slices().map(IoSlice::new).collect();
            let slices = match self.0 {
                0 => &[],
                1 => &slices[..slices.len().min(1)],
                _ => &slices[..],
            };
            let result = write.socket.try_write(slices);
            taken.push(result.unwrap_or(0));
        }
    }
}

/// What was published, as the model knows it.
#[derive(Debug, Default)]
struct Truth {
    /// Topic by position, from 1.
    tape: Vec<usize>,
    /// Whether the shard's tape holds everything, so that it can count up to any position.
    is_whole: bool,
    /// Each name that was told: the position of the update with it, and the topic. The names are
    /// the numbers of these, from 1.
    told: Vec<(Position, usize)>,
}

impl Truth {
    fn matching(&self, filter: &Filter, after: Position, until: Position) -> Vec<Position> {
        (after + 1..=until)
            .filter(|&position| filter.matches(TOPICS[self.tape[position as usize - 1]]))
            .collect()
    }

    /// Whether the update at a position is historical, and replaces no newer value therefore.
    fn is_historical(&self, position: Position) -> bool {
        let index = position as usize - 1;
        quality(index) == Quality::Historical && self.tape[..index].contains(&self.tape[index])
    }

    /// The name of a topic at a position; 0 if it has none.
    fn name(&self, topic: usize, position: Position) -> usize {
        let told = self
            .told
            .iter()
            .rposition(|&(at, of)| of == topic && at <= position);
        told.map_or(0, |index| index + 1)
    }

    fn seq(&self, position: Position) -> Seq {
        let topic = self.tape[position as usize - 1];
        self.tape[..position as usize]
            .iter()
            .filter(|&&other| other == topic)
            .count() as Seq
    }
}

/// The quality of the update at an index of the tape.
fn quality(index: usize) -> Quality {
    match index % 5 {
        3 => Quality::Historical,
        _ => Quality::Live,
    }
}

/// One filter in one mode, over all connections of a client.
#[derive(Debug)]
struct Subscription {
    filter: Filter,
    mode: Mode,
    rate: Option<f64>,
    /// The position where counting began. `None` before the first answer.
    base: Option<Position>,
    position: Position,
    count: u64,
    /// The position in the snapshot while it is incomplete.
    snapshot: Option<Position>,
    /// Positions of live updates.
    live: Vec<Position>,
    /// Ranges reported as lost, with the number of updates in them.
    gaps: Vec<(Position, Position, u64)>,
    latest: BTreeMap<usize, Position>,
    /// Statuses received since the subscription began or was resumed.
    statuses: HashMap<usize, Status>,
}

#[derive(Debug)]
struct Client {
    encoding: Encoding,
    connection: Option<(ConnectionKey, Pipe)>,
    subscriptions: Vec<Subscription>,
    /// Channels of this connection, with the index of their subscription.
    channels: HashMap<u32, usize>,
    /// Filters that wait for their answer, in order.
    asked: Vec<usize>,
    /// What to ask for when the connection's request is no longer under way.
    to_ask: VecDeque<Ask>,
    /// Whether the answer to a change has not arrived. The next request depends on it.
    is_changing: bool,
    /// Topic indices by id, kept across connections.
    topics: HashMap<u32, usize>,
    /// The name of each topic, by its index, also kept.
    names: HashMap<usize, usize>,
}

/// A request that waits for its turn.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// To subscribe to a filter in a pace. A change before it may have made such a subscription.
    New { filter: usize, pace: usize },
    /// To resume the subscription with this index.
    Resume(usize),
    /// To change the pace of the subscription with this index.
    Change(usize, usize),
}

/// Mode and rate.
const PACES: [(Mode, Option<f64>); 3] = [
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
    fn receive(&mut self, truth: &Truth) {
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

    fn name(&self, id: u32) -> Topic {
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

    fn take(&mut self, message: ServerMessage<Topic>, truth: &Truth) {
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
    fn change(&mut self, changed: &Changed, truth: &Truth) {
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

    fn take(&mut self, batch: &Batch<Topic>, truth: &Truth) {
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
    fn check(&self, truth: &Truth, statuses: &HashMap<usize, Status>) {
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

const FEED: FeedId = 1;

/// Topics of `a` become stale within a few rounds and die, topics of `b` become stale later, and
/// `c` never does.
fn liveness() -> LivenessSettings {
    let rule = |filter, expect_ms, dead_after_ms: Option<u64>| SilenceRule {
        filter: Filter::new(filter).unwrap(),
        expect_every: Expected::Every(Duration::from_millis(expect_ms)),
        dead_after: dead_after_ms.map(Duration::from_millis),
    };
    LivenessSettings {
        silence: vec![rule("a/+", 30, Some(200)), rule("b/+", 100, None)],
        wills: vec![],
    }
}

/// Strips after which the log says how many updates each topic had.
const STRIPS_PER_SEGMENT: usize = 3;

/// What the shard can ask for besides its tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogKind {
    None,
    /// It has everything.
    Whole,
    /// It loses strips.
    Lossy,
}

/// A log, and the reads of it that are under way.
#[derive(Debug)]
struct Log {
    kind: LogKind,
    strips: Vec<Arc<Strip>>,
    /// Strips that are lost.
    lost: Vec<bool>,
    reads: Vec<Position>,
}

impl Log {
    /// The strips from a position on, up to a number of them and the first one that is lost.
    fn read(&self, from: Position, strips: usize) -> Vec<Arc<Strip>> {
        let all = self.strips.iter().zip(&self.lost);
        let later = all.filter(|(strip, _)| strip.end() > from);
        let there = later.take_while(|(_, is_lost)| !**is_lost);
        there
            .map(|(strip, _)| Arc::clone(strip))
            .take(strips)
            .collect()
    }
}

struct World {
    shard: Shard<Pipe>,
    sequencer: Sequencer,
    /// Topics in the order of their ids.
    ids: Vec<usize>,
    strips: Vec<Arc<Strip>>,
    log: Log,
    truth: Truth,
    clients: Vec<Client>,
    uptime: Duration,
}

impl World {
    fn new(memory: Memory, turn_writes: usize, max_steps: usize) -> Self {
        let Memory { tape_bytes, log } = memory;
        let settings = CoreSettings {
            tape_bytes,
            request_burst: u32::MAX,
            heartbeat: Duration::from_secs(1_000_000),
            ping: Duration::from_secs(1_000_000),
            write_timeout: Duration::from_secs(1_000_000),
            ..CoreSettings::default()
        };
        let clients = (0..CLIENTS).map(|index| Client {
            encoding: if index % 2 == 0 {
                Encoding::Bincode
            } else {
                Encoding::Json
            },
            connection: None,
            subscriptions: Vec::new(),
            channels: HashMap::new(),
            asked: Vec::new(),
            to_ask: VecDeque::new(),
            is_changing: false,
            topics: HashMap::new(),
            names: HashMap::new(),
        });
        let mut shard = Shard::new(0, EPOCH, Arc::new(settings), Arc::<ShardStats>::default());
        if log != LogKind::None {
            shard = shard.with_log();
        }
        Self {
            shard: shard
                .with_turn_writes_min(turn_writes)
                .with_max_steps(max_steps)
                .with_write_many(Together::default()),
            sequencer: Sequencer::new(1000).with_liveness(Liveness::new(liveness())),
            ids: Vec::new(),
            strips: Vec::new(),
            log: Log {
                kind: log,
                strips: Vec::new(),
                lost: Vec::new(),
                reads: Vec::new(),
            },
            truth: Truth {
                tape: Vec::new(),
                is_whole: tape_bytes >= LONG_TAPE_BYTES,
                told: Vec::new(),
            },
            clients: clients.collect(),
            uptime: Duration::ZERO,
        }
    }

    fn now(&self) -> Now {
        Now {
            uptime: self.uptime,
            wall_ns: 0,
        }
    }

    fn publish(&mut self, topics: &[usize]) {
        for &topic in topics {
            self.push(topic, None);
        }
        self.take_strips();
    }

    fn tell(&mut self, topic: usize) {
        let position = self.truth.tape.len() as Position + 1;
        self.truth.told.push((position, topic));
        let facts = TopicFacts {
            name: Some(self.truth.told.len().to_string().into()),
            ..TopicFacts::default()
        };
        let told = (Topic::new(TOPICS[topic]).unwrap(), facts);
        self.push(TOPICS.len() - 1, Some([told].into()));
        self.take_strips();
    }

    fn push(&mut self, topic: usize, facts: Option<Box<[(Topic, TopicFacts)]>>) {
        self.truth.tape.push(topic);
        if !self.ids.contains(&topic) {
            self.ids.push(topic);
        }
        let update = NewUpdate {
            topic: Topic::new(TOPICS[topic]).unwrap(),
            value: Value::Reading(self.truth.tape.len() as f64),
            source_time_ns: None,
            quality: quality(self.truth.tape.len() - 1),
            unit: None,
            facts,
        };
        let submission = Submission {
            updates: [update].into_iter().collect(),
            ack: None,
            feed: Some(FEED),
            once: None,
        };
        self.sequencer.push(submission, self.now());
    }

    fn take_strips(&mut self) {
        let sequencer = &mut self.sequencer;
        let strips: Vec<_> = std::iter::from_fn(|| sequencer.take_strip()).collect();
        let with_updates = strips.iter().filter(|strip| !strip.is_empty());
        self.log.strips.extend(with_updates.cloned());
        self.log.lost.resize(self.log.strips.len(), false);
        self.strips.extend(strips);
    }

    /// Answers a read of the log.
    fn answer(&mut self, nth: usize, strips: usize) {
        if let Some(index) = nth.checked_rem(self.log.reads.len()) {
            let from = self.log.reads.remove(index);
            let begin = self.begin_after(from).filter(|_| strips > 1);
            let part = LogPart {
                strips: self.log.read(from, strips),
                begin,
                elapsed: Duration::ZERO,
            };
            assert!(self.log.kind == LogKind::Lossy || !part.strips.is_empty());
            let now = self.now();
            self.shard.take_window(from, part, now);
        }
    }

    /// Where the log goes on after a position: at the first of each few strips.
    fn begin_after(&self, position: Position) -> Option<LogBegin> {
        let begins = self.log.strips.iter().step_by(STRIPS_PER_SEGMENT);
        let position = begins
            .map(|strip| strip.first())
            .find(|&first| first > position)?;
        let before = &self.truth.tape[..position as usize - 1];
        let seq = |&topic: &usize| before.iter().filter(|&&other| other == topic).count() as Seq;
        let seqs = self.ids.iter().map(seq).collect();
        Some(LogBegin { position, seqs })
    }

    fn statuses(&self) -> HashMap<usize, Status> {
        let liveness = self.sequencer.liveness();
        (0..)
            .zip(&self.ids)
            .map(|(id, &topic)| (topic, liveness.status(id)))
            .collect()
    }

    fn connection(&mut self, client: usize) -> ConnectionKey {
        if let Some((key, _)) = self.clients[client].connection {
            return key;
        }
        let pipe = Pipe::default();
        pipe.set_room(ROOM_BYTES);
        let encoding = self.clients[client].encoding;
        let key = self
            .shard
            .connect(pipe.clone(), encoding, Access::READER, self.now());
        self.clients[client].connection = Some((key, pipe));
        self.clients[client].channels.clear();
        self.clients[client].asked.clear();
        self.clients[client].is_changing = false;
        // Earlier subscriptions are resumed.
        let all = 0..self.clients[client].subscriptions.len();
        self.clients[client].to_ask = all.map(Ask::Resume).collect();
        self.ask_next(client);
        key
    }

    fn subscribe(&mut self, client: usize, filter: usize, pace: usize) {
        self.connection(client);
        let to_ask = &mut self.clients[client].to_ask;
        to_ask.push_back(Ask::New { filter, pace });
        self.ask_next(client);
    }

    /// The index of a client's subscription to a filter in a pace.
    fn subscription(&mut self, client: usize, filter: usize, pace: usize) -> usize {
        let (mode, rate) = PACES[pace];
        let subscriptions = &mut self.clients[client].subscriptions;
        let same = |subscription: &Subscription| {
            subscription.filter.as_str() == FILTERS[filter]
                && (subscription.mode, subscription.rate) == (mode, rate)
        };
        subscriptions.iter().position(same).unwrap_or_else(|| {
            subscriptions.push(Subscription {
                filter: Filter::new(FILTERS[filter]).unwrap(),
                mode,
                rate,
                base: None,
                position: 0,
                count: 0,
                snapshot: None,
                live: Vec::new(),
                gaps: Vec::new(),
                latest: BTreeMap::new(),
                statuses: HashMap::new(),
            });
            subscriptions.len() - 1
        })
    }

    fn change(&mut self, client: usize, index: usize, key: ConnectionKey, pace: usize) {
        let (mode, max_rate_hz) = PACES[pace];
        let of_client = &self.clients[client];
        let filter = &of_client.subscriptions[index].filter;
        let is_there = |subscription: &Subscription| {
            subscription.filter == *filter
                && (subscription.mode, subscription.rate) == (mode, max_rate_hz)
        };
        let channel = of_client.channels.iter().find(|&(_, &of)| of == index);
        // Two subscriptions would become one.
        if of_client.subscriptions.iter().any(is_there) || channel.is_none() {
            return;
        }
        let request = Change {
            id: 1,
            channel: *channel.unwrap().0,
            mode,
            max_rate_hz,
        };
        let now = self.now();
        self.shard.handle(key, ClientMessage::Change(request), now);
        self.clients[client].is_changing = true;
    }

    /// Asks for as many subscriptions as the shard accepts.
    fn ask_next(&mut self, client: usize) {
        while let Some((key, _)) = self.clients[client].connection
            && !self.shard.is_busy(key)
            && !self.clients[client].is_changing
            && let Some(ask) = self.clients[client].to_ask.pop_front()
        {
            match ask {
                Ask::New { filter, pace } => {
                    let index = self.subscription(client, filter, pace);
                    self.ask(client, key, index);
                }
                Ask::Resume(index) => self.ask(client, key, index),
                Ask::Change(index, pace) => self.change(client, index, key, pace),
            }
        }
    }

    fn ask(&mut self, client: usize, key: ConnectionKey, index: usize) {
        let subscription = &self.clients[client].subscriptions[index];
        let resume = subscription.base.map(|_| Resume {
            epoch: EPOCH,
            position: subscription.position,
            count: (subscription.mode == Mode::Every).then_some(subscription.count),
            snapshot: subscription.snapshot,
        });
        let request = Subscribe {
            id: 1,
            filters: vec![FilterRequest {
                filter: subscription.filter.as_str().to_owned(),
                resume,
            }],
            mode: subscription.mode,
            max_rate_hz: subscription.rate,
        };
        self.clients[client].asked.push(index);
        let now = self.now();
        self.shard
            .handle(key, ClientMessage::Subscribe(request), now);
    }

    fn room(&mut self, client: usize, bytes: usize) {
        let Some((key, pipe)) = self.clients[client].connection.clone() else {
            return;
        };
        pipe.set_room(bytes);
        let now = self.now();
        self.shard.on_writable(key, now);
    }

    fn turn(&mut self) {
        self.sequencer.poll(self.now());
        self.take_strips();
        let strips = std::mem::take(&mut self.strips);
        let now = self.now();
        self.shard.turn(&strips, now);
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Publish(topics) => self.publish(&topics),
            Op::Tell(topic) => self.tell(topic),
            Op::Turn => self.turn(),
            Op::CatchUp => {
                let now = self.now();
                self.shard.catch_up(now);
            }
            Op::Work => {
                let now = self.now();
                self.shard.work(now);
            }
            Op::Subscribe {
                client,
                filter,
                pace,
            } => self.subscribe(client, filter, pace),
            Op::Change { client, nth, pace } => {
                if self.truth.is_whole
                    && let Some(index) = nth.checked_rem(self.clients[client].subscriptions.len())
                {
                    let to_ask = &mut self.clients[client].to_ask;
                    to_ask.push_back(Ask::Change(index, pace));
                    self.ask_next(client);
                }
            }
            Op::Room { client, bytes } => self.room(client, bytes),
            Op::Unblock(client) => self.room(client, ROOM_BYTES),
            Op::Disconnect(client) => {
                if let Some((key, _)) = self.clients[client].connection.take() {
                    self.shard.disconnect(key);
                }
            }
            Op::Wait(ms) => self.uptime += Duration::from_millis(ms),
            Op::FeedDown => {
                self.sequencer.feed_down(FEED, self.now());
                self.take_strips();
            }
            Op::Answer { nth, strips } => self.answer(nth, strips),
            Op::Lose { first, strips } => {
                if self.log.kind == LogKind::Lossy {
                    let lost = self.log.lost.iter_mut().skip(first).take(strips);
                    lost.for_each(|is_lost| *is_lost = true);
                }
            }
        }
        let head = self.truth.tape.len() as Position;
        for event in self.shard.take_events() {
            match event {
                Event::Broken(_) => panic!("no connection breaks by itself"),
                Event::Read { from, until } => {
                    assert!(self.log.kind != LogKind::None && from <= until && until <= head);
                    self.log.reads.push(from);
                }
                Event::Posted(_) => panic!("each publish has a connection"),
                Event::Blocked(_) | Event::Ready(_) => {}
            }
        }
        assert!(self.log.reads.len() <= LOG_READS_MAX);
        for client in &mut self.clients {
            client.receive(&self.truth);
        }
        (0..CLIENTS).for_each(|client| self.ask_next(client));
    }

    /// All clients read, and time passes until nothing is left to send.
    fn settle(&mut self) {
        for client in 0..CLIENTS {
            if !self.clients[client].subscriptions.is_empty() {
                self.connection(client);
            }
        }
        for _ in 0..200 {
            for client in 0..CLIENTS {
                self.act(Op::Unblock(client));
            }
            self.act(Op::Turn);
            while self.shard.is_applying() || self.shard.has_work() {
                self.act(Op::Turn);
                self.act(Op::Work);
            }
            self.act(Op::CatchUp);
            while !self.log.reads.is_empty() {
                self.act(Op::Answer { nth: 0, strips: 3 });
                self.act(Op::CatchUp);
            }
            self.act(Op::Wait(50));
        }
        assert!(!self.shard.has_catching_up() && !self.shard.has_unsent());
        assert!(!self.shard.has_work());
    }
}

/// Steps of a slice: of a few topics, or of more than there are.
fn max_steps() -> impl Strategy<Value = usize> {
    prop_oneof![1..20usize, Just(SLICE_MAX_STEPS)]
}

/// What is remembered of the past.
#[derive(Debug, Clone, Copy)]
struct Memory {
    tape_bytes: usize,
    log: LogKind,
}

fn check(memory: Memory, turn_writes: usize, max_steps: usize, ops: Vec<Op>) {
    let mut world = World::new(memory, turn_writes, max_steps);
    for op in ops {
        world.act(op);
    }
    world.settle();
    // Once more with all clients live: shared batches must continue where catching up ended.
    for _ in 0..2 {
        world.publish(&[0, 1, 2, 3, 4, 5, 5]);
        world.settle();
    }
    let statuses = world.statuses();
    for client in &world.clients {
        assert_eq!(client.asked, Vec::<usize>::new());
        for subscription in &client.subscriptions {
            subscription.check(&world.truth, &statuses);
            assert!(memory.log != LogKind::Whole || subscription.gaps.is_empty());
            let is_known = |topic: &&usize| subscription.filter.matches(TOPICS[**topic]);
            for topic in world.ids.iter().filter(is_known) {
                let name = world.truth.name(*topic, Position::MAX);
                assert_eq!(client.names[topic], name, "{}", TOPICS[*topic]);
            }
        }
    }
}

/// How many histories of each kind are tried, as a multiple of what `PROPTEST_CASES` says (256).
const CASES_FACTOR: u32 = 8;

fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    let seeds = FileFailurePersistence::Direct("tests/core/failed_histories.txt");
    ProptestConfig {
        cases: config.cases * CASES_FACTOR,
        max_shrink_iters: config.max_shrink_iters.min(20_000),
        // `PROPTEST_DISABLE_FAILURE_PERSISTENCE` leaves none.
        failure_persistence: config.failure_persistence.map(|_| Box::new(seeds) as _),
        ..config
    }
}

/// Histories that have failed once, for any reason, in their shortest form.
#[test]
fn histories_that_have_failed_before_are_tried_first() {
    use Op::{CatchUp, Change, Disconnect, Publish, Room, Subscribe, Turn, Unblock, Wait};

    let subscribe = |client, filter, pace| Subscribe {
        client,
        filter,
        pace,
    };
    let histories = [
        // One connection with the same filter in two modes, and nothing else.
        vec![subscribe(0, 0, 1), subscribe(0, 0, 0), Publish(vec![0])],
        // A snapshot that ends while a batch is open, of a topic that is not new.
        vec![
            subscribe(0, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Wait(10),
            subscribe(2, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
        ],
        // The same, and a resume before the batch is closed.
        vec![
            subscribe(0, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Wait(10),
            subscribe(2, 0, 2),
            Publish(vec![0]),
            Turn,
            CatchUp,
            Disconnect(2),
            subscribe(2, 0, 2),
            CatchUp,
        ],
        // A socket that takes a part of a frame, and a connection that ends behind.
        vec![
            subscribe(0, 1, 0),
            CatchUp,
            Room {
                client: 0,
                bytes: 7,
            },
            Publish(vec![0, 1, 2]),
            Turn,
            Publish(vec![0, 1, 2]),
            Turn,
            Disconnect(0),
            subscribe(0, 1, 0),
            Unblock(0),
        ],
        // A snapshot that is not sent when its subscription moves to a channel at an earlier
        // position.
        vec![
            subscribe(2, 3, 2),
            Publish(vec![5]),
            Turn,
            Publish(vec![0]),
            Turn,
            subscribe(0, 3, 0),
            Change {
                client: 0,
                nth: 0,
                pace: 2,
            },
        ],
    ];
    for history in histories {
        for memory in [SHORT_TAPE, SHORT_TAPE_AND_LOG, LONG_TAPE] {
            for turn_writes in 1..=CLIENTS {
                for max_steps in [3, SLICE_MAX_STEPS] {
                    check(memory, turn_writes, max_steps, history.clone());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    /// The tape holds everything, so nothing may be lost.
    #[test]
    fn with_a_long_tape_every_subscriber_receives_everything(
        turn_writes in 1..=CLIENTS,
        max_steps in max_steps(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        check(LONG_TAPE, turn_writes, max_steps, ops);
    }

    /// The tape holds two or three strips: a client that stops for long falls off it.
    #[test]
    fn with_a_short_tape_every_loss_is_counted(
        turn_writes in 1..=CLIENTS,
        max_steps in max_steps(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        check(SHORT_TAPE, turn_writes, max_steps, ops);
    }

    /// The log holds what the tape has dropped, so nothing may be lost.
    #[test]
    fn with_a_short_tape_and_a_log_every_subscriber_receives_everything(
        turn_writes in 1..=CLIENTS,
        max_steps in max_steps(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        check(SHORT_TAPE_AND_LOG, turn_writes, max_steps, ops);
    }

    /// The log loses strips as well: at its begin, in its middle, and while it is read.
    #[test]
    fn with_a_log_that_loses_strips_every_loss_is_counted(
        turn_writes in 1..=CLIENTS,
        max_steps in max_steps(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let memory = Memory { log: LogKind::Lossy, ..SHORT_TAPE };
        check(memory, turn_writes, max_steps, ops);
    }
}
