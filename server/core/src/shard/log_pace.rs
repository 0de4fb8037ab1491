//! The line of clients that come back from the log, and their part of the shard's time.
//!
//! Such a client may lack hours of updates. While others are served at once, it gets a frame at a
//! time, and rests: a shard that was always busy would take the core from the threads through which
//! live updates come, and each of them would wait for the scheduler.

use std::{collections::VecDeque, time::Duration};

use super::keys::ConnectionKey;

/// What live updates weigh against one client that comes back: alone it has a twenty-fourth of the
/// shard's time, 23 have half of it, and hundreds nearly all, or they would never catch up. A
/// twenty-fourth is more than 100,000 updates/s in bincode; `benches/README.md` has the figures.
const LIVE_WEIGHT: u32 = 23;

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

    /// A client was served for some time. All of them rest for as long as their part of the time
    /// asks for.
    pub(super) fn served(&mut self, elapsed: Duration, uptime: Duration) {
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
        // The one that was served may wait for the log now, or may be live.
        let clients = u32::try_from(self.line.len()).unwrap_or(u32::MAX).max(1);
        let rest = elapsed * LIVE_WEIGHT / clients;
        let begin = self.due.max(uptime.saturating_sub(SAVED_MAX));
        self.due = begin + elapsed + rest;
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
                    pace.served(frame, uptime);
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

    #[test]
    fn after_a_long_time_only_a_little_is_made_up_for() {
        let mut pace = line(1);
        pace.note_live();
        let uptime = Duration::from_secs(60);
        pace.served(MILLISECOND, uptime);
        assert_eq!(pace.next_due(), Some(uptime - SAVED_MAX + 24 * MILLISECOND));
    }

    #[test]
    fn they_rest_only_while_live_clients_are_served() {
        let mut pace = line(1);
        let served = |pace: &mut LogPace, uptime| {
            pace.served(10 * MILLISECOND, uptime);
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
        pace.served(10 * MILLISECOND, uptime);
        let due = pace.next_due().unwrap();
        assert_eq!(pace.take(due - Duration::from_nanos(1)), None);
        assert_eq!(pace.take(due), Some(key(1)));
        assert_eq!((pace.next_due(), pace.take(due)), (None, None));
    }
}
