//! The first seconds of a connection, while its link is not known: what a slow link gets is new,
//! and a fast link gets its snapshot as soon as without any care. All in virtual time, over a
//! kernel that begins slowly (RFC 5681) and a network that queues.

use std::{
    cell::RefCell,
    collections::VecDeque,
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
    codec::{self, Encoding},
    message::{ClientMessage, Epoch, Mode, ServerMessage, Subscribe},
    topic::Topic,
    value::Value,
};

use crate::pipe::Frame;

const STEP: Duration = Duration::from_millis(1);

const PACKET_BYTES: usize = 1_448;

/// Packets that TCP sends before the first acknowledgement.
const FIRST_PACKETS: usize = 10;

/// A way to a client.
#[derive(Debug, Clone, Copy)]
struct Way {
    bytes_per_s: usize,
    /// What the network's queue holds.
    queue_bytes: usize,
    /// What it passes at once after a silence.
    burst_bytes: usize,
    round_trip: Duration,
    /// Whether the kernel tells what it knows about the way.
    is_known: bool,
}

/// Bytes on their way.
#[derive(Debug)]
struct Flight {
    bytes: usize,
    sent: Duration,
    /// When it has left the queue.
    passed: Option<Duration>,
}

#[derive(Debug)]
struct Kernel {
    way: Way,
    now: Duration,
    accepted: Vec<u8>,
    unsent_max: usize,
    all_max: usize,
    /// What may be on its way.
    window: usize,
    is_beginning: bool,
    flights: VecDeque<Flight>,
    /// What the network may pass now.
    credit: f64,
    arrived: Vec<u8>,
    acknowledged: u64,
    smoothed: Duration,
    /// Number of times that the path was asked for.
    looks: usize,
    in_flight: Vec<u8>,
}

impl Kernel {
    fn new(way: Way) -> Self {
        Self {
            way,
            now: Duration::ZERO,
            accepted: Vec::new(),
            unsent_max: UNSENT_START_BYTES as usize,
            all_max: usize::MAX,
            window: FIRST_PACKETS * PACKET_BYTES,
            is_beginning: true,
            flights: VecDeque::new(),
            credit: way.burst_bytes as f64,
            arrived: Vec::new(),
            acknowledged: 0,
            // The handshake has measured it.
            smoothed: way.round_trip,
            looks: 0,
            in_flight: Vec::new(),
        }
    }

    fn bytes_under_way(&self) -> usize {
        self.flights.iter().map(|flight| flight.bytes).sum()
    }

    fn bytes_queued(&self) -> usize {
        let queued = self.flights.iter().filter(|flight| flight.passed.is_none());
        queued.map(|flight| flight.bytes).sum()
    }

    fn has_room(&self, part: usize) -> bool {
        self.accepted.len() < self.unsent_max / part
            && self.accepted.len() + self.bytes_under_way() < self.all_max / part
    }

    /// Sends what the window allows.
    fn send(&mut self) {
        while !self.accepted.is_empty() && self.bytes_under_way() < self.window {
            if self.bytes_queued() + PACKET_BYTES > self.way.queue_bytes + self.credit as usize {
                // The network drops a packet. It is sent again, when there is room.
                self.window = (self.window / 2).max(2 * PACKET_BYTES);
                self.is_beginning = false;
                return;
            }
            let bytes = self.accepted.len().min(PACKET_BYTES);
            self.in_flight.extend(self.accepted.drain(..bytes));
            let mut flight = Flight {
                bytes,
                sent: self.now,
                passed: None,
            };
            if self.bytes_queued() == 0 && self.credit >= bytes as f64 {
                self.credit -= bytes as f64;
                flight.passed = Some(self.now);
            }
            self.flights.push_back(flight);
        }
    }

    /// Passes a millisecond.
    fn step(&mut self) {
        self.now += STEP;
        self.credit += self.way.bytes_per_s as f64 * STEP.as_secs_f64();
        for flight in self.flights.iter_mut().filter(|f| f.passed.is_none()) {
            if self.credit < flight.bytes as f64 {
                break;
            }
            self.credit -= flight.bytes as f64;
            flight.passed = Some(self.now);
        }
        let burst = self.way.burst_bytes.max(PACKET_BYTES) as f64;
        if self.bytes_queued() == 0 {
            self.credit = self.credit.min(burst);
        }
        while let Some(passed) = self.flights.front().and_then(|flight| flight.passed)
            && passed + self.way.round_trip <= self.now
            && let Some(flight) = self.flights.pop_front()
        {
            self.arrived.extend(self.in_flight.drain(..flight.bytes));
            self.acknowledged += flight.bytes as u64;
            let round_trip = self.now - flight.sent;
            self.smoothed = (self.smoothed * 7 + round_trip) / 8;
            self.window += match self.is_beginning {
                true => flight.bytes,
                false => PACKET_BYTES * flight.bytes / self.window,
            };
        }
        self.send();
    }
}

#[derive(Debug, Clone)]
struct Link(Rc<RefCell<Kernel>>);

impl Socket for Link {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut kernel = self.0.borrow_mut();
        if !kernel.has_room(1) {
            return Err(ErrorKind::WouldBlock.into());
        }
        for slice in slices {
            kernel.accepted.extend_from_slice(slice);
        }
        kernel.send();
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn bound(&self, bound: KernelBound) {
        let mut kernel = self.0.borrow_mut();
        kernel.unsent_max = bound.unsent as usize;
        if let Some(all) = bound.all {
            kernel.all_max = all as usize;
        }
    }

    fn path(&self) -> Option<Path> {
        let mut kernel = self.0.borrow_mut();
        kernel.looks += 1;
        kernel.way.is_known.then_some(Path {
            shortest_round_trip: kernel.way.round_trip,
            round_trip: kernel.smoothed,
            acknowledged_bytes: kernel.acknowledged,
        })
    }
}

impl Link {
    /// Takes the payload of the next message that has come whole.
    fn next(&self) -> Option<Vec<u8>> {
        let frame = Frame::take(&mut self.0.borrow_mut().arrived)?;
        Some(frame.payload)
    }
}

/// A server whose topics had their first values, and one client that has just subscribed.
struct World {
    shard: Shard<Link>,
    sequencer: Sequencer,
    link: Link,
    key: ConnectionKey,
    now: Duration,
    is_blocked: bool,
    /// Age in ms of each value that came live.
    ages: Vec<u64>,
    values: usize,
}

impl World {
    fn new(way: Way, topics: usize) -> Self {
        let settings = Arc::new(CoreSettings::default());
        let mut shard = Shard::new(0, Epoch(1), settings, Arc::default());
        let link = Link(Rc::new(RefCell::new(Kernel::new(way))));
        let now = at(Duration::ZERO);
        let mut sequencer = Sequencer::new(100_000);
        for number in 0..topics {
            sequencer.push(submission(number), now);
        }
        let strips: Vec<_> = sequencer.take_strip().into_iter().collect();
        shard.round(&strips, now);
        let key = shard.connect(link.clone(), Encoding::Json, Access::READER, now);
        let subscribe = Subscribe {
            id: 1,
            filters: vec!["#".into()],
            mode: Mode::Latest,
            max_rate_hz: None,
        };
        shard.handle(key, ClientMessage::Subscribe(subscribe), now);
        Self {
            shard,
            sequencer,
            link,
            key,
            now: Duration::ZERO,
            is_blocked: false,
            ages: Vec::new(),
            values: 0,
        }
    }

    /// Passes a millisecond, in which a topic may change.
    fn step(&mut self, topic: Option<usize>) {
        self.now += STEP;
        let now = at(self.now);
        if let Some(topic) = topic {
            self.sequencer.push(submission(topic), now);
        }
        self.link.0.borrow_mut().step();
        let has_room = self.link.0.borrow().has_room(2);
        if self.is_blocked && has_room {
            self.is_blocked = self.shard.on_writable(self.key, now);
        }
        let strips: Vec<_> = self.sequencer.take_strip().into_iter().collect();
        self.shard.round(&strips, now);
        while self.shard.work(now) {}
        while self.shard.catch_up(now) {}
        for event in self.shard.take_events() {
            match event {
                Event::Blocked(_) => self.is_blocked = true,
                Event::Broken(_) => panic!("it broke"),
                Event::Ready(_) | Event::Read { .. } | Event::Posted(_) => {}
            }
        }
        while let Some(payload) = self.link.next() {
            let message = codec::decode_server_json(&payload).unwrap();
            if let ServerMessage::Batch(batch) = message {
                self.values += batch.updates.len();
                if !batch.snapshot {
                    let ages = batch.updates.iter().map(|update| {
                        let then = Duration::from_nanos(update.ingest_time_ns as u64);
                        (self.now - then).as_millis() as u64
                    });
                    self.ages.extend(ages);
                }
            }
        }
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

fn submission(number: usize) -> Submission {
    let topic = Topic::new(&format!("market/INSTRUMENT-{number}/trade")).unwrap();
    let update = NewUpdate::live(topic, Value::Text("x".repeat(60)));
    Submission {
        updates: [update].into_iter().collect(),
        ..Submission::default()
    }
}

/// Time until a client with this link has a snapshot of 1 MB.
fn snapshot_time(way: Way) -> Duration {
    const TOPICS: usize = 5_000;
    let mut world = World::new(way, TOPICS);
    while world.values < TOPICS {
        world.step(None);
        assert!(world.now < Duration::from_secs(60), "{}", world.values);
    }
    world.now
}

const MBIT: usize = 125_000;

/// A home router's link: its queue holds 0.4 s.
fn slow(mbits: usize) -> Way {
    Way {
        bytes_per_s: mbits * MBIT,
        queue_bytes: mbits * MBIT * 4 / 10,
        burst_bytes: 16 * 1024,
        round_trip: STEP,
        is_known: true,
    }
}

#[test]
fn values_on_a_slow_link_are_new_from_the_first_one_on() {
    for (mbits, topics, median_max, p99_max) in [
        (1, 64, 200, 300),
        (1, 1_000, 1_500, 2_000),
        (2, 64, 100, 200),
    ] {
        let mut world = World::new(slow(mbits), topics);
        for number in 0..8_000 {
            world.step(Some(number % topics));
        }
        let (median, p99) = world.median_and_p99();
        assert!(
            median <= median_max,
            "{mbits} Mbit/s: the median is {median} ms"
        );
        assert!(p99 <= p99_max, "{mbits} Mbit/s: p99 is {p99} ms");
        // Once for 8 KiB of the first 256, and at most every 50 ms after that.
        let looks = world.link.0.borrow().looks;
        assert!(looks <= 32 + 8_000 / 50, "{looks} system calls");
    }
}

#[test]
fn a_fast_link_has_a_snapshot_as_soon_as_if_nothing_were_known_of_it() {
    for (mbits, trip_ms) in [
        (10, 20),
        (10, 100),
        (20, 5),
        (20, 100),
        (50, 50),
        (100, 1),
        (100, 100),
        (1_000, 1),
        (1_000, 100),
        (1_000, 200),
    ] {
        let way = Way {
            bytes_per_s: mbits * MBIT,
            queue_bytes: mbits * MBIT / 5,
            burst_bytes: 16 * 1024,
            round_trip: STEP * trip_ms,
            is_known: true,
        };
        let time = snapshot_time(way);
        let is_known = false;
        let without = snapshot_time(Way { is_known, ..way });
        assert!(
            time <= without.mul_f64(1.5),
            "{mbits} Mbit/s, {trip_ms} ms: {time:?} instead of {without:?}"
        );
    }
}
