//! A time in which the server or its source was away is a gap, however its sides are drawn.

use tickcast_monitor::testing::{IncomingItem, Requests};
use tickcast_protocol::{
    message::{Mode, Update},
    topic::Topic,
};

use super::{
    long_time::{PastServer, hatching},
    *,
};
use crate::support::START_NS;

const SENSOR: &str = "plant/line-1/temperature";

/// When no update came, within the time that a chart shows at first.
const OUTAGE: (i64, i64) = (
    START_NS - 50 * SECOND - SECOND / 2,
    START_NS - 20 * SECOND - SECOND / 2,
);

/// Positions before this one are of the past.
const PAST: u64 = 10_000;

/// The values of a topic on both sides of the outage: ten per second.
fn both_sides() -> impl Iterator<Item = (i64, f64)> {
    let times = (1..3_000).map(|number| START_NS - 300 * SECOND + number * SECOND / 10);
    let times = times.filter(|time_ns| !(OUTAGE.0 < *time_ns && *time_ns < OUTAGE.1));
    times
        .zip(0..)
        .map(|(time_ns, number)| (time_ns, f64::from(number % 40)))
}

fn value_of(topic: &str, number: f64) -> Value {
    match topic {
        BTC => trade(&format!("{:.2}", 39_480.0 + number), "0.25"),
        _ => Value::Reading(number),
    }
}

/// A monitor that starts after the outage, with a chart of this topic, and its server.
fn started_after(topic: &'static str) -> (Harness<'static, Bench>, PastServer) {
    let (mut server, handle) = PastServer::new();
    server.past.insert(topic, both_sides().collect());
    server.outage = (OUTAGE.0 + 1, OUTAGE.1);
    let mut harness = harness(SavedState::default(), &[topic]);
    let queue = harness.state().script.queue.clone();
    let monitor = &mut harness.state_mut().monitor;
    let url = monitor.url().to_owned();
    monitor.reconnected(url, queue, Requests::by(handle));
    let script = &mut harness.state_mut().script;
    script.skip(topic, PAST);
    fill(script);
    let accepted = IncomingItem::Accepted {
        topic: Topic::new(topic).unwrap(),
        position: script.position(),
    };
    assert!(script.queue.try_put(accepted));
    script.every(topic, value_of(topic, 7.0));
    harness.run_steps(3);
    (harness, server)
}

/// The server sends the updates of both sides.
fn send_history(harness: &mut Harness<'_, Bench>) {
    for (id, topic) in harness.state().monitor.histories_asked() {
        let count = both_sides().count() as u64;
        let updates = both_sides().zip(PAST + 2 - count..);
        let updates = updates.map(|((time_ns, number), seq)| Update {
            value: value_of(topic.as_str(), number),
            topic: topic.clone(),
            position: seq,
            seq,
            source_time_ns: None,
            ingest_time_ns: time_ns,
            quality: Quality::Live,
        });
        let page = IncomingItem::History {
            id,
            updates: updates.collect(),
            more: false,
        };
        assert!(harness.state().script.queue.try_put(page));
    }
    harness.run_steps(2);
}

/// The server answers everything that is asked about intervals.
fn serve_all(server: &mut PastServer, harness: &mut Harness<'_, Bench>) {
    for _ in 0..8 {
        server.serve(harness);
    }
    assert!(harness.state().monitor.candles_asked().is_empty());
}

/// How often lines go across this place.
fn lines_across(harness: &Harness<'_, Bench>, plot: egui::Rect, x: f32) -> usize {
    fn count(shape: &egui::Shape, x: f32) -> usize {
        match shape {
            egui::Shape::Path(path) => {
                let sides = path.points.windows(2);
                sides
                    .filter(|side| (side[0].x < x) != (side[1].x < x))
                    .count()
            }
            egui::Shape::Vec(shapes) => shapes.iter().map(|shape| count(shape, x)).sum(),
            _ => 0,
        }
    }
    let shapes = harness.output().shapes.iter();
    let inside = shapes.filter(|clipped| plot.contains_rect(clipped.clip_rect.shrink(1.0)));
    inside.map(|clipped| count(&clipped.shape, x)).sum()
}

/// Whether the words at this place have a ground of their own, and nothing is painted over them.
fn is_last(harness: &Harness<'_, Bench>, place: egui::Rect) -> bool {
    let shapes = &harness.output().shapes;
    let at = shapes.iter().position(|clipped| match &clipped.shape {
        egui::Shape::Text(text) => text.galley.rect.translate(text.pos.to_vec2()) == place,
        _ => false,
    });
    let at = at.expect("the words are painted");
    let is_over = |clipped: &egui::epaint::ClippedShape| {
        let bounds = clipped.shape.visual_bounding_rect();
        bounds.intersect(clipped.clip_rect).intersects(place)
    };
    let has_ground = match &shapes[at - 1].shape {
        egui::Shape::Rect(ground) => ground.rect.contains_rect(place) && ground.fill.is_opaque(),
        _ => false,
    };
    has_ground && !shapes[at + 1..].iter().any(is_over)
}

/// The outage is hatched and said once, and no line crosses it.
#[track_caller]
fn assert_gap(harness: &Harness<'_, Bench>, topic: &str, (from_ns, to_ns): (i64, i64)) {
    let plot = harness.get_by_label(&format!("Chart of {topic}")).rect();
    let (start_ns, end_ns) = window(harness);
    let x = |time_ns: i64| {
        let part = (time_ns - start_ns) as f64 / (end_ns - start_ns) as f64;
        plot.left() + plot.width() * part as f32
    };
    let words = texts(harness, plot).into_iter();
    let words: Vec<_> = words.filter(|(text, _)| text == "source away").collect();
    let middle = x((from_ns + to_ns) / 2);
    let here = words
        .iter()
        .filter(|word| word.1.x_range().contains(middle));
    let here: Vec<_> = here.collect();
    assert_eq!(here.len(), 1, "{topic}: {words:?}");
    assert_eq!(lines_across(harness, plot, middle), 0, "{topic}");
    assert!(is_last(harness, here[0].1), "{topic}: no line crosses it");
    let inside = egui::Rect::from_x_y_ranges(middle - 5.0..=middle + 5.0, plot.y_range());
    assert!(hatching(harness, inside) > 0, "{topic}");
}

#[test]
fn after_a_restart_of_the_monitor_an_outage_is_a_gap_in_every_update() {
    for topic in [BTC, SENSOR] {
        let (mut harness, mut server) = started_after(topic);
        send_history(&mut harness);
        let series = |harness: &Harness<'_, Bench>| {
            let topic = harness.state().monitor.store().topic_named(topic);
            topic.unwrap().series.as_ref().unwrap().clone()
        };
        assert!(series(&harness).len() > 2_000, "every update is held");
        serve_all(&mut server, &mut harness);
        assert_gap(&harness, topic, OUTAGE);
        let series = series(&harness);
        let gaps: Vec<_> = series.gaps().map(|gap| (gap.from_ns, gap.to_ns)).collect();
        assert_eq!(gaps, [OUTAGE], "from the last update to the next one");
        // It stays one, and nothing is asked for again.
        let answers = server.answers;
        for _ in 0..30 {
            let script = &mut harness.state_mut().script;
            script.now_ns += SECOND / 10;
            script.every(topic, value_of(topic, 9.0));
            harness.run_steps(1);
        }
        serve_all(&mut server, &mut harness);
        assert_eq!(server.answers, answers);
        assert_gap(&harness, topic, OUTAGE);
    }
}

#[test]
fn an_outage_is_a_gap_in_rows_and_in_candles() {
    for topic in [BTC, SENSOR] {
        // The server has no updates of before: rows stand for them.
        let (mut harness, mut server) = started_after(topic);
        for (id, _) in harness.state().monitor.histories_asked() {
            let none = IncomingItem::NoHistory { id, is_final: true };
            assert!(harness.state().script.queue.try_put(none));
        }
        harness.run_steps(2);
        serve_all(&mut server, &mut harness);
        assert_gap(&harness, topic, OUTAGE);
        for history in [false, true] {
            let (mut harness, mut server) = started_after(topic);
            if history {
                send_history(&mut harness);
            }
            harness.get_by_label("1 s").click();
            harness.run_steps(2);
            serve_all(&mut server, &mut harness);
            assert_gap(&harness, topic, OUTAGE);
        }
    }
}

#[test]
fn an_outage_of_a_few_updates_while_the_chart_looks_on_is_a_gap() {
    for topic in [BTC, SENSOR] {
        let mut harness = harness(SavedState::default(), &[topic]);
        fill(&mut harness.state_mut().script);
        let live = |harness: &mut Harness<'_, Bench>, seconds: i64| {
            for at in 0..seconds {
                let script = &mut harness.state_mut().script;
                script.now_ns += SECOND;
                script.every(topic, value_of(topic, f64::from(at as i32 % 7)));
            }
            harness.run_steps(2);
        };
        let told = |harness: &mut Harness<'_, Bench>, status: Status, after_s: i64| {
            let script = &mut harness.state_mut().script;
            script.now_ns += after_s * SECOND;
            script.status(topic, status);
            harness.run_steps(2);
            harness.state().script.now_ns
        };
        live(&mut harness, 30);
        let last_ns = harness.state().script.now_ns;
        // It is seen at once, and while it lasts.
        let from_ns = told(&mut harness, Status::Stale, 1);
        harness.state_mut().script.now_ns += 3 * SECOND;
        harness.run_steps(2);
        assert!(painted(&harness, "source away"), "{topic}");
        let to_ns = told(&mut harness, Status::Live, 1);
        live(&mut harness, 20);
        assert_gap(&harness, topic, (from_ns, to_ns));
        let store = harness.state().monitor.store();
        let series = store.topic_named(topic).unwrap().series.as_ref();
        let gaps = series.unwrap().gaps().map(|gap| (gap.from_ns, gap.to_ns));
        let gaps: Vec<_> = gaps.collect();
        assert_eq!(gaps, [(last_ns, to_ns + SECOND)], "{topic}");
    }
}

#[test]
fn a_server_that_was_restarted_while_the_monitor_looks_on_leaves_a_gap() {
    // All of the view is held, or some of it is before everything that the server has.
    for zooms in [0, 3] {
        restarted_while_looking_on(zooms);
    }
}

fn restarted_while_looking_on(zooms: usize) {
    let (mut harness, mut server) = started_after(BTC);
    send_history(&mut harness);
    for _ in 0..zooms {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    serve_all(&mut server, &mut harness);
    server.outage = (0, 0);
    let live = |harness: &mut Harness<'_, Bench>, server: &mut PastServer, seconds| {
        for at in 0..10 * seconds {
            let script = &mut harness.state_mut().script;
            script.now_ns += SECOND / 10;
            let number = f64::from(at % 30);
            script.every(BTC, value_of(BTC, number));
            let past = server.past.get_mut(BTC).unwrap();
            past.push((script.now_ns, number));
        }
        harness.run_steps(2);
    };
    live(&mut harness, &mut server, 20);
    let from_ns = harness.state().script.now_ns;
    let script = &mut harness.state_mut().script;
    script.connection(ConnectionState::Connecting { attempt: 1 });
    script.now_ns += 45 * SECOND;
    let to_ns = script.now_ns;
    script.goes_on(0x3f2a, 1_000_000, 0xbeef);
    script.granted(BTC, Mode::Every);
    harness.run_steps(2);
    server.outage = (from_ns + 1, to_ns + 1);
    live(&mut harness, &mut server, 15);
    for _ in 0..4 {
        server.serve_newest(&mut harness);
    }
    assert_gap(&harness, BTC, (from_ns, to_ns));
}
