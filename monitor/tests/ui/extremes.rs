//! More, longer and stranger data than expected.

use super::*;

#[test]
fn names_of_256_bytes_in_any_script_do_no_harm() {
    let mut harness = harness(SavedState::default(), &[]);
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
    let mut harness = harness(SavedState::default(), &[]);
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

#[test]
fn a_tree_of_a_hundred_thousand_topics_is_filled_in_steps() {
    let mut harness = harness(SavedState::default(), &[]);
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

/// Names of 256 bytes in scripts that the fonts have and that they lack, that go from right to
/// left, that join, and that are not seen at all.
fn long_names() -> Vec<String> {
    let fill = |unit: &str| {
        let times = (256 - "plant/".len()) / unit.len();
        format!("plant/{}", unit.repeat(times))
    };
    [
        "温度",
        "درجة",
        "ทดสอบ",
        "😀",
        "👩‍👩‍👧‍👦",
        "e\u{301}",
        "\u{202e}abc",
        "\u{200b}",
        "Ω/",
    ]
    .map(fill)
    .into()
}

#[test]
fn any_script_leaves_the_layout_as_it_is() {
    let mut harness = filled(&[]);
    let script = &mut harness.state_mut().script;
    for name in long_names() {
        script.latest(&name, trade("1.0", "1"));
        script.latest(&name, trade("1.5", "1"));
    }
    harness.run_steps(3);
    for name in long_names() {
        harness.get_by_label("Filter topics").focus();
        harness.run_steps(1);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        write(&mut harness, &name);
        harness.key_press(Key::Tab);
        harness.run_steps(2);
        let row = harness.get_by_label(&name).rect();
        assert_eq!(
            row.height(),
            tickcast_monitor::testing::ROW_HEIGHT,
            "{name}"
        );
        assert!(row.right() < 500.0, "within the list: {row:?}");
        harness.get_by_label(&name).click();
        harness.run_steps(2);
        let plot = harness.get_by_label(&format!("Chart of {name}")).rect();
        assert!(plot.width() > 800.0 && plot.right() < 1440.0, "{plot:?}");
        harness.get_by_label("Line").click();
        harness.run_steps(1);
    }
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(3);
    harness.get_by_label("Stale").click();
    harness.run_steps(3);
    assert_eq!(harness.state().monitor.alerts().rules().len(), 1);
}

#[test]
fn topics_beyond_the_limit_are_reported_with_a_remedy() {
    use tickcast_monitor::testing::TOPICS_MAX;
    let mut harness = harness(SavedState::default(), &[]);
    let Bench { monitor, script } = harness.state_mut();
    script.connected();
    for number in 0..TOPICS_MAX + 1_000 {
        script.latest(&format!("many/{number}"), Value::Reading(1.0));
        if number % 50_000 == 0 {
            monitor.receive(script.now_ns);
        }
    }
    harness.run_steps(3);
    let store = harness.state().monitor.store();
    assert_eq!((store.len(), store.totals().dropped), (TOPICS_MAX, 1_000));
    assert!(sees(
        &harness,
        "more topics than the monitor keeps (limit 250 000): 1 000 updates"
    ));
    assert!(sees(&harness, "Choose topics with --filter"));
    // Topics that are kept can be found and charted.
    harness.key_press(Key::Slash);
    harness.run_steps(2);
    write(&mut harness, "many/249999");
    harness.get_by_label("many/249999").click();
    harness.run_steps(2);
    assert_eq!(charted(&harness), ["many/249999"]);
}

/// What a file that was edited by hand, or by a broken disk, may say in any place.
#[test]
fn settings_with_wrong_values_anywhere_are_refused_or_usable() {
    let mut harness = filled(&[BTC, "plant/line-1/pressure", "market/EUR-USD/quote"]);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::OpenHealth);
    monitor.execute(UiCommand::SaveLayout("Morning".to_owned()));
    let topic = BTC.parse().unwrap();
    let condition = AlertCondition::Above(1.0);
    monitor.execute(UiCommand::AddAlert { topic, condition });
    let good = serde_json::to_value(monitor.saved_state()).unwrap();
    let mut places = Vec::new();
    collect(&good, &mut Vec::new(), &mut places);
    assert!(places.len() > 60, "{}", places.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.json");
    let strange = [
        serde_json::json!(0),
        serde_json::json!(2),
        serde_json::json!(-1.0),
        serde_json::json!(1e300),
        serde_json::json!([]),
        serde_json::json!(""),
        serde_json::Value::Null,
    ];
    let mut usable = 0;
    for place in &places {
        for value in &strange {
            let mut settings = good.clone();
            *settings.pointer_mut(place).unwrap() = value.clone();
            std::fs::write(&path, settings.to_string()).unwrap();
            let (settings, error) = SavedState::load(&path);
            if error.is_some() {
                continue;
            }
            let mut harness = support::harness(settings, &[]);
            harness.run_steps(1);
            fill(&mut harness.state_mut().script);
            harness.run_steps(2);
            let zoom = harness.state().monitor.preferences().zoom;
            assert!((0.5..=4.0).contains(&zoom), "{place}: {value}");
            usable += 1;
        }
    }
    assert!(usable > 50, "{usable}");
}

/// The places of all values, as JSON pointers (RFC 6901).
fn collect(value: &serde_json::Value, path: &mut Vec<String>, places: &mut Vec<String>) {
    let mut inner = |key: String, value: &serde_json::Value| {
        path.push(key.replace('~', "~0").replace('/', "~1"));
        places.push(format!("/{}", path.join("/")));
        collect(value, path, places);
        path.pop();
    };
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(k, v)| inner(k.clone(), v)),
        serde_json::Value::Array(list) => {
            let list = list.iter().enumerate();
            list.for_each(|(at, v)| inner(at.to_string(), v));
        }
        _ => {}
    }
}
