//! Latencies of updates from the tape to this program, over the last minute.

use hdrhistogram::Histogram;
use tickcast_protocol::message::TimeNs;

use super::time::SECOND;

/// Slots of the window: each new one replaces the oldest.
const SLOTS: usize = 6;

/// Length of a slot.
const SLOT_NS: i64 = 10 * SECOND;

/// Resolution: one microsecond, because clocks of two programs do not agree more closely.
const UNIT_NS: i64 = 1_000;

/// The longest latency that is distinguished, in units: one minute. Longer ones count as this.
const LATENCY_MAX_UNITS: u64 = 60_000_000;

/// Significant digits. Two are enough to read, and keep a histogram at about 10 KiB.
const DIGITS: u8 = 2;

/// Latencies of the last minute.
#[derive(Debug, Clone)]
pub(crate) struct LatencyWindow {
    slots: [Histogram<u32>; SLOTS],
    current: i64,
}

/// Percentiles of latencies, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LatencySummary {
    /// Half of the updates took at most this.
    pub p50_ns: i64,
    /// All but one in a hundred updates took at most this.
    pub p99_ns: i64,
    /// The longest latency.
    pub(crate) max_ns: i64,
    /// The number of latencies.
    pub(crate) count: u64,
}

impl Default for LatencyWindow {
    fn default() -> Self {
        let empty = || {
            Histogram::new_with_max(LATENCY_MAX_UNITS, DIGITS)
                .expect("the bounds are those that the crate allows")
        };
        Self {
            slots: std::array::from_fn(|_| empty()),
            current: 0,
        }
    }
}

impl LatencyWindow {
    /// Clears slots that are too old at `now_ns`.
    fn advance(&mut self, now_ns: TimeNs) {
        let slot = now_ns.div_euclid(SLOT_NS);
        let passed = (slot - self.current).clamp(0, SLOTS as i64);
        for at in 0..passed {
            self.slots[(slot - at).rem_euclid(SLOTS as i64) as usize].reset();
        }
        self.current = self.current.max(slot);
    }

    /// Records a latency. A negative one, which clocks that disagree can give, counts as the
    /// smallest unit.
    pub(crate) fn record(&mut self, latency_ns: i64, now_ns: TimeNs) {
        self.advance(now_ns);
        let units = (latency_ns / UNIT_NS).clamp(1, LATENCY_MAX_UNITS as i64) as u64;
        let slot = self.current.rem_euclid(SLOTS as i64) as usize;
        self.slots[slot].saturating_record(units);
    }

    fn merged(&self) -> Histogram<u32> {
        let mut all = self.slots[0].clone();
        for slot in &self.slots[1..] {
            // All slots have the same bounds.
            let _ = all.add(slot);
        }
        all
    }

    /// The percentiles; `None` if no update came within the last minute.
    pub(crate) fn summary(&mut self, now_ns: TimeNs) -> Option<LatencySummary> {
        self.advance(now_ns);
        let all = self.merged();
        let ns = |units: u64| units as i64 * UNIT_NS;
        (!all.is_empty()).then(|| LatencySummary {
            p50_ns: ns(all.value_at_quantile(0.5)),
            p99_ns: ns(all.value_at_quantile(0.99)),
            max_ns: ns(all.max()),
            count: all.len(),
        })
    }

    /// The number of latencies between each two neighbours of `edges_ns`, which ascend.
    pub(crate) fn bars(&self, edges_ns: &[i64]) -> Vec<u64> {
        let all = self.merged();
        let mut bars = vec![0; edges_ns.len().saturating_sub(1)];
        for value in all.iter_recorded() {
            let ns = value.value_iterated_to() as i64 * UNIT_NS;
            let at = edges_ns.partition_point(|&edge| edge <= ns);
            let at = at.saturating_sub(1).min(bars.len().saturating_sub(1));
            if let Some(bar) = bars.get_mut(at) {
                *bar += u64::from(value.count_at_value());
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_last_minute() {
        let mut window = LatencyWindow::default();
        let start = 1_000 * SECOND;
        for at in 0..100 {
            window.record((at + 1) * 10_000, start);
        }
        let summary = window.summary(start).unwrap();
        assert!((490_000..=510_000).contains(&summary.p50_ns), "{summary:?}");
        assert!((980_000..=1_000_000).contains(&summary.p99_ns));
        assert_eq!(summary.count, 100);
        assert!(window.summary(start + 59 * SECOND - SLOT_NS).is_some());
        assert_eq!(window.summary(start + 70 * SECOND), None);
    }

    #[test]
    fn bars_count_every_latency_once() {
        let mut window = LatencyWindow::default();
        for ns in [-5, 60_000, 150_000, 150_000, 9_000_000_000] {
            window.record(ns, 0);
        }
        assert_eq!(window.bars(&[50_000, 100_000, 200_000, 400_000]), [2, 2, 1]);
    }
}
