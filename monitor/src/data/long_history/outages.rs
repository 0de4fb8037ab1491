//! Times in which a source was away, as the server's intervals tell.
//!
//! The server marks the intervals that such a time touches, and one without updates is none at all.

use tickcast_protocol::message::TimeNs;

/// The times between two neighbouring intervals that both lack updates. Of each interval its start,
/// its end, and whether it lacks some; ascending.
pub(crate) fn outages(
    intervals: impl Iterator<Item = (TimeNs, TimeNs, bool)>,
) -> Vec<(TimeNs, TimeNs)> {
    let mut times = Vec::new();
    // The end of the interval before, if it lacks updates.
    let mut lacking_to_ns = None;
    for (start_ns, end_ns, is_lacking) in intervals {
        if let Some(from_ns) = lacking_to_ns.filter(|&end_ns| is_lacking && end_ns < start_ns) {
            times.push((from_ns, start_ns));
        }
        lacking_to_ns = is_lacking.then_some(end_ns);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_was_away_between_two_intervals_that_both_lack_updates() {
        let intervals = [
            (0, 1, true),
            (1, 2, false),
            // Nothing came, and nothing was lost.
            (4, 5, false),
            (5, 6, true),
            (9, 10, true),
            // In neighbours it is not known when.
            (10, 11, true),
            (15, 16, false),
        ];
        assert_eq!(outages(intervals.into_iter()), [(6, 9)]);
    }
}
