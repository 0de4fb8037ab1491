//! Summaries of summaries: what lets a chart of a million samples cost as much as one of a
//! thousand.

use std::collections::VecDeque;

/// Samples of one bucket of the lowest level. Below that reading the samples is as fast as reading
/// buckets, and a level of 4 would cost as much memory as the samples themselves.
pub(super) const BASE_SAMPLES: u64 = 16;

/// Buckets of one level that make up one of the next.
const FACTOR: u64 = 4;

/// What a range of values comes down to. Minimum and maximum are exact, never sampled: a spike of
/// one sample among a million stays visible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The oldest value.
    pub first: f64,
    /// The newest value.
    pub last: f64,
    /// All values added up.
    pub sum: f64,
    /// How many values.
    pub count: u64,
}

impl Summary {
    /// Adds the summary of a later range.
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            first: self.first,
            last: later.last,
            sum: self.sum + later.sum,
            count: self.count + later.count,
        }
    }

    /// The mean of all values.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The summary of values in a slice, oldest first; `None` if there are none.
    pub(super) fn of_slice(values: &[f64]) -> Option<Self> {
        let (first, last) = (*values.first()?, *values.last()?);
        let (mut min, mut max, mut sum) = (first, first, 0.0);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
            sum += value;
        }
        Some(Self {
            min,
            max,
            first,
            last,
            sum,
            count: values.len() as u64,
        })
    }
}

/// A [`Summary`] whose count follows from its level.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    min: f64,
    max: f64,
    first: f64,
    last: f64,
    sum: f64,
}

impl From<Summary> for Bucket {
    fn from(summary: Summary) -> Self {
        let Summary {
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
    fn summary(self, count: u64) -> Summary {
        let Self {
            min,
            max,
            first,
            last,
            sum,
        } = self;
        Summary {
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
    /// Takes in complete bucket `number` of the lowest level, and completes those above it.
    pub(super) fn push(&mut self, number: u64, base: Summary) {
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
            // With one of the four forgotten, the bucket above would cover forgotten samples, and
            // so would all above that: those levels are empty.
            let Some(merged) = merged else { return };
            bucket = merged.into();
            number /= FACTOR;
        }
    }

    /// The largest bucket that starts at sample `at` and ends at `end` or before.
    pub(super) fn largest_at(&self, at: u64, end: u64) -> Option<Summary> {
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

    /// Bytes of memory behind the buckets.
    pub(super) fn bytes(&self) -> usize {
        self.levels
            .iter()
            .map(|level| level.buckets.capacity() * size_of::<Bucket>())
            .sum()
    }
}
