//! Estimates the server's clock by NTP's arithmetic (RFC 5905, sections 8 and 10).

use std::collections::VecDeque;

use crate::message::{TimeAnswer, TimeNs};

/// Samples kept, as in NTP's clock filter.
pub const CLOCK_SAMPLES: usize = 8;

/// How fast a sample loses its value, as a divisor of its age: NTP assumes that a clock drifts by
/// up to 15 parts per million (PHI).
const DRIFT_DIVISOR: i64 = 1_000_000 / 15;

/// An estimate of the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockEstimate {
    /// The server's clock minus the client's, in nanoseconds. The error is at most half the round
    /// trip.
    pub offset_ns: i64,
    /// Round trip of the sample that gave the offset, without the time spent in the server.
    pub round_trip_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    estimate: ClockEstimate,
    taken_at: TimeNs,
}

/// Collects answers and gives the estimate of the best one: the one with the shortest round trip,
/// where age counts against a sample.
#[derive(Debug, Clone, Default)]
pub struct ClockFilter {
    samples: VecDeque<Sample>,
}

impl ClockFilter {
    /// Adds an answer that arrived at `now` by the client's clock. Returns the new estimate, or
    /// `None` for an answer with impossible times (a clock was set back in between), which is
    /// ignored.
    pub fn answer(&mut self, answer: &TimeAnswer, now: TimeNs) -> Option<ClockEstimate> {
        let (t1, t2) = (answer.client_time_ns, answer.receive_time_ns);
        let (t3, t4) = (answer.send_time_ns, now);
        let whole = t4.checked_sub(t1)?;
        let inside = t3.checked_sub(t2)?;
        let round_trip_ns = whole.checked_sub(inside)?;
        if whole < 0 || inside < 0 || round_trip_ns < 0 {
            return None;
        }
        // Halved separately, because the sum of two offsets may overflow.
        let offset_ns = t2.checked_sub(t1)? / 2 + t3.checked_sub(t4)? / 2;
        if self.samples.len() == CLOCK_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            estimate: ClockEstimate {
                offset_ns,
                round_trip_ns,
            },
            taken_at: now,
        });
        self.estimate(now)
    }

    /// The estimate of the best sample.
    pub fn estimate(&self, now: TimeNs) -> Option<ClockEstimate> {
        self.samples
            .iter()
            .min_by_key(|sample| {
                let age = now.saturating_sub(sample.taken_at).max(0);
                sample.estimate.round_trip_ns / 2 + age / DRIFT_DIVISOR
            })
            .map(|sample| sample.estimate)
    }

    /// Removes all samples. Needed for another server, which has another clock.
    pub fn clear(&mut self) {
        self.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(t1: i64, t2: i64, t3: i64) -> TimeAnswer {
        TimeAnswer {
            id: 0,
            client_time_ns: t1,
            receive_time_ns: t2,
            send_time_ns: t3,
        }
    }

    #[test]
    fn the_sample_with_the_shortest_round_trip_wins() {
        let mut filter = ClockFilter::default();
        // 1,000 ahead; 10 to the server, 10 back, 5 inside.
        let exact = filter.answer(&answer(0, 1_010, 1_015), 25).unwrap();
        assert_eq!((exact.offset_ns, exact.round_trip_ns), (1_000, 20));
        // 400 to the server, 10 back: asymmetric, so wrong by 195, and not used.
        let kept = filter.answer(&answer(1_000, 2_400, 2_400), 1_410).unwrap();
        assert_eq!(kept, exact);
    }

    #[test]
    fn a_good_sample_loses_to_a_worse_one_that_is_newer() {
        let mut filter = ClockFilter::default();
        filter.answer(&answer(0, 10, 10), 20).unwrap();
        // A second later NTP allows the clocks to have drifted by 15 microseconds.
        let second = 1_000_000_000;
        let new = filter
            .answer(
                &answer(second, second + 10_500, second + 10_500),
                second + 20_000,
            )
            .unwrap();
        assert_eq!(new.round_trip_ns, 20_000);
    }

    proptest! {
        #[test]
        fn the_error_of_the_offset_is_at_most_half_the_round_trip(
            offset in -1_000_000_000_000i64..1_000_000_000_000,
            trips in proptest::collection::vec((0..50_000_000i64, 0..50_000_000i64, 0..1_000i64), 1..20),
        ) {
            let mut filter = ClockFilter::default();
            let mut now = 1_000_000_000;
            for (there, back, inside) in trips {
                let t2 = now + there + offset;
                let answer = answer(now, t2, t2 + inside);
                now += there + inside + back;
                let estimate = filter.answer(&answer, now).unwrap();
                // One nanosecond for rounding.
                let error = (estimate.offset_ns - offset).abs();
                prop_assert!(error <= estimate.round_trip_ns / 2 + 1);
                prop_assert!(filter.samples.len() <= CLOCK_SAMPLES);
            }
        }

        #[test]
        fn no_combination_of_times_panics(times in any::<[i64; 4]>(), later: i64) {
            let mut filter = ClockFilter::default();
            filter.answer(&answer(times[0], times[1], times[2]), times[3]);
            filter.estimate(later);
        }
    }

    #[test]
    fn answers_with_impossible_times_are_ignored() {
        let mut filter = ClockFilter::default();
        assert_eq!(filter.answer(&answer(100, 0, 0), 50), None);
        assert_eq!(filter.answer(&answer(0, 100, 0), 50), None);
        assert_eq!(filter.answer(&answer(0, 0, 100), 50), None);
        assert_eq!(filter.answer(&answer(i64::MIN, 0, 0), i64::MAX), None);
        assert_eq!(filter.estimate(0), None);
    }
}
