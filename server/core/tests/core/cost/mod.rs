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
mod requests;
mod shares;
mod turns;

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
    shard::{ConnectionKey, SLICE_MAX_STEPS, Shard, Socket, TURN_MAX_STEPS},
    stats::ShardStats,
    tape::Strip,
    work::{FeedId, HistoryAnswer, NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    codec::{CLIENT_MESSAGE_MAX_BYTES, Encoding, encode_client},
    message::{ClientMessage, Epoch, FilterRequest, Mode, Subscribe},
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
