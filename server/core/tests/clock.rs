//! The wall clock is set back and forward: nothing changes but the times in the messages. Statuses,
//! heartbeats, rates and timeouts go by the uptime.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use smallvec::smallvec;
use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::{
        History, HistorySettings, Sequencer,
        liveness::{Expected, Liveness, LivenessSettings, SilenceRule},
    },
    settings::CoreSettings,
    shard::{Shard, Socket},
    wire::Wire,
    work::{Ack, Asked, HistoryQuestion, NewUpdate, Past, Submission},
};
use tickcast_protocol::{
    codec,
    message::{ClientMessage, Epoch, Mode, Position, Seq, Subscribe, TimeNs},
    topic::{Filter, Topic},
    value::Value,
};

const TOPICS: usize = 4;

/// 2026-11-26, in ns.
const START_NS: TimeNs = 1_795_651_200_000_000_000;

/// The clock is set by up to thirty years.
const SET_MAX_S: i64 = 1_000_000_000;

const HISTORY: HistorySettings = HistorySettings {
    updates: 1_000,
    bytes: 1 << 20,
};

/// A socket that keeps what is written.
#[derive(Debug, Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Socket for Written {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = self.0.borrow_mut();
        let before = written.len();
        for slice in slices {
            written.extend_from_slice(slice);
        }
        Ok(written.len() - before)
    }
}

/// What happens, after a time, and by how much the wall clock is set.
#[derive(Debug, Clone)]
struct Step {
    after: Duration,
    set_by_s: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Update(usize),
    FeedDown,
    Nothing,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        6 => (0..TOPICS).prop_map(What::Update),
        1 => Just(What::FeedDown),
        3 => Just(What::Nothing),
    ];
    let set_by_s = prop_oneof![
        4 => Just(0),
        1 => -SET_MAX_S..SET_MAX_S,
        1 => -5..5_i64,
    ];
    let step = (0..700_u64, set_by_s, what).prop_map(|(after_ms, set_by_s, what)| Step {
        after: Duration::from_millis(after_ms),
        set_by_s,
        what,
    });
    prop::collection::vec(step, 1..60)
}

/// What a run leads to, without its times.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: String,
    statuses: [u64; 3],
    next_due: Option<Duration>,
    history: Vec<(Position, Seq)>,
}

fn topic(number: usize) -> Topic {
    Topic::new(&format!("t/{number}")).unwrap()
}

/// Leaves out the digits after `_ns":"`.
fn without_times(text: &str) -> String {
    const TIME: &str = "_ns\":\"";
    let mut parts = text.split(TIME);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + TIME + part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
    })
}

fn liveness() -> Liveness {
    let rule = |filter: &str, expect_every| SilenceRule {
        filter: Filter::new(filter).unwrap(),
        expect_every,
        dead_after: Some(Duration::from_secs(3)),
    };
    Liveness::new(LivenessSettings {
        silence: vec![
            rule("t/0", Expected::Every(Duration::from_millis(200))),
            rule("t/1", Expected::Learned),
        ],
        wills: Vec::new(),
    })
}

struct Run {
    now: Now,
    sequencer: Sequencer,
    shard: Shard<Written>,
    socket: Written,
    /// The time at which each update was pushed.
    pushed_ns: Vec<TimeNs>,
}

impl Run {
    fn new() -> Self {
        let settings = CoreSettings {
            heartbeat: Duration::from_millis(500),
            ..CoreSettings::default()
        };
        let mut run = Self {
            now: Now {
                uptime: Duration::ZERO,
                wall_ns: START_NS,
            },
            sequencer: Sequencer::new(100)
                .with_liveness(liveness())
                .with_history(History::new(HISTORY)),
            shard: Shard::new(0, Epoch(1), Arc::new(settings), Arc::default()),
            socket: Written::default(),
            pushed_ns: Vec::new(),
        };
        let (shard, socket, now) = (&mut run.shard, run.socket.clone(), run.now);
        let key = shard.connect(socket, Wire::Events, Access::READER, now);
        let subscribe = ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: vec!["t/#".into()],
            mode: Mode::Every,
            max_rate_hz: Some(4.0),
        });
        assert_eq!(shard.handle(key, subscribe, now), None);
        run
    }

    fn step(&mut self, step: &Step, is_set: bool) {
        self.now.uptime += step.after;
        self.now.wall_ns += step.after.as_nanos() as TimeNs;
        if is_set {
            let set_ns = step.set_by_s * 1_000_000_000;
            self.now.wall_ns = self.now.wall_ns.saturating_add(set_ns);
        }
        let now = self.now;
        match step.what {
            What::Update(number) => {
                let update = NewUpdate::live(topic(number), Value::Reading(1.0));
                let submission = Submission {
                    updates: smallvec![update],
                    ack: None,
                    feed: Some(0),
                    once: None,
                };
                self.sequencer.push(submission, now);
                self.pushed_ns.push(now.wall_ns);
            }
            What::FeedDown => self.sequencer.feed_down(0, now),
            What::Nothing => {}
        }
        self.sequencer.poll(now);
        let strips: Vec<_> = std::iter::from_fn(|| self.sequencer.take_strip()).collect();
        for raw in strips.iter().flat_map(|strip| strip.updates()) {
            let update = codec::decode_update_bincode(raw.bincode).unwrap();
            let pushed_ns = self.pushed_ns[update.position as usize - 1];
            assert_eq!(
                update.ingest_time_ns, pushed_ns,
                "it has the time of its moment"
            );
        }
        self.shard.turn(&strips, now);
        while !self.shard.is_round_over() || self.shard.catch_up(now) {
            self.shard.turn(&[], now);
        }
        self.shard.tick(now);
        assert!(self.shard.connections() == 1, "no time is over");
        // Ages go by the wall clock: they may be wrong, but must be numbers.
        self.shard.slowest(10, now);
    }

    fn history(&mut self, number: usize) -> Vec<(Position, Seq)> {
        let question = HistoryQuestion {
            from: Ack {
                shard: 0,
                connection: 1,
                id: Some(1),
            },
            topic: topic(number),
            asked: Asked::Updates {
                limit: 1_000,
                before: None,
            },
        };
        let answer = self.sequencer.answer(question, self.now);
        let Past::Updates(stretch) = answer.past else {
            panic!("{answer:?}");
        };
        let updates = (0..stretch.len()).map(|index| stretch.get(index));
        updates
            .map(|bincode| codec::decode_update_bincode(bincode).unwrap())
            .map(|update| (update.position, update.seq))
            .collect()
    }
}

fn outcome(steps: &[Step], is_set: bool) -> Outcome {
    let mut run = Run::new();
    for step in steps {
        run.step(step, is_set);
    }
    let history = (0..TOPICS).flat_map(|number| run.history(number));
    let history = history.collect();
    let written = run.socket.0.borrow();
    Outcome {
        messages: without_times(str::from_utf8(&written).unwrap()),
        statuses: run.sequencer.liveness().counts(),
        next_due: run.sequencer.liveness().next_due(),
        history,
    }
}

proptest! {
    #[test]
    fn a_clock_that_is_set_changes_nothing_but_the_times(steps in steps()) {
        let steady = outcome(&steps, false);
        prop_assert_eq!(&outcome(&steps, true), &steady);
        let updates = steps.iter().filter(|step| matches!(step.what, What::Update(_)));
        prop_assert_eq!(steady.history.len(), updates.count());
    }
}

/// A heartbeat, a status and values: what the comparison is about is really there.
#[test]
fn a_run_has_heartbeats_statuses_and_values() {
    let step = |after_ms, what| Step {
        after: Duration::from_millis(after_ms),
        set_by_s: 0,
        what,
    };
    let silence = (0..10).map(|_| step(400, What::Nothing));
    let steps: Vec<_> = [step(1, What::Update(0))]
        .into_iter()
        .chain(silence)
        .collect();
    let Outcome {
        messages, statuses, ..
    } = outcome(&steps, false);
    assert_eq!(statuses, [0, 0, 1]);
    for part in ["\"stale\"", "\"dead\"", "\"t/0\"", "heartbeat"] {
        assert!(messages.contains(part), "no {part} in {messages}");
    }
}
