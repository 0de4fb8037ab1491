//! Rows that are held for a time of which not every update is: the finest for each part of it.

use tickcast_protocol::message::{Interval, TimeNs};

use super::rows::{ChartRow, row};
use crate::data::{
    long_history::{LongBar, LongTrack, TopicLongHistory, folded},
    topics::MonitoredTopic,
};

/// The rows of a topic between two times, before the samples of which none is missing. They are
/// ascending, of `shortest` or longer. What no row is held of is left out.
pub(crate) fn held_rows(
    topic: &MonitoredTopic,
    shortest: Interval,
    (from_ns, to_ns): (TimeNs, TimeNs),
    now_ns: TimeNs,
) -> Vec<ChartRow> {
    let complete_ns = topic.complete_from_ns().unwrap_or(TimeNs::MAX);
    let until_ns = complete_ns.min(to_ns.saturating_add(1));
    match topic.long() {
        Some(long) if from_ns < until_ns => {
            rows_between(long, shortest, (from_ns, until_ns), now_ns)
        }
        _ => Vec::new(),
    }
}

fn rows_between(
    long: &TopicLongHistory,
    shortest: Interval,
    (from_ns, to_ns): (TimeNs, TimeNs),
    now_ns: TimeNs,
) -> Vec<ChartRow> {
    let mut tracks: Vec<&LongTrack> = long.tracks().iter().collect();
    tracks.retain(|track| track.interval() >= shortest);
    tracks.sort_unstable_by_key(|track| track.interval());
    let mut until_ns = to_ns;
    let mut newest_first: Vec<ChartRow> = Vec::new();
    for track in tracks {
        let nanos = track.interval().nanos();
        let ends_ns = until_ns;
        let bars = folded(track, nanos, (from_ns, ends_ns), now_ns);
        let bars = bars.into_iter().filter(|bar| bar.start_ns < ends_ns);
        let is_held = |bar: &LongBar| track.covers(bar.start_ns, ends_ns.min(now_ns));
        for bar in bars.rev().take_while(is_held) {
            newest_first.push(row(bar, nanos, until_ns));
            until_ns = bar.start_ns;
        }
        if until_ns <= from_ns {
            break;
        }
    }
    newest_first.reverse();
    newest_first
}
