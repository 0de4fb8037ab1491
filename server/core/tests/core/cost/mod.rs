//! The cost of requests: how long one message of a client can hold a shard, in the worst case, with
//! 100,000 topics. A shard serves its clients in turn, so this is what it can add to the delay of
//! every other client.
//!
//! The tests count steps, which are the same on every machine. They also print the longest CPU time
//! of a call, which says something in a release build:
//!
//!     cargo test --release -p tickcast-core --test core cost:: -- --nocapture --test-threads 1

mod cpu_time;
mod levels;

use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    candles::{LongHistory, LongHistorySettings},
    permissions::Access,
    sequencer::{History, HistorySettings, Sequencer},
    settings::CoreSettings,
    shard::{ConnectionKey, SLICE_MAX_STEPS, STEPS_PER_REQUEST, Shard, Socket, TURN_MAX_STEPS},
    stats::ShardStats,
    tape::Strip,
    work::{FeedId, HistoryAnswer, NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    codec::{CLIENT_MESSAGE_MAX_BYTES, Encoding, encode_client},
    message::{
        Authenticate, BearerToken, CandlesRequest, Change, ClientMessage, Epoch, FilterRequest,
        HistoryRequest, Interval, List, Mode, Publication, Publish, PublishOnce, Resume, Subscribe,
        TimeRequest, Unsubscribe,
    },
    topic::Topic,
    value::Value,
};

use cpu_time::timed;

pub(super) const TOPICS: usize = 100_000;

/// More than one answer can hold.
const HISTORY: HistorySettings = HistorySettings {
    updates: 10_000,
    bytes: 1 << 30,
};

/// Room for all topics.
const LONG_HISTORY: LongHistorySettings = LongHistorySettings { bytes: 1 << 30 };

pub(super) const EPOCH: Epoch = Epoch(1);

/// Steps that a slice takes above its limit: the last node with its levels, or the copy of the
/// longest answer.
const EXCESS_STEPS: usize = 4_096;

/// Steps of a new topic whose filters are looked up among all that one client can have.
const TOPIC_STEPS: usize = 20 * 2 * 1_024 + EXCESS_STEPS;

/// Steps of checking the longest publish, which is checked at once.
const PUBLISH_STEPS: usize = 65_536;

/// Steps of catching up in one call, and of one look at all topics.
const CATCH_UP_STEPS: usize = 100_000 + TOPICS;

/// A socket that accepts everything.
struct Sink;

impl Socket for Sink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// The kinds of calls of a shard, and the steps that one call may take.
const CALLS: [(&str, usize); 4] = [
    ("handle", PUBLISH_STEPS),
    ("turn", TURN_MAX_STEPS + TOPIC_STEPS),
    ("work", SLICE_MAX_STEPS + EXCESS_STEPS),
    ("catch_up", CATCH_UP_STEPS),
];

/// The longest call of each kind, and all steps.
#[derive(Debug, Default)]
struct Cost {
    longest: [(usize, Duration); CALLS.len()],
    total_steps: usize,
    /// The bytes that calls have sent, and the steps of each.
    sent: Vec<(u64, usize)>,
    /// The CPU time of each call. The same requests are the same calls.
    times: Vec<Duration>,
}

struct World {
    shard: Shard<Sink>,
    stats: Arc<ShardStats>,
    sequencer: Sequencer,
    strips: Vec<Arc<Strip>>,
    answers: Vec<HistoryAnswer>,
    now: Now,
    key: ConnectionKey,
}

impl World {
    /// A shard with topics of these names, and one client.
    fn new(encoding: Encoding, names: impl IntoIterator<Item = String>) -> Self {
        let settings = CoreSettings {
            tape_bytes: 16 << 20,
            history: HISTORY,
            ..CoreSettings::default()
        };
        let stats = Arc::<ShardStats>::default();
        let mut shard = Shard::new(0, EPOCH, Arc::new(settings), Arc::clone(&stats));
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 0,
        };
        let key = shard.connect(Sink, encoding, Access { may_publish: true }, now);
        let mut world = Self {
            shard,
            stats,
            sequencer: Sequencer::new(1_000_000)
                .with_history(History::new(HISTORY))
                .with_long_history(LongHistory::new(LONG_HISTORY)),
            strips: Vec::new(),
            answers: Vec::new(),
            now,
            key,
        };
        let updates = names.into_iter().map(|name| update(&name));
        for update in updates {
            world.submit(Submission {
                updates: [update].into_iter().collect(),
                ..Submission::default()
            });
        }
        world.strips.extend(world.sequencer.take_strip());
        world.settle();
        world
    }

    fn submit(&mut self, submission: Submission) {
        self.sequencer.push(submission, self.now);
        if self.sequencer.is_full() {
            self.strips.extend(self.sequencer.take_strip());
        }
    }

    /// Carries out a message, and everything that follows from it.
    fn send(&mut self, message: ClientMessage) -> Cost {
        let bytes = encode_client(&message, Encoding::Bincode).len();
        assert!(bytes <= CLIENT_MESSAGE_MAX_BYTES, "{bytes} bytes");
        self.now.uptime += Duration::from_secs(10);
        let mut cost = Cost::default();
        let work = self.call(0, &mut cost, |world| {
            world.shard.handle(world.key, message, world.now)
        });
        match work {
            Some(Work::Updates(submission)) => self.submit(submission),
            Some(Work::History(question)) => {
                self.answers.push(self.sequencer.answer(question, self.now));
            }
            Some(Work::FeedDown(_) | Work::TopicsDead(..)) | None => {}
        }
        self.strips.extend(self.sequencer.take_strip());
        self.finish(&mut cost);
        cost
    }

    /// Updates topics without a client, while no batch is due.
    fn update_all(&mut self, names: impl IntoIterator<Item = String>) -> Cost {
        self.update_from(None, names)
    }

    /// The same, by a feed or a client.
    fn update_from(
        &mut self,
        feed: Option<FeedId>,
        names: impl IntoIterator<Item = String>,
    ) -> Cost {
        let mut cost = Cost::default();
        for name in names {
            let updates = [update(&name)].into_iter().collect();
            self.submit(Submission {
                updates,
                feed,
                ..Submission::default()
            });
        }
        self.strips.extend(self.sequencer.take_strip());
        self.finish(&mut cost);
        cost
    }

    /// A feed is down: all of its topics become stale.
    fn feed_down(&mut self, feed: FeedId) -> Cost {
        let mut cost = Cost::default();
        self.sequencer.feed_down(feed, self.now);
        let strips = std::iter::from_fn(|| self.sequencer.take_strip());
        self.strips.extend(strips);
        self.finish(&mut cost);
        cost
    }

    /// Lets time pass, and does what is due then.
    fn pass(&mut self, time: Duration) -> Cost {
        self.now.uptime += time;
        let mut cost = Cost::default();
        self.finish(&mut cost);
        cost
    }

    /// Ends the client's connection, and lets it connect again.
    fn reconnect(&mut self) -> Cost {
        let mut cost = Cost::default();
        self.call(0, &mut cost, |world| world.shard.disconnect(world.key));
        self.finish(&mut cost);
        let access = Access { may_publish: true };
        self.key = self.shard.connect(Sink, Encoding::Json, access, self.now);
        cost
    }

    fn settle(&mut self) {
        self.finish(&mut Cost::default());
    }

    /// Runs turns until nothing is left to do.
    fn finish(&mut self, cost: &mut Cost) {
        loop {
            let strips = std::mem::take(&mut self.strips);
            let answers = std::mem::take(&mut self.answers);
            self.call(1, cost, |world| {
                world.shard.turn(&strips, world.now);
                world.shard.answer_history(answers);
            });
            self.call(2, cost, |world| world.shard.work(world.now));
            self.call(3, cost, |world| world.shard.catch_up(world.now));
            let _ = self.shard.take_events();
            let shard = &mut self.shard;
            if !shard.is_busy(self.key)
                && !shard.has_work()
                && !shard.has_unsent()
                && !shard.has_catching_up()
            {
                return;
            }
            // The client's requests come back.
            self.now.uptime += Duration::from_millis(10);
        }
    }

    fn call<T>(&mut self, kind: usize, cost: &mut Cost, call: impl FnOnce(&mut Self) -> T) -> T {
        let counts = |stats: &ShardStats| (stats.steps.get(), stats.bytes.get());
        let before = counts(&self.stats);
        let (result, elapsed) = timed(|| call(self));
        let after = counts(&self.stats);
        let steps = (after.0 - before.0) as usize;
        cost.sent.push((after.1 - before.1, steps));
        cost.times.push(elapsed);
        let (most, longest) = &mut cost.longest[kind];
        *most = steps.max(*most);
        *longest = elapsed.max(*longest);
        cost.total_steps += steps;
        result
    }
}

impl Cost {
    /// Prints the cost, and checks that no call took too long.
    fn check(&self, case: &str) {
        self.print(case);
        for ((call, max), (steps, _)) in CALLS.iter().zip(&self.longest) {
            assert!(steps <= max, "{case}: {call} took {steps} steps of {max}");
        }
    }

    #[allow(clippy::print_stdout, reason = "figures for benches/README.md")]
    fn print(&self, case: &str) {
        let of_calls = CALLS.iter().zip(&self.longest);
        let text: Vec<_> = of_calls
            .map(|((call, _), (steps, longest))| {
                format!("{call} {steps:>6} {:>6.2} ms", longest.as_secs_f64() * 1e3)
            })
            .collect();
        println!(
            "{case:<60} {} all {:>9} {:>7.2} ms",
            text.join("  "),
            self.total_steps,
            self.times.iter().sum::<Duration>().as_secs_f64() * 1e3,
        );
    }
}

pub(super) fn update(name: &str) -> NewUpdate {
    NewUpdate::live(Topic::new(name).unwrap(), Value::Reading(1.0))
}

fn subscribe(filters: impl IntoIterator<Item = impl Into<FilterRequest>>) -> ClientMessage {
    subscribe_as(Mode::Latest, None, filters)
}

pub(super) fn subscribe_as(
    mode: Mode,
    max_rate_hz: Option<f64>,
    filters: impl IntoIterator<Item = impl Into<FilterRequest>>,
) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe {
        id: 1,
        filters: filters.into_iter().map(Into::into).collect(),
        mode,
        max_rate_hz,
    })
}

fn filters(texts: impl IntoIterator<Item = String>) -> Vec<FilterRequest> {
    texts
        .into_iter()
        .map(|text| FilterRequest::from(&*text))
        .collect()
}

/// Topics of four levels, as sensors have them.
pub(super) fn plain() -> impl Iterator<Item = String> {
    (0..TOPICS).map(|n| format!("plant{}/line{}/s{}/x{n}", n % 10, n % 100, n % 1_000))
}

/// Names that make every filter of these levels expensive.
fn alike() -> impl Iterator<Item = String> {
    (0..TOPICS).map(|n| {
        let levels = (0..7).map(|level| if n >> level & 1 == 0 { "a" } else { "b" });
        format!("{}/{n}", levels.collect::<Vec<_>>().join("/"))
    })
}

/// Names that are nearly as long as they may be, in one level.
fn long(topics: usize) -> impl Iterator<Item = String> {
    (0..topics).map(|n| format!("{}{n}", "x".repeat(240)))
}

/// Names of as many levels as they may have, of which they share only the last texts.
fn deep(topics: usize) -> impl Iterator<Item = String> {
    (0..topics).map(|n| format!("{n}{}", "/a".repeat(124)))
}

/// The bits of a number as levels of a filter.
fn choose(number: usize, levels: usize, zero: &str, one: &str) -> String {
    let level = |bit: usize| if number >> bit & 1 == 0 { zero } else { one };
    (0..levels).map(level).collect::<Vec<_>>().join("/")
}

/// One request of each kind, the first for `None`. A new kind has to be added here and below.
fn next_kind(kind: Option<&ClientMessage>) -> Option<ClientMessage> {
    let (id, channel) = (1, 0);
    Some(match kind {
        None => subscribe(["a"]),
        Some(ClientMessage::Subscribe(_)) => ClientMessage::Unsubscribe(Unsubscribe {
            id,
            channels: vec![],
        }),
        Some(ClientMessage::Unsubscribe(_)) => ClientMessage::Publish(Publish {
            id: Some(id),
            updates: vec![],
        }),
        Some(ClientMessage::Publish(_)) => ClientMessage::Time(TimeRequest {
            id,
            client_time_ns: 1,
        }),
        Some(ClientMessage::Time(_)) => ClientMessage::List(List { id }),
        Some(ClientMessage::List(_)) => ClientMessage::Change(Change {
            id,
            channel,
            mode: Mode::Latest,
            max_rate_hz: None,
        }),
        Some(ClientMessage::Change(_)) => ClientMessage::History(HistoryRequest {
            id,
            topic: "a".into(),
            limit: None,
            before: None,
        }),
        Some(ClientMessage::History(_)) => candles_request(Interval::Second),
        Some(ClientMessage::Candles(_)) => ClientMessage::Authenticate(Authenticate {
            id,
            token: BearerToken::new("unknown"),
        }),
        Some(ClientMessage::Authenticate(_)) => ClientMessage::PublishOnce(PublishOnce {
            id,
            publisher: 7,
            number: 1,
            updates: vec![],
        }),
        Some(ClientMessage::PublishOnce(_)) => return None,
    })
}

#[test]
fn no_request_holds_the_shard_for_longer_than_its_calls_may() {
    let mut kind = next_kind(None);
    while let Some(message) = kind {
        match &message {
            ClientMessage::Subscribe(_) => {
                subscribe_to_nothing();
                subscribe_to_much();
                subscribe_above_the_limit();
                resume_many();
            }
            ClientMessage::Unsubscribe(_) => unsubscribe(),
            ClientMessage::Publish(_) => publish(false),
            ClientMessage::PublishOnce(_) => publish(true),
            ClientMessage::Time(_) | ClientMessage::Authenticate(_) => {
                let mut world = World::new(Encoding::Json, plain());
                world.send(message.clone()).check("time, authenticate");
            }
            ClientMessage::List(_) => list(),
            ClientMessage::Change(_) => change(),
            ClientMessage::History(_) => history(),
            ClientMessage::Candles(_) => candles(),
        }
        kind = next_kind(Some(&message));
    }
}

fn subscribe_to_nothing() {
    let mut world = World::new(Encoding::Json, plain());
    // A text that no topic has there, and one that topics have elsewhere.
    for text in ["none", "line"] {
        let cost = world.send(subscribe(filters(
            (0..1_000).map(|n| format!("+/+/+/{text}{n}")),
        )));
        cost.check(&format!("subscribe: 1,000 filters +/+/+/{text}N"));
        assert!(cost.total_steps < 1_000 * 200, "{cost:?}");
        world.reconnect();
    }
    // A depth that no topic has.
    let cost = world.send(subscribe(filters((5..100).map(|n| "+/".repeat(n) + "+"))));
    cost.check("subscribe: filters +/+/.../+");
    assert!(cost.total_steps < 1_000 * 200, "{cost:?}");
    // Levels that are frequent, but never together: each filter visits every node of one of them.
    let mut world = World::new(Encoding::Json, alike());
    let never = (0..40).map(|n| format!("{}/{n}", choose(n, 7, "+", "a")));
    world
        .send(subscribe(filters(never)))
        .check("subscribe: 40 filters of alike names");
}

fn subscribe_to_much() {
    let mut world = World::new(Encoding::Json, plain());
    for filter in ["#", "+/+/+/+", "plant1/#", "+/line7/+/+"] {
        let cost = world.send(subscribe([filter]));
        cost.check(&format!("subscribe: {filter}"));
    }
    let cost = world.reconnect();
    cost.check("disconnect: 4 subscriptions to up to 100,000 topics");
    let mut world = World::new(Encoding::Json, alike());
    let all = (0..32).map(|n| choose(n, 5, "+", "a") + "/#");
    world
        .send(subscribe(filters(all)))
        .check("subscribe: 32 filters of many alike names");
    world.reconnect().check("disconnect: the same");
}

fn subscribe_above_the_limit() {
    let mut world = World::new(Encoding::Json, plain());
    let names = filters((0..1_024).map(|n| format!("x/{n}")));
    world
        .send(subscribe(names.clone()))
        .check("subscribe: 1,024 exact filters");
    world
        .send(subscribe(names))
        .check("subscribe: the same again");
    let many = filters((0..20_000).map(|_| "+".into()));
    world
        .send(subscribe(many))
        .check("subscribe: 20,000 filters above the limit");
    world
        .reconnect()
        .check("disconnect: 1,024 exact subscriptions");
}

fn resume_many() {
    for mode in [Mode::Every, Mode::Latest] {
        let mut world = World::new(Encoding::Json, plain());
        let head = world.shard.position();
        let resume = |nth: u64| FilterRequest {
            filter: format!("+/line{}/+/x{nth}", nth % 100),
            resume: Some(Resume {
                epoch: EPOCH,
                position: if nth.is_multiple_of(2) {
                    nth * 97
                } else {
                    head - nth * 97
                },
                count: None,
                snapshot: None,
            }),
        };
        world
            .send(subscribe_as(mode, None, (0..1_000).map(resume)))
            .check(&format!("subscribe: 1,000 filters to resume, {mode:?}"));
    }
}

fn unsubscribe() {
    let mut world = World::new(Encoding::Json, plain());
    world.send(subscribe(filters((0..1_024).map(|n| format!("x/{n}")))));
    let message = |channels: std::ops::Range<u32>| {
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 1,
            channels: channels.collect(),
        })
    };
    world
        .send(message(10_000..26_000))
        .check("unsubscribe: 16,000 unknown channels");
    world
        .send(message(0..1_024))
        .check("unsubscribe: 1,024 channels");
    for rate in 1..=20 {
        world.send(subscribe_as(Mode::Latest, Some(f64::from(rate)), ["#"]));
    }
    world
        .send(message(0..1_100))
        .check("unsubscribe: 20 channels of 100,000 topics");
}

fn publish(is_once: bool) {
    let mut world = World::new(Encoding::Json, plain());
    let mut publisher = 0;
    let mut message = |topics: Vec<String>| {
        let updates = topics.into_iter().map(|topic| Publication {
            topic,
            value: Value::Text(String::new()),
            source_time_ns: None,
        });
        let updates = updates.collect();
        publisher += 1;
        match is_once {
            true => ClientMessage::PublishOnce(PublishOnce {
                id: 1,
                publisher,
                number: 1,
                updates,
            }),
            false => ClientMessage::Publish(Publish {
                id: Some(1),
                updates,
            }),
        }
    };
    world
        .send(message(vec!["a".into(); 13_000]))
        .check("publish: 13,000 updates of one topic");
    world.send(subscribe_as(Mode::Every, None, ["#", "+", "a", "a/#"]));
    let cost = world.send(message(vec!["a".into(); 13_000]));
    cost.check("publish: the same, to 4 subscriptions");
    // Most of the work is to make the JSON. A turn stops at its limit, even within a message.
    assert!(cost.total_steps > 2 * TURN_MAX_STEPS, "{cost:?}");
    let of_turn = cost.longest[1].0;
    assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
    // As many different topics as fit into a message, to subscriptions to newest values.
    let names = || (0..7_000).map(|n| format!("{n:x}"));
    let mut known = World::new(Encoding::Json, names());
    let mut new = World::new(Encoding::Json, ["a".into()]);
    for (world, case) in [(&mut known, "known"), (&mut new, "new")] {
        world.send(subscribe_as(Mode::Latest, None, ["#", "+"]));
        world.send(subscribe_as(Mode::Latest, Some(1.0), ["#", "+"]));
        world.send(message(names().collect())).check(&format!(
            "publish: 7,000 {case} topics, to 4 of newest values"
        ));
    }
    let mut world = World::new(Encoding::Json, plain());
    world.send(message(vec!["a".into()]));
    // Filters with many levels that a new topic matches, but not with all.
    let almost = (0..1_024).map(|n| choose(n, 10, "+", "a") + "/z");
    world.send(subscribe(filters(almost)));
    let new = (0..2_000).map(|n| format!("{}/{n}", choose(0, 10, "a", "a")));
    world
        .send(message(new.collect()))
        .check("publish: 2,000 new topics, 1,024 filters");
}

fn list() {
    let mut world = World::new(Encoding::Json, plain());
    for part in 0..8 {
        let long = (0..128).map(|n| format!("{}/{part}/{n}", "x".repeat(240)));
        world.send(subscribe(filters(long)));
    }
    world
        .send(ClientMessage::List(List { id: 1 }))
        .check("list: 1,024 long filters");
}

fn change() {
    let mut world = World::new(Encoding::Json, plain());
    world.send(subscribe_as(Mode::Every, None, ["#"]));
    let change = Change {
        id: 1,
        channel: 0,
        mode: Mode::Latest,
        max_rate_hz: Some(1.0),
    };
    world
        .send(ClientMessage::Change(change))
        .check("change: 100,000 topics");
}

fn history() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let names = plain().chain((0..4_096).map(|_| "a".into()));
        let mut world = World::new(encoding, names);
        let request = HistoryRequest {
            id: 1,
            topic: "a".into(),
            limit: None,
            before: None,
        };
        world
            .send(ClientMessage::History(request))
            .check(&format!("history: the longest answer, {encoding:?}"));
    }
}

/// Names may be long, or have many levels, which is work for each shard that learns them.
#[test]
fn no_new_names_hold_the_shard_for_longer_than_a_turn_may() {
    type Names = fn(usize) -> Box<dyn Iterator<Item = String>>;
    let kinds: [(&str, Names, usize); 2] = [
        ("long", |topics| Box::new(long(topics)), TOPICS),
        // A node for each level of each of them.
        ("deep", |topics| Box::new(deep(topics)), TOPICS / 10),
    ];
    for (case, names, topics) in kinds {
        for (encoding, mode, rate) in [
            (Encoding::Bincode, Mode::Every, None),
            (Encoding::Json, Mode::Every, None),
            (Encoding::Json, Mode::Latest, Some(0.01)),
        ] {
            let mut world = World::new(encoding, plain());
            world.send(subscribe_as(mode, rate, ["#"]));
            world.update_all(plain().take(1));
            let cost = world.update_all(names(topics));
            cost.check(&format!("{topics} {case} names, {encoding:?}, {mode:?}"));
            // The JSON of some updates is made at once.
            let of_turn = cost.longest[1].0;
            assert!(of_turn <= TURN_MAX_STEPS + 2 * EXCESS_STEPS, "{of_turn}");
            // A step for a level or a part of a name is the least.
            let in_name = names(1).map(|name| name.len() / 24).sum::<usize>();
            let levels = names(1).map(|name| name.split('/').count()).sum::<usize>();
            assert!(cost.total_steps > topics * in_name.max(levels), "{cost:?}");
            let cost = world.pass(Duration::from_secs(100));
            cost.print(&format!("{topics} {case} names, {mode:?}: the batch"));
            // Such a batch may be so long that to give it back is more than a turn may do.
            for (bytes, steps) in cost.sent {
                let released = bytes as usize / 512;
                let max = released.max(TURN_MAX_STEPS) + EXCESS_STEPS;
                assert!(steps <= max, "{steps} steps, {bytes} bytes");
            }
        }
    }
}

/// All topics of a feed change their status when it is down, and a client's will may do the same.
#[test]
fn no_change_of_statuses_holds_the_shard_for_longer_than_a_turn_may() {
    const FEED: FeedId = 0;
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let mut world = World::new(encoding, plain());
        for rate in 1..=4 {
            world.send(subscribe_as(Mode::Latest, Some(f64::from(rate)), ["#"]));
        }
        world.update_from(Some(FEED), plain());
        let sent = world.stats.bytes.get();
        let cost = world.feed_down(FEED);
        cost.check(&format!(
            "100,000 statuses to 4 subscriptions, {encoding:?}"
        ));
        let sent = world.stats.bytes.get() - sent;
        assert!(sent > 4 * 10 * TOPICS as u64, "{sent} bytes");
        let of_turn = cost.longest[1].0;
        assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
        // A client that comes later is told all of them.
        world.reconnect();
        let cost = world.send(subscribe(["#"]));
        cost.check(&format!("subscribe: 100,000 stale topics, {encoding:?}"));
    }
}

/// Clients may publish one update at a time, and each of these is answered.
#[test]
fn no_answers_to_publishes_hold_the_shard_for_longer_than_a_turn_may() {
    const PUBLISHES: u32 = 20_000;
    let mut world = World::new(Encoding::Json, plain());
    let answered = world.stats.bytes.get();
    for id in 0..PUBLISHES {
        let publish = ClientMessage::Publish(Publish {
            id: Some(id),
            updates: vec![Publication {
                topic: "a".into(),
                value: Value::Text(String::new()),
                source_time_ns: None,
            }],
        });
        let work = world.shard.handle(world.key, publish, world.now);
        let Some(Work::Updates(submission)) = work else {
            panic!("{work:?}");
        };
        world.submit(submission);
    }
    let mut cost = Cost::default();
    world.strips.extend(world.sequencer.take_strip());
    world.finish(&mut cost);
    cost.check("20,000 answers to publishes of one update");
    let answered = world.stats.bytes.get() - answered;
    assert!(answered > 20 * u64::from(PUBLISHES), "{answered} bytes");
    let of_turn = cost.longest[1].0;
    assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
}

/// A batch of newest values may have all topics, and introduce them.
#[test]
fn no_batch_of_newest_values_holds_the_shard_for_longer_than_a_turn_may() {
    /// One batch in 100 s, so that all updates are in it.
    const PACE: (Mode, Option<f64>) = (Mode::Latest, Some(0.01));
    const INTERVAL: Duration = Duration::from_secs(100);
    for encoding in [Encoding::Bincode, Encoding::Json] {
        for (case, names) in [("known", TOPICS), ("new", 1)] {
            let mut world = World::new(encoding, plain().take(names));
            world.send(subscribe_as(PACE.0, PACE.1, ["#", "+/#"]));
            world.update_all(plain().take(1));
            let before = world.stats.deliveries.get();
            let waiting = world.update_all(plain());
            waiting.check(&format!("100,000 {case} topics, {encoding:?}: updates"));
            assert_eq!(world.stats.deliveries.get(), before, "they wait");
            let cost = world.pass(INTERVAL);
            cost.check(&format!("100,000 {case} topics, {encoding:?}: the batch"));
            let sent = world.stats.deliveries.get() - before;
            assert_eq!(sent, 2 * TOPICS as u64);
            // A step to sort a topic is the least, and one to copy its value.
            assert!(cost.total_steps >= 2 * 2 * TOPICS, "{cost:?}");
            let of_turn = cost.longest[1].0;
            assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
            // The turn that sends a batch gives its memory back, which is most of what it does.
            for (bytes, steps) in cost.sent {
                assert!(steps as u64 >= bytes / 512, "{steps} steps, {bytes} bytes");
            }
        }
    }
}

fn candles_request(interval: Interval) -> ClientMessage {
    ClientMessage::Candles(CandlesRequest {
        id: 1,
        topic: "a".into(),
        interval,
        limit: None,
        from_ns: None,
        before_ns: None,
    })
}

fn candles() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let mut world = World::new(encoding, plain());
        // More than the longest answer is made of: 15 s have the most records.
        for _ in 0..20_000 {
            world.now.wall_ns += 1_000_000_000;
            world.submit(Submission {
                updates: [update("a")].into_iter().collect(),
                ..Submission::default()
            });
        }
        world.strips.extend(world.sequencer.take_strip());
        world.settle();
        for interval in Interval::ALL {
            let cost = world.send(candles_request(interval));
            cost.check(&format!("candles: {}, {encoding:?}", interval.as_str()));
            let longest = Interval::Seconds15;
            assert!(cost.total_steps > 15_000 || interval != longest, "{cost:?}");
        }
    }
}

/// Lists and tables of all topics grow a little with each new topic. The growth of a plain one
/// would hold up everything: it moves all of its entries, always at the same topic, so the shortest
/// of several runs shows it whatever else the machine does.
#[test]
fn a_new_topic_does_not_hold_the_sequencer() {
    const RUNS: usize = 3;
    const NEW_TOPIC_MAX: Duration = Duration::from_millis(5);
    let mut shortest = vec![Duration::MAX; TOPICS + TOPICS / 5];
    for _ in 0..RUNS {
        let mut sequencer = Sequencer::new(1_000_000)
            .with_history(History::new(HISTORY))
            .with_long_history(LongHistory::new(LONG_HISTORY));
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 0,
        };
        for (number, shortest) in shortest.iter_mut().enumerate() {
            let submission = Submission {
                updates: [update(&format!("line{}/x{number}", number % 100))].into(),
                ..Submission::default()
            };
            let (_, time) = timed(|| sequencer.push(submission, now));
            *shortest = time.min(*shortest);
            if sequencer.is_full() {
                sequencer.take_strip();
            }
        }
    }
    let longest = shortest.iter().max().expect("there are topics");
    let number = shortest.iter().position(|time| time == longest);
    println!("the longest new topic: {longest:?}, after {number:?} others");
    assert!(*longest < NEW_TOPIC_MAX, "{longest:?}, after {number:?}");
}

#[test]
fn a_client_that_always_has_work_gets_a_small_share_of_the_shard() {
    const MS: Duration = Duration::from_millis(1);
    const SECONDS: u32 = 5;
    let mut world = World::new(Encoding::Json, plain());
    let before = world.stats.steps.get();
    // Half of the tape is read for each.
    let resume = |nth| FilterRequest {
        filter: format!("+/line{}/+/x{nth}", nth % 100),
        resume: Some(Resume {
            epoch: EPOCH,
            position: TOPICS as u64 / 2,
            count: None,
            snapshot: None,
        }),
    };
    let request = subscribe((0..1_000).map(resume));
    assert!(world.shard.handle(world.key, request, world.now).is_none());
    let first = (world.stats.steps.get() - before) as usize;
    assert!(first <= SLICE_MAX_STEPS + EXCESS_STEPS, "{first}");
    for _ in 0..SECONDS * 1_000 {
        world.now.uptime += MS;
        // As often as a shard without other work.
        while world.shard.work(world.now) {}
        assert!(world.shard.is_busy(world.key), "not enough work");
    }
    let settings = CoreSettings::default();
    let requests = settings.request_burst + SECONDS * settings.requests_per_s;
    let allowed = f64::from(requests) * STEPS_PER_REQUEST as f64;
    let steps = (world.stats.steps.get() - before) as f64;
    assert!(
        (0.9..1.01).contains(&(steps / allowed)),
        "{steps} steps of {allowed}"
    );
    // The rest is dropped with the connection.
    world.reconnect();
    let left = [&world.stats.subscriptions, &world.stats.channels];
    assert_eq!(left.map(|number| number.get()), [0, 0]);
}

/// A socket that accepts nothing.
#[derive(Clone, Copy)]
struct Unread;

impl Socket for Unread {
    fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// As a session does: a client is read while its output has room and no request is under way.
#[test]
fn a_client_that_reads_no_history_costs_the_memory_of_one_answer() {
    let now = Now {
        uptime: Duration::ZERO,
        wall_ns: 0,
    };
    let mut sequencer = Sequencer::new(10).with_history(History::new(HISTORY));
    for _ in 0..4_096 {
        let updates = [update("a")].into_iter().collect();
        sequencer.push(
            Submission {
                updates,
                ..Submission::default()
            },
            now,
        );
    }
    let strips: Vec<_> = std::iter::from_fn(|| sequencer.take_strip()).collect();
    let mut shard = Shard::new(0, EPOCH, Arc::default(), Arc::default());
    shard.round(&strips, now);
    let key = shard.connect(Unread, Encoding::Json, Access::READER, now);
    let mut questions = 0;
    for id in 0..90 {
        if shard.reading_pause(key, now).is_some() || shard.is_busy(key) {
            continue;
        }
        let request = HistoryRequest {
            id,
            topic: "a".into(),
            limit: None,
            before: None,
        };
        let work = shard.handle(key, ClientMessage::History(request), now);
        let Some(Work::History(question)) = work else {
            panic!("{work:?}");
        };
        questions += 1;
        // No second question before the answer.
        assert!(shard.is_busy(key));
        shard.answer_history(vec![sequencer.answer(question, now)]);
        while shard.work(now) {}
    }
    let unsent = shard.slowest(1, now)[0].1.unsent_bytes;
    assert_eq!(questions, 1);
    assert!((100_000..1_000_000).contains(&unsent), "{unsent}");
}
