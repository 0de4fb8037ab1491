//! Candles and rows of the server, with pointer and keys.

use std::collections::BTreeMap;

use tickcast_monitor::testing::{IncomingItem, LongBar, Monitor, Requests};
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions},
    codec::Encoding,
    decimal::Decimal,
    message::{Candle, CandleState, Candles, Interval, Row, TopicInfo},
    topic::Topic,
};

use super::*;
use crate::support::START_NS;

const MINUTE: i64 = 60 * SECOND;
const SENSOR: &str = "plant/line-1/temperature";

/// A server that knows the past of topics: all their values with their times.
pub(super) struct PastServer {
    /// Keeps the handle working; it is never connected.
    _client: Client,
    pub(super) past: BTreeMap<&'static str, Vec<(i64, f64)>>,
    /// When updates of the market were missing.
    pub(super) outage: (i64, i64),
    /// When it began: of an interval that began before, it lacks updates.
    began_ns: i64,
    pub(super) answers: usize,
}

/// The pages of an answer: at most this many intervals.
const PAGE: usize = 200;

impl PastServer {
    pub(super) fn new() -> (Self, ClientHandle) {
        let options = ConnectOptions::new("ws://127.0.0.1:9/ws", Encoding::Bincode);
        let (client, handle) = Client::new(ClientOptions::new(options));
        let server = Self {
            _client: client,
            past: BTreeMap::new(),
            outage: (0, 0),
            began_ns: i64::MIN,
            answers: 0,
        };
        (server, handle)
    }

    /// The values of a topic, one every `step_ns`, up to the start of the test.
    pub(super) fn fill(&mut self, topic: &'static str, from_ns: i64, step_ns: i64) {
        let mut values = Vec::new();
        let mut at_ns = from_ns;
        let mut number = 0.0f64;
        while at_ns < START_NS {
            let swing = (number / 90.0).sin() * 40.0 + (number / 7.0).cos() * 6.0;
            values.push((at_ns, (swing * 100.0).round() / 100.0));
            number += 1.0;
            at_ns += step_ns;
        }
        self.past.insert(topic, values);
    }

    /// The answer about the intervals of a topic that begin before a time.
    fn answer(&self, topic: &str, interval: Interval, now_ns: i64, before_ns: i64) -> Candles {
        let nanos = interval.nanos();
        let mut candles: Vec<Candle> = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        let decimal = |value: f64| -> Decimal { format!("{value:.2}").parse().unwrap() };
        for &(time_ns, value) in self.past.get(topic).into_iter().flatten() {
            let start_ns = time_ns.div_euclid(nanos) * nanos;
            if start_ns >= before_ns {
                break;
            }
            let end_ns = start_ns + nanos;
            let is_hit = self.outage.0 < end_ns && start_ns < self.outage.1;
            if is_hit && (self.outage.0..self.outage.1).contains(&time_ns) {
                continue;
            }
            let state = match is_hit || start_ns < self.began_ns {
                true => CandleState::Incomplete,
                false if end_ns > now_ns => CandleState::Open,
                false => CandleState::Complete,
            };
            if topic == BTC {
                let price = decimal(39_480.0 + value);
                match candles
                    .last_mut()
                    .filter(|candle| candle.start_ns == start_ns)
                {
                    Some(candle) => {
                        candle.high = candle.high.max(price);
                        candle.low = candle.low.min(price);
                        candle.close = price;
                        candle.count += 1;
                        candle.volume = Some(decimal(candle.count as f64 / 4.0));
                    }
                    None => candles.push(Candle {
                        start_ns,
                        state,
                        open: price,
                        high: price,
                        low: price,
                        close: price,
                        volume: Some(decimal(0.25)),
                        count: 1,
                    }),
                }
            } else {
                match rows.last_mut().filter(|row| row.start_ns == start_ns) {
                    Some(row) => {
                        row.max = row.max.max(value);
                        row.min = row.min.min(value);
                        row.last = value;
                        row.sum += value;
                        row.count += 1;
                    }
                    None => rows.push(Row {
                        start_ns,
                        state,
                        first: value,
                        max: value,
                        min: value,
                        last: value,
                        sum: value,
                        count: 1,
                    }),
                }
            }
        }
        let surplus = candles.len().max(rows.len()).saturating_sub(PAGE);
        candles.drain(..surplus.min(candles.len()));
        rows.drain(..surplus.min(rows.len()));
        Candles {
            id: 0,
            topics: vec![TopicInfo::new(9, Topic::new(topic).unwrap())],
            interval,
            position: 0,
            candles,
            rows,
            more: surplus > 0,
        }
    }

    /// Answers what was asked for with the newest page, as if there were nothing before it.
    pub(super) fn serve_newest(&mut self, harness: &mut Harness<'_, Bench>) {
        let script = &harness.state().script;
        let (now_ns, position) = (script.now_ns, script.position());
        for (id, topic, interval) in harness.state().monitor.candles_asked() {
            let mut page = self.answer(topic.as_str(), interval, now_ns, i64::MAX);
            page.id = id;
            page.position = position;
            page.more = false;
            self.answers += 1;
            let script = &harness.state().script;
            assert!(script.queue.try_put(IncomingItem::Candles(page)));
        }
        harness.run_steps(2);
    }

    /// Answers what was asked for. It sends the newest page that is not known yet.
    pub(super) fn serve(&mut self, harness: &mut Harness<'_, Bench>) {
        let (now_ns, position) = {
            let script = &harness.state().script;
            (script.now_ns, script.position())
        };
        for (id, topic, interval) in harness.state().monitor.candles_asked() {
            let known = harness
                .state()
                .monitor
                .long_bars(topic.as_str(), interval.nanos());
            // What begins before all that is known, or else the newest.
            let before_ns = known.first().map_or(i64::MAX, |bar| bar.start_ns);
            let mut page = self.answer(topic.as_str(), interval, now_ns, before_ns);
            page.id = id;
            page.position = position;
            self.answers += 1;
            let script = &harness.state().script;
            assert!(script.queue.try_put(IncomingItem::Candles(page)));
        }
        harness.run_steps(2);
    }
}

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

#[test]
fn candles_of_a_minute_fill_the_chart_with_the_first_answer() {
    let (mut harness, mut server) = market();
    harness.get_by_label("1 m").click();
    harness.run_steps(2);
    assert!(painted(&harness, "Loading"));
    server.serve(&mut harness);
    assert!(!painted(&harness, "Loading"));
    let minutes = bars(&harness, MINUTE);
    assert_eq!(minutes.len(), 41);
    assert!(
        painted(&harness, "Candles of 1 min begin at"),
        "where they begin"
    );
    // Nothing more is asked while trades come.
    let answers = server.answers;
    trades(&mut harness, 90);
    server.serve(&mut harness);
    assert_eq!(server.answers, answers);
    let after = bars(&harness, MINUTE);
    assert_eq!(after.len(), 43);
    assert_eq!(after[..40], minutes[..40]);
    let count: u64 = after.iter().map(|bar| bar.count).sum();
    assert_eq!(
        count,
        minutes.iter().map(|bar| bar.count).sum::<u64>() + 900
    );

    // The values of a candle under the pointer.
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    harness.hover_at(plot.center() + vec2(plot.width() * 0.3, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "volume 30.00"), "the exact volume");
    assert!(painted(&harness, "120 updates"));
}

#[test]
fn panning_back_fetches_older_pages_and_stops_at_the_beginning() {
    let (mut harness, mut server) = market();
    harness.get_by_label("1 s").click();
    harness.run_steps(2);
    server.serve(&mut harness);
    let first = bars(&harness, SECOND)[0].start_ns;
    for _ in 0..60 {
        harness.key_press(Key::ArrowLeft);
        harness.run_steps(2);
        server.serve(&mut harness);
    }
    let all = bars(&harness, SECOND);
    assert!(all[0].start_ns < first);
    assert!(
        all.windows(2)
            .all(|pair| pair[1].start_ns == pair[0].start_ns + SECOND)
    );
    let pages = server.answers;
    assert!(
        (5..=14).contains(&pages),
        "{pages} pages of {} candles",
        all.len()
    );
    // A view that is covered asks for nothing.
    harness.key_press(Key::End);
    harness.run_steps(2);
    server.serve(&mut harness);
    assert_eq!(server.answers, pages);
}

#[test]
fn what_leaves_the_view_is_not_asked_for() {
    let (mut harness, server) = market();
    harness.get_by_label("1 s").click();
    harness.run_steps(2);
    for _ in 0..10 {
        harness.key_press(Key::ArrowLeft);
        harness.run_steps(2);
    }
    assert_eq!(harness.state().monitor.candles_asked().len(), 1);
    for label in ["10 s", "1 m", "5 m"] {
        harness.get_by_label(label).click();
        harness.run_steps(2);
    }
    for label in ["15 m", "1 h", "4 h", "1 d"] {
        harness.get_by_label("Longer candles").click();
        harness.run_steps(2);
        harness.get_by_label(label).click();
        harness.run_steps(2);
        assert!(is_chosen(&harness, label), "{label}");
    }
    let asked = harness.state().monitor.candles_asked();
    assert!(asked.len() <= 4, "{asked:?}");
    assert_eq!(server.answers, 0);
}

#[test]
fn an_outage_is_hatched_in_the_candles_of_the_server() {
    let (mut harness, mut server) = started(&[BTC], |server| {
        server.fill(BTC, START_NS - 40 * MINUTE, SECOND / 2);
        server.outage = (
            START_NS - 12 * MINUTE + 5,
            START_NS - 6 * MINUTE + 20 * SECOND,
        );
    });
    harness.get_by_label("1 m").click();
    harness.run_steps(2);
    server.serve(&mut harness);
    assert!(painted(&harness, "source away"));
    let states = bars(&harness, MINUTE);
    let incomplete = states
        .iter()
        .filter(|bar| bar.state == CandleState::Incomplete);
    assert_eq!(incomplete.count(), 2, "those in which it began and ended");
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

#[test]
fn where_the_history_begins_nothing_is_hatched_and_the_pointer_says_why() {
    // The server began within a minute, in candles and in the rows of a reading.
    for topic in [BTC, SENSOR] {
        let began_ns = START_NS - 20 * MINUTE - 17 * SECOND;
        let chart = |outage| {
            let (mut harness, mut server) = started(&[topic], |server| {
                server.fill(topic, began_ns, SECOND / 2);
                server.began_ns = began_ns;
                server.outage = outage;
            });
            match topic {
                BTC => harness.get_by_label("1 m").click(),
                _ => {
                    for _ in 0..5 {
                        harness.key_press(Key::Minus);
                        harness.run_steps(2);
                    }
                }
            }
            harness.run_steps(2);
            for _ in 0..12 {
                server.serve(&mut harness);
            }
            harness
        };
        let mut harness = chart((0, 0));
        let plot = harness.get_by_label(&format!("Chart of {topic}")).rect();
        assert_eq!(hatching(&harness, plot), 0, "{topic}");
        let (from_ns, to_ns) = window(&harness);
        assert!(from_ns < began_ns, "{topic}: its beginning is in sight");
        // The pointer over the first interval.
        let ns_per_point = (to_ns - from_ns) as f64 / f64::from(plot.width());
        let found = (0..40).any(|step| {
            let x = (began_ns - from_ns) as f64 / ns_per_point;
            let at = plot.left_center() + vec2(x as f32 - 20.0 + step as f32, 40.0);
            harness.hover_at(at);
            harness.run_steps(2);
            painted(&harness, "history begins in it")
        });
        assert!(found, "{topic}: {:?}", texts(&harness, plot));
        // A loss is hatched still.
        let harness = chart((START_NS - 9 * MINUTE + 5, START_NS - 5 * MINUTE - 5));
        assert!(hatching(&harness, plot) > 0, "{topic}");
    }
}

#[test]
fn a_week_of_a_sensor_opens_at_once_with_the_range_and_the_mean() {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 9 * 24 * 60 * MINUTE, 5 * MINUTE);
    });
    for _ in 0..14 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    server.serve(&mut harness);
    let shown = window(&harness);
    assert!(shown.1 - shown.0 > 7 * 24 * 60 * MINUTE, "a week");
    for _ in 0..4 {
        server.serve(&mut harness);
    }
    assert!(server.answers <= 20, "{} answers", server.answers);
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    harness.hover_at(plot.center() + vec2(plot.width() * 0.3, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "mean "));
    assert!(painted(&harness, "min "));
}

/// A sensor of an hour, of which the monitor holds one update and the rows.
fn hour_of_a_sensor() -> Harness<'static, Bench> {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 60 * MINUTE, SECOND);
    });
    for _ in 0..6 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    for _ in 0..30 {
        server.serve(&mut harness);
    }
    harness
}

#[test]
fn before_the_server_began_nothing_is_drawn() {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 2 * MINUTE + 11 * SECOND, SECOND);
    });
    for _ in 0..3 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    for _ in 0..8 {
        server.serve(&mut harness);
    }
    // A quarter of an hour has one interval, which begins before the first update.
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    assert!(!painted(&harness, "incomplete"));
    harness.hover_at(plot.left_center() + vec2(plot.width() * 0.4, 0.0));
    harness.run_steps(3);
    assert!(!painted(&harness, "mean "), "{:?}", texts(&harness, plot));
    assert!(painted(&harness, "The server's history begins at"));
}

#[test]
fn the_words_about_where_history_begins_leave_a_narrow_chart_to_its_lines() {
    const OTHER: &str = "plant/line-1/pressure";
    let shown = |size: [f32; 2], topics: &[&str]| {
        let (mut harness, mut server) = started_at(size, topics, |server| {
            for topic in [SENSOR, OTHER] {
                server.fill(topic, START_NS - 2 * MINUTE + 11 * SECOND, SECOND);
            }
        });
        for topic in topics {
            let plot = harness.get_by_label(&format!("Chart of {topic}")).rect();
            for _ in 0..3 {
                wheel(&mut harness, plot.center(), -120.0);
            }
        }
        for _ in 0..8 {
            server.serve(&mut harness);
        }
        let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
        assert_apart(&harness, plot, &format!("{size:?}"));
        let texts = texts(&harness, plot).into_iter();
        let words = texts.filter(|(text, _)| text.to_lowercase().contains("begin"));
        let words: Vec<_> = words.collect();
        for (text, rect) in &words {
            assert!(rect.height() < 20.0, "one line: {text:?}");
            assert!(rect.width() < 0.7 * plot.width(), "{text:?} in {plot:?}");
        }
        words.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    let wide = shown([1440.0, 900.0], &[SENSOR]);
    assert!(matches!(&wide[..], [text] if text.starts_with("The server's history begins at 20")));
    let narrow = shown([720.0, 420.0], &[SENSOR]);
    assert!(
        matches!(&narrow[..], [text] if text.starts_with("Begins at ")),
        "{narrow:?}"
    );
    let narrower = shown([720.0, 420.0], &[SENSOR, OTHER]);
    assert!(narrower.len() <= 1, "{narrower:?}");
}

#[test]
fn ruler_and_cursors_measure_rows_and_say_so() {
    let mut harness = hour_of_a_sensor();
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    // From a quarter to the middle of the visible hour: no update of it is held.
    let from = plot.left_center() + vec2(plot.width() * 0.25, 0.0);
    let by = vec2(plot.width() * 0.25, 0.0);
    let press = |pressed, pos| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::SHIFT,
    };
    harness.event_modifiers(egui::Event::PointerMoved(from), Modifiers::SHIFT);
    harness.event_modifiers(press(true, from), Modifiers::SHIFT);
    for part in 1..=4 {
        let place = from + by * (part as f32 / 4.0);
        harness.event_modifiers(egui::Event::PointerMoved(place), Modifiers::SHIFT);
        harness.run_steps(1);
    }
    assert!(
        painted(&harness, "by intervals of "),
        "{:?}",
        texts(&harness, plot)
    );
    assert!(painted(&harness, "mean "));
    let updates = texts(&harness, plot).into_iter().find_map(|(text, _)| {
        let count = text.strip_suffix(" updates")?.replace(',', "");
        count.parse::<i64>().ok()
    });
    let (start_ns, end_ns) = window(&harness);
    let seconds = (end_ns - start_ns) / SECOND / 4;
    let error = (updates.unwrap() - seconds).abs();
    assert!(
        error <= 40,
        "{updates:?} of about {seconds}: a row at each end"
    );
    harness.event_modifiers(press(false, from + by), Modifiers::SHIFT);
    harness.run_steps(2);

    harness.key_press(Key::C);
    harness.run_steps(3);
    assert!(
        painted(&harness, ", by intervals of "),
        "in the table's head"
    );
}

#[test]
fn a_csv_of_a_time_of_which_rows_are_held_has_them_beside_it() {
    let mut harness = hour_of_a_sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::SetFolder(path));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    harness.run_steps(2);
    let begun = Instant::now();
    let names = loop {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        let is_done = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "csv");
        if names.len() == 2 && names.iter().all(is_done) {
            break names;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{names:?}");
    };
    let intervals = names
        .iter()
        .find(|path| path.to_string_lossy().contains("-intervals-"));
    let text = std::fs::read_to_string(intervals.unwrap()).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("start,seconds,min,max,mean,updates,state")
    );
    let counts = lines.map(|line| line.split(',').nth(5).unwrap().parse::<u64>().unwrap());
    let counted: u64 = counts.sum();
    assert!(counted >= 3_000, "{counted} of about 3,600 updates");
    // The notice names both.
    harness.run_steps(3);
    assert!(sees(&harness, "intervals of the time before to "));
}

#[test]
fn a_server_that_keeps_none_says_so() {
    let (mut harness, _server) = market();
    harness.get_by_label("5 m").click();
    harness.run_steps(2);
    for (id, ..) in harness.state().monitor.candles_asked() {
        let script = &harness.state().script;
        let none = IncomingItem::NoHistory { id, is_final: true };
        assert!(script.queue.try_put(none));
    }
    harness.run_steps(2);
    assert!(painted(&harness, "The server keeps no candles"));
    assert!(harness.state().monitor.candles_asked().is_empty());
}
