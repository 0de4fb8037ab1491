//! The values of the last seconds, or a number of the last values.

use std::collections::VecDeque;

use tickcast_protocol::message::TimeNs;

use super::sum::ExactSum;

/// The most values of one window: 3 MiB. With more, the result is absent, because it would be one
/// of a shorter time.
pub(super) const WINDOW_MAX: usize = 131_072;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    time_ns: TimeNs,
    value: f64,
    weight: f64,
}

/// How far a window reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The last nanoseconds, without their start, and the most values.
    Time(i64, usize),
    /// This number of values.
    Count(usize),
}

/// The newest values.
#[derive(Debug, Clone)]
pub(super) struct ValueWindow {
    reach: Reach,
    entries: VecDeque<Entry>,
    /// The sums of the values times their weights, and of the weights.
    weighted: ExactSum,
    weights: ExactSum,
    /// Until then the window is too full.
    full_until_ns: Option<TimeNs>,
}

impl ValueWindow {
    /// The values of the last `span_ns`. With more than `capacity` of them it is too full.
    pub(super) fn of_time(span_ns: i64, capacity: usize) -> Self {
        Self::new(Reach::Time(span_ns, capacity))
    }

    /// The last `count` values.
    pub(super) fn of_count(count: usize) -> Self {
        Self::new(Reach::Count(count))
    }

    fn new(reach: Reach) -> Self {
        Self {
            reach,
            entries: VecDeque::new(),
            weighted: ExactSum::default(),
            weights: ExactSum::default(),
            full_until_ns: None,
        }
    }

    /// Adds a value. Those that are too old by then leave.
    pub(super) fn push(&mut self, time_ns: TimeNs, value: f64, weight: f64) {
        match self.reach {
            Reach::Time(span_ns, capacity) => self.make_room(time_ns, span_ns, capacity),
            Reach::Count(count) => {
                while self.entries.len() >= count.max(1) {
                    self.pop();
                }
            }
        }
        self.entries.push_back(Entry {
            time_ns,
            value,
            weight,
        });
        self.weighted.add(value * weight);
        self.weights.add(weight);
    }

    fn make_room(&mut self, time_ns: TimeNs, span_ns: i64, capacity: usize) {
        let start_ns = time_ns.saturating_sub(span_ns);
        let is_old = |entry: &Entry| entry.time_ns <= start_ns;
        while self.entries.front().is_some_and(is_old) {
            self.pop();
        }
        if self.entries.len() >= capacity
            && let Some(first) = self.entries.front()
        {
            self.full_until_ns = Some(first.time_ns.saturating_add(span_ns));
            self.pop();
        }
        self.full_until_ns.take_if(|until_ns| *until_ns <= time_ns);
    }

    fn pop(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        self.weighted.add(-(entry.value * entry.weight));
        self.weights.add(-entry.weight);
        let is_usable = self.weighted.value().is_finite() && self.weights.value().is_finite();
        if self.entries.is_empty() || !is_usable {
            // What overflowed once would stay infinite.
            self.weighted = ExactSum::default();
            self.weights = ExactSum::default();
            for entry in &self.entries {
                self.weighted.add(entry.value * entry.weight);
                self.weights.add(entry.weight);
            }
        }
    }

    /// Forgets all values: what came before a gap says nothing about what comes after it.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.reach);
    }

    /// Whether there were more values than it holds.
    pub(super) fn is_too_full(&self) -> bool {
        self.full_until_ns.is_some()
    }

    /// Whether values are missing: it was made, or forgot all, not long ago.
    pub(super) fn is_short(&self) -> bool {
        matches!(self.reach, Reach::Count(count) if self.entries.len() < count)
    }

    /// The sum of the values times their weights, and the sum of the weights.
    pub(super) fn sums(&self) -> (f64, f64) {
        (self.weighted.value(), self.weights.value())
    }

    /// Time and value of the oldest one.
    pub(super) fn oldest(&self) -> Option<(TimeNs, f64)> {
        let entry = self.entries.front()?;
        Some((entry.time_ns, entry.value))
    }
}
