//! How far the updates of an interval on a chart are known.

use tickcast_protocol::message::{CandleState, TimeNs};

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

/// Stretches of time in which updates are missing, by neighbouring intervals: of each its start,
/// its end and what is known of it.
pub(crate) fn incomplete_times(
    intervals: impl Iterator<Item = (TimeNs, TimeNs, Known)>,
) -> Vec<(TimeNs, TimeNs)> {
    let mut times: Vec<(TimeNs, TimeNs)> = Vec::new();
    for (start_ns, end_ns, known) in intervals {
        match times.last_mut() {
            _ if known != Known::Incomplete => {}
            Some(last) if last.1 == start_ns => last.1 = end_ns,
            _ => times.push((start_ns, end_ns)),
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::{
        Known::{Begins, Complete, Incomplete, Open},
        *,
    };

    #[test]
    fn neighbours_that_are_incomplete_are_one_stretch() {
        let intervals = [
            (0, 1, Incomplete),
            (1, 2, Complete),
            (2, 3, Incomplete),
            (3, 4, Incomplete),
            (7, 8, Incomplete),
            (8, 9, Open),
        ];
        let times = incomplete_times(intervals.into_iter());
        assert_eq!(times, [(0, 1), (2, 4), (7, 8)]);
    }

    #[test]
    fn nothing_is_missing_where_all_begins() {
        let beginning = [(0, 1, Begins), (1, 2, Complete), (5, 6, Incomplete)];
        assert_eq!(incomplete_times(beginning.into_iter()), [(5, 6)]);
    }
}
