//! Gestures on a chart, and what it shows.

use tickcast_protocol::{message::TopicInfo, topic::Topic};

use super::*;

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
fn end_space_and_ctrl_z_control_the_view() {
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
fn the_crosshair_shows_value_time_and_age_in_all_panes_while_data_streams() {
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
        "the other pane shows its value"
    );
    harness.remove_cursor();
    harness.run_steps(3);
    assert!(!painted(&harness, "Δ live"));
}

#[test]
fn a_chart_without_data_says_why() {
    let mut harness = filled(&["log/text"]);
    for at in 0..70 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.every("log/text", Value::Text(format!("line {at}")));
    }
    harness.run_steps(2);
    assert!(painted(&harness, "This topic has texts and no numbers"));
    harness.get_by_label(BTC).click();
    harness.run_steps(2);
    for _ in 0..8 {
        harness.key_press(Key::ArrowLeft);
        harness.run_steps(1);
    }
    assert!(painted(&harness, "The history begins at "));
    let mut harness = support::harness(SavedState::default(), &["not/yet"]);
    harness.state().script.connected();
    harness.run_steps(2);
    assert!(painted(&harness, "Waiting for the first value"));
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
    assert_eq!(paused, 2, "both are paused");
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
fn on_a_paused_chart_the_wheel_zooms_at_the_cursor() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.key_press(Key::Space);
    harness.run_steps(2);
    let rect = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let part = 0.75;
    let at = egui::pos2(rect.left() + rect.width() * part, rect.center().y);
    let under = |(start, end): (i64, i64)| start as f64 + (end - start) as f64 * f64::from(part);
    let before = window(&harness);
    wheel(&mut harness, at, 120.0);
    let after = window(&harness);
    assert!(after.1 - after.0 < (before.1 - before.0) * 3 / 4, "closer");
    let moved = (under(after) - under(before)).abs() / 1e9;
    assert!(moved < 0.5, "{moved} s");
}

#[test]
fn dragging_back_to_the_live_edge_follows_again() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let center = plot_center(&harness);
    let none = Modifiers::NONE;
    let button = PointerButton::Primary;
    drag(&mut harness, button, center, vec2(200.0, 0.0), none);
    assert!(!harness.state().monitor.workspace().is_following());
    drag(&mut harness, button, center, vec2(-100.0, 0.0), none);
    assert!(!harness.state().monitor.workspace().is_following());
    drag(&mut harness, button, center, vec2(-300.0, 0.0), none);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn time_moves_by_the_clock_while_no_update_comes() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let before = window(&harness);
    assert!(!painted(&harness, "12:00:45"));
    harness.state_mut().script.now_ns += 40 * SECOND;
    harness.run_steps(2);
    let after = window(&harness);
    assert_eq!(after.1 - before.1, 40 * SECOND);
    assert!(painted(&harness, "12:00:45"), "the axis moved too");
}

#[test]
fn the_value_axis_is_stretched_by_dragging_locked_and_fitted_again() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    assert!(is_chosen(&harness, "Auto"));
    let label = format!("Value axis of {BTC}");
    let axis = harness.get_by_label(&label).rect().center();
    let ticks = |harness: &Harness<'_, Bench>| painted(harness, "39 600");
    assert!(!ticks(&harness));
    let button = PointerButton::Primary;
    drag(
        &mut harness,
        button,
        axis,
        vec2(0.0, 300.0),
        Modifiers::NONE,
    );
    assert!(is_chosen(&harness, "Lock"));
    assert!(ticks(&harness), "much more is covered");
    // What leaves the range does not move it.
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(BTC, trade("90000.00", "0.1"));
    harness.run_steps(2);
    assert!(!painted(&harness, "80 000"));
    // A double click fits it.
    for pressed in [true, false, true, false] {
        harness.event(egui::Event::PointerMoved(axis));
        harness.event(egui::Event::PointerButton {
            pos: axis,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    harness.run_steps(3);
    assert!(is_chosen(&harness, "Auto"));
    assert!(painted(&harness, "80 000"));
}

#[test]
fn a_double_click_fits_the_values_too() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.get_by_label("Lock").click();
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    assert!(is_chosen(&harness, "Lock"));
    // Three clicks in a row are no double click.
    harness.run_steps(40);
    let name = format!("Chart of {BTC}");
    let plot = harness.get_by_label(&name);
    plot.click();
    plot.click();
    harness.run_steps(3);
    assert!(harness.state().monitor.workspace().is_following());
    assert!(is_chosen(&harness, "Auto"));
}

#[test]
fn the_last_sample_before_the_window_still_counts() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 1);
    // Twenty minutes later: no sample is within the minute that is shown.
    harness.state_mut().script.now_ns += 1_200 * SECOND;
    harness.run_steps(2);
    let last = harness.state().monitor.store().topic_named(BTC).unwrap();
    let label = tickcast_monitor::testing::number(last.number.unwrap(), 2);
    assert!(painted(&harness, &label), "{label} on the axis");
}

#[test]
fn a_chart_keeps_its_width_while_values_change() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let width = |harness: &Harness<'_, Bench>| {
        let name = format!("Chart of {BTC}");
        harness.get_by_label(&name).rect().width()
    };
    let before = width(&harness);
    for round in 0..6 {
        let script = &mut harness.state_mut().script;
        script.now_ns += 2 * SECOND;
        let price = if round % 2 == 0 {
            "39484.7"
        } else {
            "39101.25"
        };
        script.every(BTC, trade(price, "0.1"));
        harness.run_steps(2);
        assert_eq!(width(&harness), before);
    }
}

#[test]
fn an_unfinished_candle_is_marked() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 23);
    harness.get_by_label("10 s").click();
    harness.run_steps(2);
    let rect = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let (start, end) = window(&harness);
    let now_ns = harness.state().script.now_ns;
    let place = |time_ns: i64| {
        let part = (time_ns - start) as f32 / (end - start) as f32;
        egui::pos2(rect.left() + rect.width() * part, rect.center().y)
    };
    harness.hover_at(place(now_ns - SECOND / 5));
    harness.run_steps(3);
    assert!(painted(&harness, "O 39") && painted(&harness, "L 39"));
    assert!(painted(&harness, "volume "));
    assert!(painted(&harness, " · open"));
    harness.hover_at(place(now_ns - 12 * SECOND));
    harness.run_steps(3);
    assert!(painted(&harness, "O 39"));
    assert!(!painted(&harness, " · open"));
    assert!(!painted(&harness, " · incomplete"));
}

#[test]
fn several_series_share_a_chart_and_each_shows_its_value() {
    let eth = "market/ETH-USDT/trade";
    let mut harness = filled(&[BTC]);
    row(&harness, eth).click_modifiers(Modifiers::SHIFT);
    harness.run_steps(2);
    for second in 0..20 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.every(BTC, trade("39484.64", "1"));
        script.every(eth, trade(&format!("12{second:02}.44"), "1"));
    }
    harness.run_steps(2);
    harness.hover_at(plot_center(&harness) + vec2(300.0, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "39 484.64"), "of the first");
    assert!(painted(&harness, "1 219.44"), "of the second, on the axis");
    assert!(
        painted(&harness, &format!("39 484.64  {BTC}")),
        "with names"
    );
    assert!(painted(&harness, &format!(".44  {eth}")));
    // A second time takes it off again.
    row(&harness, eth).click_modifiers(Modifiers::SHIFT);
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
}

#[test]
fn a_chart_of_a_topic_that_fell_silent_says_since_when() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    assert!(sees(&harness, "trades/s"));
    assert!(!painted(&harness, "No update since"));
    harness.state_mut().script.now_ns += 1_000 * SECOND;
    harness.run_steps(2);
    assert!(painted(&harness, "No update since"));
    assert!(sees(&harness, "price, size"));
    assert!(!sees(&harness, "every 0.") && !sees(&harness, "trades/s"));
}

#[test]
fn a_title_counts_the_series_that_the_legend_names() {
    let mut harness = filled(&[BTC]);
    let overlay = |harness: &mut Harness<'_, Bench>, topic| {
        row(harness, topic).click_modifiers(Modifiers::SHIFT);
        harness.run_steps(2);
    };
    assert!(!has(&harness, "+1"));
    overlay(&mut harness, "market/ETH-USDT/trade");
    assert!(has(&harness, "+1"));
    overlay(&mut harness, "plant/line-1/temperature");
    assert!(has(&harness, "+2"));
    for topic in ["market/ETH-USDT/trade", "plant/line-1/temperature"] {
        assert!(has(&harness, &format!("Select {topic}")), "{topic}");
    }
}

#[test]
fn the_status_line_shows_samples_per_pixel_and_the_depth_of_history() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 90);
    assert!(has(&harness, "1 px ="));
    assert!(has(&harness, "history"));
    assert!(sees(&harness, "1 min 29 s") || sees(&harness, "1 min 30 s"));
    assert!(sees(&harness, "/ 512 MiB"));
}

#[test]
fn a_unit_and_a_name_that_come_after_the_value_are_shown_and_no_value_has_none() {
    const TOPIC: &str = "zigbee2mqtt/hall/temperature";
    let mut harness = harness(SavedState::default(), &[TOPIC]);
    let script = &mut harness.state_mut().script;
    script.connected();
    script.latest(TOPIC, Value::Reading(21.5));
    harness.run_steps(2);
    assert!(!painted(&harness, "°C"));
    harness.state_mut().script.tell(TopicInfo {
        unit: Some("°C".into()),
        name: Some("hall Temperature".into()),
        ..TopicInfo::new(1, Topic::new(TOPIC).unwrap())
    });
    harness.run_steps(2);
    assert!(painted(&harness, "21.5 °C"), "in the list and the title");
    assert!(has(&harness, "hall Temperature"), "beside the topic");
    assert!(painted(&harness, TOPIC), "which stays");
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    let gone = Value::Absent("null".into());
    script.known(TOPIC, gone);
    harness.run_steps(2);
    assert!(painted(&harness, "no value"));
    assert!(!painted(&harness, "no value °C"));
}

#[test]
fn text_between_numbers_is_a_gap_and_the_newest_value_too() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    assert!(!painted(&harness, "not a number"));
    let script = &mut harness.state_mut().script;
    script.every(BTC, Value::Text("halted".to_owned()));
    script.now_ns += 3 * SECOND;
    harness.run_steps(2);
    assert!(
        painted(&harness, "not a number"),
        "the line does not seem to go on"
    );
    assert!(painted(&harness, "halted"));
    trades(&mut harness, 5);
    assert!(painted(&harness, "not a number"), "between two numbers");
    let store = harness.state().monitor.store();
    let series = store.topic_named(BTC).unwrap().series.as_ref().unwrap();
    assert_eq!(series.gaps().len(), 1);
}

#[test]
fn crossed_quotes_are_two_lines_on_a_warning() {
    let topic = "market/EUR-USD/quote";
    let mut harness = filled(&[topic]);
    let warning = Theme::of(ThemeChoice::Dark).warning.gamma_multiply(0.35);
    let crossed = |harness: &Harness<'_, Bench>| {
        let shapes = harness.output().shapes.iter();
        let mut meshes = shapes.filter_map(|clipped| match &clipped.shape {
            egui::Shape::Mesh(mesh) => Some(mesh),
            _ => None,
        });
        meshes.any(|mesh| mesh.vertices.iter().any(|vertex| vertex.color == warning))
    };
    let quote = |harness: &mut Harness<'_, Bench>, bid, ask| {
        let script = &mut harness.state_mut().script;
        script.now_ns += 2 * SECOND;
        script.every(topic, support::quote(bid, ask));
        harness.run_steps(2);
    };
    quote(&mut harness, "1.12164", "1.12172");
    quote(&mut harness, "1.12164", "1.12172");
    assert!(!crossed(&harness));
    quote(&mut harness, "1.12180", "1.12170");
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(2);
    assert!(crossed(&harness));
    // Both prices have a line of their own.
    let plot = harness.get_by_label(&format!("Chart of {topic}")).rect();
    let shapes = harness.output().shapes.iter();
    let ends = shapes.filter_map(|clipped| match &clipped.shape {
        egui::Shape::Path(path) if plot.contains(*path.points.last()?) => path.points.last(),
        _ => None,
    });
    let mut ends: Vec<i32> = ends.map(|end| end.y as i32).collect();
    ends.sort_unstable();
    ends.dedup();
    assert_eq!(ends.len(), 2, "{ends:?}");
}
