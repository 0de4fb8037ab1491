//! The rate of a topic's updates.

use tickcast_protocol::message::TimeNs;

/// The number of marks: enough for a steady mean, few enough for 100,000 topics (64 bytes each).
const MARKS: usize = 4;

/// The least time between two marks, so that four of them span some seconds of a fast topic.
const MARK_EVERY_NS: i64 = 1_000_000_000;

/// Times of some updates, and how many had come by then.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpdateRate {
    /// Oldest first; the newest is that of the last update.
    marks: [(TimeNs, u64); MARKS],
    len: u8,
}

impl UpdateRate {
    /// Adds the `seq`-th update of the topic, at `time_ns`.
    pub(crate) fn update(&mut self, time_ns: TimeNs, seq: u64) {
        let len = usize::from(self.len);
        let fresh = |(time, _): (TimeNs, u64)| time_ns - time < MARK_EVERY_NS;
        if len >= 2 && fresh(self.marks[len - 2]) {
            self.marks[len - 1] = (time_ns, seq);
        } else if len < MARKS {
            self.marks[len] = (time_ns, seq);
            self.len += 1;
        } else {
            self.marks.rotate_left(1);
            self.marks[MARKS - 1] = (time_ns, seq);
        }
    }

    /// Starts again: seqs of another epoch cannot be compared.
    pub(crate) fn reset(&mut self) {
        self.len = 0;
    }

    fn span(&self) -> Option<(i64, u64)> {
        let marks = &self.marks[..usize::from(self.len)];
        let (first, last) = (marks.first()?, marks.last()?);
        let updates = last.1.checked_sub(first.1).filter(|&updates| updates > 0)?;
        Some((last.0 - first.0, updates))
    }

    /// Updates per second over the last few seconds or updates; falls while no update comes. `None`
    /// while it is unknown.
    pub(crate) fn per_second(&self, now_ns: TimeNs) -> Option<f64> {
        let (span_ns, updates) = self.span()?;
        let last_ns = self.marks[usize::from(self.len) - 1].0;
        let usual_ns = span_ns / updates as i64;
        let silent_ns = now_ns.saturating_sub(last_ns);
        let overdue_ns = (silent_ns - usual_ns.max(MARK_EVERY_NS)).max(0);
        let span_ns = (span_ns + overdue_ns).max(1);
        Some(updates as f64 * 1e9 / span_ns as f64)
    }

    /// The usual time between two updates.
    pub(crate) fn interval_ns(&self) -> Option<i64> {
        let (span_ns, updates) = self.span()?;
        Some(span_ns / updates as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn every(interval_ns: i64, count: u64) -> (UpdateRate, TimeNs) {
        let mut rate = UpdateRate::default();
        for seq in 1..=count {
            rate.update(seq as i64 * interval_ns, seq);
        }
        (rate, count as i64 * interval_ns)
    }

    #[test]
    fn rates_of_fast_and_slow_topics_are_exact() {
        for (interval_ns, count) in [(SECOND / 400, 4000), (SECOND, 10), (300 * SECOND, 5)] {
            let (rate, now) = every(interval_ns, count);
            let expected = SECOND as f64 / interval_ns as f64;
            let measured = rate.per_second(now).unwrap();
            assert!(
                (measured / expected - 1.0).abs() < 0.01,
                "{measured} instead of {expected}"
            );
        }
    }

    #[test]
    fn the_rate_falls_while_no_update_comes() {
        let (rate, now) = every(SECOND / 100, 1000);
        let later = rate.per_second(now + 60 * SECOND).unwrap();
        assert!(later < 6.0, "{later}");
    }
}
