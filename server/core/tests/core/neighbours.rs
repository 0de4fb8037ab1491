//! How long a subscriber waits for its updates while another client of the shard asks for as much
//! work as it can.
//!
//! Time is virtual. Each call of the shard takes as long as its steps, and the calls follow each
//! other as in the shard's thread, so the delays are the same on every machine.

use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::Sequencer,
    settings::CoreSettings,
    shard::{ConnectionKey, Shard, Socket},
    stats::ShardStats,
    tape::Strip,
    work::Submission,
};
use tickcast_protocol::{
    codec::{Encoding, encode_client},
    message::{ClientMessage, FilterRequest, Mode, Position, Resume},
};

use super::cost::{EPOCH, TOPICS, plain, subscribe_as, update};

const MS: Duration = Duration::from_millis(1);

/// Time of a step: twice what `benches/README.md` measured.
const STEP: Duration = Duration::from_nanos(50);

/// Time between two updates that the subscriber gets.
const INTERVAL: Duration = Duration::from_millis(10);

/// Time that a thread without work needs to look for some.
const IDLE: Duration = Duration::from_micros(50);

/// What the other client sends.
const BYTES_PER_S: f64 = 21.0 * 1024.0;

/// Filters of one of its messages.
const FILTERS: usize = 100;

/// Updates on the tape.
const TAPE_UPDATES: usize = 2 * TOPICS;

/// A client's socket.
#[derive(Clone, Default)]
struct Client(Rc<Cell<usize>>);

impl Socket for Client {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.0.set(self.0.get() + bytes);
        Ok(bytes)
    }
}

/// The defences of a shard against work.
#[derive(Clone, Copy)]
struct Defences {
    /// Long requests are carried out in slices.
    slices: bool,
    /// The work of a request is charged to its client.
    charges: bool,
}

/// What came of an attack.
struct Outcome {
    /// The delay of each update, the shortest first.
    delays: Vec<Duration>,
    /// The part of the time in which the shard was busy.
    busy: f64,
    /// The requests that the shard began.
    requests: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} updates after {:?} (median) and at most {:?}, {:.0} % busy with {} requests",
            self.delays.len(),
            self.median(),
            self.longest(),
            self.busy * 100.0,
            self.requests
        )
    }
}

impl Outcome {
    fn median(&self) -> Duration {
        self.delays[self.delays.len() / 2]
    }

    fn longest(&self) -> Duration {
        *self.delays.last().expect("there are updates")
    }
}

struct World {
    shard: Shard<Client>,
    stats: Arc<ShardStats>,
    sequencer: Sequencer,
    strips: Vec<Arc<Strip>>,
    now: Now,
    subscriber: Client,
    /// Updates that the subscriber has not got, with the time of each.
    waiting: VecDeque<(Position, Duration)>,
    delays: Vec<Duration>,
    busy: Duration,
}

impl World {
    /// A shard with a full tape.
    fn new(defences: Defences) -> Self {
        let mut settings = CoreSettings {
            // A client that ends subscriptions in between gets around a limit.
            subscriptions_max: usize::MAX,
            tape_bytes: 64 << 20,
            ..CoreSettings::default()
        };
        if !defences.charges {
            settings.requests_per_s = u32::MAX;
        }
        let stats = Arc::<ShardStats>::default();
        let mut shard = Shard::new(0, EPOCH, Arc::new(settings), Arc::clone(&stats));
        if !defences.slices {
            shard = shard.with_max_steps(usize::MAX);
        }
        let mut world = Self {
            shard,
            stats,
            sequencer: Sequencer::new(1_000_000),
            strips: Vec::new(),
            now: Now {
                uptime: Duration::ZERO,
                wall_ns: 0,
            },
            subscriber: Client::default(),
            waiting: VecDeque::new(),
            delays: Vec::new(),
            busy: Duration::ZERO,
        };
        for name in plain().chain(plain()) {
            world.push(&name);
            if world.sequencer.is_full() {
                world.strips.extend(world.sequencer.take_strip());
            }
        }
        while world.round() {}
        world
    }

    fn push(&mut self, name: &str) {
        let submission = Submission {
            updates: [update(name)].into(),
            ..Submission::default()
        };
        self.sequencer.push(submission, self.now);
    }

    fn connect(&mut self, client: Client) -> ConnectionKey {
        let access = Access { may_publish: true };
        self.shard.connect(client, Encoding::Json, access, self.now)
    }

    /// Calls the shard, and lets the time of its steps pass. Returns whether there were any.
    fn call(&mut self, call: impl FnOnce(&mut Self)) -> bool {
        let before = self.stats.steps.get();
        call(self);
        let steps = self.stats.steps.get() - before;
        let time = STEP.saturating_mul(u32::try_from(steps).expect("a call ends"));
        self.now.uptime += time;
        self.busy += time;
        steps > 0
    }

    /// The calls of the shard's thread between two requests. Returns whether there was work.
    fn round(&mut self) -> bool {
        let got = self.subscriber.0.get();
        self.strips.extend(self.sequencer.take_strip());
        let strips = std::mem::take(&mut self.strips);
        let mut has_worked = self.call(|world| world.shard.turn(&strips, world.now));
        if self.subscriber.0.get() > got {
            self.deliver();
        }
        has_worked |= self.call(|world| _ = world.shard.work(world.now));
        has_worked |= self.call(|world| _ = world.shard.catch_up(world.now));
        let _ = self.shard.take_events();
        has_worked
    }

    /// The subscriber has got everything that the shard has applied.
    fn deliver(&mut self) {
        while let Some(&(position, due)) = self.waiting.front()
            && position <= self.shard.position()
        {
            self.delays.push(self.now.uptime - due);
            self.waiting.pop_front();
        }
    }

    /// Lets the subscriber get updates for some time, while another client sends requests as fast
    /// as it may.
    fn attack(mut self, lasting: Duration) -> Outcome {
        const TOPIC: &str = "healthy";
        let subscriber = self.connect(self.subscriber.clone());
        let attacker = self.connect(Client::default());
        let request = subscribe_as(Mode::Every, None, [TOPIC]);
        assert!(self.shard.handle(subscriber, request, self.now).is_none());
        while self.round() {}
        let begun = self.now.uptime;
        self.busy = Duration::ZERO;
        let (mut due, mut sent, mut next, mut requests) = (begun, 0.0, 1, 0);
        while self.now.uptime < begun + lasting {
            // The feed does not wait for the shard.
            while due <= self.now.uptime {
                self.push(TOPIC);
                self.waiting.push_back((self.sequencer.position(), due));
                due += INTERVAL;
            }
            // A session reads one request at a time, and each when its bytes have come.
            let arrived = (self.now.uptime - begun).as_secs_f64() * BYTES_PER_S;
            if arrived >= sent
                && !self.shard.is_busy(attacker)
                && self.shard.reading_pause(attacker, self.now).is_none()
            {
                let request = costly(next);
                sent += encode_client(&request, Encoding::Json).len() as f64;
                next += FILTERS;
                requests += 1;
                self.call(|world| {
                    let work = world.shard.handle(attacker, request, world.now);
                    assert!(work.is_none());
                });
            }
            if !self.round() {
                self.now.uptime += IDLE;
            }
        }
        self.delays.sort_unstable();
        Outcome {
            delays: self.delays,
            busy: self.busy.as_secs_f64() / (self.now.uptime - begun).as_secs_f64(),
            requests,
        }
    }
}

/// Subscriptions that go on in the middle of the tape, without the count that they had there: to
/// find it, the shard counts half of the tape for each.
fn costly(first: usize) -> ClientMessage {
    let filters = (first..first + FILTERS).map(|nth| FilterRequest {
        filter: format!("+/line{}/+/x{nth}", nth % 100),
        resume: Some(Resume {
            epoch: EPOCH,
            position: TAPE_UPDATES as Position / 2,
            count: None,
            snapshot: None,
        }),
    });
    subscribe_as(Mode::Latest, None, filters)
}

#[test]
fn a_client_that_asks_for_as_much_work_as_it_can_does_not_delay_others() {
    const LASTING: Duration = Duration::from_secs(4);
    let outcome = |slices, charges| {
        let outcome = World::new(Defences { slices, charges }).attack(LASTING);
        println!("slices {slices}, charges {charges}: {outcome}");
        outcome
    };
    // The attack is one: without both, it keeps the shard busy, and the subscriber waits.
    let unprotected = outcome(false, false);
    assert!(unprotected.busy > 0.8, "{unprotected}");
    assert!(unprotected.median() > 100 * MS, "{unprotected}");
    let protected = outcome(true, true);
    assert!(protected.busy < 0.25, "{protected}");
    // The slices alone keep the delays short, and the charges leave the shard its time.
    for protected in [protected, outcome(true, false)] {
        assert!(protected.requests > 1, "{protected}");
        assert!(protected.median() < MS, "{protected}");
        assert!(protected.longest() < 2 * MS, "{protected}");
    }
}
