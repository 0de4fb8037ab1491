//! Panes, layouts, preferences, commands and keys.

use super::*;

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
    let text = serde_json::to_string(&harness.state().monitor.saved_state()).unwrap();
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
    let preferences = harness.state().monitor.preferences();
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
fn a_pane_dropped_onto_another_becomes_a_tab_and_survives_a_restart() {
    let pressure = "plant/line-1/pressure";
    let mut harness = filled(&[BTC, pressure]);
    let from = harness.get_by_label(&format!("Pane {pressure}")).rect();
    let to = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let from = from.left_center() + vec2(300.0, 0.0);
    let by = to.center() - from;
    drag(
        &mut harness,
        PointerButton::Primary,
        from,
        by,
        Modifiers::NONE,
    );
    harness.run_steps(4);
    let is_shown = |h: &Harness<'_, Bench>, topic: &str| has(h, &format!("Chart of {topic}"));
    let shown = [BTC, pressure].map(|topic| is_shown(&harness, topic));
    assert!(shown[0] != shown[1], "one lies above the other: {shown:?}");
    assert_eq!(charted(&harness), [BTC, pressure]);
    // As a tab it survives a restart.
    let again = restarted(&mut harness);
    let shown = [BTC, pressure].map(|topic| is_shown(&again, topic));
    assert!(shown[0] != shown[1], "{shown:?}");
}

#[test]
fn panes_are_closed_by_key_and_too_many_are_refused_with_a_notice() {
    let mut harness = filled(&[BTC, "plant/line-1/pressure"]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    harness.run_steps(2);
    assert_eq!(charted(&harness).len(), 1);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    harness.run_steps(2);
    assert!(sees(&harness, "Choose a topic to chart it"));
    for _ in 0..30 {
        row(&harness, "plant/line-1/pressure").click_modifiers(Modifiers::COMMAND);
        harness.run_steps(2);
    }
    assert!(sees(&harness, "Cannot open another pane (limit 24)"));
    assert_eq!(harness.state().monitor.workspace().chart_topics().len(), 24);
}

#[test]
fn keys_and_commands_reach_every_chart_style_and_scale() {
    let mut harness = filled(&[BTC, "market/ETH-USDT/trade"]);
    let main = |h: &Harness<'_, Bench>| h.state().monitor.workspace().main_topic().unwrap();
    assert_eq!(main(&harness).as_str(), BTC);
    harness.key_press(Key::N);
    harness.run_steps(2);
    assert_eq!(main(&harness).as_str(), "market/ETH-USDT/trade");
    harness.key_press(Key::N);
    harness.run_steps(2);
    assert_eq!(main(&harness).as_str(), BTC);
    for (words, label) in [
        ("candles 10 seconds", "10 s"),
        ("draw line", "Line"),
        ("logarithmic", "Log"),
        ("stays fixed", "Lock"),
        ("fills the height", "Auto"),
    ] {
        command(&mut harness, words);
        let chosen = harness
            .query_all_by_label(label)
            .filter(|node| node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True));
        assert!(chosen.count() >= 1, "{words}");
    }
}

#[test]
fn layouts_are_replaced_and_deleted() {
    let mut harness = filled(&[BTC]);
    for name in ["Morning", "Evening"] {
        harness
            .state_mut()
            .monitor
            .execute(UiCommand::SaveLayout(name.to_owned()));
    }
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    harness.run_steps(3);
    assert!(has(&harness, "Replace"), "the one in use");
    harness.get_by_label("Delete layout Morning").click();
    harness.run_steps(3);
    assert!(!has(&harness, "Delete layout Morning"));
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    let mut again = restarted(&mut harness);
    let names: Vec<String> = again
        .state_mut()
        .monitor
        .saved_state()
        .layouts
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["Evening"]);
}

#[test]
fn every_widget_has_a_name() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    let topic = BTC.parse().unwrap();
    let condition = AlertCondition::Gap;
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::AddAlert { topic, condition });
    monitor.execute(UiCommand::OpenHealth);
    use tickcast_monitor::testing::Overlay;
    for overlay in [
        None,
        Some(Overlay::Palette),
        Some(Overlay::Keys),
        Some(Overlay::Preferences),
        Some(Overlay::Alerts),
        Some(Overlay::SaveLayout),
        Some(Overlay::Recordings),
        Some(Overlay::Servers),
    ] {
        harness
            .state_mut()
            .monitor
            .execute(UiCommand::Overlay(overlay));
        harness.run_steps(3);
        let mut waiting: Vec<_> = harness.root().children().collect();
        while let Some(node) = waiting.pop() {
            waiting.extend(node.children());
            let node = node.accesskit_node();
            use egui::accesskit::Role;
            let wants_name = [
                Role::Button,
                Role::CheckBox,
                Role::TextInput,
                Role::Slider,
                Role::ListBoxOption,
                Role::TitleBar,
                Role::Figure,
            ];
            if wants_name.contains(&node.role()) {
                let name = node.label().or_else(|| node.value());
                let name = name.unwrap_or_default();
                assert!(
                    !name.is_empty(),
                    "{overlay:?}: {:?} without a name",
                    node.role()
                );
            }
        }
    }
}

#[test]
fn damaged_settings_are_reported_and_the_program_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.json");
    std::fs::write(&path, b"{\"watch_list\": 7").unwrap();
    let (settings, error) = SavedState::load(&path);
    let mut harness = harness(settings, &[]);
    harness
        .state_mut()
        .monitor
        .notify(error.unwrap().to_string());
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    assert!(sees(&harness, "are damaged"));
    harness.get_by_label(BTC).click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), [BTC]);
}
