//! A sequencer, a shard and its clients in virtual time, for tests that follow a script.

use std::{sync::Arc, time::Duration};

use tickcast_core::{
    Now,
    audit::Audit,
    candles::LongHistory,
    identity::Verify,
    permissions::Access,
    sequencer::{History, Sequencer, liveness::Liveness, liveness::LivenessSettings},
    settings::CoreSettings,
    shard::{ConnectionKey, Event, LogPart, Shard},
    stats::ShardStats,
    tape::Strip,
    wire::Wire,
    work::{NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    error::{CloseCode, ErrorCode},
    message::{
        Accepted, Batch, ClientMessage, Epoch, ErrorMessage, FilterRequest, Gap, Mode, Position,
        Resume, ServerMessage, Subscribe, SubscribeResult,
    },
    topic::Topic,
    value::Value,
};

use crate::pipe::{AMPLE_BYTES, Frame, Pipe};

/// The epoch of the tape.
pub(crate) const EPOCH: Epoch = Epoch(7);

/// The wall clock when the uptime is zero.
const START_NS: i64 = 1_000_000_000_000;

/// The maximum number of topics of a bench.
pub(crate) const TOPICS_MAX: usize = 5_000;

/// Steps after which everything must have been sent.
const STEPS_MAX: usize = 10_000;

/// A sequencer and a shard; see the module.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) shard: Shard<Pipe>,
    pub(crate) sequencer: Sequencer,
    pub(crate) stats: Arc<ShardStats>,
    /// All strips, if the shard has a log.
    log: Option<Vec<Arc<Strip>>>,
    uptime: Duration,
}

/// A client's end of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) key: ConnectionKey,
    pub(crate) pipe: Pipe,
    wire: Wire,
}

impl Bench {
    /// Whether a client's answers wait, so that it is not read.
    pub(crate) fn is_clogged(&mut self, key: ConnectionKey) -> bool {
        let now = self.now();
        self.shard.reading_pause(key, now).is_some()
    }

    pub(crate) fn new(settings: CoreSettings) -> Self {
        Self::in_epoch(EPOCH, settings)
    }

    pub(crate) fn in_epoch(epoch: Epoch, settings: CoreSettings) -> Self {
        let stats = Arc::<ShardStats>::default();
        let history = History::new(settings.history);
        let long_history = LongHistory::new(settings.long_history);
        let shard = Shard::new(3, epoch, Arc::new(settings), Arc::clone(&stats));
        Self {
            shard,
            sequencer: Sequencer::new(TOPICS_MAX)
                .with_history(history)
                .with_long_history(long_history),
            stats,
            log: None,
            uptime: Duration::ZERO,
        }
    }

    /// Lets clients read on from a log that has all strips; see [`read_log`](Self::read_log).
    pub(crate) fn with_log(self) -> Self {
        Self {
            shard: self.shard.with_log(),
            log: Some(Vec::new()),
            ..self
        }
    }

    /// What the log has from a position on, up to a number of strips.
    pub(crate) fn logged(&self, from: Position, strips: usize) -> Vec<Arc<Strip>> {
        let all = self.log.iter().flatten();
        let later = all.filter(|strip| strip.end() > from);
        later.take(strips).cloned().collect()
    }

    /// The positions that the shard asks the log for from now on.
    pub(crate) fn reads(&mut self) -> Vec<Position> {
        let events = self.shard.take_events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Read { from, .. } => Some(from),
                _ => None,
            })
            .collect()
    }

    /// Answers a read, with up to a number of strips.
    pub(crate) fn answer_read(&mut self, from: Position, strips: usize) {
        let (strips, now) = (self.logged(from, strips), self.now());
        let part = LogPart {
            strips,
            ..LogPart::default()
        };
        self.shard.take_window(from, part, now);
    }

    /// Catches up until there is nothing left to send, and answers all reads. Returns them.
    pub(crate) fn read_log(&mut self, strips: usize) -> Vec<Position> {
        let mut all = Vec::new();
        loop {
            self.settle();
            let reads = self.reads();
            if reads.is_empty() {
                return all;
            }
            reads
                .iter()
                .for_each(|&from| self.answer_read(from, strips));
            all.extend(reads);
        }
    }

    pub(crate) fn with_liveness(self, settings: LivenessSettings) -> Self {
        let sequencer = self.sequencer.with_liveness(Liveness::new(settings));
        Self { sequencer, ..self }
    }

    /// Lets slices and turns end after fewer steps.
    pub(crate) fn with_max_steps(self, steps: usize) -> Self {
        let shard = self.shard.with_max_steps(steps);
        Self { shard, ..self }
    }

    /// Lets batches be closed at fewer bytes.
    pub(crate) fn with_batch_max_bytes(self, bytes: usize) -> Self {
        let shard = self.shard.with_batch_max_bytes(bytes);
        Self { shard, ..self }
    }

    /// Tells an audit who receives what.
    pub(crate) fn with_audit(self, audit: impl Audit + 'static) -> Self {
        let shard = self.shard.with_audit(Box::new(audit));
        Self { shard, ..self }
    }

    /// Lets clients prove identities.
    pub(crate) fn with_verify(self, verify: impl Verify + 'static) -> Self {
        let shard = self.shard.with_verify(Box::new(verify));
        Self { shard, ..self }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            uptime: self.uptime,
            wall_ns: START_NS + i64::try_from(self.uptime.as_nanos()).unwrap(),
        }
    }

    /// Lets time pass, in which nothing happens.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.uptime += time;
    }

    pub(crate) fn connect(&mut self, wire: impl Into<Wire>, access: Access) -> Client {
        let (wire, pipe) = (wire.into(), Pipe::default());
        pipe.set_room(AMPLE_BYTES);
        let key = self.shard.connect(pipe.clone(), wire, access, self.now());
        Client { key, pipe, wire }
    }

    /// Connects a client in JSON in another way.
    pub(crate) fn connect_with(
        &mut self,
        connect: impl FnOnce(&mut Shard<Pipe>, Pipe) -> ConnectionKey,
    ) -> Client {
        let pipe = Pipe::default();
        pipe.set_room(AMPLE_BYTES);
        let key = connect(&mut self.shard, pipe.clone());
        let wire = Encoding::Json.into();
        Client { key, pipe, wire }
    }

    /// A reader that has been greeted.
    pub(crate) fn reader(&mut self, encoding: Encoding) -> Client {
        let client = self.connect(encoding, Access::READER);
        client.pipe.take_bytes();
        client
    }

    /// Puts updates on the tape, in one strip, and runs a turn.
    pub(crate) fn publish(&mut self, updates: &[(&str, f64)]) {
        let updates = updates
            .iter()
            .map(|&(topic, value)| (topic, Value::Reading(value)));
        self.publish_values(updates.collect());
    }

    /// Like [`publish`](Self::publish), with values of any kind.
    pub(crate) fn publish_values(&mut self, updates: Vec<(&str, Value)>) {
        self.queue_values(updates);
        self.turn();
    }

    /// Gives updates to the sequencer, and runs no turn.
    pub(crate) fn queue_values(&mut self, updates: Vec<(&str, Value)>) {
        let updates = updates
            .into_iter()
            .map(|(topic, value)| NewUpdate::live(Topic::new(topic).unwrap(), value));
        let submission = Submission {
            updates: updates.collect(),
            ..Submission::default()
        };
        self.sequencer.push(submission, self.now());
    }

    /// Runs one turn with all strips of the sequencer, and more if they are too much for one.
    pub(crate) fn turn(&mut self) {
        let now = self.now();
        self.sequencer.poll(now);
        let strips: Vec<_> = std::iter::from_fn(|| self.sequencer.take_strip()).collect();
        if let Some(log) = &mut self.log {
            log.extend(strips.iter().filter(|strip| !strip.is_empty()).cloned());
        }
        self.shard.turn(&strips, now);
        while self.shard.is_applying() {
            self.shard.turn(&[], now);
        }
    }

    /// Runs turns and catches up until only the passing of time could bring more.
    pub(crate) fn settle(&mut self) {
        let now = self.now();
        for _ in 0..STEPS_MAX {
            self.turn();
            let has_work = self.shard.work(now);
            let is_behind = self.shard.catch_up(now);
            if !has_work && !is_behind && !self.shard.has_unsent() {
                return;
            }
        }
        panic!("there is always more to send");
    }

    /// Lets a client's socket take everything again.
    pub(crate) fn unblock(&mut self, client: &Client) {
        client.pipe.set_room(AMPLE_BYTES);
        let now = self.now();
        self.shard.on_writable(client.key, now);
    }

    /// Carries out a request, up to its answer.
    pub(crate) fn ask(&mut self, client: &Client, message: ClientMessage) {
        let now = self.now();
        match self.shard.handle(client.key, message, now) {
            None => {}
            Some(Work::Updates(submission)) => self.sequencer.push(submission, now),
            Some(Work::FeedDown(feed)) => self.sequencer.feed_down(feed, now),
            Some(Work::TopicsDead(feed, topics)) => {
                self.sequencer.topics_dead(feed, &topics, now);
            }
            Some(Work::History(question)) => {
                let answer = self.sequencer.answer(question, now);
                self.turn();
                self.shard.answer_history(vec![answer]);
            }
        }
        while self.shard.work(now) {}
    }

    /// Subscribes, and returns the answer without what follows from it.
    pub(crate) fn subscribe(
        &mut self,
        client: &Client,
        filter: &str,
        (mode, max_rate_hz): (Mode, Option<f64>),
        resume: Option<Resume>,
    ) -> Accepted {
        let request = Subscribe {
            id: 1,
            filters: vec![FilterRequest {
                filter: filter.to_owned(),
                resume,
            }],
            mode,
            max_rate_hz,
        };
        self.ask(client, ClientMessage::Subscribe(request));
        let messages = client.messages();
        let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
            panic!("{messages:?}");
        };
        match &subscribed.results[..] {
            [SubscribeResult::Accepted(accepted)] => accepted.clone(),
            results => panic!("{results:?}"),
        }
    }

    /// Subscribes to everything, and leaves the answer to the client.
    pub(crate) fn subscribe_by_id(
        &mut self,
        client: &Client,
        (mode, max_rate_hz): (Mode, Option<f64>),
        resume: Option<Resume>,
    ) {
        let request = Subscribe {
            id: 1,
            filters: vec![FilterRequest {
                filter: "#".to_owned(),
                resume,
            }],
            mode,
            max_rate_hz,
        };
        self.ask(client, ClientMessage::Subscribe(request));
    }

    /// The connections that the shard reports as broken.
    pub(crate) fn broken(&mut self) -> Vec<ConnectionKey> {
        let events = self.shard.take_events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Broken(key) => Some(key),
                Event::Blocked(_) | Event::Ready(_) | Event::Read { .. } | Event::Posted(_) => None,
            })
            .collect()
    }

    /// The count of closed connections with a code, `none` or `other`.
    pub(crate) fn closes(&self, name: &str) -> u64 {
        let mut closes = self.stats.closes();
        closes.find(|(code, _)| code == name).unwrap().1
    }
}

impl Client {
    /// Takes all whole frames that have arrived.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        std::iter::from_fn(|| self.pipe.next_frame()).collect()
    }

    /// Takes all messages that have arrived, in JSON.
    pub(crate) fn messages(&self) -> Vec<ServerMessage<Topic>> {
        let decode = |frame: Frame| match (frame.opcode, self.wire.encoding()) {
            (1, Encoding::Json) => codec::decode_server_json(&frame.payload).unwrap(),
            _ => panic!("not a message in JSON: {frame:?}"),
        };
        self.frames().into_iter().map(decode).collect()
    }

    /// Takes all messages that have arrived, in bincode.
    pub(crate) fn messages_by_id(&self) -> Vec<ServerMessage<u32>> {
        let decode = |frame: Frame| {
            assert_eq!(frame.opcode, 2);
            codec::decode_server_bincode(&frame.payload).unwrap()
        };
        self.frames().into_iter().map(decode).collect()
    }

    /// Takes the messages, which must be one error.
    pub(crate) fn error(&self) -> ErrorMessage {
        match &self.messages()[..] {
            [ServerMessage::Error(error)] => error.clone(),
            messages => panic!("{messages:?}"),
        }
    }

    /// Takes the messages, which must be one error with this code.
    pub(crate) fn is_refused(&self, code: ErrorCode) {
        assert_eq!(self.error().code, code);
    }

    /// Takes the batches and gaps among the messages.
    pub(crate) fn received(&self) -> (Vec<Batch<Topic>>, Vec<Gap>) {
        let (mut batches, mut gaps) = (Vec::new(), Vec::new());
        for message in self.messages() {
            match message {
                ServerMessage::Batch(batch) => batches.push(batch),
                ServerMessage::Gap(gap) => gaps.push(gap),
                _ => {}
            }
        }
        (batches, gaps)
    }

    /// Takes the updates of all batches: topic, position and whether it is from a snapshot.
    pub(crate) fn updates(&self) -> Vec<(String, u64, bool)> {
        let (batches, _) = self.received();
        let updates = batches.into_iter().flat_map(|batch| {
            let is_snapshot = batch.snapshot;
            let updates = batch.updates.into_iter();
            updates.map(move |update| {
                let topic = update.topic.as_str().to_owned();
                (topic, update.position, is_snapshot)
            })
        });
        updates.collect()
    }

    /// Takes the frames, of which the last must be a close frame with this code.
    pub(crate) fn is_closed_with(&self, code: CloseCode) {
        let frames = self.frames();
        let last = frames.last().expect("a close frame");
        assert_eq!(last.opcode, 8);
        assert_eq!(last.payload[..2], code.number().to_be_bytes());
        assert_eq!(&last.payload[2..], code.text().as_bytes());
    }
}
