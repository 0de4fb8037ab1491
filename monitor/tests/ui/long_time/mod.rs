//! Candles and rows of the server, with pointer and keys.

mod candles;
mod rows;
mod server;

use tickcast_monitor::testing::{IncomingItem, LongBar, Monitor, Requests};
use tickcast_protocol::topic::Topic;

use super::*;
use crate::support::START_NS;
pub(crate) use server::PastServer;

const MINUTE: i64 = 60 * SECOND;
const SENSOR: &str = "plant/line-1/temperature";

/// A monitor that has just started, with charts of these topics, and its server.
pub(super) fn started(
    topics: &[&str],
    past: impl FnOnce(&mut PastServer),
) -> (Harness<'static, Bench>, PastServer) {
    started_at([1440.0, 900.0], topics, past)
}

/// The same, in a window of this size.
fn started_at(
    size: [f32; 2],
    topics: &[&str],
    past: impl FnOnce(&mut PastServer),
) -> (Harness<'static, Bench>, PastServer) {
    let (mut server, handle) = PastServer::new();
    past(&mut server);
    let mut harness = harness_of(size, SavedState::default(), topics);
    let monitor: &mut Monitor = &mut harness.state_mut().monitor;
    let url = monitor.url().to_owned();
    let queue = harness.state().script.queue.clone();
    let requests = Requests::by(handle);
    harness
        .state_mut()
        .monitor
        .reconnected(url, queue, requests);
    fill(&mut harness.state_mut().script);
    for topic in topics {
        let script = &harness.state().script;
        let accepted = IncomingItem::Accepted {
            topic: Topic::new(topic).unwrap(),
            position: script.position(),
        };
        assert!(script.queue.try_put(accepted));
    }
    harness.run_steps(3);
    let script = &mut harness.state_mut().script;
    for topic in topics {
        let value = match *topic {
            BTC => trade("39484.64", "0.5"),
            _ => Value::Reading(20.5),
        };
        script.every(topic, value);
    }
    harness.run_steps(2);
    (harness, server)
}

fn market() -> (Harness<'static, Bench>, PastServer) {
    started(&[BTC], |server| {
        server.fill(BTC, START_NS - 40 * MINUTE - 17 * SECOND, SECOND / 2)
    })
}

fn bars(harness: &Harness<'_, Bench>, interval_ns: i64) -> Vec<LongBar> {
    harness.state().monitor.long_bars(BTC, interval_ns)
}

/// Number of hatching lines within an area.
pub(super) fn hatching(harness: &Harness<'_, Bench>, area: egui::Rect) -> usize {
    let shapes = harness.output().shapes.iter();
    let lines = shapes.filter(|clipped| match &clipped.shape {
        egui::Shape::LineSegment { points, .. } => {
            let is_slanted = points[0].x != points[1].x && points[0].y != points[1].y;
            is_slanted && clipped.clip_rect.intersects(area)
        }
        _ => false,
    });
    lines.count()
}
