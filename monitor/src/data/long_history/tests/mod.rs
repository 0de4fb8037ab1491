//! The long history of a topic against a model that keeps all updates.

mod cases;
mod client;
mod model;
mod random;

use tickcast_protocol::message::Interval;

use super::*;
use crate::data::time::SECOND;
use client::Client;

const INTERVALS: [Interval; 3] = [Interval::Second, Interval::Seconds5, Interval::Minute];

/// When the model's server starts: not at the start of an interval.
const START_NS: i64 = 1_700_000_003 * SECOND + SECOND / 3;

/// The intervals in plain numbers, with the states that a chart shows.
fn shown(client: &Client, interval: Interval, now_ns: i64) -> Vec<LongBar> {
    let track = client.history.track(interval).unwrap();
    folded(track, interval.nanos(), (0, i64::MAX - 1), now_ns)
}
