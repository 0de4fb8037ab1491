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

/// The stretches of time in which updates are missing, by neighbouring intervals: of each its
/// start, its end and what is known of it. Between two of them that lack some, updates are missing
/// too.
pub(crate) fn incomplete_times(
    intervals: impl Iterator<Item = (TimeNs, TimeNs, Known)>,
) -> Vec<(TimeNs, TimeNs)> {
    let mut times: Vec<(TimeNs, TimeNs)> = Vec::new();
    // The end of the interval before, if it lacks updates.
    let mut partial_to_ns = None;
    for (start_ns, end_ns, known) in intervals {
        if known == Known::Incomplete {
            let from_ns = partial_to_ns.unwrap_or(start_ns);
            match times.last_mut() {
                Some(last) if last.1 == from_ns => last.1 = end_ns,
                _ => times.push((from_ns, end_ns)),
            }
        }
        partial_to_ns = known.is_partial().then_some(end_ns);
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
            (7, 8, Incomplete),
            (8, 9, Open),
        ];
        assert_eq!(incomplete_times(intervals.into_iter()), [(0, 1), (2, 8)]);
    }

    #[test]
    fn nothing_is_missing_where_all_begins_but_after_it_may_be() {
        let beginning = [(0, 1, Begins), (1, 2, Complete)];
        assert_eq!(incomplete_times(beginning.into_iter()), []);
        let outage = [(0, 1, Begins), (5, 6, Incomplete), (6, 7, Complete)];
        assert_eq!(incomplete_times(outage.into_iter()), [(1, 6)]);
    }
}
