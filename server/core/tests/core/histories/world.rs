//! The shard of a history, its sequencer and its clients.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::IoSlice,
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::{
        Sequencer,
        liveness::{Expected, Liveness, LivenessSettings, SilenceRule},
    },
    settings::CoreSettings,
    shard::Socket,
    shard::{
        ConnectionKey, Event, LOG_READS_MAX, LogBegin, LogPart, Shard, Write, WriteMany, Written,
    },
    stats::ShardStats,
    tape::Strip,
    work::{FeedId, NewUpdate, Submission, TopicFacts},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{
        Change, ClientMessage, FilterRequest, Mode, Position, Resume, Seq, Status, Subscribe,
    },
    topic::{Filter, Topic},
    value::Value,
};

use super::{
    CLIENTS, EPOCH, FILTERS, TOPICS,
    client::{Ask, Client, PACES, Subscription},
    memory::{LONG_TAPE_BYTES, Log, LogKind, Memory},
    operations::{Limits, Op},
    truth::{Truth, quality},
};
use crate::pipe::Pipe;

/// Room for everything that a history sends between two operations.
const ROOM_BYTES: usize = 100_000;

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

pub(super) struct World {
    shard: Shard<Pipe>,
    sequencer: Sequencer,
    /// Topics in the order of their ids.
    pub(super) ids: Vec<usize>,
    pub(super) strips: Vec<Arc<Strip>>,
    pub(super) log: Log,
    pub(super) truth: Truth,
    pub(super) clients: Vec<Client>,
    uptime: Duration,
}

impl World {
    pub(super) fn new(memory: Memory, limits: Limits) -> Self {
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
                .with_turn_writes_min(limits.turn_writes)
                .with_max_steps(limits.max_steps)
                .with_batch_max_bytes(limits.batch_max_bytes)
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

    pub(super) fn publish(&mut self, topics: &[usize]) {
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

    pub(super) fn push(&mut self, topic: usize, facts: Option<Box<[(Topic, TopicFacts)]>>) {
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

    pub(super) fn statuses(&self) -> HashMap<usize, Status> {
        let liveness = self.sequencer.liveness();
        (0..)
            .zip(&self.ids)
            .map(|(id, &topic)| (topic, liveness.status(id)))
            .collect()
    }

    pub(super) fn connection(&mut self, client: usize) -> ConnectionKey {
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

    pub(super) fn change(&mut self, client: usize, index: usize, key: ConnectionKey, pace: usize) {
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

    pub(super) fn act(&mut self, op: Op) {
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
    pub(super) fn settle(&mut self) {
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
