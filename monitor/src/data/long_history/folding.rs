//! Longer intervals of those that the server has, for drawing.

use tickcast_protocol::message::{CandleState, TimeNs};

use super::{bar::LongBar, track::LongTrack};

/// The intervals of `interval_ns` that touch the time from `from_ns` to `to_ns`, with their states
/// as of `now_ns`. The length must be a multiple of the track's.
pub(crate) fn folded(
    track: &LongTrack,
    interval_ns: i64,
    (from_ns, to_ns): (TimeNs, TimeNs),
    now_ns: TimeNs,
) -> Vec<LongBar> {
    let start_of = |time_ns: TimeNs| {
        let number = time_ns.div_euclid(interval_ns);
        number.saturating_mul(interval_ns)
    };
    let mut all: Vec<LongBar> = Vec::new();
    for part in track.bars_between(start_of(from_ns), to_ns.saturating_add(1)) {
        let mut part = *part;
        let end_ns = part.start_ns.saturating_add(track.interval().nanos());
        if part.state == CandleState::Open && end_ns <= now_ns {
            part.state = CandleState::Complete;
        }
        part.start_ns = start_of(part.start_ns);
        let last = all.last_mut();
        match last.filter(|whole| whole.start_ns == part.start_ns) {
            // All intervals of a track are of one kind.
            Some(whole) => {
                whole.merge(&part);
                if part.state == CandleState::Incomplete {
                    whole.state = CandleState::Incomplete;
                }
            }
            None => all.push(part),
        }
    }
    for whole in &mut all {
        let end_ns = whole.start_ns.saturating_add(interval_ns);
        let is_whole = whole.state != CandleState::Incomplete;
        // A part of it that has not ended may still change.
        let known_to_ns = end_ns.min(now_ns);
        whole.state = match is_whole && track.covers(whole.start_ns, known_to_ns) {
            true if end_ns > now_ns => CandleState::Open,
            true => CandleState::Complete,
            // It goes on as soon as the server has answered.
            false if is_whole && end_ns > now_ns => CandleState::Open,
            false => CandleState::Incomplete,
        };
    }
    all
}
