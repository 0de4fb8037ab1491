//! What a person sees and does, without a window: clicks, keys, drags, and what stands there then.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use support::{Bench, SECOND, fill, harness, trade};
use tickcast_monitor::{
    alerts::Condition,
    inbox::Link,
    scene::{Command, PlayerStep},
    settings::{Settings, ZoneChoice},
    theme::ThemeChoice,
};
use tickcast_protocol::{
    message::{Quality, Status},
    value::Value,
};

const BTC: &str = "market/BTC-USDT/trade";

fn filled(charts: &[&str]) -> Harness<'static, Bench> {
    let mut harness = harness(Settings::default(), charts);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    harness
}

/// Lets time pass, with 10 trades a second.
fn trades(harness: &mut Harness<'_, Bench>, seconds: i64) {
    let script = &mut harness.state_mut().script;
    for at in 0..seconds * 10 {
        script.now_ns += SECOND / 10;
        let price = format!("{:.2}", 39_480.0 + f64::from((at % 17) as i32));
        script.every(BTC, trade(&price, "0.1"));
    }
    harness.run_steps(2);
}

fn has(harness: &Harness<'_, Bench>, label: &str) -> bool {
    harness.query_by_label(label).is_some()
}

fn sees(harness: &Harness<'_, Bench>, part: &str) -> bool {
    harness.query_all_by_label_contains(part).next().is_some()
}

fn charted(harness: &Harness<'_, Bench>) -> Vec<String> {
    let mut topics: Vec<String> = harness
        .state()
        .monitor
        .workspace()
        .topics()
        .iter()
        .map(ToString::to_string)
        .collect();
    topics.sort();
    topics
}

/// Whether a text that contains this was painted: what charts write is no widget.
fn painted(harness: &Harness<'_, Bench>, part: &str) -> bool {
    fn search(shape: &egui::Shape, part: &str) -> bool {
        match shape {
            egui::Shape::Text(text) => text.galley.text().contains(part),
            egui::Shape::Vec(shapes) => shapes.iter().any(|shape| search(shape, part)),
            _ => false,
        }
    }
    let shapes = &harness.output().shapes;
    shapes.iter().any(|clipped| search(&clipped.shape, part))
}

fn plot_center(harness: &Harness<'_, Bench>) -> Pos2 {
    harness
        .get_by_label(&format!("Chart of {BTC}"))
        .rect()
        .center()
}

fn wheel(harness: &mut Harness<'_, Bench>, at: Pos2, up: f32) {
    harness.hover_at(at);
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: vec2(0.0, up),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    // The wheel is smoothed over some repaints.
    harness.run_steps(20);
}

fn drag(
    harness: &mut Harness<'_, Bench>,
    button: PointerButton,
    from: Pos2,
    by: egui::Vec2,
    modifiers: Modifiers,
) {
    let press = |pressed, pos| egui::Event::PointerButton {
        pos,
        button,
        pressed,
        modifiers,
    };
    if modifiers.shift {
        harness.event(egui::Event::Key {
            key: Key::F20,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        });
    }
    harness.event_modifiers(egui::Event::PointerMoved(from), modifiers);
    harness.event_modifiers(press(true, from), modifiers);
    for part in 1..=5 {
        let pos = from + by * (part as f32 / 5.0);
        harness.event_modifiers(egui::Event::PointerMoved(pos), modifiers);
        harness.run_steps(1);
    }
    harness.event_modifiers(press(false, from + by), modifiers);
    harness.run_steps(2);
}

#[test]
fn topics_appear_by_themselves_in_groups_with_their_values() {
    let harness = filled(&[]);
    for topic in [BTC, "plant/line-1/temperature", "building/power/main"] {
        assert!(has(&harness, topic), "{topic}");
    }
    assert!(has(&harness, "Group market, unfolded"));
    assert!(has(&harness, "Group plant/line-1, unfolded"));
}

#[test]
fn the_slash_focuses_the_filter_and_typing_narrows_the_list() {
    let mut harness = filled(&[]);
    harness.key_press(Key::Slash);
    harness.event(egui::Event::Text("/".to_owned()));
    harness.run_steps(2);
    assert!(harness.get_by_label("Filter topics").is_focused());
    harness.event(egui::Event::Text("eth".to_owned()));
    harness.run_steps(2);
    assert!(has(&harness, "market/ETH-USDT/trade"));
    assert!(!has(&harness, BTC));
}

#[test]
fn the_filter_takes_mqtt_wildcards_and_says_what_is_wrong_with_a_bad_one() {
    let mut harness = filled(&[]);
    harness.get_by_label("Filter topics").focus();
    harness.run_steps(1);
    harness.event(egui::Event::Text("market/+/trade".to_owned()));
    harness.run_steps(2);
    assert!(has(&harness, BTC));
    assert!(!has(&harness, "market/BTC-USDT/quote"));
    harness.event(egui::Event::Text("#".to_owned()));
    harness.run_steps(2);
    assert!(sees(&harness, "Not a filter: the '#'"));
}

#[test]
fn a_click_opens_a_chart_and_another_click_shows_the_other_topic_in_it() {
    let mut harness = filled(&[]);
    harness.get_by_label(BTC).click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
    assert!(has(&harness, &format!("Chart of {BTC}")));
    harness.get_by_label("plant/line-1/pressure").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), ["plant/line-1/pressure"]);
}

#[test]
fn ctrl_click_opens_a_pane_beside_and_the_cross_closes_it() {
    let mut harness = filled(&[BTC]);
    let row = harness.get_by_label("plant/line-1/pressure");
    row.click_modifiers(Modifiers::COMMAND);
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC, "plant/line-1/pressure"]);
    harness.get_by_label("Close plant/line-1/pressure").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
}

#[test]
fn shift_click_puts_a_second_line_on_the_chart() {
    let mut harness = filled(&[BTC]);
    let row = harness.get_by_label("market/ETH-USDT/trade");
    row.click_modifiers(Modifiers::SHIFT);
    harness.run_steps(2);
    let topics = harness.state().monitor.workspace().chart_topics();
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].len(), 2);
}

#[test]
fn j_and_k_move_the_selection_and_enter_charts_it() {
    let mut harness = filled(&[]);
    for key in [Key::J, Key::J, Key::J, Key::K] {
        harness.key_press(key);
        harness.run_steps(1);
    }
    let selected = harness.state().monitor.selected().cloned().unwrap();
    assert_eq!(selected.as_str(), "market/BTC-USDT/quote");
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(charted(&harness), ["market/BTC-USDT/quote"]);
}

#[test]
fn groups_fold_and_headings_sort() {
    let mut harness = filled(&[]);
    harness.get_by_label("Group market, unfolded").click();
    harness.run_steps(2);
    assert!(!has(&harness, BTC));
    harness.get_by_label("Group market, folded").click();
    harness.run_steps(2);
    assert!(has(&harness, BTC));
    harness.get_by_label("Sort by Last").click();
    harness.run_steps(2);
    assert!(!has(&harness, "Group market, unfolded"));
    let top = |topic: &str| harness.get_by_label(topic).rect().top();
    assert!(top(BTC) < top("market/ETH-USDT/trade"));
    assert!(top("market/ETH-USDT/trade") < top("plant/line-1/pressure"));
}

#[test]
fn the_state_of_the_connection_is_told_in_words() {
    let mut harness = harness(Settings::default(), &[]);
    harness.run_steps(1);
    assert!(sees(&harness, "connecting"));
    harness.state().script.link(Link::BackingOff {
        attempt: 3,
        until: Instant::now() + Duration::from_secs(3600),
        why: "connection refused".to_owned(),
    });
    harness.run_steps(2);
    assert!(sees(&harness, "backing off, try 3 in 3"));
    assert!(sees(&harness, "No server at ws://127.0.0.1:7400/ws"));
    assert!(sees(&harness, "tickcast-server"));
    assert!(has(&harness, "No connection"));
    harness.get_by_label("Try now").click();
    harness.run_steps(2);
    assert!(harness.state_mut().monitor.take_reconnect().is_some());
    harness.state().script.connected();
    harness.run_steps(2);
    assert!(sees(&harness, "connected · epoch 3f2a"));
}

#[test]
fn the_first_start_charts_the_busiest_market_by_itself() {
    let mut harness = filled(&[]);
    for _ in 0..30 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND / 5;
        script.latest(BTC, trade("39484.64", "0.5"));
        script.reading("plant/line-1/vibration", "mm/s", 1.2);
        script.reading("plant/line-1/vibration", "mm/s", 1.3);
    }
    harness.run_steps(3);
    assert_eq!(charted(&harness), [BTC]);
}

#[test]
fn zooming_with_the_wheel_keeps_following() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let center = plot_center(&harness);
    wheel(&mut harness, center, 200.0);
    assert!(harness.state().monitor.workspace().is_following());
    assert!(has(&harness, "Following"));
}

#[test]
fn dragging_into_the_past_pauses_with_a_chip_and_the_chip_follows_again() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let center = plot_center(&harness);
    drag(
        &mut harness,
        PointerButton::Primary,
        center,
        vec2(300.0, 0.0),
        Modifiers::NONE,
    );
    assert!(!harness.state().monitor.workspace().is_following());
    assert!(has(&harness, "Paused"));
    trades(&mut harness, 12);
    assert!(sees(&harness, "Paused, +"), "the chip");
    assert!(sees(&harness, "behind"));
    let chip = harness.query_all_by_label_contains("new, ").next().unwrap();
    chip.click();
    harness.run_steps(2);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn end_space_and_ctrl_z_steer_the_view() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let following = |h: &Harness<'_, Bench>| h.state().monitor.workspace().is_following();
    harness.key_press(Key::Space);
    harness.run_steps(2);
    assert!(!following(&harness), "space pauses");
    harness.key_press(Key::End);
    harness.run_steps(2);
    assert!(following(&harness), "end follows");
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(1);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    assert!(!following(&harness), "left goes back");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    assert!(following(&harness), "undone");
}

#[test]
fn the_crosshair_tells_value_time_and_age_while_data_streams_and_all_panes_point_there() {
    let mut harness = filled(&[BTC, "market/EUR-USD/quote"]);
    trades(&mut harness, 20);
    assert!(!painted(&harness, "Δ live"));
    let at = plot_center(&harness) + vec2(300.0, 0.0);
    harness.hover_at(at);
    harness.run_steps(3);
    assert!(painted(&harness, "Δ live"));
    assert!(painted(&harness, " ago"));
    assert!(painted(&harness, "size 0.1"));
    trades(&mut harness, 2);
    assert!(painted(&harness, "Δ live"), "it stays while data streams");
    assert!(
        painted(&harness, "1.12164"),
        "the other pane tells its value"
    );
    harness.remove_cursor();
    harness.run_steps(3);
    assert!(!painted(&harness, "Δ live"));
}

#[test]
fn a_chart_without_data_says_why() {
    let mut harness = filled(&["plant/line-1/door"]);
    assert!(painted(&harness, "This topic has no numbers to chart"));
    harness.get_by_label(BTC).click();
    harness.run_steps(2);
    for _ in 0..8 {
        harness.key_press(Key::ArrowLeft);
        harness.run_steps(1);
    }
    assert!(painted(&harness, "The history begins at "));
    let mut harness = support::harness(Settings::default(), &["not/yet"]);
    harness.run_steps(2);
    assert!(painted(&harness, "Waiting for the first value"));
}

#[test]
fn a_gap_says_on_the_chart_how_much_was_lost() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    assert!(painted(&harness, "gap · 137 lost"));
}

#[test]
fn a_lost_connection_is_hatched_and_a_new_epoch_is_told() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.state().script.link(Link::Connecting { attempt: 1 });
    harness.run_steps(2);
    harness.state_mut().script.now_ns += 5 * SECOND;
    harness.run_steps(2);
    assert!(painted(&harness, "no connection"));
    harness.state().script.link(Link::Connected {
        server: "another".to_owned(),
        epoch: tickcast_protocol::message::Epoch(0xbeef),
    });
    harness.state_mut().script.restart();
    trades(&mut harness, 2);
    assert!(!painted(&harness, "no connection"));
    assert!(painted(&harness, "server restarted"));
    assert!(sees(&harness, "The server was restarted"));
    assert!(has(&harness, "1 restart of the server"));
}

#[test]
fn what_comes_in_while_the_window_is_hidden_is_there_when_it_is_shown_again() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 1);
    let before = harness.state().monitor.store().totals();
    // Hidden: data is taken in, nothing is drawn.
    for _ in 0..600 {
        let Bench { monitor, script } = harness.state_mut();
        script.now_ns += SECOND;
        script.every(BTC, trade("39484.64", "0.1"));
        monitor.take_in(script.now_ns);
    }
    harness.run_steps(1);
    let store = harness.state().monitor.store();
    assert_eq!(store.totals().received, before.received + 600);
    assert_eq!(store.totals().lost, 0);
    assert!(harness.state().monitor.workspace().is_following());
    assert!(
        painted(&harness, "39 484.64"),
        "the newest value is on the axis"
    );
}

#[test]
fn the_window_is_repainted_twice_a_second_while_nothing_happens_and_then_less_and_less() {
    let mut harness = filled(&[]);
    for (seconds, least_ms) in [(1, 400), (14, 900), (60, 9_000)] {
        // What is changed flashes for a moment.
        harness.state_mut().script.now_ns += seconds * SECOND;
        harness.run_steps(20);
        let views = &harness.output().viewport_output;
        let delay = views.values().map(|view| view.repaint_delay).min().unwrap();
        assert!(delay >= Duration::from_millis(least_ms), "{delay:?}");
    }
}

#[test]
fn linked_charts_show_the_same_time() {
    let mut harness = filled(&[BTC, "plant/line-1/pressure"]);
    trades(&mut harness, 5);
    harness.key_press(Key::Space);
    harness.run_steps(2);
    harness.key_press(Key::T);
    harness.run_steps(2);
    let paused = harness.query_all_by_label_contains("Paused, +").count();
    assert!(harness.state().monitor.workspace().is_linked());
    assert_eq!(paused, 2, "both stand still");
    harness.key_press(Key::End);
    harness.run_steps(2);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn a_double_click_follows_again() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.key_press(Key::Space);
    harness.run_steps(2);
    let name = format!("Chart of {BTC}");
    let plot = harness.get_by_label(&name);
    plot.click();
    plot.click();
    harness.run_steps(3);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn a_right_drag_zooms_to_the_box_and_is_undone() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let center = plot_center(&harness);
    drag(
        &mut harness,
        PointerButton::Secondary,
        center,
        vec2(120.0, 80.0),
        Modifiers::NONE,
    );
    assert!(!harness.state().monitor.workspace().is_following());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn updates_that_were_lost_are_counted_where_they_are_seen() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    assert!(sees(&harness, "137 lost in 1 gap"));
    let store = harness.state().monitor.store();
    let series = store.topic_named(BTC).unwrap().series.as_ref().unwrap();
    let gap = series.gaps().next().unwrap();
    assert_eq!(gap.lost, Some(137));
}

#[test]
fn what_newest_values_leave_out_is_no_loss() {
    let mut harness = filled(&[]);
    let script = &mut harness.state_mut().script;
    script.skip(BTC, 50);
    script.latest(BTC, trade("39490.00", "1"));
    harness.run_steps(2);
    let missing = harness
        .state()
        .monitor
        .store()
        .topic_named(BTC)
        .unwrap()
        .missing;
    assert_eq!((missing.lost, missing.gaps, missing.conflated), (0, 0, 50));
    assert!(has(&harness, "gaps"));
}

#[test]
fn status_is_told_in_words_in_list_tree_chart_and_alerts() {
    let topic = "plant/line-1/pressure";
    let mut harness = filled(&[topic]);
    let monitor = &mut harness.state_mut().monitor;
    for condition in [Condition::Stale, Condition::Dead] {
        let topic = topic.parse().unwrap();
        monitor.execute(Command::AddAlert { topic, condition });
    }
    harness.run_steps(1);
    assert!(!sees(&harness, "stale") && !painted(&harness, "stale"));
    for (status, word, aged, others) in [
        (Status::Stale, "stale", "stale 12 s", "1 stale"),
        (Status::Dead, "dead", "dead 24 s", "1 dead"),
    ] {
        let script = &mut harness.state_mut().script;
        script.status(topic, status);
        script.now_ns += 12 * SECOND;
        harness.run_steps(2);
        assert!(has(&harness, &format!("{word} for 12 s")), "in the chart");
        assert!(painted(&harness, aged), "in the list");
        let unseen = harness.state().monitor.alerts().unseen();
        assert!(unseen.last().unwrap().text.contains(word), "an alert");
        harness.key_press(Key::G);
        harness.run_steps(2);
        assert!(painted(&harness, others), "at the branch above");
        assert!(sees(
            &harness,
            &format!("Branch plant, closed, 4 topics, {others}")
        ));
        harness.key_press(Key::G);
        harness.run_steps(2);
    }
    let script = &mut harness.state_mut().script;
    script.status(topic, Status::Live);
    harness.run_steps(2);
    assert!(!sees(&harness, "dead for"));
}

#[test]
fn a_retained_value_is_never_shown_as_fresh() {
    let topic = "plant/line-1/pressure";
    let mut harness = filled(&[topic]);
    let script = &mut harness.state_mut().script;
    script.quality = Quality::Retained;
    script.every(topic, Value::Reading(2.0));
    harness.run_steps(2);
    assert!(
        painted(&harness, "retained"),
        "in the list, instead of an age"
    );
    assert!(has(&harness, "retained: an old value"), "in the chart");
}

#[test]
fn the_tree_opens_and_closes_by_mouse_and_keys_and_charts_what_is_chosen() {
    let mut harness = filled(&[]);
    harness.get_by_label("Tree").click();
    harness.run_steps(2);
    assert!(has(&harness, "Branch market, closed, 4 topics"));
    harness
        .get_by_label("Branch plant, closed, 4 topics")
        .click();
    harness.run_steps(2);
    assert!(has(&harness, "Branch plant, open, 4 topics"));
    for key in [Key::J, Key::L, Key::J] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    assert!(has(&harness, "Branch line-1, open, 4 topics"));
    let selected = harness.state().monitor.selected().cloned();
    assert_eq!(selected.unwrap().as_str(), "plant/line-1/door");
    harness.key_press(Key::J);
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(charted(&harness), ["plant/line-1/pressure"]);
    for key in [Key::H, Key::H] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    assert!(has(&harness, "Branch line-1, closed, 4 topics"));
    // A topic that appears takes its place by itself.
    let script = &mut harness.state_mut().script;
    script.latest("attic/light", Value::Reading(1.0));
    harness.run_steps(2);
    assert!(has(&harness, "Branch attic, closed, 1 topic"));
}

#[test]
fn the_tree_is_filtered_by_wildcards_and_its_open_branches_survive_a_restart() {
    let mut harness = filled(&[]);
    harness.key_press(Key::G);
    harness.run_steps(2);
    harness
        .get_by_label("Branch market, closed, 4 topics")
        .click();
    harness.run_steps(2);
    harness.key_press(Key::Slash);
    harness.run_steps(2);
    harness.event(egui::Event::Text("market/+/trade".to_owned()));
    harness.run_steps(2);
    assert!(has(&harness, "Branch market, open, 2 topics"));
    assert!(!sees(&harness, "Branch plant"));
    let saved = serde_json::to_string(harness.state_mut().monitor.settings()).unwrap();
    let settings: Settings = serde_json::from_str(&saved).unwrap();
    let mut again = support::harness(settings, &[]);
    fill(&mut again.state_mut().script);
    again.run_steps(2);
    assert!(has(&again, "Branch market, open, 2 topics"));
}

#[test]
fn a_tree_of_a_hundred_thousand_topics_fills_itself_step_by_step() {
    let mut harness = harness(Settings::default(), &[]);
    harness.key_press(Key::G);
    let script = &mut harness.state_mut().script;
    script.connected();
    for number in 0..100_000 {
        script.latest(&format!("many/{}/{number}", number % 10), trade("1.0", "1"));
    }
    harness.run_steps(8);
    assert!(has(&harness, "Branch many, closed, 100000 topics"));
    harness
        .get_by_label("Branch many, closed, 100000 topics")
        .click();
    harness.run_steps(2);
    harness
        .get_by_label("Branch 7, closed, 10000 topics")
        .click();
    harness.run_steps(2);
    let rows = harness.query_all_by_label_contains("many/7/").count();
    assert!((5..60).contains(&rows), "{rows} rows");
}

#[test]
fn candles_and_scales_are_chosen_with_a_click() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 10);
    for label in ["1 s", "Log", "Lock", "Auto", "Line"] {
        harness.get_by_label(label).click();
        harness.run_steps(2);
        let node = harness.get_by_label(label);
        assert_eq!(
            node.accesskit_node().toggled(),
            Some(egui::accesskit::Toggled::True),
            "{label}"
        );
    }
}

#[test]
fn the_preferences_are_chosen_and_remembered() {
    let mut harness = filled(&[]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(2);
    for label in ["Light", "1 GiB", "Local time", "Do not flash", "125 %"] {
        harness.get_by_label(label).click();
        harness.run_steps(2);
    }
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(!has(&harness, "125 %"), "closed");
    let preferences = &harness.state_mut().monitor.settings().preferences;
    assert_eq!(preferences.theme, ThemeChoice::Light);
    assert_eq!(preferences.zoom, 1.25);
    assert_eq!(preferences.memory_limit, 1024 * 1024 * 1024);
    assert_eq!(preferences.zone, ZoneChoice::Local);
    assert!(!preferences.flash);
}

#[test]
fn the_palette_finds_commands_and_topics() {
    let mut harness = filled(&[BTC]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.event(egui::Event::Text("health".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(has(&harness, "Pane Health"));
    harness.get_by_label("commands").click();
    harness.run_steps(2);
    harness.event(egui::Event::Text("line-1 vib".to_owned()));
    harness.run_steps(2);
    harness.get_by_label("Do: plant/line-1/vibration").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), ["plant/line-1/vibration"]);
}

#[test]
fn a_question_mark_shows_all_keys() {
    let mut harness = filled(&[]);
    harness.key_press(Key::Questionmark);
    harness.run_steps(2);
    assert!(sees(&harness, "Wheel: Zoom time"));
    assert!(sees(&harness, "Undo the last change of view"));
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(!sees(&harness, "Wheel: Zoom time"));
}

#[test]
fn layouts_are_saved_under_names_and_come_back() {
    let mut harness = filled(&[BTC, "plant/line-1/pressure"]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    harness.run_steps(2);
    harness.event(egui::Event::Text("Morning".to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(sees(&harness, "Workspace: Morning"));
    harness.get_by_label("Close plant/line-1/pressure").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);

    // A restart, with the settings as they were written.
    let text = serde_json::to_string(harness.state_mut().monitor.settings()).unwrap();
    let mut harness = support::harness(serde_json::from_str(&text).unwrap(), &[]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.event(egui::Event::Text("layout morning".to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC, "plant/line-1/pressure"]);
}

#[test]
fn panes_are_dragged_to_another_place() {
    let mut harness = filled(&[BTC, "plant/line-1/pressure"]);
    let top =
        |h: &Harness<'_, Bench>, topic: &str| h.get_by_label(&format!("Pane {topic}")).rect().top();
    assert!(top(&harness, BTC) < top(&harness, "plant/line-1/pressure"));
    let from = harness.get_by_label("Pane plant/line-1/pressure").rect();
    let to = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let from = from.left_center() + vec2(300.0, 0.0);
    let to = to.left_center() + vec2(10.0, 0.0);
    drag(
        &mut harness,
        PointerButton::Primary,
        from,
        to - from,
        Modifiers::NONE,
    );
    harness.run_steps(4);
    assert_eq!(top(&harness, BTC), top(&harness, "plant/line-1/pressure"));
}

#[test]
fn an_alert_is_made_on_the_chart_fires_and_is_seen() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let name = format!("Chart of {BTC}");
    harness.get_by_label(&name).click_secondary();
    harness.run_steps(3);
    let below = harness
        .query_all_by_label_contains("Alert when above")
        .next()
        .unwrap();
    below.click();
    harness.run_steps(2);
    assert_eq!(harness.state().monitor.alerts().rules().len(), 1);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(BTC, trade("99999.00", "1"));
    harness.run_steps(2);
    assert!(sees(&harness, "(99 999.00)"));
    harness.get_by_label("Seen").click();
    harness.run_steps(2);
    assert!(!sees(&harness, "(99 999.00)"));

    // Alerts survive a restart.
    let text = serde_json::to_string(harness.state_mut().monitor.settings()).unwrap();
    let harness = support::harness(serde_json::from_str(&text).unwrap(), &[]);
    assert_eq!(harness.state().monitor.alerts().rules().len(), 1);
}

#[test]
fn alerts_are_listed_switched_and_removed() {
    let mut harness = filled(&[BTC]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    harness.get_by_label("Stale").click();
    harness.run_steps(4);
    let words = format!("{BTC} stale");
    harness.get_by_label(&format!("Watch {words}")).click();
    harness.run_steps(4);
    assert!(!harness.state().monitor.alerts().rules()[0].is_on);
    harness.get_by_label(&format!("Delete {words}")).click();
    harness.run_steps(4);
    assert!(harness.state().monitor.alerts().rules().is_empty());
}

#[test]
fn a_recording_is_played_on_the_same_screen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let mut lines = String::new();
    for second in 0..100 {
        let time = support::START_NS + second * SECOND;
        lines.push_str(&format!(
            "{{\"topic\":\"a/b\",\"time\":{time},\"seq\":{},\"value\":{{\"reading\":{second}}}}}\n",
            second + 1
        ));
    }
    std::fs::write(&path, lines).unwrap();
    let mut harness = filled(&[]);
    harness.state_mut().monitor.execute(Command::Play(path));
    harness.run_steps(2);
    assert!(sees(&harness, "Recording r.jsonl"));
    assert!(has(&harness, "a/b"), "topics of the recording");
    assert!(!has(&harness, BTC), "and of nothing else");
    harness.get_by_label("60×").click();
    harness.run_steps(2);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(2);
    let number =
        |h: &Harness<'_, Bench>| h.state().monitor.store().topic_named("a/b").unwrap().number;
    assert_eq!(number(&harness), Some(60.0));
    harness.get_by_label("Pause").click();
    harness.run_steps(2);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(60.0));
    let back = Command::Player(PlayerStep::Seek(support::START_NS + 10 * SECOND));
    harness.state_mut().monitor.execute(back);
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(10.0));
    harness.get_by_label("Back to the server").click();
    harness.run_steps(2);
    assert!(harness.state_mut().monitor.take_reconnect().is_some());
}

#[test]
fn what_is_no_recording_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    std::fs::write(&path, "hello").unwrap();
    let mut harness = filled(&[]);
    harness.state_mut().monitor.execute(Command::Play(path));
    harness.run_steps(2);
    assert!(sees(&harness, "is not a recording"));
    assert!(has(&harness, BTC));
}

#[test]
fn a_shift_drag_measures_and_leaves_the_view_alone() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let center = plot_center(&harness);
    // Not released yet.
    let shift = Modifiers::SHIFT;
    harness.event_modifiers(egui::Event::PointerMoved(center), shift);
    harness.event_modifiers(
        egui::Event::PointerButton {
            pos: center,
            button: PointerButton::Primary,
            pressed: true,
            modifiers: shift,
        },
        shift,
    );
    for step in 1..=4 {
        let to = center + vec2(60.0, 15.0) * step as f32;
        harness.event_modifiers(egui::Event::PointerMoved(to), shift);
        harness.run_steps(1);
    }
    assert!(painted(&harness, "updates"), "how many lie between");
    assert!(painted(&harness, "mean "));
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn another_server_can_be_connected_to() {
    let mut harness = filled(&[]);
    harness.get_by_label("ws://127.0.0.1:7400/ws").click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(egui::Event::Text("ws://elsewhere:1/ws".to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    let wanted = harness.state_mut().monitor.take_reconnect();
    assert_eq!(wanted.as_deref(), Some("ws://elsewhere:1/ws"));
}

#[test]
fn names_of_256_bytes_in_any_script_do_no_harm() {
    let mut harness = harness(Settings::default(), &[]);
    let script = &mut harness.state_mut().script;
    script.connected();
    for name in ["é".repeat(128), "/".repeat(256), "Ω/".repeat(85)] {
        script.latest(&name, trade("1.0", "1"));
        script.every(&name, trade("1.5", "1"));
    }
    harness.run_steps(3);
    assert_eq!(harness.state().monitor.store().len(), 3);
    let name = "é".repeat(128);
    harness.get_by_label(&name).click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [name]);
}

#[test]
fn a_hundred_thousand_topics_cost_no_more_than_the_visible_rows() {
    let mut harness = harness(Settings::default(), &[]);
    let script = &mut harness.state_mut().script;
    script.connected();
    for number in 0..100_000 {
        script.latest(&format!("many/{number:06}"), trade("1.0", "1"));
    }
    harness.run_steps(2);
    let rows = harness.query_all_by_label_contains("many/").count();
    assert!((10..60).contains(&rows), "{rows} rows");
    harness.key_press(Key::Slash);
    harness.run_steps(2);
    harness.event(egui::Event::Text("099999".to_owned()));
    harness.run_steps(2);
    assert!(has(&harness, "many/099999"));
}
