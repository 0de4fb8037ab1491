//! The topics on the left: list and tree.

use super::*;

#[test]
fn topics_appear_in_groups_with_their_values() {
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
fn ctrl_click_opens_another_pane_and_its_cross_closes_it() {
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
    // A new topic is inserted in its place.
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
    let saved = serde_json::to_string(&harness.state().monitor.saved_state()).unwrap();
    let settings: SavedState = serde_json::from_str(&saved).unwrap();
    let mut again = support::harness(settings, &[]);
    fill(&mut again.state_mut().script);
    again.run_steps(2);
    assert!(has(&again, "Branch market, open, 2 topics"));
}

#[test]
fn status_is_shown_in_words_in_list_tree_chart_and_alerts() {
    let topic = "plant/line-1/pressure";
    let mut harness = filled(&[topic]);
    let monitor = &mut harness.state_mut().monitor;
    for condition in [AlertCondition::Stale, AlertCondition::Dead] {
        let topic = topic.parse().unwrap();
        monitor.execute(UiCommand::AddAlert { topic, condition });
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
fn keys_open_new_panes_and_add_lines_to_a_chart() {
    let mut harness = filled(&[BTC]);
    harness.get_by_label("plant/line-1/door").hover();
    for _ in 0..3 {
        harness.key_press(Key::J);
        harness.run_steps(1);
    }
    let selected = harness.state().monitor.selected().cloned().unwrap();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC, selected.as_str()]);
    harness.key_press(Key::ArrowDown);
    harness.run_steps(1);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    harness.run_steps(2);
    let panes = harness.state().monitor.workspace().chart_topics();
    let mut lines: Vec<usize> = panes.iter().map(Vec::len).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn ctrl_f_focuses_the_filter_and_escape_clears_it() {
    let mut harness = filled(&[]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(2);
    write(&mut harness, "no such topic");
    assert!(painted(&harness, "The filter hides all"));
    assert!(painted(&harness, "0 of 9"));
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(has(&harness, BTC));
    assert!(!harness.get_by_label("Filter topics").is_focused());
}

#[test]
fn each_heading_sorts_and_a_second_click_reverses_the_order() {
    let settings = SavedState {
        list_width: Some(700.0),
        ..SavedState::default()
    };
    let mut harness = harness(settings, &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    trades(&mut harness, 5);
    harness.state_mut().script.skip(BTC, 7);
    trades(&mut harness, 5);
    let eth = "market/ETH-USDT/trade";
    for heading in ["Last", "% session", "/s", "Lost", "p99"] {
        let sort = format!("Sort by {heading}");
        let top = |h: &Harness<'_, Bench>, topic: &str| row(h, topic).rect().top();
        harness.get_by_label(&sort).click();
        harness.run_steps(2);
        // The busy one has more of everything.
        assert!(top(&harness, BTC) < top(&harness, eth), "{heading}");
        harness.get_by_label(&sort).click();
        harness.run_steps(2);
        assert!(top(&harness, BTC) > top(&harness, eth), "{heading}, turned");
    }
    harness.get_by_label("Sort by Topic").click();
    harness.run_steps(2);
    assert!(has(&harness, "Group market, unfolded"));
}

#[test]
fn a_wide_list_shows_losses_latencies_and_sparklines() {
    let settings = SavedState {
        list_width: Some(700.0),
        ..SavedState::default()
    };
    let mut harness = harness(settings, &[BTC]);
    fill(&mut harness.state_mut().script);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    let bad = Theme::of(ThemeChoice::Dark).bad;
    assert_eq!(ink(&harness, "137"), Some(bad));
    assert!(painted(&harness, "0.30 ms"));
    // A sparkline is the only line within the row.
    let row = row(&harness, BTC).rect();
    let is_line = |shape: &egui::Shape| match shape {
        egui::Shape::Path(path) => row.contains_rect(path.visual_bounding_rect()),
        egui::Shape::Mesh(mesh) => row.contains_rect(mesh.calc_bounds()),
        _ => false,
    };
    let mut shapes = harness.output().shapes.iter();
    assert!(shapes.any(|clipped| is_line(&clipped.shape)));
}

#[test]
fn a_changed_value_flashes_for_a_moment_in_the_colour_of_its_direction() {
    let mut harness = filled(&[]);
    let theme = Theme::of(ThemeChoice::Dark);
    let mut colour = |price: &str, later_ms: i64| {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.latest(BTC, trade(price, "1"));
        script.now_ns += later_ms * 1_000_000;
        harness.run_steps(1);
        let text = tickcast_monitor::testing::number(price.parse().unwrap(), 2);
        ink(&harness, &text).unwrap()
    };
    assert_eq!(colour("40000.00", 0), theme.up);
    assert_eq!(colour("39000.00", 0), theme.down);
    assert_eq!(colour("39500.00", 200), theme.text, "it has faded");
    harness
        .state_mut()
        .monitor
        .execute(UiCommand::SetFlash(false));
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.latest(BTC, trade("41000.00", "1"));
    harness.run_steps(1);
    assert_eq!(ink(&harness, "41 000.00"), Some(theme.text));
}

#[test]
fn a_row_under_the_pointer_has_a_tooltip() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    row(&harness, BTC).hover();
    harness.run_steps(60);
    assert!(sees(&harness, "Received here"));
    assert!(sees(&harness, "Latency p99"));
}

#[test]
fn numbers_in_names_are_in_their_natural_order_in_list_and_tree() {
    let mut harness = harness(SavedState::default(), &[]);
    let script = &mut harness.state_mut().script;
    script.connected();
    for floor in [10, 2, 1] {
        for sensor in ["t10", "t9", "door"] {
            script.latest(
                &format!("house/floor-{floor}/{sensor}"),
                Value::Reading(1.0),
            );
        }
    }
    harness.run_steps(2);
    let top = |h: &Harness<'_, Bench>, topic: &str| row(h, topic).rect().top();
    let order = [
        "house/floor-1/door",
        "house/floor-1/t9",
        "house/floor-1/t10",
        "house/floor-2/t10",
        "house/floor-10/t9",
        "house/floor-10/t10",
    ];
    for pair in order.windows(2) {
        assert!(top(&harness, pair[0]) < top(&harness, pair[1]), "{pair:?}");
    }
    harness.key_press(Key::G);
    harness.run_steps(2);
    harness
        .get_by_label_contains("Branch house, closed")
        .click();
    harness.run_steps(2);
    let branch = |h: &Harness<'_, Bench>, name: &str| {
        let label = format!("Branch {name}, closed, 3 topics");
        h.get_by_label(&label).rect().top()
    };
    assert!(branch(&harness, "floor-1") < branch(&harness, "floor-2"));
    assert!(branch(&harness, "floor-2") < branch(&harness, "floor-10"));
}

#[test]
fn another_filter_shows_its_first_match() {
    for is_tree in [false, true] {
        let mut harness = harness(SavedState::default(), &[]);
        let script = &mut harness.state_mut().script;
        script.connected();
        for number in 0..300 {
            script.latest(&format!("many-{number}"), Value::Reading(1.0));
        }
        if is_tree {
            harness.key_press(Key::G);
        }
        harness.run_steps(3);
        let list = row(&harness, "many-3").rect().center();
        harness.hover_at(list);
        for _ in 0..4 {
            wheel(&mut harness, list, -2_000.0);
        }
        assert!(!is_listed(&harness, "many-3"), "scrolled to the end");
        harness.key_press(Key::Slash);
        harness.run_steps(2);
        write(&mut harness, "many");
        assert!(is_listed(&harness, "many-0"), "tree: {is_tree}");
    }
}

#[test]
fn the_reference_of_changes_is_chosen_and_written_at_the_column() {
    let mut harness = filled(&[]);
    let temperature = "plant/line-1/temperature";
    let read = |harness: &mut Harness<'_, Bench>, value: f64, after_s: i64| {
        let script = &mut harness.state_mut().script;
        script.now_ns += after_s * SECOND;
        script.reading(temperature, "°C", value);
        harness.run_steps(2);
    };
    read(&mut harness, 80.0, 60);
    read(&mut harness, 100.0, 60);
    assert!(painted(&harness, "% session") && painted(&harness, "+14.53"));
    let choose = |harness: &mut Harness<'_, Bench>, heading: &str, label: &str| {
        harness
            .get_by_label(&format!("Sort by {heading}"))
            .click_secondary();
        harness.run_steps(3);
        harness.get_by_label(label).click();
        harness.run_steps(3);
    };
    choose(&mut harness, "% session", "Change since now");
    assert!(painted(&harness, "% 12:02"));
    read(&mut harness, 110.0, 60);
    assert!(painted(&harness, "+10.00"), "since 100 °C");
    choose(&mut harness, "% 12:02", "Change within 24 hours");
    assert!(painted(&harness, "% 24 h"));
    assert!(!painted(&harness, "+10.00"), "no history of a day");
    choose(&mut harness, "% 24 h", "Change from the topic's own value");
    assert!(painted(&harness, "% value"));
    // A time is typed in the preferences.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(2);
    harness
        .get_by_label("Time that changes are measured from")
        .focus();
    harness.run_steps(1);
    write(&mut harness, "12:01:30");
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(
        painted(&harness, "% 12:01") && painted(&harness, "+37.50"),
        "since 80 °C"
    );
    let again = restarted(&mut harness);
    assert!(painted(&again, "% 12:01"), "it survives a restart");
}

#[test]
fn name_unit_decimals_limits_and_reference_of_a_topic_are_set() {
    let pressure = "plant/line-1/pressure";
    let mut harness = filled(&[pressure]);
    let script = &mut harness.state_mut().script;
    script.every(pressure, Value::Reading(2.04));
    harness.run_steps(2);
    row(&harness, pressure).click_secondary();
    harness.run_steps(3);
    harness.get_by_label("Name, unit, limits …").click();
    harness.run_steps(3);
    for (field, text) in [
        ("Name", "Boiler"),
        ("Unit", "kPa"),
        ("Decimals", "3"),
        ("Too high above", "2.039"),
        ("Change from", "x"),
    ] {
        harness.get_by_label(field).focus();
        harness.run_steps(1);
        write(&mut harness, text);
    }
    assert!(sees(&harness, "Change from: \"x\" is not a number"));
    assert!(!has(&harness, "Apply"));
    harness.key_press(Key::Backspace);
    write(&mut harness, "1.02");
    harness.get_by_label("Colour 3").click();
    harness.run_steps(2);
    harness.get_by_label("Apply").click();
    harness.run_steps(3);
    let bad = Theme::of(ThemeChoice::Dark).bad;
    assert!(painted(&harness, "2.040 kPa"));
    assert!(has(&harness, "Boiler"));
    assert_eq!(ink(&harness, "2.040 kPa"), Some(bad), "too high");
    assert!(painted(&harness, "too high"), "on the chart");
    let reference = tickcast_monitor::testing::ChangeReference::Value;
    harness
        .state_mut()
        .monitor
        .execute(UiCommand::SetReference(reference));
    harness.run_steps(2);
    assert!(painted(&harness, "+100"));
    let again = restarted(&mut harness);
    assert!(painted(&again, "2.040 kPa"), "it survives a restart");
}

#[test]
fn small_readings_are_shown_with_their_digits() {
    let mut harness = harness(SavedState::default(), &["lab/leak"]);
    let script = &mut harness.state_mut().script;
    script.connected();
    for (at, leak) in [1e-12, 1.5e-12, 1.2e-12].into_iter().enumerate() {
        script.now_ns += SECOND * at as i64;
        script.every("lab/leak", Value::Reading(leak));
    }
    script.latest("lab/flow", Value::Reading(1.2e-7));
    script.latest("lab/gauge", Value::Reading(1013.0));
    script.latest("lab/gauge", Value::Reading(2e-9));
    harness.run_steps(3);
    for text in ["1.2e-12", "1.5e-12", "1e-12", "0.00000012", "2e-9"] {
        assert!(painted(&harness, text), "{text}");
    }
    assert!(!painted(&harness, "0.0000000 ") && ink(&harness, "0.0000000").is_none());
}

#[test]
fn a_reading_that_began_near_zero_has_a_dash_and_its_tooltip_says_why() {
    let mut harness = filled(&[]);
    let dash = |harness: &Harness<'_, Bench>| {
        let line = row(harness, "lab/drift").rect();
        let texts = texts(harness, line.expand2(egui::vec2(400.0, 0.0)));
        texts.iter().any(|(text, _)| text == "–")
    };
    for (reading, is_dash) in [(0.004, false), (0.005, false), (18.4, true), (0.006, true)] {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.reading("lab/drift", "mm", reading);
        harness.run_steps(2);
        assert_eq!(dash(&harness), is_dash, "{reading}");
    }
    row(&harness, "lab/drift").hover();
    harness.run_steps(60);
    assert!(sees(&harness, "it is measured from 0.004"));
    assert!(sees(&harness, "(0.004 to 18.400)"));
}
