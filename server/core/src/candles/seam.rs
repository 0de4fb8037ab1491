//! Where what memory has of a topic begins, and what becomes of the updates before.

use tickcast_protocol::message::{Position, Seq, TimeNs, TopicId, Update};

use super::{clock::CLOCK_BACK_MAX, levels, outages::Span};

/// How far the clock may be set back, in ns.
pub(super) const BACK_MAX_NS: TimeNs = CLOCK_BACK_MAX.as_nanos() as TimeNs;

/// Maximum number of times at which updates are missing in the older part of one answer. The two
/// oldest become one where there are more.
const SPANS_MAX: usize = 128;

/// Where what memory has of a topic begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Seam {
    /// It has everything.
    Whole,
    /// At a position, which came in at a time.
    Position(Position, TimeNs),
    /// At a time.
    Time(TimeNs),
    /// It has nothing.
    Nothing,
}

/// Which updates of the topic make older intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OlderRange {
    /// The last position.
    pub to: Position,
    /// The earliest time.
    pub from_ns: TimeNs,
    /// The time after the latest one.
    pub to_ns: TimeNs,
}

/// How far the intervals of an answer are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderProgress {
    /// There is none, and no update counts so far.
    Nothing,
    /// There is one, which may lack older updates.
    Part,
    /// At least one is whole.
    Whole,
}

/// The older part of an answer, while it is made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Older {
    /// Updates from this time on are in memory.
    pub(super) until: TimeNs,
    /// The seq of the last update, which is newer than the next one.
    newer: Option<Seq>,
    /// The earliest time so far.
    pub(super) clock: Option<TimeNs>,
    /// Whether something is missing after the last update.
    pub(super) has_hole: bool,
    /// The second of the last update of another kind than the topic.
    pub(super) other: Option<i64>,
    pub(super) spans: Vec<Span>,
}

impl Older {
    /// One to which nothing is added. Memory has all updates from `until` on.
    pub(super) fn new(until: TimeNs, clock: Option<TimeNs>) -> Self {
        Self {
            until,
            newer: None,
            clock,
            has_hole: false,
            other: None,
            spans: Vec::new(),
        }
    }

    /// Updates are missing at some time in a span.
    pub(super) fn miss(&mut self, from: TimeNs, to: TimeNs) {
        let span = (from.min(to), from.max(to).saturating_add(1));
        let is_full = self.spans.len() == SPANS_MAX;
        match self.spans.last_mut() {
            Some(last) if is_full => *last = (last.0.min(span.0), last.1.max(span.1)),
            _ => self.spans.push(span),
        }
    }

    /// Takes the time of the next update. `None` if it counts nowhere: it was in the future when
    /// the clock was set back.
    pub(super) fn time_of(&mut self, update: &Update<TopicId>) -> Option<TimeNs> {
        let (time, newer) = (update.ingest_time_ns, self.clock.unwrap_or(self.until));
        let follows = match self.newer {
            Some(seq) => update.seq.checked_add(1) == Some(seq),
            None => !self.has_hole,
        };
        if !follows {
            self.miss(time, newer);
        }
        self.newer = Some(update.seq);
        self.has_hole = false;
        if let Some(clock) = self.clock
            && time > clock
        {
            self.miss(clock, time.min(clock.saturating_add(BACK_MAX_NS)));
            return (time.saturating_sub(clock) <= BACK_MAX_NS).then_some(clock);
        }
        self.clock = Some(time);
        Some(time)
    }

    /// Whether the second of an update had one of another kind after it.
    pub(super) fn takes_mark(&mut self, time: TimeNs) -> bool {
        let other = self.other.take();
        other == Some(levels::index(0, time))
    }
}
