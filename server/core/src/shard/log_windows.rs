//! Windows of the log on disk, for subscriptions whose next update the tape has dropped.
//!
//! ```text
//!  a subscription is behind the tape --> a window has its next update --> frames, as from the tape
//!                                   \--> none has: ask --> line --> Event::Read --> the log
//!                                             ^ the answer is one more window <-------+
//! ```
//!
//! A window belongs to no client: those that come back together read the same one. What a client
//! does not read for a while makes room for others, and is read again when the client goes on. So
//! a slow client does not hold up the others.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tickcast_protocol::message::{Position, Seq, TopicId};

use super::keys::ConnectionKey;
use crate::tape::{Strip, Tape};

/// Bytes of updates that one read of the log should return, rounded up to whole strips. It is a
/// millisecond or two of reading, and eight of the longest catch-up frames.
pub const LOG_WINDOW_BYTES: usize = 512 * 1024;

/// Reads of one shard that are under way at a time. Other shards and the answers about the past
/// share the thread that reads, and shall not wait long for it.
pub const LOG_READS_MAX: usize = 4;

/// Memory for the windows of a shard, with those that are being read: about thirty of them.
pub const LOG_WINDOWS_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What a window counts at least, so that their number is bounded as well (256).
const WINDOW_MIN_BYTES: usize = 64 * 1024;

/// A window that was not read for this long makes room for another one. A client that is not
/// blocked reads more often, unless very many catch up.
const REPLACED_AFTER: Duration = Duration::from_millis(100);

/// A window that was not read for this long is dropped, so that memory is free when all clients
/// have caught up.
const DROPPED_AFTER: Duration = Duration::from_secs(5);

/// Where a log goes on after a part that it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBegin {
    /// The position of its next update.
    pub position: Position,
    /// The seq of the last update before it, for each topic by id. Topics without one may be left
    /// out at the end.
    pub seqs: Vec<Seq>,
}

/// What was read of the log for clients that come back.
#[derive(Debug, Default)]
pub struct LogPart {
    /// Strips without an update missing between them. There are none if the log lacks the first
    /// update.
    pub strips: Vec<Arc<Strip>>,
    /// Where the log goes on then, if it does before the tape.
    pub begin: Option<LogBegin>,
    /// CPU time that reading took.
    pub elapsed: Duration,
}

impl LogBegin {
    /// Number of updates of some topics before the position.
    pub(super) fn count(&self, topics: impl Iterator<Item = TopicId>) -> u64 {
        let seqs = topics.filter_map(|id| self.seqs.get(id as usize));
        seqs.sum()
    }
}

/// The windows of a shard, and what its clients ask for; see the module.
#[derive(Debug, Default)]
pub(super) struct LogWindows {
    /// By the position that was asked for.
    windows: BTreeMap<Position, Window>,
    /// What all windows count.
    bytes: usize,
    /// The positions that are asked for, with those being read.
    asks: BTreeMap<Position, Vec<ConnectionKey>>,
    /// Those that are not read yet, in the order in which they were asked for.
    line: VecDeque<Position>,
    /// Reads under way.
    under_way: Vec<Position>,
    uptime: Duration,
}

#[derive(Debug)]
struct Window {
    strips: Tape,
    /// Uptime at which it was last read.
    used: Duration,
    /// Whether a reader has come to its end.
    is_read: bool,
}

impl Window {
    fn cost_bytes(&self) -> usize {
        self.strips.bytes().max(WINDOW_MIN_BYTES)
    }
}

impl LogWindows {
    /// Sets the time.
    pub(super) fn set_uptime(&mut self, uptime: Duration) {
        self.uptime = uptime;
    }

    /// Memory of the windows, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The window with the update at a position.
    pub(super) fn find(&mut self, position: Position) -> Option<&Tape> {
        let (_, window) = self.windows.range_mut(..=position).next_back()?;
        if window.strips.head() < position {
            window.is_read |= window.strips.head() + 1 == position;
            return None;
        }
        (window.used, window.is_read) = (self.uptime, false);
        Some(&window.strips)
    }

    /// Asks for the updates from a position on. A connection asks for one position at a time.
    pub(super) fn ask(&mut self, from: Position, key: ConnectionKey) {
        self.asks
            .entry(from)
            .or_insert_with(|| {
                self.line.push_back(from);
                Vec::new()
            })
            .push(key);
    }

    /// The next position to be read from, if a read may begin now. `is_wanted` is whether a
    /// connection still waits for a position.
    pub(super) fn next_read(
        &mut self,
        mut is_wanted: impl FnMut(ConnectionKey, Position) -> bool,
    ) -> Option<Position> {
        loop {
            let &from = self.line.front()?;
            let keys = self.asks.get_mut(&from)?;
            keys.retain(|&key| is_wanted(key, from));
            if keys.is_empty() {
                self.asks.remove(&from);
                self.line.pop_front();
                continue;
            }
            if self.under_way.len() >= LOG_READS_MAX || !self.make_room() {
                return None;
            }
            self.under_way.push(from);
            return self.line.pop_front();
        }
    }

    /// Takes what was read. Returns the connections that have asked, and whether there is now a
    /// window with the position. `topics` is how many topics the shard knows.
    pub(super) fn put(
        &mut self,
        from: Position,
        strips: Vec<Arc<Strip>>,
        topics: usize,
    ) -> (Vec<ConnectionKey>, bool) {
        let under_way = self.under_way.iter().position(|&other| other == from);
        let Some(index) = under_way else {
            return (Vec::new(), false);
        };
        self.under_way.swap_remove(index);
        let keys = self.asks.remove(&from).unwrap_or_default();
        let strips = usable(strips, from, topics);
        let has_any = !strips.is_empty();
        if let Some(last) = strips.last() {
            self.insert(from, Tape::restored(usize::MAX, &strips, last.end()));
        }
        (keys, has_any)
    }

    /// Drops windows that are no longer read.
    pub(super) fn drop_idle(&mut self) {
        let (mut dropped, uptime) = (0, self.uptime);
        self.windows.retain(|_, window| {
            let is_kept = uptime.saturating_sub(window.used) < DROPPED_AFTER;
            if !is_kept {
                dropped += window.cost_bytes();
            }
            is_kept
        });
        self.bytes -= dropped;
    }

    fn insert(&mut self, from: Position, strips: Tape) {
        let window = Window {
            strips,
            used: self.uptime,
            is_read: false,
        };
        self.bytes += window.cost_bytes();
        let replaced = self.windows.insert(from, window);
        self.bytes -= replaced.map_or(0, |window| window.cost_bytes());
    }

    /// Makes room for one more read. Returns `false` if all windows are in use.
    fn make_room(&mut self) -> bool {
        let reserved = (self.under_way.len() + 1) * LOG_WINDOW_BYTES;
        while self.bytes + reserved > LOG_WINDOWS_MAX_BYTES {
            let replaceable = self.windows.iter().filter(|(_, window)| {
                window.is_read || self.uptime.saturating_sub(window.used) >= REPLACED_AFTER
            });
            let oldest = replaceable.min_by_key(|(_, window)| (!window.is_read, window.used));
            let Some((&key, _)) = oldest else {
                return false;
            };
            let removed = self.windows.remove(&key);
            self.bytes -= removed.map_or(0, |window| window.cost_bytes());
        }
        true
    }
}

/// The strips with a position and those that follow it without a hole, as far as the shard knows
/// their topics.
fn usable(strips: Vec<Arc<Strip>>, from: Position, topics: usize) -> Vec<Arc<Strip>> {
    let mut next = None;
    let strips = strips.into_iter().filter(|strip| strip.end() > from);
    strips
        .take_while(|strip| {
            let follows = match next {
                None => strip.first() <= from,
                Some(next) => strip.first() == next,
            };
            next = Some(strip.end());
            let is_known =
                |index| strip.topic(index) < TopicId::try_from(topics).unwrap_or(TopicId::MAX);
            follows && (0..strip.len()).all(is_known)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Quality, Update},
        value::Value,
    };

    use super::*;
    use crate::{shard::keys::Slot, tape::StripBuilder};

    const UPDATE_BYTES: usize = 60_000;

    /// Updates that follow each other, one in each strip.
    fn strips(from: Position, count: usize, topic: TopicId) -> Vec<Arc<Strip>> {
        let positions = (from..).take(count);
        let strip = |position| {
            let mut builder = StripBuilder::new(position);
            builder.push(&Update {
                topic,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 5,
                quality: Quality::Live,
                value: Value::Text("x".repeat(UPDATE_BYTES)),
            });
            Arc::new(builder.build())
        };
        positions.map(strip).collect()
    }

    fn key() -> ConnectionKey {
        let slot = <Slot as crate::shard::keys::Key>::from_index(0);
        ConnectionKey {
            slot,
            generation: 1,
        }
    }

    /// Updates of one window.
    const WINDOW: usize = LOG_WINDOW_BYTES / UPDATE_BYTES;

    #[test]
    fn a_window_that_is_read_again_takes_the_place_of_the_one_before() {
        let mut windows = LogWindows::default();
        for count in [40, 20] {
            windows.ask(3, key());
            assert_eq!(windows.next_read(|_, _| true), Some(3));
            windows.put(3, strips(3, count, 0), 1);
            assert_eq!(windows.bytes(), windows.windows[&3].cost_bytes());
        }
    }

    #[test]
    fn a_window_is_what_follows_the_position_without_a_hole_and_is_of_known_topics() {
        let put = |from, strips: Vec<Arc<Strip>>| {
            let mut windows = LogWindows::default();
            windows.ask(from, key());
            assert_eq!(windows.next_read(|_, _| true), Some(from));
            let (keys, has_any) = windows.put(from, strips, 2);
            assert_eq!((keys, windows.find(from).is_some()), (vec![key()], has_any));
            let found = (1..20).filter(|&position| windows.find(position).is_some());
            found.collect::<Vec<_>>()
        };
        assert_eq!(put(3, strips(2, 4, 0)), [3, 4, 5]);
        let with_hole = [strips(3, 2, 1), strips(6, 2, 1)].concat();
        assert_eq!(put(3, with_hole), [3, 4]);
        let with_unknown = [strips(3, 2, 1), strips(5, 2, 2)].concat();
        assert_eq!(put(3, with_unknown), [3, 4]);
        for lacking in [vec![], strips(4, 2, 0), strips(1, 2, 0), strips(3, 1, 2)] {
            assert_eq!(put(3, lacking), [0; 0]);
        }
    }

    /// Begins to read windows, one after the other, until no more may be read. Returns how many.
    fn read_windows(windows: &mut LogWindows, first: usize) -> usize {
        let begin = |nth: usize| (nth * WINDOW) as Position + 1;
        (first..first + 100).for_each(|nth| windows.ask(begin(nth), key()));
        let mut read = 0;
        while let Some(from) = windows.next_read(|_, _| true) {
            windows.put(from, strips(from, WINDOW, 0), 1);
            assert!(windows.bytes() <= LOG_WINDOWS_MAX_BYTES);
            read += 1;
        }
        windows.next_read(|_, _| false);
        read
    }

    #[test]
    fn windows_stay_within_their_bound_and_those_that_are_not_read_make_room() {
        let most = LOG_WINDOWS_MAX_BYTES / LOG_WINDOW_BYTES;
        let is_about = |expected: usize, read: usize| read.abs_diff(expected) <= expected / 10 + 1;
        let mut windows = LogWindows::default();
        assert!(is_about(most, read_windows(&mut windows, 0)));
        // All are in use.
        assert_eq!(read_windows(&mut windows, 100), 0);
        // One is read to its end.
        assert!(windows.find(WINDOW as Position).is_some());
        let after = windows
            .windows
            .keys()
            .copied()
            .find(|&key| key > 1)
            .unwrap();
        let removed = windows.windows.remove(&after).unwrap();
        windows.bytes -= removed.cost_bytes();
        assert!(windows.find(after).is_none());
        assert!(is_about(2, read_windows(&mut windows, 200)));
        assert!(!windows.windows.contains_key(&1));
        // Time passes, and one is read.
        windows.set_uptime(REPLACED_AFTER);
        let used = 2 * WINDOW as Position + 1;
        assert!(windows.find(used).is_some());
        assert!(is_about(most, read_windows(&mut windows, 300)));
        assert!(windows.find(used).is_some());
    }

    #[test]
    fn a_read_under_way_counts_as_a_whole_window() {
        let mut windows = LogWindows::default();
        let begin = |nth: usize| (nth * WINDOW) as Position + 1;
        let left = |windows: &LogWindows| LOG_WINDOWS_MAX_BYTES - windows.bytes();
        let mut nth = 0;
        while left(&windows) >= 3 * LOG_WINDOW_BYTES {
            let from = begin(nth);
            windows.ask(from, key());
            assert_eq!(windows.next_read(|_, _| true), Some(from));
            windows.put(from, strips(from, WINDOW, 0), 1);
            nth += 1;
        }
        (0..LOG_READS_MAX).for_each(|more| windows.ask(begin(nth + more), key()));
        let begun = std::iter::from_fn(|| windows.next_read(|_, _| true)).count();
        assert_eq!(begun, left(&windows) / LOG_WINDOW_BYTES);
        assert!(begun < LOG_READS_MAX);
    }

    #[test]
    fn reads_under_way_are_bounded_and_those_that_are_not_wanted_are_left_out() {
        let mut windows = LogWindows::default();
        for from in 1..=10 {
            windows.ask(from, key());
        }
        let is_odd = |_, from| from % 2 == 1;
        let next = |windows: &mut LogWindows| windows.next_read(is_odd);
        let begun: Vec<_> = std::iter::from_fn(|| next(&mut windows)).collect();
        assert_eq!(begun, [1, 3, 5, 7]);
        windows.put(5, vec![], 1);
        assert_eq!((next(&mut windows), next(&mut windows)), (Some(9), None));
    }

    #[test]
    fn windows_that_are_no_longer_read_are_dropped() {
        let mut windows = LogWindows::default();
        windows.ask(1, key());
        windows.next_read(|_, _| true);
        windows.put(1, strips(1, 2, 0), 1);
        windows.set_uptime(DROPPED_AFTER - Duration::from_nanos(1));
        windows.drop_idle();
        assert!(windows.bytes() > 2 * UPDATE_BYTES && windows.find(1).is_some());
        windows.set_uptime(2 * DROPPED_AFTER);
        windows.drop_idle();
        assert!(windows.bytes() == 0 && windows.find(1).is_none());
    }

    #[test]
    fn an_answer_that_no_client_has_asked_for_is_ignored() {
        let mut windows = LogWindows::default();
        assert_eq!(windows.put(1, strips(1, 2, 0), 1), (vec![], false));
        assert_eq!(windows.bytes(), 0);
    }
}
