//! The pace of a channel: all updates, or the latest values at a maximum rate.

use std::time::Duration;

use tickcast_protocol::{
    error::ErrorCode,
    message::{Mode, RATE_MIN_HZ},
};

use crate::{identity::Who, refusal::Refusal};

/// When a channel closes its batches, and which updates they contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each update, in every round.
    Every,
    /// The newest value of each changed topic, once per interval; with an interval of 0, in every
    /// round.
    Latest {
        /// Milliseconds from one batch to the next.
        interval_ms: u32,
    },
}

/// Greatest maximum rate: one batch per millisecond, the shortest interval of the shard's timers.
pub const RATE_MAX_HZ: f64 = 1000.0;

impl Pace {
    /// The pace for a requested mode and rate. `None` if the rate is below [`RATE_MIN_HZ`] or not
    /// finite; [`wrong_rate`](Self::wrong_rate) says so.
    ///
    /// Intervals are whole milliseconds, so that clients with nearly the same rate share a channel.
    /// A rate above [`RATE_MAX_HZ`] is granted as that rate.
    pub fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Option<Self> {
        match (mode, max_rate_hz) {
            (_, Some(rate)) if !rate.is_finite() || rate < RATE_MIN_HZ => None,
            (Mode::Every, _) => Some(Self::Every),
            (Mode::Latest, None) => Some(Self::Latest { interval_ms: 0 }),
            (Mode::Latest, Some(rate)) => {
                let interval_ms = (1000.0 / rate.min(RATE_MAX_HZ)).round() as u32;
                Some(Self::Latest { interval_ms })
            }
        }
    }

    /// Why [`grant`](Self::grant) refuses a rate.
    pub fn wrong_rate(rate: f64) -> String {
        format!(
            "max_rate_hz is {rate}: it must be at least {RATE_MIN_HZ} (a rate above {RATE_MAX_HZ} \
             is granted as {RATE_MAX_HZ})"
        )
    }

    /// The pace that a client gets: no faster than its identity allows. An identity with a greatest
    /// rate has no mode `every`.
    pub fn limited(self, who: Who<'_>) -> Result<Self, Refusal> {
        let limit = match who {
            Who::Known(identity) => identity.limits.max_rate_hz.map(|rate| (identity, rate)),
            Who::Everybody | Who::Unknown => None,
        };
        match (self, limit) {
            (pace, None) => Ok(pace),
            (Self::Every, Some((identity, rate))) => {
                let reason = format!(
                    "mode \"every\" is not allowed for {}, whose greatest rate is {rate} Hz: use mode \
                     \"latest\"",
                    identity.name()
                );
                Err(Refusal::new(ErrorCode::SubscribeForbidden, reason))
            }
            (Self::Latest { interval_ms }, Some((_, rate))) => {
                let least_ms = (1000.0 / rate.clamp(RATE_MIN_HZ, RATE_MAX_HZ)).ceil() as u32;
                Ok(Self::Latest {
                    interval_ms: interval_ms.max(least_ms),
                })
            }
        }
    }

    /// The mode and the maximum rate that it stands for.
    pub fn granted(self) -> (Mode, Option<f64>) {
        match self {
            Self::Every => (Mode::Every, None),
            Self::Latest { interval_ms: 0 } => (Mode::Latest, None),
            Self::Latest { interval_ms } => (Mode::Latest, Some(1000.0 / f64::from(interval_ms))),
        }
    }

    /// Time between batches; zero for every round.
    pub fn interval(self) -> Duration {
        match self {
            Self::Every => Duration::ZERO,
            Self::Latest { interval_ms } => Duration::from_millis(interval_ms.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_granted_in_whole_milliseconds() {
        let grant = |rate| Pace::grant(Mode::Latest, Some(rate)).map(|pace| pace.granted().1);
        assert_eq!(grant(10.0), Some(Some(10.0)));
        assert_eq!(grant(3.0), Some(Some(1000.0 / 333.0)));
        assert_eq!(Pace::grant(Mode::Every, None), Some(Pace::Every));
        assert_eq!(Pace::grant(Mode::Every, Some(7.0)), Some(Pace::Every));
    }

    #[test]
    fn a_rate_above_the_greatest_is_granted_as_that_and_one_below_the_least_is_refused() {
        let grant = |rate| Pace::grant(Mode::Latest, Some(rate)).map(|pace| pace.granted().1);
        for rate in [RATE_MAX_HZ, 1001.0, 2000.0, 1e12, f64::MAX] {
            assert_eq!(grant(rate), Some(Some(RATE_MAX_HZ)), "{rate}");
        }
        assert_eq!(grant(RATE_MIN_HZ), Some(Some(RATE_MIN_HZ)));
        let wrong = [RATE_MIN_HZ * 0.999, 1e-9, 0.0, -0.0, -1.0, f64::NAN];
        for rate in wrong.into_iter().chain([f64::INFINITY, f64::NEG_INFINITY]) {
            for mode in [Mode::Latest, Mode::Every] {
                assert_eq!(Pace::grant(mode, Some(rate)), None, "{rate}");
            }
        }
        assert_eq!(
            Pace::wrong_rate(0.001),
            "max_rate_hz is 0.001: it must be at least 0.01 (a rate above 1000 is granted as 1000)"
        );
    }

    #[test]
    fn a_granted_rate_is_granted_again() {
        for interval_ms in 1..=100_000 {
            let pace = Pace::Latest { interval_ms };
            let (mode, rate) = pace.granted();
            assert_eq!(Pace::grant(mode, rate), Some(pace));
        }
    }
}
