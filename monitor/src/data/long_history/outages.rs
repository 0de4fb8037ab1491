//! Times in which a source was away, as the server's intervals tell.
//!
//! The server marks the intervals that such a time touches, and one without updates is none at all.

use tickcast_protocol::message::{CandleState, TimeNs};

use super::bar::LongBar;

/// Where intervals have this many updates on average, an empty one is no chance: the source was
/// away if one of its neighbours lacks updates. The other one may have ended before the source
/// went, or begun after it came back. With fewer updates both must lack some.
pub(crate) const DENSE_UPDATES: u64 = 8;

/// The times between two neighbouring intervals of this length in which the source was away. The
/// intervals are ascending.
pub(super) fn outages<'b>(
    bars: impl ExactSizeIterator<Item = &'b LongBar> + Clone,
    nanos: i64,
) -> Vec<(TimeNs, TimeNs)> {
    let updates: u64 = bars.clone().map(|bar| bar.count).sum();
    let is_dense = updates >= DENSE_UPDATES * bars.len() as u64;
    let lacks = |bar: &LongBar| bar.state == CandleState::Incomplete;
    let mut times = Vec::new();
    for (before, after) in bars.clone().zip(bars.skip(1)) {
        let end_ns = before.start_ns.saturating_add(nanos);
        let is_away = match is_dense {
            true => lacks(before) || lacks(after),
            false => lacks(before) && lacks(after),
        };
        if is_away && end_ns < after.start_ns {
            times.push((end_ns, after.start_ns));
        }
    }
    times
}

/// Times of several lists, ascending, where those that meet have become one.
pub(crate) fn joined(mut times: Vec<(TimeNs, TimeNs)>) -> Vec<(TimeNs, TimeNs)> {
    times.sort_unstable();
    times.dedup_by(|later, earlier| {
        let meet = later.0 <= earlier.1;
        if meet {
            earlier.1 = earlier.1.max(later.1);
        }
        meet
    });
    times
}

#[cfg(test)]
mod tests {
    use super::{super::bar::BarSum, *};

    fn bars(count: u64, all: &[(TimeNs, bool)]) -> Vec<LongBar> {
        let bar = |&(start_ns, lacks)| LongBar {
            start_ns,
            sum: BarSum::Readings {
                readings: [1.0; 4],
                sum: count as f64,
            },
            count,
            state: match lacks {
                true => CandleState::Incomplete,
                false => CandleState::Complete,
            },
        };
        all.iter().map(bar).collect()
    }

    #[test]
    fn a_source_was_away_between_two_intervals_that_lack_updates() {
        let all = [
            (0, true),
            (1, false),
            (4, false),
            (5, true),
            (9, true),
            // In neighbours it is not known when.
            (10, true),
            (15, false),
        ];
        assert_eq!(outages(bars(1, &all).iter(), 1), [(6, 9)]);
        // Where updates are frequent, one that lacks some is enough.
        let dense = bars(DENSE_UPDATES, &all);
        assert_eq!(outages(dense.iter(), 1), [(6, 9), (11, 15)]);
        assert_eq!(outages([].iter(), 1), []);
    }

    #[test]
    fn what_intervals_of_several_lengths_tell_is_one_list() {
        let times = vec![(10, 20), (1, 4), (12, 18), (4, 6), (30, 31)];
        assert_eq!(joined(times), [(1, 6), (10, 20), (30, 31)]);
    }
}
