//! Candles of the server.

use tickcast_monitor::testing::IncomingItem;
use tickcast_protocol::message::CandleState;

use super::*;
use crate::support::START_NS;

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
