//! Subscribers whose links take less than is published: what they get is new, every topic gets its
//! turn, and a link is kept busy. All in virtual time.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, ErrorKind, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::Sequencer,
    settings::CoreSettings,
    shard::{ConnectionKey, Event, KernelBound, Path, Shard, Socket, UNSENT_START_BYTES},
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    client::Chain,
    codec::{self, Encoding},
    message::{
        ClientMessage, Epoch, Mode, Quality, ServerMessage, Subscribe, SubscribeResult, TopicId,
    },
    topic::Topic,
    value::Value,
};

use crate::pipe::Frame;

/// 256 kbit/s without what packets add.
const RATE: usize = 30_000;

const STEP: Duration = Duration::from_millis(1);

/// A kernel that sends at a rate.
#[derive(Debug, Default)]
struct Kernel {
    unsent: usize,
    unsent_max: usize,
    all_max: usize,
    /// Whether the server has bound it, because it is slow: then each write is apart.
    is_bound: bool,
    /// What was sent: a client gets it.
    sent: Vec<u8>,
    accepted: Vec<u8>,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Link(Rc<RefCell<Kernel>>);

impl Socket for Link {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.0.borrow().is_bound, "it is known to be slow");
        self.try_write_apart(slices)
    }

    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut kernel = self.0.borrow_mut();
        if kernel.unsent >= kernel.unsent_max.min(kernel.all_max) {
            return Err(ErrorKind::WouldBlock.into());
        }
        for slice in slices {
            kernel.accepted.extend_from_slice(slice);
        }
        let written = slices.iter().map(|slice| slice.len()).sum();
        kernel.unsent += written;
        Ok(written)
    }

    fn bound(&self, bound: KernelBound) {
        let mut kernel = self.0.borrow_mut();
        kernel.unsent_max = bound.unsent as usize;
        kernel.is_bound = true;
        if let Some(all) = bound.all {
            kernel.all_max = all as usize;
        }
    }

    fn path(&self) -> Option<Path> {
        let round_trip = Duration::from_millis(5);
        Some(Path {
            shortest_round_trip: round_trip,
            round_trip,
            acknowledged_bytes: self.0.borrow().bytes,
        })
    }
}

impl Link {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(Kernel {
            unsent_max: UNSENT_START_BYTES as usize,
            all_max: usize::MAX,
            ..Kernel::default()
        })))
    }

    /// Sends for a time. Returns whether a full socket has room again.
    fn send(&self, bytes: usize) -> bool {
        let kernel = &mut *self.0.borrow_mut();
        let bytes = bytes.min(kernel.unsent);
        kernel.sent.extend(kernel.accepted.drain(..bytes));
        kernel.bytes += bytes as u64;
        kernel.unsent -= bytes;
        kernel.unsent < kernel.unsent_max.min(kernel.all_max) / 2
    }

    /// Takes the payload of the next message that has come whole.
    fn next(&self) -> Option<Vec<u8>> {
        let frame = Frame::take(&mut self.0.borrow_mut().sent)?;
        Some(frame.payload)
    }
}

/// A server with one subscriber whose link is slow.
struct World {
    shard: Shard<Link>,
    sequencer: Sequencer,
    link: Link,
    key: ConnectionKey,
    now: Duration,
    chain: Option<Chain>,
    names: BTreeMap<TopicId, String>,
    encoding: Encoding,
    is_blocked: bool,
    /// Age in ms of each value that came.
    ages: Vec<u64>,
    /// When each topic last came.
    last: BTreeMap<String, Duration>,
    /// The longest time that each topic did not come.
    silent: BTreeMap<String, Duration>,
}

impl World {
    fn new(encoding: Encoding, mode: Mode) -> Self {
        let settings = Arc::new(CoreSettings::default());
        let mut shard = Shard::new(0, Epoch(1), settings, Arc::default());
        let link = Link::new();
        let now = at(Duration::ZERO);
        let key = shard.connect(link.clone(), encoding, Access::READER, now);
        let subscribe = Subscribe {
            id: 1,
            filters: vec!["#".into()],
            mode,
            max_rate_hz: None,
        };
        shard.handle(key, ClientMessage::Subscribe(subscribe), now);
        Self {
            shard,
            sequencer: Sequencer::new(100_000),
            link,
            key,
            now: Duration::ZERO,
            chain: None,
            names: BTreeMap::new(),
            encoding,
            is_blocked: false,
            ages: Vec::new(),
            last: BTreeMap::new(),
            silent: BTreeMap::new(),
        }
    }

    /// Passes a millisecond in which these topics change.
    fn step(&mut self, topics: &[String]) {
        self.now += STEP;
        let now = at(self.now);
        if !topics.is_empty() {
            let updates = topics.iter().map(|topic| NewUpdate {
                topic: Topic::new(topic).unwrap(),
                value: Value::Text("x".repeat(60)),
                source_time_ns: None,
                quality: Quality::Live,
                unit: None,
                facts: None,
            });
            let submission = Submission {
                updates: updates.collect(),
                ..Submission::default()
            };
            self.sequencer.push(submission, now);
        }
        let has_room = self.link.send(RATE / 1000);
        if self.is_blocked && has_room {
            self.is_blocked = self.shard.on_writable(self.key, now);
        }
        let strips: Vec<_> = self.sequencer.take_strip().into_iter().collect();
        self.shard.round(&strips, now);
        while self.shard.catch_up(now) {}
        for event in self.shard.take_events() {
            match event {
                Event::Blocked(_) => self.is_blocked = true,
                Event::Broken(_) => panic!("it broke"),
                Event::Ready(_) | Event::Read { .. } | Event::Posted(_) => {}
            }
        }
        while let Some(payload) = self.link.next() {
            self.message(&payload);
        }
    }

    fn message(&mut self, payload: &[u8]) {
        match self.encoding {
            Encoding::Json => {
                let message = codec::decode_server_json(payload).unwrap();
                self.take(message, |topic, _| topic.as_str().to_owned());
            }
            Encoding::Bincode => {
                let message = codec::decode_server_bincode(payload).unwrap();
                self.take(message, |id, names| names[id].clone());
            }
        }
    }

    fn take<T>(
        &mut self,
        message: ServerMessage<T>,
        name: impl Fn(&T, &BTreeMap<TopicId, String>) -> String,
    ) {
        match message {
            ServerMessage::Subscribed(subscribed) => match &subscribed.results[..] {
                [SubscribeResult::Accepted(accepted)] => self.chain = Some(Chain::new(accepted)),
                other => panic!("{other:?}"),
            },
            ServerMessage::Batch(batch) => {
                let chain = self.chain.as_mut().expect("it is subscribed");
                chain.batch(&batch).expect("nothing is missing");
                for info in &batch.topics {
                    self.names.insert(info.id, info.topic.as_str().to_owned());
                }
                for update in &batch.updates {
                    let name = name(&update.topic, &self.names);
                    let then = Duration::from_nanos(update.ingest_time_ns as u64);
                    self.ages.push((self.now - then).as_millis() as u64);
                    if let Some(before) = self.last.insert(name.clone(), self.now) {
                        let silent = self.silent.entry(name).or_default();
                        *silent = (*silent).max(self.now - before);
                    }
                }
            }
            _ => {}
        }
    }

    /// Forgets what came until now.
    fn begin(&mut self) {
        self.ages.clear();
        self.last.clear();
        self.silent.clear();
    }

    /// The median and the 99th percentile of the ages, in ms.
    fn median_and_p99(&self) -> (u64, u64) {
        let mut ages = self.ages.clone();
        ages.sort_unstable();
        (ages[ages.len() / 2], ages[ages.len() * 99 / 100])
    }
}

fn at(uptime: Duration) -> Now {
    Now {
        uptime,
        wall_ns: uptime.as_nanos() as i64,
    }
}

fn topic(number: usize) -> String {
    format!("market/INSTRUMENT-{number}/trade")
}

/// Runs 64 topics that change in turn, one each millisecond, for 30 s.
fn run(encoding: Encoding, mode: Mode, topics: usize) -> World {
    let mut world = World::new(encoding, mode);
    for number in 0..30_000 {
        if number == 3_000 {
            world.begin();
        }
        world.step(&[topic(number % topics)]);
    }
    world
}

#[test]
fn latest_values_on_a_slow_link_are_new() {
    let world = run(Encoding::Json, Mode::Latest, 64);
    let (median, p99) = world.median_and_p99();
    assert!(median <= 500, "the median is {median} ms");
    assert!(p99 <= 1_200, "p99 is {p99} ms");
}

#[test]
fn each_topic_gets_its_turn_even_if_it_changes_faster_than_its_values_are_sent() {
    // The values of 1,000 topics take seconds. Ten of them change every few milliseconds, so their
    // newest value is always beyond what is sent.
    let mut world = World::new(Encoding::Json, Mode::Latest);
    for number in 0..110_000 {
        if number == 10_000 {
            world.begin();
        }
        world.step(&[topic(number % 10), topic(10 + number % 990)]);
    }
    assert_eq!(world.last.len(), 1_000, "every topic came");
    let fast = (0..10).map(|number| world.silent[&topic(number)]).max();
    assert!(fast < Some(Duration::from_secs(20)), "{fast:?}");
    let (median, p99) = world.median_and_p99();
    assert!(median <= 1_500 && p99 <= 2_500, "{median} and {p99} ms");
}

#[test]
fn the_last_values_arrive_when_nothing_changes_any_more() {
    let mut world = run(Encoding::Bincode, Mode::Latest, 300);
    for _ in 0..5_000 {
        world.step(&[]);
    }
    let position = world.chain.expect("it is subscribed").position();
    assert_eq!(position, 30_000);
}

#[test]
fn every_update_keeps_a_slow_link_busy() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let mut world = World::new(encoding, Mode::Every);
        for number in 0..3_000 {
            world.step(&[topic(number % 64)]);
        }
        let before = world.link.0.borrow().bytes;
        for number in 0..20_000 {
            world.step(&[topic(number % 64)]);
        }
        let sent = world.link.0.borrow().bytes - before;
        assert!(sent as f64 > 20.0 * RATE as f64 * 0.99, "{sent} bytes");
    }
}
