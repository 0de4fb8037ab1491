//! No text pushes a name away, at any width; bars give way by priority.

use super::*;

const JSON: &str = r#"{"battery": 95, "humidity": 41.5, "linkquality": 120, "temperature": 21.3}"#;

/// Topics as a broker of a house has them: long names that differ at their ends, long values.
const HOUSE: [(&str, &str); 6] = [
    ("zigbee2mqtt/kitchen_window_left", JSON),
    ("zigbee2mqtt/kitchen_window_right", JSON),
    ("zigbee2mqtt/bridge/devices", JSON),
    (
        "log/zigbee2mqtt",
        "WARN  lqi low (34) on 0x00158d0001a2b3c4, retry 3",
    ),
    (
        "enterprise/site-eu-west-1/area-packaging-hall-three/line-07/cell-42/robot-1/state",
        JSON,
    ),
    (
        "enterprise/site-eu-west-1/area-packaging-hall-three/line-07/cell-42/robot-2/state",
        JSON,
    ),
];

fn house(width: f32, size: [f32; 2]) -> Harness<'static, Bench> {
    let settings = SavedState {
        list_width: Some(width),
        ..SavedState::default()
    };
    let mut harness = harness_of(size, settings, &[BTC]);
    fill(&mut harness.state_mut().script);
    let script = &mut harness.state_mut().script;
    for (topic, value) in HOUSE {
        script.latest(topic, Value::Text(value.to_owned()));
    }
    harness.run_steps(3);
    harness
}

#[test]
fn a_name_keeps_its_width_beside_any_value_and_is_cut_at_the_front() {
    for width in [280.0, 300.0, 340.0, 384.0, 420.0, 480.0, 640.0, 900.0] {
        let harness = house(width, [1440.0, 900.0]);
        for (topic, value) in HOUSE {
            let row = row(&harness, topic).rect();
            let texts = texts(&harness, row);
            let end: String = topic
                .chars()
                .rev()
                .take(7)
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .collect();
            let name = texts.iter().find(|(text, _)| text.ends_with(&end));
            let (name, place) = name.unwrap_or_else(|| panic!("{width}: no {topic}: {texts:?}"));
            assert!(
                name.starts_with('…') || topic.ends_with(name.as_str()),
                "{name}"
            );
            let begin = &value[..4];
            let value = texts.iter().find(|(text, _)| text.starts_with(begin));
            if name.starts_with('…') {
                // The value was cut first.
                let value = value.map_or(0.0, |(_, value)| value.width());
                assert!(place.width() >= value.min(60.0), "{width}: {name} {value}");
                assert!(
                    place.width() >= 60.0,
                    "{width}: {name} has {}",
                    place.width()
                );
            }
            assert_apart(&harness, row, &format!("{width}"));
        }
        let first = |at: usize| {
            let row = row(&harness, HOUSE[at].0).rect();
            texts(&harness, row).swap_remove(0).0
        };
        assert_ne!(first(4), first(5), "the ends tell them apart");
    }
}

#[test]
fn a_name_in_the_tree_keeps_its_width_too() {
    for width in [280.0, 384.0, 500.0] {
        let mut harness = house(width, [1440.0, 900.0]);
        harness.key_press(Key::G);
        harness.run_steps(2);
        for branch in [
            "enterprise",
            "site-eu-west-1",
            "area-packaging-hall-three",
            "line-07",
        ] {
            harness
                .get_by_label(&format!("Branch {branch}, closed, 2 topics"))
                .click();
            harness.run_steps(2);
        }
        let branches = ["cell-42", "robot-1"];
        for (branch, topics) in branches.into_iter().zip(["2 topics", "1 topic"]) {
            harness
                .get_by_label(&format!("Branch {branch}, closed, {topics}"))
                .click();
            harness.run_steps(2);
        }
        for label in ["area-packaging-hall-three", "line-07", "cell-42"] {
            let end = &label[label.len() - 5..];
            let branch = format!("Branch {label}, ");
            let node = harness.query_all_by_label_contains(&branch).next().unwrap();
            let texts = texts(&harness, node.rect());
            assert!(
                texts.iter().any(|(text, _)| text.ends_with(end)),
                "{texts:?}"
            );
            assert_apart(&harness, node.rect(), label);
        }
        let state = row(&harness, HOUSE[4].0).rect();
        let texts = texts(&harness, state);
        assert!(
            texts.iter().any(|(text, _)| text == "state"),
            "{width}: {texts:?}"
        );
        assert_apart(&harness, state, "state");
    }
}

#[test]
fn bars_give_way_by_priority_in_every_state_and_at_every_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("a-recording-with-a-rather-long-name-of-a-night-shift.jsonl");
    let line = format!(
        "{{\"topic\":\"a\",\"time\":{},\"seq\":1,\"value\":{{\"reading\":7}}}}\nbad\n",
        support::START_NS
    );
    std::fs::write(&path, line).unwrap();
    for size in [
        [720.0, 420.0],
        [860.0, 500.0],
        [1000.0, 700.0],
        [1440.0, 900.0],
    ] {
        let mut settings = SavedState::default();
        settings.preferences.folder = folder.path().display().to_string();
        let mut harness = harness_of(size, settings, &[BTC]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(3);
        let check = |harness: &mut Harness<'_, Bench>, what: &str| {
            harness.run_steps(3);
            let window = whole(harness);
            let what = format!("{size:?}, {what}");
            assert_apart(
                harness,
                window.with_max_y(104.0).with_max_x(window.right()),
                &what,
            );
            assert_apart(harness, window.with_min_y(window.bottom() - 26.0), &what);
        };
        check(&mut harness, "connected");
        assert!(has(&harness, "commands"), "{size:?}");
        assert_eq!(sees(&harness, "latency"), size[0] >= 1000.0, "{size:?}");
        trades(&mut harness, 3);
        harness.state_mut().script.skip(BTC, 137);
        trades(&mut harness, 3);
        let long = "a notice that is longer than the window is wide ".repeat(6);
        harness.state_mut().monitor.notify(long.clone());
        check(&mut harness, "a loss and a notice");
        assert!(has(&harness, &long) && sees(&harness, "137 lost"));
        let condition = AlertCondition::Above(1.0);
        let topic = BTC.parse().unwrap();
        let monitor = &mut harness.state_mut().monitor;
        monitor.execute(UiCommand::AddAlert { topic, condition });
        monitor.execute(UiCommand::Record(
            tickcast_monitor::testing::RecordedScope::Charted,
        ));
        trades(&mut harness, 3);
        check(&mut harness, "an alert and a recording");
        assert!(has(&harness, "Seen") && has(&harness, "Stop"), "{size:?}");
        harness
            .state_mut()
            .monitor
            .execute(UiCommand::Play(path.clone()));
        check(&mut harness, "playing");
        for label in ["Back to the server", "Pause", "Time in the recording"] {
            let rect = harness.get_by_label(label).rect();
            assert!(whole(&harness).contains_rect(rect), "{size:?}: {label}");
        }
        harness.get_by_label("Back to the server").click();
        harness
            .state()
            .script
            .connection(ConnectionState::BackingOff {
                attempt: 12,
                until: Instant::now() + Duration::from_secs(3600),
                obstacle: Obstacle::Unreachable,
                why: "connection refused".to_owned(),
            });
        check(&mut harness, "backing off");
        assert!(has(&harness, "Try now"));
    }
}

#[test]
fn names_and_values_share_the_lines_of_dialogs() {
    let mut harness = house(384.0, [720.0, 420.0]);
    let topic: tickcast_protocol::topic::Topic = HOUSE[4].0.parse().unwrap();
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::Select(topic.clone()));
    let condition = AlertCondition::Stale;
    monitor.execute(UiCommand::AddAlert { topic, condition });
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(4);
    let dialog = whole(&harness).shrink(16.0);
    for label in [format!("Delete {} stale", HOUSE[4].0), "Sound".to_owned()] {
        let rect = harness.get_by_label(&label).rect();
        assert!(dialog.contains_rect(rect), "{label} at {rect:?}");
    }
    let named = texts(&harness, dialog);
    let count = named
        .iter()
        .filter(|(text, _)| text.ends_with("robot-1/state"));
    assert!(count.count() >= 2, "{named:?}");
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    write(&mut harness, "robot-1");
    let line = format!("Do: {}", HOUSE[4].0);
    let rect = harness.get_by_label(&line).rect();
    let found = texts(&harness, rect);
    assert!(
        found
            .iter()
            .any(|(text, _)| text.ends_with("robot-1/state")),
        "{found:?}"
    );
}

#[test]
fn the_ends_of_long_names_are_seen_in_titles_tabs_and_banners() {
    let topic = HOUSE[5].0;
    let mut harness = house(384.0, [1000.0, 700.0]);
    harness.get_by_label(topic).click();
    harness.run_steps(2);
    let title = harness.get_by_label(&format!("Pane {topic}")).rect();
    let found = texts(&harness, title);
    assert!(
        found
            .iter()
            .any(|(text, _)| text.ends_with("robot-2/state")),
        "{found:?}"
    );
    assert_apart(&harness, title, "title");
}
