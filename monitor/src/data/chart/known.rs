//! How far the updates of an interval on a chart are known.

use tickcast_protocol::message::{CandleState, TimeNs};

use crate::data::long_history::outages;

/// Whether all updates of an interval are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It has ended, and all are counted.
    Complete,
    /// It has not ended.
    Open,
    /// Updates are missing.
    Incomplete,
    /// All that is known begins within it. What came before that was not lost on the way.
    Begins,
}

impl Known {
    /// A word for the state of the interval in a file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Open => "open",
            Self::Incomplete | Self::Begins => "incomplete",
        }
    }

    /// Whether updates of the interval may be missing, for whatever reason.
    pub(crate) fn is_partial(self) -> bool {
        matches!(self, Self::Incomplete | Self::Begins)
    }

    /// The same of the first interval of all that are known.
    pub(super) fn of_first(self) -> Self {
        match self {
            Self::Incomplete => Self::Begins,
            Self::Complete | Self::Open | Self::Begins => self,
        }
    }
}

impl From<CandleState> for Known {
    fn from(state: CandleState) -> Self {
        match state {
            CandleState::Complete => Self::Complete,
            CandleState::Open => Self::Open,
            CandleState::Incomplete => Self::Incomplete,
        }
    }
}

/// Stretches of time in which updates are missing, each list ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MissingTimes {
    /// Intervals that lack updates; neighbours are one stretch.
    pub(crate) incomplete: Vec<(TimeNs, TimeNs)>,
    /// Between them, when the source was away.
    pub(crate) away: Vec<(TimeNs, TimeNs)>,
}

impl MissingTimes {
    /// Those that intervals tell of, ascending: of each its start, its end and what is known of it.
    pub(crate) fn of(intervals: impl Iterator<Item = (TimeNs, TimeNs, Known)> + Clone) -> Self {
        let away = outages(
            intervals
                .clone()
                .map(|(start_ns, end_ns, known)| (start_ns, end_ns, known.is_partial())),
        );
        let mut incomplete: Vec<(TimeNs, TimeNs)> = Vec::new();
        for (start_ns, end_ns, known) in intervals {
            match incomplete.last_mut() {
                _ if known != Known::Incomplete => {}
                Some(last) if last.1 == start_ns => last.1 = end_ns,
                _ => incomplete.push((start_ns, end_ns)),
            }
        }
        Self { incomplete, away }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Known::{Begins, Complete, Incomplete, Open},
        *,
    };

    #[test]
    fn neighbours_that_are_incomplete_are_one_stretch_and_others_are_an_outage_apart() {
        let intervals = [
            (0, 1, Incomplete),
            (1, 2, Complete),
            (2, 3, Incomplete),
            (3, 4, Incomplete),
            (7, 8, Incomplete),
            (8, 9, Open),
        ];
        let missing = MissingTimes::of(intervals.into_iter());
        assert_eq!(missing.incomplete, [(0, 1), (2, 4), (7, 8)]);
        assert_eq!(missing.away, [(4, 7)]);
    }

    #[test]
    fn nothing_is_missing_where_all_begins_but_after_it_may_be() {
        let beginning = [(0, 1, Begins), (1, 2, Complete)];
        let missing = MissingTimes::of(beginning.into_iter());
        assert_eq!(missing, MissingTimes::default());
        let outage = [(0, 1, Begins), (5, 6, Incomplete), (6, 7, Complete)];
        let missing = MissingTimes::of(outage.into_iter());
        assert_eq!(missing.incomplete, [(5, 6)]);
        assert_eq!(missing.away, [(1, 5)]);
    }
}
