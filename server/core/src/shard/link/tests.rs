//! A client that always has more to get, over simulated links.

use proptest::prelude::*;

use super::*;

const STEP: Duration = Duration::from_millis(1);

/// A link, the queue of the network before it, and the kernel's buffer.
struct World {
    link: Link,
    now: Duration,
    /// Bytes per second.
    rate: f64,
    /// What the network's queue holds at most.
    network_max: f64,
    round_trip: Option<Duration>,
    unsent: f64,
    in_network: f64,
    bound: KernelBound,
    is_full: bool,
    accepted: u64,
    /// Bytes that have passed the link.
    passed: f64,
    /// The most that the kernel and the network held together, since it was last reset.
    held_max: f64,
}

impl World {
    fn new(rate: f64, network_max: f64, round_trip: Option<Duration>) -> Self {
        let link = Link::default();
        let bound = KernelBound {
            unsent: link.unsent_max(),
            all: None,
        };
        Self {
            link,
            now: Duration::ZERO,
            rate,
            network_max,
            round_trip,
            unsent: 0.0,
            in_network: 0.0,
            bound,
            is_full: false,
            accepted: 0,
            passed: 0.0,
            held_max: 0.0,
        }
    }

    fn held(&self) -> f64 {
        self.unsent + self.in_network
    }

    /// What must be on its way for the round trip does not wait in a queue.
    fn in_air(&self) -> f64 {
        self.rate * self.round_trip.unwrap_or_default().as_secs_f64()
    }

    fn has_room(&self, share: f64) -> bool {
        let all = self.bound.all.map_or(f64::MAX, f64::from);
        self.unsent < f64::from(self.bound.unsent) * share && self.held() < all
    }

    /// Passes a millisecond. The kernel reports room when half of the unsent bytes are gone.
    fn step(&mut self) {
        self.now += STEP;
        let mut passes = self.rate * STEP.as_secs_f64();
        for held in [&mut self.in_network, &mut self.unsent] {
            let passed = held.min(passes);
            *held -= passed;
            passes -= passed;
            self.passed += passed;
        }
        self.send();
        if self.is_full && self.has_room(0.5) {
            self.is_full = false;
            self.link.opened(self.now);
        }
        while !self.is_full {
            if self.has_room(1.0) {
                let len = self.link.write_max().min(CATCH_UP_BYTES);
                self.unsent += len as f64;
                self.accepted += len as u64;
                self.link.accepted(len, self.now);
                self.send();
                self.held_max = self.held_max.max(self.held());
                // A fast link takes bytes while they are written.
                if self.unsent == 0.0 && self.accepted > self.fast() {
                    break;
                }
            } else {
                self.is_full = true;
                let queued = (self.in_network - self.in_air()).max(0.0) / self.rate;
                let path = self.round_trip.map(|round_trip| Path {
                    shortest_round_trip: round_trip,
                    round_trip: round_trip + Duration::from_secs_f64(queued),
                    acknowledged_bytes: self.passed as u64,
                });
                if let Some(bound) = self.link.refused(self.now, || path) {
                    self.bound = bound;
                }
            }
            check_write_max(&self.link);
        }
    }

    /// What the fastest link has taken until now.
    fn fast(&self) -> u64 {
        (FAST * self.now.as_secs_f64()) as u64
    }

    /// Bytes go from the kernel to the network while that has room.
    fn send(&mut self) {
        let room = self.network_max + self.in_air() - self.in_network;
        let sent = self.unsent.min(room.max(0.0));
        self.unsent -= sent;
        self.in_network += sent;
    }

    /// The link takes another rate. What is on its way arrives.
    fn change(&mut self, rate: f64) {
        self.rate = rate;
        self.in_network = self.in_network.min(self.network_max);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Bytes that pass the link in a time.
    fn passed_in(&mut self, time: Duration) -> f64 {
        let before = self.passed;
        self.pass(time);
        self.passed - before
    }
}

const CATCH_UP_BYTES: usize = 64 * 1024;

/// A link that never limits the server.
const FAST: f64 = 50e6;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn any_link() -> impl Strategy<Value = (f64, f64, Option<Duration>)> {
    let round_trip = prop::option::of((0..300u64).prop_map(Duration::from_millis));
    // From 32 kbit/s to 400 Mbit/s.
    (
        (12.0..25.6f64).prop_map(f64::exp2),
        0.0..64e3f64,
        round_trip,
    )
}

proptest! {
    #[test]
    fn a_link_is_kept_busy_whatever_its_rate((rate, network, round_trip) in any_link()) {
        let mut world = World::new(rate, network, round_trip);
        world.pass(seconds(3));
        let passed = world.passed_in(seconds(20));
        let expected = rate * 20.0;
        prop_assert!(passed > expected * 0.95, "{passed} of {expected}");
    }

    #[test]
    fn what_waits_is_what_a_slow_link_takes_in_a_fraction_of_a_second(
        (rate, network, round_trip) in any_link()
    ) {
        let mut world = World::new(rate, network, round_trip);
        world.pass(seconds(30));
        world.held_max = 0.0;
        world.pass(seconds(10));
        let waiting = world.held_max - world.in_air();
        // Without the round trip, the network's queue is not known either.
        let (time, queue) = match round_trip {
            Some(_) => (ALL_TIME, 0.0),
            None => (UNSENT_TIME, network),
        };
        if rate < 1e6 {
            let write = world.link.write_max() as f64;
            let least = f64::from(UNSENT_MIN_BYTES);
            let round_trip = round_trip.unwrap_or_default();
            // A bound that is lower by less than a quarter is not set: the one that stays may be
            // four thirds of it. The rate is measured to a tenth.
            let held = (round_trip + time).as_secs_f64() * 4.0 / 3.0 * 1.1;
            let waits = rate * (held - round_trip.as_secs_f64());
            let allowed = waits.max(least) + write + queue;
            prop_assert!(waiting <= allowed, "{waiting} > {allowed} at {rate} B/s");
        }
    }

    #[test]
    fn a_link_that_becomes_slow_is_noticed_and_one_that_becomes_fast_too(
        slow in 16e3..200e3f64,
        pause in 0..4u64,
    ) {
        let mut world = World::new(FAST, 16e3, Some(Duration::from_millis(20)));
        world.pass(seconds(2));
        prop_assert_eq!(world.link.unsent_max(), UNSENT_MAX_BYTES);
        prop_assert!(!world.link.is_slow());
        world.change(slow);
        world.pass(seconds(30));
        prop_assert!(world.link.is_slow());
        prop_assert!(f64::from(world.link.unsent_max()) < (slow * 0.15).max(4097.0));
        world.change(0.0);
        world.pass(seconds(pause));
        world.change(FAST);
        world.pass(seconds(2));
        prop_assert_eq!(world.link.unsent_max(), UNSENT_MAX_BYTES);
        prop_assert_eq!(world.bound.all, Some(ALL_FREE_BYTES));
    }
}

#[test]
fn a_socket_that_is_never_full_is_not_measured_and_soon_written_to_without_care() {
    let mut link = Link::default();
    assert!(link.is_slow());
    link.accepted(TRIAL_BYTES as usize, seconds(1));
    assert!(!link.is_slow());
    assert_eq!((link.rate(), link.write_max()), (None, usize::MAX));
}

#[test]
fn a_full_socket_in_a_second_of_silence_says_nothing_about_the_link() {
    let mut link = Link::default();
    assert_eq!(link.refused(seconds(1), || None), None);
    link.opened(seconds(1));
    link.accepted(1_000_000, seconds(2));
    assert_eq!(link.refused(seconds(100), || None), None);
    assert_eq!(link.rate(), None);
}

#[test]
fn a_link_that_is_never_idle_is_measured_even_if_the_socket_is_seldom_full() {
    let mut link = Link::default();
    link.refused(Duration::ZERO, || None);
    // It is full for a tenth of the time.
    for ms in (0..5_000).filter(|ms| ms % 100 >= 10) {
        let now = Duration::from_millis(ms);
        link.opened(now);
        link.accepted(30, now);
        if ms % 100 == 99 {
            link.refused(now, || None);
        }
    }
    let rate = link.rate().expect("it is measured");
    assert!((26_000..=28_000).contains(&rate), "{rate}");
}

#[test]
fn the_round_trip_is_asked_for_slow_links_only_and_once_in_a_measurement() {
    let mut asked = 0;
    let mut link = Link::default();
    for ms in 0..10_000 {
        let now = Duration::from_millis(ms);
        link.opened(now);
        link.accepted(32, now);
        link.refused(now, || {
            asked += 1;
            None
        });
    }
    // 32 kB/s: a measurement takes 8 KiB, which is a quarter of a second.
    assert!((30..=40).contains(&asked), "{asked}");
    for ms in 10_000..20_000 {
        let now = Duration::from_millis(ms);
        link.opened(now);
        link.accepted(32_000, now);
        link.refused(now, || {
            asked += 1;
            None
        });
    }
    assert!(asked < 60, "{asked}");
}

#[test]
fn a_bound_is_changed_by_a_quarter_or_to_a_limit() {
    for (before, after, expected) in [
        (8192, 8192, false),
        (8192, 8192 + 2047, false),
        (8192, 8192 + 2048, true),
        (8192, 8192 - 2047, false),
        (8192, 8192 - 2048, true),
        (5000, 4096, true),
        (4096, 4096, false),
        (120_000, 131_072, true),
        (131_072, 131_072, false),
        (8_000_000, 8_388_608, true),
    ] {
        assert_eq!(is_worth(before, after), expected, "{before} {after}");
    }
}

/// What is kept of a link follows from the rest of it, whatever happened.
fn check_write_max(link: &Link) {
    let is_slow = link.trial > 0 || link.rate.is_some() && link.unsent_max < UNSENT_MAX_BYTES;
    let expected = if is_slow {
        write_max(link.unsent_max)
    } else {
        usize::MAX
    };
    assert_eq!(link.write_max(), expected, "{link:?}");
    assert_eq!(link.is_slow(), is_slow, "{link:?}");
}

#[test]
fn a_write_has_half_of_what_may_be_unsent_in_whole_packets_and_two_at_least() {
    for (unsent_max, packets) in [(4096, 2), (8192, 2), (16_384, 5), (65_536, 22)] {
        assert_eq!(write_max(unsent_max), packets * 1448, "{unsent_max}");
    }
}

#[test]
fn the_first_frames_of_a_connection_are_small_until_its_trial_is_over() {
    let mut link = Link::default();
    link.accepted(TRIAL_BYTES as usize - 1, Duration::ZERO);
    assert_eq!(link.frame_max(), Some(8192));
    link.accepted(1, Duration::ZERO);
    assert_eq!((link.frame_max(), link.write_max()), (None, usize::MAX));
}
