//! The line of clients that come back from the log, and their part of the shard's time.
//!
//! Such a client may lack hours of updates. While others are served at once, it gets a frame at a
//! time, and rests: a shard that was always busy would take the core from the threads through which
//! live updates come, and each of them would wait for the scheduler.

use std::{collections::VecDeque, time::Duration};

use tickcast_protocol::message::Position;

use super::keys::ConnectionKey;

/// One client that comes back has a part in this many of the time in which the shard has nothing to
/// do. How long an update waits is in inverse proportion to that time, if updates come at random
/// (the M/M/1 queue: Kleinrock, Queueing Systems, volume 1, section 3.2). So each percentile of the
/// others' latency grows by a tenth.
const IDLE_PARTS: f64 = 11.0;

/// What live updates weigh against one client where it is not known how idle the shard is: alone
/// the client has a twenty-fourth of the time.
const USUAL_WEIGHT: f64 = 23.0;

/// The greatest weight of live updates: a client has a two hundredth of the time of a shard that is
/// always busy, until it is known how fast it has to be.
const WEIGHT_MAX: f64 = 199.0;

/// A client advances this many times as fast as the tape at the least, if the shard has the time.
/// So it is live after as long as it was away, however busy the shard is.
const SPEED_MIN: f64 = 2.0;

/// Time after which it is measured anew how fast clients advance, and how idle the shard is.
const MEASURED_FOR: Duration = Duration::from_secs(1);

/// Clients come back at full speed if no live one was served for this long.
const LIVE_RECENTLY: Duration = Duration::from_secs(1);

/// Time that clients may use later: a rest takes longer than it should, because the timers of the
/// shard's thread step by 1 ms.
const SAVED_MAX: Duration = Duration::from_millis(2);

/// The line, and when its first client is due; see the module.
#[derive(Debug, Default)]
pub(super) struct LogPace {
    line: VecDeque<ConnectionKey>,
    /// Uptime until which all of them rest.
    due: Duration,
    /// Whether live clients were served since the last look.
    has_served_live: bool,
    /// Uptime at which this was last seen.
    live: Option<Duration>,
    gives_way: bool,
    measuring: Measuring,
    /// What live updates weigh against one client.
    weight: Option<f64>,
    /// How many times as fast as the tape a client would advance that had all of the shard's time,
    /// if that is known.
    speed: Option<f64>,
}

/// How far clients and the tape have advanced.
#[derive(Debug, Default)]
struct Measuring {
    /// Uptime, and the last position of the tape, at the beginning.
    begin: (Duration, Position),
    /// How long the shard was idle until the beginning, if that is known.
    idle: Option<Duration>,
    /// The time in which clients were served, and the log was read for them.
    served: Duration,
    /// How far they have advanced in it.
    advanced: Position,
}

impl LogPace {
    /// Live clients are served.
    pub(super) fn note_live(&mut self) {
        self.has_served_live = true;
    }

    /// Adds a client at the end of the line.
    pub(super) fn line_up(&mut self, key: ConnectionKey) {
        self.line.push_back(key);
    }

    /// Uptime at which the first client is due, if there is one.
    pub(super) fn next_due(&self) -> Option<Duration> {
        (!self.line.is_empty()).then_some(self.due)
    }

    /// Whether they give way to live clients, as far as is known since the last one was served.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way
    }

    /// Whether the first client is due.
    pub(super) fn is_due(&self, uptime: Duration) -> bool {
        self.next_due().is_some_and(|due| due <= uptime)
    }

    /// Takes the first client if it is due.
    pub(super) fn take(&mut self, uptime: Duration) -> Option<ConnectionKey> {
        let is_due = self.is_due(uptime);
        is_due.then(|| self.line.pop_front()).flatten()
    }

    /// A client has advanced in the log by some positions.
    pub(super) fn note_advanced(&mut self, positions: Position) {
        self.measuring.advanced += positions;
    }

    /// The log was read for clients, which took CPU time of another thread. They rest for that as
    /// well: it may share a core with the shard.
    pub(super) fn note_read(&mut self, elapsed: Duration, uptime: Duration) {
        self.measuring.served += elapsed;
        if self.gives_way {
            self.rest(elapsed, uptime);
        }
    }

    /// A client was served for some time. All of them rest for as long as their part of the time
    /// asks for. `idle` is the time in which the shard had nothing to do since it began, if that is
    /// known, and `head` the last position of the tape.
    pub(super) fn served(
        &mut self,
        elapsed: Duration,
        idle: Option<Duration>,
        uptime: Duration,
        head: Position,
    ) {
        self.measuring.served += elapsed;
        self.measure(idle, uptime, head);
        if std::mem::take(&mut self.has_served_live) {
            self.live = Some(uptime);
        }
        let is_alone = self
            .live
            .is_none_or(|live| uptime.saturating_sub(live) > LIVE_RECENTLY);
        self.gives_way = !is_alone;
        if is_alone {
            self.due = uptime;
            return;
        }
        self.rest(elapsed, uptime);
    }

    /// Lets clients rest after some work was done for them.
    fn rest(&mut self, elapsed: Duration, uptime: Duration) {
        // The one that was served may wait for the log now, or may be live.
        let clients = self.line.len().max(1) as f64;
        let usual = self.weight.unwrap_or(USUAL_WEIGHT) / clients;
        let weight = self.speed.map_or(usual, |speed| {
            let enough = speed / (SPEED_MIN * clients) - 1.0;
            usual.min(enough).max(0.0)
        });
        let rest = elapsed.mul_f64(weight);
        let begin = self.due.max(uptime.saturating_sub(SAVED_MAX));
        self.due = begin + elapsed + rest;
    }

    fn measure(&mut self, idle: Option<Duration>, uptime: Duration, head: Position) {
        let measuring = &mut self.measuring;
        let (begin, before) = measuring.begin;
        let passed = uptime.saturating_sub(begin);
        if passed < MEASURED_FOR {
            return;
        }
        // Clients take a part of the time in which the shard would be idle without them.
        let idle_before = measuring.idle.or(begin.is_zero().then_some(Duration::ZERO));
        self.weight = idle.zip(idle_before).map(|(idle, before)| {
            let idle = idle.saturating_sub(before) + measuring.served;
            let part = idle.min(passed).div_duration_f64(passed) / IDLE_PARTS;
            (1.0 / part - 1.0).min(WEIGHT_MAX)
        });
        // The first time, and after a time without clients, nothing is known.
        let is_known = passed <= 2 * MEASURED_FOR && head > before && !measuring.served.is_zero();
        let come_per_s = head.saturating_sub(before) as f64 / passed.as_secs_f64();
        let advanced_per_s = measuring.advanced as f64 / measuring.served.as_secs_f64();
        self.speed = is_known.then(|| advanced_per_s / come_per_s);
        *measuring = Measuring {
            begin: (uptime, head),
            idle,
            ..Measuring::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::keys::{Key, Slot};

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn key(generation: u32) -> ConnectionKey {
        ConnectionKey {
            slot: <Slot as Key>::from_index(0),
            generation,
        }
    }

    fn line(clients: u32) -> LogPace {
        let mut pace = LogPace::default();
        (0..clients).for_each(|client| pace.line_up(key(client)));
        pace
    }

    /// The part of a second that clients take whose frames take a time, in percent. The thread
    /// wakes a time after they are due.
    fn percent(clients: u32, frame: Duration, late: Duration) -> u128 {
        let mut pace = line(clients);
        let (mut uptime, mut taken) = (Duration::from_secs(5), Duration::ZERO);
        let end = uptime + Duration::from_secs(1);
        while uptime < end {
            match pace.take(uptime) {
                Some(client) => {
                    pace.note_live();
                    pace.line_up(client);
                    pace.served(frame, None, uptime, 0);
                    (uptime, taken) = (uptime + frame, taken + frame);
                }
                None => uptime = pace.next_due().unwrap() + late,
            }
        }
        taken.as_micros() / 10_000
    }

    #[test]
    fn one_client_has_a_small_part_of_the_time_and_many_have_nearly_all() {
        let frame = MILLISECOND / 10;
        for (clients, expected) in [(1, 4), (23, 50), (69, 75), (2_300, 99)] {
            let is_about = |percent: u128| percent.abs_diff(expected) <= 1;
            let exact = percent(clients, frame, Duration::ZERO);
            assert!(is_about(exact), "{clients} clients: {exact} %");
            // Timers that are late do not make it less.
            let late = percent(clients, frame, MILLISECOND);
            assert!(is_about(late), "{clients} clients, late: {late} %");
        }
    }

    /// A frame has 100 updates, of which clients could take 1,000,000 in a second.
    #[test]
    fn the_faster_updates_come_the_more_time_clients_have_so_that_they_advance() {
        const FRAME: (Duration, Position) = (Duration::from_micros(100), 100);
        for (live_per_s, clients, expected) in [
            // A twenty-fourth.
            (5_000, 1, 41_000),
            // Twice as fast as updates come, together.
            (50_000, 1, 100_000),
            (40_000, 10, 800_000),
            // All of the time.
            (600_000, 1, 1_000_000),
        ] {
            let mut pace = line(clients);
            let begin = Duration::from_secs(60);
            let (mut uptime, mut advanced) = (begin, 0);
            let seconds = |uptime: Duration| (uptime - begin).as_secs_f64();
            let mut after_3_s = None;
            while seconds(uptime) < 13.0 {
                let Some(client) = pace.take(uptime) else {
                    uptime = pace.next_due().unwrap();
                    continue;
                };
                pace.note_live();
                pace.line_up(client);
                pace.note_advanced(FRAME.1);
                advanced += FRAME.1;
                let head = (seconds(uptime) * f64::from(live_per_s)) as Position;
                pace.served(FRAME.0, None, uptime, head);
                uptime += FRAME.0;
                if after_3_s.is_none() && seconds(uptime) > 3.0 {
                    after_3_s = Some(advanced);
                }
            }
            let per_s = (advanced - after_3_s.unwrap()) / 10;
            let is_about = per_s.abs_diff(expected) < expected / 20;
            assert!(is_about, "{live_per_s} for {clients}: {per_s}");
        }
    }

    /// The part of the time that one client gets from the third second on, in tenths of a percent,
    /// if the shard is idle for a part of the time without it. Each frame costs some reading.
    fn per_mille(idle: f64, reading: Duration) -> u128 {
        let frame = MILLISECOND / 10;
        let mut pace = line(1);
        let begin = Duration::from_secs(60);
        let (mut uptime, mut taken) = (begin, Duration::ZERO);
        let counted_from = begin + Duration::from_secs(2);
        while uptime < begin + Duration::from_secs(12) {
            let Some(client) = pace.take(uptime) else {
                uptime = pace.next_due().unwrap();
                continue;
            };
            pace.note_live();
            pace.line_up(client);
            pace.note_read(reading, uptime);
            uptime += frame;
            if uptime > counted_from {
                taken += frame + reading;
            }
            let idle = (uptime - begin).mul_f64(idle).saturating_sub(taken);
            pace.served(frame, Some(idle), uptime, 0);
        }
        taken.as_micros() / 10_000
    }

    #[test]
    fn a_client_takes_an_eleventh_of_the_idle_time_and_reading_the_log_counts() {
        for (idle, expected) in [(0.9, 81), (0.5, 45), (0.24, 21), (0.11, 10), (0.0, 5)] {
            for reading in [Duration::ZERO, MILLISECOND / 20, MILLISECOND / 2] {
                let got = per_mille(idle, reading);
                let is_about = got.abs_diff(expected) <= 1 + expected / 12;
                assert!(is_about, "{idle} idle, {reading:?} of reading: {got}");
            }
        }
    }

    #[test]
    fn a_speed_is_known_after_a_second_in_which_clients_and_the_tape_have_advanced() {
        let mut pace = line(1);
        let mut serve = |uptime, head| {
            pace.note_advanced(100);
            pace.served(MILLISECOND, None, uptime, head);
            pace.speed
        };
        let later = |uptime: Duration| uptime + MEASURED_FOR;
        let begin = Duration::from_secs(60);
        assert_eq!(serve(begin, 1_000), None, "nothing was measured before");
        let (one, two) = (later(begin), later(later(begin)));
        // 100 positions in a millisecond, while the tape advances by 1,000 in a second.
        assert_eq!(serve(one, 2_000), Some(100.0));
        assert_eq!(serve(two - MILLISECOND, 3_000), Some(100.0));
        assert_eq!(serve(two, 2_000), None, "the tape has not advanced");
        let idle = later(later(two)) + MILLISECOND;
        assert_eq!(serve(idle, 9_000), None, "no clients for a while");
    }

    #[test]
    fn after_a_long_time_only_a_little_is_made_up_for() {
        let mut pace = line(1);
        pace.note_live();
        let uptime = Duration::from_secs(60);
        pace.served(MILLISECOND, None, uptime, 0);
        assert_eq!(pace.next_due(), Some(uptime - SAVED_MAX + 24 * MILLISECOND));
    }

    #[test]
    fn they_rest_only_while_live_clients_are_served() {
        let mut pace = line(1);
        let served = |pace: &mut LogPace, uptime| {
            pace.served(10 * MILLISECOND, None, uptime, 0);
            pace.is_due(uptime)
        };
        let begin = Duration::from_secs(60);
        assert!(served(&mut pace, begin) && !pace.gives_way());
        pace.note_live();
        assert!(!served(&mut pace, begin) && pace.gives_way());
        let later = begin + LIVE_RECENTLY;
        assert!(!served(&mut pace, later) && pace.gives_way());
        assert!(served(&mut pace, later + Duration::from_nanos(1)) && !pace.gives_way());
    }

    #[test]
    fn the_first_in_line_is_served_first_and_none_before_it_is_due() {
        let mut pace = line(2);
        pace.note_live();
        let uptime = Duration::from_secs(60);
        assert_eq!(pace.take(uptime), Some(key(0)));
        pace.served(10 * MILLISECOND, None, uptime, 0);
        let due = pace.next_due().unwrap();
        assert_eq!(pace.take(due - Duration::from_nanos(1)), None);
        assert_eq!(pace.take(due), Some(key(1)));
        assert_eq!((pace.next_due(), pace.take(due)), (None, None));
    }
}
