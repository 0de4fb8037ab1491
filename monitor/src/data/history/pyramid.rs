//! Summaries of summaries: with them a chart of a million samples costs as much as one of a
//! thousand.

use std::collections::VecDeque;

use super::summary::ValueSummary;

/// Samples per bucket of the lowest level. Reading fewer samples directly is as fast as reading
/// buckets, and a level of 4 would cost as much memory as the samples.
pub(super) const BASE_SAMPLES: u64 = 16;

/// Buckets of one level per bucket of the next.
const FACTOR: u64 = 4;

/// A [`ValueSummary`] whose count follows from its level.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    min: f64,
    max: f64,
    first: f64,
    last: f64,
    sum: f64,
}

impl From<ValueSummary> for Bucket {
    fn from(summary: ValueSummary) -> Self {
        let ValueSummary {
            min,
            max,
            first,
            last,
            sum,
            count: _,
        } = summary;
        Self {
            min,
            max,
            first,
            last,
            sum,
        }
    }
}

impl Bucket {
    fn summary(self, count: u64) -> ValueSummary {
        let Self {
            min,
            max,
            first,
            last,
            sum,
        } = self;
        ValueSummary {
            min,
            max,
            first,
            last,
            sum,
            count,
        }
    }
}

/// Buckets of `BASE_SAMPLES * FACTOR^level` samples each. Only complete ones are held; bucket `b`
/// covers the samples from `b * span` on.
#[derive(Debug, Clone, Default)]
struct Level {
    /// Number of the first bucket held.
    start: u64,
    buckets: VecDeque<Bucket>,
}

impl Level {
    fn get(&self, bucket: u64) -> Option<Bucket> {
        let at = bucket.checked_sub(self.start)?;
        self.buckets.get(at as usize).copied()
    }
}

/// The levels over one column of samples, lowest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Pyramid {
    levels: Vec<Level>,
}

fn span(level: usize) -> u64 {
    BASE_SAMPLES * FACTOR.pow(level as u32)
}

impl Pyramid {
    /// Adds the complete bucket `number` of the lowest level, and the buckets that it completes
    /// above.
    pub(super) fn push(&mut self, number: u64, base: ValueSummary) {
        let (mut number, mut bucket) = (number, Bucket::from(base));
        for height in 0.. {
            if height == self.levels.len() {
                self.levels.push(Level::default());
            }
            let level = &mut self.levels[height];
            if level.buckets.is_empty() {
                level.start = number;
            }
            level.buckets.push_back(bucket);
            if !(number + 1).is_multiple_of(FACTOR) {
                return;
            }
            let four = number + 1 - FACTOR..number + 1;
            let merged = four
                .map(|at| level.get(at).map(|bucket| bucket.summary(1)))
                .reduce(|all, next| Some(all?.then(next?)))
                .flatten();
            // If one of the four is forgotten, the bucket above would cover forgotten samples, and
            // so would all above that: those levels are empty.
            let Some(merged) = merged else { return };
            bucket = merged.into();
            number /= FACTOR;
        }
    }

    /// The largest bucket that starts at sample `at` and ends at `end` or before.
    pub(super) fn largest_at(&self, at: u64, end: u64) -> Option<ValueSummary> {
        let mut found = None;
        for (number, level) in self.levels.iter().enumerate() {
            let span = span(number);
            if !at.is_multiple_of(span) || at + span > end {
                break;
            }
            match level.get(at / span) {
                Some(bucket) => found = Some(bucket.summary(span)),
                None => break,
            }
        }
        found
    }

    /// Forgets every bucket that covers a sample before `start`.
    pub(super) fn forget_before(&mut self, start: u64) {
        for (number, level) in self.levels.iter_mut().enumerate() {
            let first = start.div_ceil(span(number));
            while level.start < first && level.buckets.pop_front().is_some() {
                level.start += 1;
            }
        }
    }

    /// Bytes of memory of the buckets.
    pub(super) fn bytes(&self) -> usize {
        self.levels
            .iter()
            .map(|level| level.buckets.capacity() * size_of::<Bucket>())
            .sum()
    }
}
