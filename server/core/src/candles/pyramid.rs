//! All levels of one topic.

use std::array;

use tickcast_protocol::message::TimeNs;

use super::{
    levels::{self, LEVELS},
    sum::{Record, Sum},
    track::{Change, Track},
};

/// The open interval of each level of a topic, and the records of those that are over.
///
/// An open interval is over when the next update, or a question, comes later. It then becomes a
/// record, and joins the open interval of the next level.
#[derive(Debug)]
pub(super) struct Pyramid<S: Sum> {
    /// The end of the open second.
    second_ends: TimeNs,
    open: [Option<Record<S>>; LEVELS],
    tracks: [Track<S>; LEVELS],
}

impl<S: Sum> Default for Pyramid<S> {
    fn default() -> Self {
        Self {
            second_ends: TimeNs::MIN,
            open: array::from_fn(|_| None),
            tracks: array::from_fn(|_| Track::default()),
        }
    }
}

impl<S: Sum> Pyramid<S> {
    /// Adds the next sample, whose time is not before those of the samples before it. Calls
    /// `changed` with each level whose records change.
    pub(super) fn push(
        &mut self,
        sample: S::Sample,
        time: TimeNs,
        is_flawed: bool,
        changed: impl FnMut(usize, Change),
    ) {
        if time < self.second_ends
            && let Some(second) = &mut self.open[0]
        {
            second.sum.add(sample);
            second.is_flawed |= is_flawed;
            return;
        }
        self.close_second(changed);
        let index = levels::index(0, time);
        self.second_ends = end_of_second(index);
        self.open[0] = Some(Record {
            index,
            sum: S::of(sample),
            is_flawed,
        });
    }

    /// Marks the open second, of which something is missing.
    pub(super) fn mark(&mut self, time: TimeNs) {
        if time < self.second_ends
            && let Some(second) = &mut self.open[0]
        {
            second.is_flawed = true;
        }
    }

    fn close_second(&mut self, mut changed: impl FnMut(usize, Change)) {
        let mut level = 0;
        let mut closed = self.open[0].take();
        while let Some(record) = closed {
            let change = self.tracks[level].push(&record, levels::block_span(level));
            changed(level, change);
            if level + 1 == LEVELS {
                return;
            }
            let record = record.widened(levels::per_next(level));
            level += 1;
            closed = match &mut self.open[level] {
                Some(open) if open.index == record.index => {
                    open.merge(&record);
                    None
                }
                open => open.replace(record),
            };
        }
    }

    pub(super) fn track(&self, level: usize) -> &Track<S> {
        &self.tracks[level]
    }

    pub(super) fn track_mut(&mut self, level: usize) -> &mut Track<S> {
        &mut self.tracks[level]
    }

    /// The intervals of a level that are not records yet, oldest first.
    pub(super) fn unwritten(&self, level: usize) -> Vec<Record<S>> {
        // They are merged in the order in which they will be when they are over, so that sums of
        // floats stay what they are.
        let mut found: Vec<_> = self.open[0].iter().cloned().collect();
        for coarser in 1..=level {
            let ratio = levels::per_next(coarser - 1);
            let mut widened: Vec<_> = self.open[coarser].iter().cloned().collect();
            for record in found {
                let record = record.widened(ratio);
                match widened.last_mut() {
                    Some(last) if last.index == record.index => last.merge(&record),
                    _ => widened.push(record),
                }
            }
            found = widened;
        }
        found
    }

    /// Forgets the intervals that begin after a time, to which the clock was set back. Returns the
    /// number of records.
    pub(super) fn forget_after(&mut self, time: TimeNs) -> u64 {
        let mut forgotten = 0;
        for level in 0..LEVELS {
            let now = levels::index(level, time);
            forgotten += self.tracks[level].forget_after(now);
            let is_later = |open: &mut Record<S>| open.index > now;
            forgotten += u64::from(self.open[level].take_if(is_later).is_some());
        }
        let second = self.open[0].as_ref();
        self.second_ends = second.map_or(TimeNs::MIN, |second| end_of_second(second.index));
        forgotten
    }
}

fn end_of_second(index: i64) -> TimeNs {
    (index + 1).saturating_mul(levels::nanos(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candles::row_sum::RowSum;

    const SECOND: TimeNs = 1_000_000_000;

    #[test]
    fn only_the_open_second_is_marked() {
        for (time, expected) in [(SECOND - 1, true), (SECOND, false)] {
            let mut pyramid = Pyramid::<RowSum>::default();
            pyramid.push(1.0, 0, false, |_, _| {});
            pyramid.mark(time);
            assert_eq!(pyramid.unwritten(0)[0].is_flawed, expected, "{time}");
        }
    }

    #[test]
    fn what_is_not_written_yet_is_one_interval_of_each_level() {
        let mut pyramid = Pyramid::<RowSum>::default();
        for second in 0..130 {
            pyramid.push(1.0, second * SECOND, false, |_, _| {});
        }
        for (level, expected) in [(0, 1), (1, 10), (2, 130), (3, 130)] {
            let unwritten = pyramid.unwritten(level);
            let counts: Vec<_> = unwritten.iter().map(|record| record.sum.count).collect();
            assert_eq!(counts, [expected], "level {level}");
        }
    }
}
