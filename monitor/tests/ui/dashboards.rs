//! Dashboards, time and sales, publishing, and saved layouts.

use tickcast_protocol::topic::Topic;

use super::*;

const TEMPERATURE: &str = "plant/line-1/temperature";
const PRESSURE: &str = "plant/line-1/pressure";

fn select(harness: &mut Harness<'_, Bench>, topic: &str) {
    let select = UiCommand::Select(Topic::new(topic).unwrap());
    harness.state_mut().monitor.execute(select);
    harness.run_steps(1);
}

fn ctrl(harness: &mut Harness<'_, Bench>, key: Key) {
    harness.key_press_modifiers(Modifiers::COMMAND, key);
    harness.run_steps(3);
}

fn click(harness: &mut Harness<'_, Bench>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

/// A dashboard of three topics.
fn dashboard(size: [f32; 2]) -> Harness<'static, Bench> {
    let mut harness = harness_of(size, SavedState::default(), &[]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    for topic in [TEMPERATURE, PRESSURE, "plant/line-1/door"] {
        select(&mut harness, topic);
        ctrl(&mut harness, Key::B);
    }
    harness
}

/// The label of a topic's tile.
fn tile(harness: &Harness<'_, Bench>, topic: &str) -> String {
    let part = format!("Tile {topic}: ");
    let node = harness.query_all_by_label_contains(&part).next();
    node.unwrap().accesskit_node().label().unwrap()
}

fn set(harness: &mut Harness<'_, Bench>, topic: &str, high: &str) {
    select(harness, topic);
    ctrl(harness, Key::T);
    harness.get_by_label("Too high above").focus();
    harness.run_steps(1);
    write(harness, high);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
}

#[test]
fn a_dashboard_shows_topics_at_a_glance_and_colours_what_is_outside_of_its_limits() {
    let mut harness = dashboard([1440.0, 900.0]);
    assert_eq!(
        tile(&harness, TEMPERATURE),
        format!("Tile {TEMPERATURE}: 87.31 °C")
    );
    assert!(
        tile(&harness, "plant/line-1/door").ends_with("closed"),
        "a state"
    );
    set(&mut harness, TEMPERATURE, "80");
    assert!(tile(&harness, TEMPERATURE).ends_with("87.31 °C, too high (80.00)"));
    assert!(painted(&harness, "1 outside of their limits"));
    let theme = Theme::of(ThemeChoice::Dark);
    let label = tile(&harness, TEMPERATURE);
    let area = harness.get_by_label(&label).rect();
    let large = texts(&harness, area).into_iter();
    let large = large.filter(|(text, _)| text == "87.31 °C");
    let height = large.map(|(_, rect)| rect.height()).fold(0.0, f32::max);
    assert!(height > 20.0, "a big number: {height}");
    assert_eq!(ink(&harness, "too high (80.00)"), Some(theme.bad));
    // It follows its topic.
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.reading(TEMPERATURE, "°C", 79.5);
    harness.run_steps(2);
    assert!(tile(&harness, TEMPERATURE).ends_with("79.50 °C"));
    assert!(!painted(&harness, "outside of their limits"));
}

#[test]
fn tiles_are_changed_moved_and_removed_and_are_stored() {
    let mut harness = dashboard([1440.0, 900.0]);
    let menu = |harness: &mut Harness<'_, Bench>, topic: &str, choice: &str| {
        let label = tile(harness, topic);
        harness.get_by_label(&label).click_secondary();
        harness.run_steps(3);
        harness.get_by_label(choice).click();
        harness.run_steps(3);
    };
    for kind in ["Gauge", "Sparkline", "State", "Number"] {
        menu(&mut harness, TEMPERATURE, kind);
        assert!(tile(&harness, TEMPERATURE).contains("87.31"), "{kind}");
    }
    let place = |harness: &Harness<'_, Bench>, topic: &str| {
        let label = tile(harness, topic);
        harness.get_by_label(&label).rect().center().x
    };
    assert!(place(&harness, TEMPERATURE) < place(&harness, PRESSURE));
    menu(&mut harness, TEMPERATURE, "Move to the right");
    assert!(place(&harness, TEMPERATURE) > place(&harness, PRESSURE));
    // By the pointer back again.
    let label = tile(&harness, TEMPERATURE);
    let from = harness.get_by_label(&label).rect().center();
    let label = tile(&harness, PRESSURE);
    let to = harness.get_by_label(&label).rect().center();
    drag(
        &mut harness,
        PointerButton::Primary,
        from,
        to - from,
        Modifiers::NONE,
    );
    assert!(place(&harness, TEMPERATURE) < place(&harness, PRESSURE));
    menu(&mut harness, PRESSURE, "Remove the tile");
    assert_eq!(harness.query_all_by_label_contains("Tile ").count(), 2);
    // The selected tile by a command.
    select(&mut harness, TEMPERATURE);
    command(&mut harness, "selected tile as the next");
    let again = restarted(&mut harness);
    assert!(tile(&again, TEMPERATURE).ends_with("87.31 °C"));
    assert_eq!(again.query_all_by_label_contains("Tile ").count(), 2);
}

#[test]
fn a_topic_is_dragged_from_the_list_onto_a_dashboard() {
    let mut harness = dashboard([1440.0, 900.0]);
    let from = row(&harness, "building/power/main").rect().center();
    let pane = harness.get_by_label("Pane Dashboard").rect();
    let to = pane.center() + vec2(0.0, 300.0);
    drag(
        &mut harness,
        PointerButton::Primary,
        from,
        to - from,
        Modifiers::NONE,
    );
    harness.run_steps(2);
    assert!(
        tile(&harness, "building/power/main").ends_with("48.20 kW")
            || tile(&harness, "building/power/main").ends_with("48.2 kW")
    );
}

#[test]
fn time_and_sales_lists_trades_with_their_sides_and_holds_still_while_it_is_read() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    select(&mut harness, BTC);
    ctrl(&mut harness, Key::M);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 4);
    trades(&mut harness, 1);
    let rows = |harness: &Harness<'_, Bench>| -> Vec<String> {
        let all = harness.query_all_by_label_contains(" buy ");
        all.filter_map(|node| node.accesskit_node().value())
            .collect()
    };
    let shown = rows(&harness);
    assert!(shown.len() > 8, "{shown:?}");
    assert!(
        shown[0].ends_with("buy 39 489.00 0.1"),
        "the newest: {}",
        shown[0]
    );
    // Reading back, with the wheel.
    let pane = harness.get_by_label("Pane Time and sales").rect();
    let middle = pane.center() + vec2(0.0, 90.0);
    wheel(&mut harness, middle, -120.0);
    assert!(sees(&harness, "gap: 4 lost"));
    let before = rows(&harness);
    trades(&mut harness, 2);
    assert_eq!(rows(&harness), before, "rows that are read do not move");
    click(&mut harness, "+20 new: back to the newest");
    trades(&mut harness, 1);
    assert!(!sees(&harness, "back to the newest"));
    assert_ne!(rows(&harness), before);
    let again = restarted(&mut harness);
    assert!(has(&again, "Pane Time and sales"));
    // A topic without trades says so.
    let mut harness = filled(&[]);
    select(&mut harness, PRESSURE);
    ctrl(&mut harness, Key::M);
    assert!(painted(&harness, "This topic has no trades"));
}

#[test]
fn a_value_is_published_from_the_dialog_and_says_why_it_was_not() {
    let mut harness = filled(&[BTC]);
    select(&mut harness, PRESSURE);
    ctrl(&mut harness, Key::U);
    assert!(sees(&harness, "Not yet: type a value"));
    write(&mut harness, "2.5");
    assert!(has(&harness, "Publish the number"));
    click(&mut harness, "A text");
    assert!(has(&harness, "Publish the text"));
    click(&mut harness, "A number, if it is one");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let words = format!("{PRESSURE} = 2.5: there is no server: nothing was sent");
    assert!(sees(&harness, &words));
    harness
        .get_by_role_and_label(egui::accesskit::Role::TextInput, "To the topic")
        .focus();
    harness.run_steps(1);
    ctrl(&mut harness, Key::A);
    write(&mut harness, "a/#");
    assert!(sees(&harness, "\"a/#\" is no topic"));
}

#[test]
fn a_layout_is_renamed_and_deleted_and_no_other_one_is_lost() {
    let mut harness = filled(&[BTC]);
    for name in ["Morning", "Evening"] {
        let save = UiCommand::SaveLayout(name.to_owned());
        harness.state_mut().monitor.execute(save);
    }
    ctrl(&mut harness, Key::S);
    click(&mut harness, "Rename layout Morning");
    let field = |harness: &mut Harness<'_, Bench>, text: &str| {
        harness.get_by_label("Name of the layout").focus();
        harness.run_steps(1);
        ctrl(harness, Key::A);
        write(harness, text);
    };
    field(&mut harness, "Evening");
    assert!(sees(&harness, "Another layout has this name"));
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    field(&mut harness, "Noon");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(has(&harness, "Rename layout Noon") && has(&harness, "Rename layout Evening"));
    assert!(!has(&harness, "Rename layout Morning"));
    click(&mut harness, "Delete layout Noon");
    assert!(!has(&harness, "Rename layout Noon"));
    assert!(has(&harness, "Rename layout Evening"));
}

#[test]
fn tiles_and_trades_fit_every_size_and_all_colours() {
    for size in [[720.0, 420.0], [1000.0, 700.0], [1440.0, 900.0]] {
        let mut harness = dashboard(size);
        set(&mut harness, TEMPERATURE, "80");
        select(&mut harness, BTC);
        ctrl(&mut harness, Key::M);
        trades(&mut harness, 4);
        for theme in THEMES {
            let monitor = &mut harness.state_mut().monitor;
            monitor.execute(UiCommand::SetTheme(theme));
            harness.run_steps(3);
            for pane in ["Pane Dashboard", "Pane Time and sales"] {
                let head = harness.get_by_label(pane).rect();
                assert_apart(&harness, head, &format!("{pane} at {size:?}"));
            }
            let head = harness.get_by_label("Pane Time and sales").rect();
            let body = head.with_max_y(whole(&harness).bottom() - 26.0);
            assert_apart(&harness, body, &format!("trades at {size:?}"));
            for node in harness.query_all_by_label_contains("Tile ") {
                let area = node.rect();
                assert_apart(&harness, area, &format!("tile at {size:?}"));
            }
        }
    }
}
