//! When each update is due, as offsets from the start of publishing. Pure: no clock.
//!
//! The schedule is absolute: slot `i` is due at `t0 + i / rate`, regardless of earlier slots. A
//! generator that falls behind sends late, and its lateness is part of the latency. A generator
//! that waited for its interval after each send would silently offer less load exactly when the
//! server is slow (Gil Tene's "coordinated omission").

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// How the slots are spread over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Timing {
    /// One slot every `1 / rate`.
    Constant,
    /// Slots independent of each other, as from many unrelated sources: the gaps are exponentially
    /// distributed.
    Poisson {
        /// The same seed gives the same slots.
        seed: u64,
    },
    /// The timing of real events: offsets from the first event, ascending, repeated from the start
    /// when they run out, and scaled to the wanted rate.
    Recorded(Arc<[Duration]>),
}

/// The offsets at which updates are due, in ns, ascending.
#[derive(Debug)]
pub struct Schedule {
    slots: Slots,
    end_ns: u64,
}

#[derive(Debug)]
enum Slots {
    Constant {
        interval_ns: f64,
        next: u64,
    },
    Poisson {
        mean_gap_ns: f64,
        at_ns: f64,
        rng: Box<StdRng>,
    },
    Recorded {
        offsets: Arc<[Duration]>,
        scale: f64,
        cycle_ns: f64,
        next: u64,
    },
}

/// Why a schedule cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The rate is not a positive number.
    #[error("the rate must be a positive number of updates per second")]
    Rate,
    /// The recording has too few events, or no time between them.
    #[error("a recording needs at least two events at different times, in ascending order")]
    Recording,
}

impl Schedule {
    /// `rate` slots per second for `duration`.
    pub fn new(timing: &Timing, rate: f64, duration: Duration) -> Result<Self, ScheduleError> {
        if !(rate.is_finite() && rate > 0.0) {
            return Err(ScheduleError::Rate);
        }
        let interval_ns = 1e9 / rate;
        let slots = match timing {
            Timing::Constant => Slots::Constant {
                interval_ns,
                next: 0,
            },
            Timing::Poisson { seed } => Slots::Poisson {
                mean_gap_ns: interval_ns,
                at_ns: 0.0,
                rng: Box::new(StdRng::seed_from_u64(*seed)),
            },
            Timing::Recorded(offsets) => recorded(offsets, interval_ns)?,
        };
        let end_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { slots, end_ns })
    }
}

fn recorded(offsets: &Arc<[Duration]>, interval_ns: f64) -> Result<Slots, ScheduleError> {
    let span = match (&offsets[..], offsets.last()) {
        ([first, _, ..], Some(last)) if offsets.is_sorted() => last.saturating_sub(*first),
        _ => return Err(ScheduleError::Recording),
    };
    if span.is_zero() {
        return Err(ScheduleError::Recording);
    }
    // One mean gap separates the last event from the first of the next repetition, so n events
    // take n intervals.
    let gaps = (offsets.len() - 1) as f64;
    let cycle_ns = offsets.len() as f64 * interval_ns;
    Ok(Slots::Recorded {
        offsets: offsets.clone(),
        scale: gaps * interval_ns / span.as_nanos() as f64,
        cycle_ns,
        next: 0,
    })
}

impl Iterator for Schedule {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let at_ns = match &mut self.slots {
            Slots::Constant { interval_ns, next } => {
                let at_ns = *next as f64 * *interval_ns;
                *next += 1;
                at_ns
            }
            Slots::Poisson {
                mean_gap_ns,
                at_ns,
                rng,
            } => {
                // `random` lies in [0, 1), so the logarithm's argument is never 0.
                *at_ns -= *mean_gap_ns * (1.0 - rng.random::<f64>()).ln();
                *at_ns
            }
            Slots::Recorded {
                offsets,
                scale,
                cycle_ns,
                next,
            } => {
                let len = offsets.len() as u64;
                let within = offsets[(*next % len) as usize] - offsets[0];
                let at_ns = (*next / len) as f64 * *cycle_ns + within.as_nanos() as f64 * *scale;
                *next += 1;
                at_ns
            }
        };
        let at_ns = at_ns.round() as u64;
        (at_ns < self.end_ns).then_some(at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(ms: &[u64]) -> Timing {
        Timing::Recorded(ms.iter().map(|&ms| Duration::from_millis(ms)).collect())
    }

    #[track_caller]
    fn check(timing: &Timing, rate: f64, seconds: u64, expected_ms: &[f64]) {
        let schedule = Schedule::new(timing, rate, Duration::from_secs(seconds)).unwrap();
        let ms: Vec<f64> = schedule.map(|ns| ns as f64 / 1e6).collect();
        assert_eq!(ms, expected_ms);
    }

    #[test]
    fn constant_slots_lie_at_multiples_of_the_interval() {
        check(&Timing::Constant, 4.0, 1, &[0.0, 250.0, 500.0, 750.0]);
        check(&Timing::Constant, 0.5, 4, &[0.0, 2000.0]);
    }

    #[test]
    fn constant_slots_do_not_drift() {
        let rate = 3.0;
        let last = Schedule::new(&Timing::Constant, rate, Duration::from_secs(100_000))
            .unwrap()
            .last();
        assert_eq!(last, Some((299_999.0f64 / rate * 1e9).round() as u64));
    }

    #[test]
    fn poisson_slots_have_the_rate_and_the_spread_of_a_poisson_process() {
        let timing = Timing::Poisson { seed: 7 };
        let schedule = Schedule::new(&timing, 1000.0, Duration::from_secs(100)).unwrap();
        let slots: Vec<u64> = schedule.collect();
        assert!(slots.is_sorted());
        // 100,000 expected, standard deviation 316.
        assert!((98_500..101_500).contains(&slots.len()), "{}", slots.len());
        let mut per_second = [0f64; 100];
        for slot in &slots {
            per_second[(slot / 1_000_000_000) as usize] += 1.0;
        }
        let mean = slots.len() as f64 / 100.0;
        let variance = per_second.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 99.0;
        // In a Poisson process the variance equals the mean. The estimate's own spread is 14 %.
        assert!((0.4..1.8).contains(&(variance / mean)), "{variance} {mean}");
        let again = Schedule::new(&timing, 1000.0, Duration::from_secs(100)).unwrap();
        assert!(again.eq(slots));
    }

    #[test]
    fn recorded_slots_keep_their_proportions_and_repeat() {
        // Three events in 300 ms at 10 per second: 200 ms of gaps, 100 ms to the next repetition.
        check(
            &offsets(&[1000, 1100, 1400]),
            10.0,
            1,
            &[
                0.0, 50.0, 200.0, 300.0, 350.0, 500.0, 600.0, 650.0, 800.0, 900.0, 950.0,
            ],
        );
    }

    #[test]
    fn rates_and_recordings_that_make_no_schedule_are_refused() {
        let second = Duration::from_secs(1);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Schedule::new(&Timing::Constant, rate, second).unwrap_err();
            assert_eq!(refused, ScheduleError::Rate);
        }
        for timing in [
            offsets(&[]),
            offsets(&[5]),
            offsets(&[5, 5]),
            offsets(&[5, 4]),
        ] {
            let refused = Schedule::new(&timing, 1.0, second).unwrap_err();
            assert_eq!(refused, ScheduleError::Recording);
        }
    }
}
