//! The pace of a channel: all updates, or the latest values at a maximum rate.

use std::time::Duration;

use tickcast_protocol::message::Mode;

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

/// Longest interval, for the slowest maximum rate: one batch in 100 seconds.
const INTERVAL_MAX_MS: f64 = 100_000.0;

impl Pace {
    /// The pace for a requested mode and rate. `None` if the rate is not finite or not above 0.
    ///
    /// Intervals are whole milliseconds, so that clients with nearly the same rate share a channel.
    /// Above 1,000 batches per second no limit remains.
    pub fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Option<Self> {
        match (mode, max_rate_hz) {
            (_, Some(rate)) if !rate.is_finite() || rate <= 0.0 => None,
            (Mode::Every, _) => Some(Self::Every),
            (Mode::Latest, None) => Some(Self::Latest { interval_ms: 0 }),
            (Mode::Latest, Some(rate)) => {
                let interval_ms = (1000.0 / rate).round().min(INTERVAL_MAX_MS) as u32;
                Some(Self::Latest { interval_ms })
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
        assert_eq!(grant(5000.0), Some(None));
        assert_eq!(grant(1e-9), Some(Some(0.01)));
        assert_eq!(grant(f64::INFINITY), None);
        assert_eq!(grant(0.0), None);
        assert_eq!(grant(f64::NAN), None);
        assert_eq!(Pace::grant(Mode::Every, None), Some(Pace::Every));
    }
}
