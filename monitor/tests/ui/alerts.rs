//! Alerts: added, fired, acknowledged, saved.

use super::*;

#[test]
fn an_alert_is_added_on_the_chart_fires_and_is_acknowledged() {
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
    let text = serde_json::to_string(&harness.state().monitor.saved_state()).unwrap();
    let harness = support::harness(serde_json::from_str(&text).unwrap(), &[]);
    assert_eq!(harness.state().monitor.alerts().rules().len(), 1);
}

#[test]
fn alerts_are_listed_disabled_and_removed() {
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
fn each_condition_is_added_by_a_click_and_fires() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    harness.get_by_label("Value or word").focus();
    harness.run_steps(1);
    write(&mut harness, "50 000");
    for label in [
        "Above",
        "Stale",
        "Dead",
        "Moving 1 % in 60 s",
        "Losing updates",
    ] {
        harness.get_by_label(label).click();
        harness.run_steps(3);
    }
    assert_eq!(harness.state().monitor.alerts().rules().len(), 5);
    harness.key_press(Key::Escape);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(2);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.skip(BTC, 3);
    script.every(BTC, trade("60000.00", "1"));
    script.status(BTC, Status::Dead);
    script.now_ns += SECOND;
    harness.run_steps(3);
    let mut fired: Vec<String> = harness
        .state()
        .monitor
        .alerts()
        .unseen()
        .map(|event| event.text.clone())
        .collect();
    fired.sort();
    assert_eq!(
        fired,
        [
            "above 50 000.00 (60 000.00)",
            "dead",
            "moves 1 % within 1 min",
            "stale",
            "updates lost",
        ]
    );
    assert!(sees(&harness, "and 4 more"));
}

#[test]
fn an_alert_is_marked_on_the_chart_where_it_fired() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 10);
    let topic = BTC.parse().unwrap();
    let condition = AlertCondition::Above(39_490.0);
    harness
        .state_mut()
        .monitor
        .execute(UiCommand::AddAlert { topic, condition });
    harness.run_steps(2);
    let bad = Theme::of(ThemeChoice::Dark).bad;
    let markers = |harness: &Harness<'_, Bench>| {
        let is_marker = |shape: &egui::Shape| match shape {
            egui::Shape::Path(path) => path.closed && path.points.len() == 3 && path.fill == bad,
            _ => false,
        };
        let shapes = harness.output().shapes.iter();
        shapes.filter(|clipped| is_marker(&clipped.shape)).count()
    };
    assert!(painted(&harness, "alert above 39 490.00"), "the threshold");
    assert_eq!(markers(&harness), 0);
    trades(&mut harness, 3);
    assert_eq!(markers(&harness), 1);
    // The banner leads to the chart from any topic.
    harness.get_by_label("plant/line-1/pressure").click();
    harness.run_steps(2);
    harness.get_by_label("Show chart").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
}

#[test]
fn an_alert_runs_its_program_which_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written");
    let mut harness = filled(&[BTC]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    harness.get_by_label("Losing updates").click();
    harness.run_steps(4);
    let field = format!("Program for {BTC} updates lost");
    harness.get_by_label(&field).focus();
    harness.run_steps(2);
    let program = format!(
        "sh -c 'printf %s \"$TICKCAST_ALERT\" > {}'",
        written.display()
    );
    write(&mut harness, &program);
    harness.get_by_label("Sound").click();
    harness.run_steps(4);
    let mut again = restarted(&mut harness);
    let rules = again.state().monitor.alerts().rules().to_vec();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].command, program);
    assert!(rules[0].sound);
    // No sound in a test.
    let silent = UiCommand::SetAlertSound(rules[0].id, false);
    again.state_mut().monitor.execute(silent);
    trades(&mut again, 3);
    again.state_mut().script.skip(BTC, 3);
    trades(&mut again, 3);
    let begun = Instant::now();
    while std::fs::read_to_string(&written).unwrap_or_default() != "updates lost" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not run");
        std::thread::yield_now();
    }
}

#[test]
fn words_and_changes_of_a_text_are_alerts_and_survive_a_restart() {
    let door = "plant/line-1/door";
    let mut harness = filled(&[]);
    harness.get_by_label(door).click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    assert!(
        harness
            .get_by_label("Equals")
            .accesskit_node()
            .is_disabled(),
        "there is no word"
    );
    harness.get_by_label("Value or word").focus();
    harness.run_steps(1);
    write(&mut harness, "Open");
    for label in ["Equals", "Contains", "Changing", "Changing status"] {
        harness.get_by_label(label).click();
        harness.run_steps(3);
    }
    assert!(
        harness.get_by_label("Above").accesskit_node().is_disabled(),
        "a word is no threshold"
    );
    harness.key_press(Key::Escape);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.latest(door, Value::Text("closed".to_owned()));
    script.every(door, Value::Text("closed".to_owned()));
    harness.run_steps(2);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(door, Value::Text("open".to_owned()));
    script.status(door, Status::Stale);
    harness.run_steps(2);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(3);
    let alerts = harness.state().monitor.alerts();
    let mut fired: Vec<&str> = alerts.unseen().map(|event| &*event.text).collect();
    fired.sort_unstable();
    assert_eq!(
        fired,
        [
            "changes (closed → open)",
            "changes status (live → stale)",
            "contains Open (open)",
            "equals Open",
        ]
    );
    // All of it is there again after a restart.
    let again = restarted(&mut harness);
    let rules = |harness: &Harness<'_, Bench>| harness.state().monitor.alerts().rules().to_vec();
    assert_eq!(rules(&again), rules(&harness));
    assert_eq!(rules(&again).len(), 4);
}

#[test]
fn a_margin_is_typed_and_a_wrong_one_is_refused() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    let topic = BTC.parse().unwrap();
    let condition = AlertCondition::Above(39_490.0);
    let add = UiCommand::AddAlert { topic, condition };
    harness.state_mut().monitor.execute(add);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    let field = format!("Margin for {BTC} above 39 490.00");
    let margin = |harness: &Harness<'_, Bench>| harness.state().monitor.alerts().rules()[0].margin;
    harness.get_by_label(&field).focus();
    harness.run_steps(1);
    write(&mut harness, "-3");
    harness.key_press(Key::Tab);
    harness.run_steps(3);
    assert!(sees(&harness, "a number from 0"));
    assert_eq!(margin(&harness), 0.0);
    harness.get_by_label(&field).focus();
    harness.run_steps(1);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    write(&mut harness, "12.5");
    harness.key_press(Key::Tab);
    harness.run_steps(3);
    assert!(!sees(&harness, "a number from 0"));
    assert_eq!(margin(&harness), 12.5);
    let again = restarted(&mut harness);
    assert_eq!(margin(&again), 12.5);
}

#[test]
fn an_alert_is_muted_where_it_is_told_and_says_until_when() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    for value in [39_400.0, 39_300.0] {
        let topic = BTC.parse().unwrap();
        let condition = AlertCondition::Above(value);
        let add = UiCommand::AddAlert { topic, condition };
        harness.state_mut().monitor.execute(add);
    }
    trades(&mut harness, 2);
    assert!(sees(&harness, "and 1 more"));
    // The newest is told, and muted there.
    let told = harness.query_all_by_label_contains("Mute above").next();
    told.unwrap().click();
    harness.run_steps(3);
    harness.get_by_label("for 10 min").click();
    harness.run_steps(3);
    assert!(!sees(&harness, "and 1 more"), "one is left");
    assert!(sees(&harness, "Seen"));
    let muted = |harness: &Harness<'_, Bench>| {
        let rules = harness.state().monitor.alerts().rules().iter();
        rules.filter(|rule| rule.muted_until_ns.is_some()).count()
    };
    assert_eq!(muted(&harness), 1);
    let again = restarted(&mut harness);
    assert_eq!(muted(&again), 1, "a restart ends no mute");

    // The list says until when; a click ends it, and what still holds is told again.
    harness.get_by_label("Seen").click();
    trades(&mut harness, 2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    assert!(painted(&harness, "Muted until 12:10"));
    let unmute = harness.query_all_by_label_contains("Unmute").next();
    unmute.unwrap().click();
    harness.run_steps(3);
    assert_eq!(muted(&harness), 0);
    harness.key_press(Key::Escape);
    for _ in 0..7 {
        trades(&mut harness, 1);
    }
    assert!(sees(&harness, "Seen"), "it still holds");

    // All of them.
    harness.get_by_label("Seen").click();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    harness.get_by_label("Mute all alerts").click();
    harness.run_steps(3);
    harness.get_by_label("for 1 h").click();
    harness.run_steps(3);
    assert!(painted(&harness, "Muted all until 13:0"));
    assert!(has(&harness, "Unmute all alerts"));
}

#[test]
fn the_list_of_alerts_fits_the_smallest_window() {
    let mut harness = harness_of([720.0, 420.0], SavedState::default(), &[BTC]);
    fill(&mut harness.state_mut().script);
    trades(&mut harness, 3);
    let long = format!("{BTC}/a/name/that/is/much/longer/than/any/line/of/the/list/has/room/for");
    for (topic, condition) in [
        (BTC, AlertCondition::Above(39_000.0)),
        (&*long, AlertCondition::Contains("a long text ".repeat(9))),
    ] {
        let topic = topic.parse().unwrap();
        let add = UiCommand::AddAlert { topic, condition };
        harness.state_mut().monitor.execute(add);
    }
    trades(&mut harness, 2);
    assert_apart(&harness, whole(&harness), "the banner");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    let window = whole(&harness);
    for label in ["Mute market", "Delete market", "Margin for market"] {
        let nodes: Vec<_> = harness.query_all_by_label_contains(label).collect();
        assert!(!nodes.is_empty(), "{label}");
        for node in nodes {
            assert!(
                window.contains_rect(node.rect()),
                "{label}: {:?}",
                node.rect()
            );
        }
    }
}
