//! The tape: the bounded log of recent updates, in strips that are shared by reference.
//!
//! The sequencer writes each [`Strip`] once; it never changes afterwards. Each shard keeps its own
//! [`Tape`], a window of the newest strips. All shards share the bytes of the strips.
//!
//! The files in reading order:
//!
//! * this file: `Tape`, the window of strips that one shard keeps
//! * `strip`: one strip, its builder, and the answers and status changes it carries
//! * `stretch`: a part of one topic's past, as the history returns it
//!
//! The tape knows the protocol's messages and `work::Ack`, and nothing about shards or connections.

mod stretch;
mod strip;

use std::{collections::VecDeque, sync::Arc};

use tickcast_protocol::message::Position;

pub use stretch::Stretch;
pub use strip::{
    AckResult, Made, PublishedOnce, STRIP_MAX_BYTES, StatusChange, Strip, StripBuilder, TapeUpdate,
    append_as_json,
};

/// A window of the newest strips, bounded by their cost in bytes.
#[derive(Debug)]
pub struct Tape {
    strips: VecDeque<Arc<Strip>>,
    bytes: usize,
    max_bytes: usize,
    /// Position of the oldest update still on the tape; of the next update if the tape is empty.
    start: Position,
    /// Position after the newest strip.
    end: Position,
    /// Position of the newest update that counts; see [`begin`](Self::begin).
    head: Position,
}

impl Tape {
    /// An empty tape that holds about `max_bytes`. Its first update will have position 1.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            strips: VecDeque::new(),
            bytes: 0,
            max_bytes,
            start: 1,
            end: 1,
            head: 0,
        }
    }

    /// A tape that continues another one at the position `next`, with its newest strips.
    pub fn restored(max_bytes: usize, strips: &[Arc<Strip>], next: Position) -> Self {
        let start = strips.first().map_or(next, |strip| strip.first());
        let mut tape = Self {
            start,
            end: start,
            head: start.saturating_sub(1),
            ..Self::new(max_bytes)
        };
        strips.iter().for_each(|strip| tape.push(Arc::clone(strip)));
        tape
    }

    /// Appends the next strip and drops the oldest ones above the bound.
    pub fn push(&mut self, strip: Arc<Strip>) {
        self.begin(strip);
        self.advance(self.end - 1);
    }

    /// Appends the next strip, as [`push`](Self::push), but none of its updates counts yet:
    /// [`advance`](Self::advance) moves the head.
    pub fn begin(&mut self, strip: Arc<Strip>) {
        debug_assert_eq!(strip.first(), self.end);
        self.end = strip.end();
        self.bytes += strip.cost_bytes();
        self.strips.push_back(strip);
        while self.bytes > self.max_bytes && self.strips.len() > 1 {
            if let Some(oldest) = self.strips.pop_front() {
                self.bytes -= oldest.cost_bytes();
                self.start = oldest.end();
            }
        }
    }

    /// Moves the head to an update of the newest strip.
    pub fn advance(&mut self, head: Position) {
        debug_assert!(self.head <= head && head < self.end);
        self.head = head;
    }

    /// The position before the oldest update still on the tape. A cursor at this position or later
    /// continues without a gap.
    pub fn floor(&self) -> Position {
        self.start - 1
    }

    /// The position of the newest update; 0 if there was none.
    pub fn head(&self) -> Position {
        self.head
    }

    /// Cost of the strips, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Strips that hold updates after `position`, oldest first.
    pub fn strips_after(&self, position: Position) -> impl Iterator<Item = &Arc<Strip>> {
        let skip = self
            .strips
            .partition_point(|strip| strip.end() <= position + 1);
        self.strips.range(skip..)
    }

    /// Updates with positions in (`after`, `until`], oldest first, each with its strip and its
    /// index there.
    pub fn between(
        &self,
        after: Position,
        until: Position,
    ) -> impl Iterator<Item = (&Arc<Strip>, usize)> {
        self.strips_after(after).flat_map(move |strip| {
            let from = (after + 1).saturating_sub(strip.first());
            let to = (until + 1).min(strip.end()).saturating_sub(strip.first());
            (from as usize..to as usize).map(move |index| (strip, index))
        })
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Quality, TopicId, Update},
        topic::Topic,
        value::Value,
    };

    use super::*;

    fn strip(first: Position, count: u64) -> Arc<Strip> {
        let mut builder = StripBuilder::new(first);
        for position in first..first + count {
            builder.push(&Update {
                topic: position as TopicId % 3,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 5,
                quality: Quality::Live,
                value: Value::Reading(position as f64),
            });
        }
        Arc::new(builder.build())
    }

    #[test]
    fn the_tape_drops_the_oldest_strips_and_knows_its_floor() {
        let cost = strip(1, 10).cost_bytes();
        let mut tape = Tape::new(cost * 3 + cost / 2);
        assert_eq!((tape.floor(), tape.head()), (0, 0));
        for round in 0..5 {
            tape.push(strip(1 + round * 10, 10));
        }
        assert_eq!((tape.floor(), tape.head()), (20, 50));
        assert!(tape.bytes() <= cost * 3 + cost / 2);
    }

    #[test]
    fn a_range_of_positions_is_found_across_strips() {
        let mut tape = Tape::new(1 << 20);
        for first in [1, 11, 21] {
            tape.push(strip(first, 10));
        }
        let positions = |after, until| {
            tape.between(after, until)
                .map(|(strip, index)| strip.get(index).position)
                .collect::<Vec<_>>()
        };
        assert_eq!(positions(8, 23), (9..=23).collect::<Vec<_>>());
        assert_eq!(positions(0, 30), (1..=30).collect::<Vec<_>>());
        assert_eq!(positions(10, 11), [11]);
        assert_eq!(positions(30, 30), [0u64; 0]);
    }

    #[test]
    fn an_update_is_the_same_in_json_and_in_bincode() {
        let strip = strip(1, 3);
        let names = ["a", "b", "c"].map(|name| Topic::new(name).unwrap());
        let json = strip.json(2, |id| &names[id as usize]);
        assert_eq!(
            std::str::from_utf8(json.bytes).unwrap(),
            r#"{"topic":"c","position":2,"seq":2,"ingest_time_ns":"5","quality":"live","value":{"reading":2.0}}"#
        );
    }

    #[test]
    fn json_is_made_once_and_for_a_bounded_number_of_updates() {
        const COUNT: usize = 1_000;
        let strip = strip(1, COUNT as u64);
        let names = ["a", "b", "c"].map(|name| Topic::new(name).unwrap());
        let json = |index| strip.json(1 + index as Position, |id| &names[id as usize]);
        let longest = json(COUNT - 1);
        assert!(longest.new_bytes < 200 * longest.bytes.len());
        let mut new_bytes = longest.new_bytes;
        let mut bytes = 0;
        for index in 0..COUNT {
            let json = json(index);
            let mut alone = Vec::new();
            let update = strip.get(index);
            append_as_json(update.bincode, &names[update.topic as usize], &mut alone);
            assert_eq!(json.bytes, alone, "{index}");
            new_bytes += json.new_bytes;
            bytes += json.bytes.len();
        }
        assert_eq!(new_bytes, bytes);
    }
}
