//! Intervals older than those in memory. They are made of the updates that a log on disk has, from
//! the newest to the oldest, and join what memory has without a seam.
//!
//! Memory has all updates from a position on, or, where a level has forgotten some, all of them
//! from a time on. What is before comes from the log, so no update counts twice. An interval that
//! both have a part of is made of both.
//!
//! What is missing is known by the seqs of the topic: those of updates that follow each other have
//! no hole. A clock that was set back is known by the times of the topic's updates.

use tickcast_protocol::message::{TimeNs, TopicId, Update};

use super::{
    excerpt::{Excerpt, Part, Parts},
    folding::Fold,
    levels, outages,
    question::CandlesQuestion,
    sample::Sample,
    seam::{BACK_MAX_NS, Older, OlderProgress, OlderRange, Seam},
    sum::{Record, Sum},
    track::Track,
};

impl Excerpt {
    /// The updates of a log that may make older intervals of those that were asked for. `None` if
    /// memory has all of them, as far as is known before everything is
    /// [read](Excerpt::advance).
    pub fn older(&self) -> Option<OlderRange> {
        let is_exhausted = self.parts.folding().is_none_or(Fold::is_exhausted);
        let wanted = self.question.wanted(1);
        let nanos = self.interval().nanos();
        let from_ns = wanted.start.saturating_mul(nanos);
        let (to, until) = match self.seam {
            Seam::Whole => return None,
            Seam::Position(first, time) => (first.saturating_sub(1), time),
            Seam::Time(time) => (self.position(), time),
            Seam::Nothing => (self.position(), TimeNs::MAX),
        };
        let is_wanted = !wanted.is_empty() && self.question.limit > 0;
        if !is_exhausted || !is_wanted || from_ns >= until {
            return None;
        }
        // Updates that came when the clock was set back are behind by a minute at most.
        let at_most = match self.seam {
            Seam::Position(..) => TimeNs::MAX,
            _ => until.saturating_add(BACK_MAX_NS),
        };
        let before_ns = wanted.end.saturating_mul(nanos).saturating_add(BACK_MAX_NS);
        Some(OlderRange {
            to,
            from_ns,
            to_ns: before_ns.min(at_most),
        })
    }

    /// Begins with the older intervals, once all records of memory are read.
    pub fn begin_older(&mut self) {
        if let Some(folding) = self.parts.folding_mut() {
            folding.go_on();
        }
        let (until, clock) = match self.seam {
            Seam::Position(_, time) => (time, Some(time)),
            Seam::Time(time) => (time, None),
            Seam::Whole | Seam::Nothing => (TimeNs::MAX, None),
        };
        self.older = Some(Box::new(Older::new(until, clock)));
    }

    /// Adds the next older update of the topic.
    pub fn push_older(&mut self, update: &Update<TopicId>) {
        let Some(older) = &mut self.older else {
            return;
        };
        let Some(time) = older.time_of(update) else {
            return;
        };
        let Some(sample) = Sample::of(&update.value, update.quality) else {
            return;
        };
        if time >= older.until && matches!(self.seam, Seam::Time(_)) {
            return;
        }
        if matches!(self.parts, Parts::None) {
            self.parts = match sample {
                Sample::Trade(_) => Parts::Trades(empty(&self.question)),
                Sample::Number(_) => Parts::Rows(empty(&self.question)),
            };
        }
        match (&mut self.parts, sample) {
            (Parts::Trades(part), Sample::Trade(sample)) => {
                part.prepend(sample, time, older.takes_mark(time), &self.question);
            }
            (Parts::Rows(part), Sample::Number(sample)) => {
                part.prepend(sample, time, older.takes_mark(time), &self.question);
            }
            _ => older.other = Some(levels::index(0, time)),
        }
    }

    /// Updates that are older than the last one and newer than the next one may be missing.
    pub fn miss_older(&mut self) {
        if let Some(older) = &mut self.older {
            older.has_hole = true;
        }
    }

    /// How far the intervals are made: the oldest one may lack older updates.
    pub fn progress(&self) -> OlderProgress {
        match self.len() {
            0 => OlderProgress::Nothing,
            1 => OlderProgress::Part,
            _ => OlderProgress::Whole,
        }
    }

    /// Whether there are as many intervals as were asked for, all of them whole.
    pub fn has_enough(&self) -> bool {
        self.parts.folding().is_some_and(Fold::is_full)
    }

    /// Ends with the older intervals. `begin_ns` is the time of the first update in the log if
    /// everything in the range was read, and `None` if there may be more of it.
    pub fn end_older(&mut self, begin_ns: Option<TimeNs>) {
        let has_enough = self.has_enough();
        let Some(mut older) = self.older.take() else {
            return;
        };
        self.complete_from = TimeNs::MIN;
        match begin_ns {
            Some(begin_ns) if !has_enough => {
                // Memory may reach further back than the log.
                self.complete_from = begin_ns.min(older.until);
                if older.has_hole {
                    let newer = older.clock.unwrap_or(older.until);
                    older.miss(TimeNs::MIN, newer);
                }
            }
            _ => {
                if let Some(folding) = self.parts.folding_mut() {
                    match has_enough {
                        false => folding.stop(),
                        true => folding.finish(),
                    }
                }
            }
        }
        let spans = self.outages.iter().copied().chain(older.spans);
        self.outages = outages::joined(spans.collect());
    }
}

impl<S: Sum> Part<S> {
    /// Adds a sample that is older than all others.
    fn prepend(
        &mut self,
        sample: S::Sample,
        time: TimeNs,
        is_flawed: bool,
        question: &CandlesQuestion,
    ) {
        let (level, _) = levels::source(question.interval);
        let record = Record {
            index: levels::index(level, time),
            sum: S::of(sample),
            is_flawed,
        };
        self.folding.add([record].into_iter());
    }
}

/// What memory has of a topic that it does not know.
fn empty<S: Sum>(question: &CandlesQuestion) -> Part<S> {
    let mut part = Part::new(question, &Track::default(), Vec::new());
    part.advance(0);
    part
}
