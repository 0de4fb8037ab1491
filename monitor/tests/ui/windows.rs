//! Panes in windows of their own. There is one display here, so such a window is drawn within the
//! main one; `tests/window.rs` opens real ones.

use tickcast_monitor::testing::{Monitor, PaneId, WindowPlace};

use super::*;

const ETH: &str = "market/ETH-USDT/trade";
const PRESSURE: &str = "plant/line-1/pressure";

/// The panes in windows of their own.
fn out(harness: &Harness<'_, Bench>) -> Vec<String> {
    let buttons = harness.query_all_by_label_contains("Put back ");
    let mut panes: Vec<String> = buttons
        .filter_map(|node| node.accesskit_node().label())
        .filter_map(|label| Some(label.strip_prefix("Put back ")?.to_owned()))
        .collect();
    panes.sort();
    panes
}

fn click(harness: &mut Harness<'_, Bench>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

fn key(harness: &mut Harness<'_, Bench>, key: Key) {
    harness.key_press(key);
    harness.run_steps(3);
}

fn undo(harness: &mut Harness<'_, Bench>) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
}

/// The panes of the windows, as the program numbers them.
fn panes(harness: &mut Harness<'_, Bench>) -> Vec<PaneId> {
    let windows = harness.state_mut().monitor.pane_windows(&[]);
    windows.iter().map(|window| window.pane).collect()
}

/// The windows in what is saved.
fn saved(harness: &Harness<'_, Bench>) -> serde_json::Value {
    let saved = serde_json::to_value(harness.state().monitor.saved_state()).unwrap();
    saved["workspace"]["windows"].clone()
}

#[test]
fn a_pane_is_taken_out_by_its_button_and_put_back_at_its_place() {
    let mut harness = filled(&[BTC, PRESSURE]);
    let before = harness.get_by_label(&format!("Chart of {PRESSURE}")).rect();
    click(&mut harness, &format!("Take out {PRESSURE}"));
    assert_eq!(out(&harness), [PRESSURE]);
    assert!(painted(&harness, &format!("{PRESSURE} · Tickcast")));
    let in_window = harness.get_by_label(&format!("Chart of {PRESSURE}")).rect();
    assert_ne!(in_window, before, "drawn once, and in the window");
    let main = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    assert!(main.bottom() > before.center().y, "its place is filled");
    assert_eq!(charted(&harness), [BTC, PRESSURE]);
    click(&mut harness, &format!("Put back {PRESSURE}"));
    assert_eq!(out(&harness), [] as [&str; 0]);
    let after = harness.get_by_label(&format!("Chart of {PRESSURE}")).rect();
    assert_eq!(after, before);
}

#[test]
fn the_pane_that_was_clicked_last_is_taken_out_by_key_menu_and_palette() {
    let mut harness = filled(&[BTC, PRESSURE]);
    key(&mut harness, Key::W);
    assert_eq!(out(&harness), [BTC], "the active one");
    key(&mut harness, Key::W);
    assert_eq!(out(&harness), [] as [&str; 0]);
    // A pane that is no chart, and so never the active one.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::I);
    harness.run_steps(2);
    click(&mut harness, "Pane Inspector");
    key(&mut harness, Key::W);
    assert_eq!(out(&harness), ["Inspector"]);
    let chart = format!("Chart of {PRESSURE}");
    harness.get_by_label(&chart).click_secondary();
    harness.run_steps(3);
    click(&mut harness, "Open in a window of its own");
    assert_eq!(out(&harness), ["Inspector", PRESSURE]);
    key(&mut harness, Key::B);
    assert_eq!(out(&harness), [] as [&str; 0], "all come back");
    harness.get_by_label("Pane Inspector").click_secondary();
    harness.run_steps(3);
    click(&mut harness, "Open in a window of its own");
    assert_eq!(out(&harness), ["Inspector"]);
    command(&mut harness, "bring all windows back");
    assert_eq!(out(&harness), [] as [&str; 0]);
    command(&mut harness, "window of its own");
    assert_eq!(out(&harness).len(), 1);
}

#[test]
fn undo_takes_back_the_last_step_whether_it_was_of_a_chart_or_of_the_windows() {
    let mut harness = filled(&[BTC, PRESSURE]);
    trades(&mut harness, 5);
    let is_following = |h: &Harness<'_, Bench>| h.state().monitor.workspace().is_following();
    key(&mut harness, Key::ArrowLeft);
    assert!(!is_following(&harness));
    click(&mut harness, &format!("Take out {BTC}"));
    click(&mut harness, &format!("Take out {PRESSURE}"));
    key(&mut harness, Key::ArrowLeft);
    let moved = window(&harness);
    undo(&mut harness);
    assert_ne!(window(&harness), moved, "the view, which came last");
    assert_eq!(out(&harness).len(), 2);
    assert!(!is_following(&harness), "one step");
    undo(&mut harness);
    assert_eq!(out(&harness), [BTC]);
    undo(&mut harness);
    assert_eq!(out(&harness), [] as [&str; 0]);
    assert!(!is_following(&harness));
    undo(&mut harness);
    assert!(is_following(&harness), "the first step is undone last");
    // All of them come back as one step, and are put out again by one.
    click(&mut harness, &format!("Take out {BTC}"));
    click(&mut harness, &format!("Take out {PRESSURE}"));
    key(&mut harness, Key::B);
    undo(&mut harness);
    assert_eq!(out(&harness), [BTC, PRESSURE]);
}

#[test]
fn a_window_has_the_pointer_and_the_crosshair_and_shares_both() {
    let mut harness = filled(&[BTC, "market/EUR-USD/quote"]);
    trades(&mut harness, 20);
    click(&mut harness, &format!("Take out {BTC}"));
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    harness.hover_at(plot.right_center() - vec2(90.0, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "Δ live"));
    assert!(painted(&harness, "1.12164"), "the main window marks it too");
    harness.remove_cursor();
    harness.run_steps(3);
    assert!(!painted(&harness, "Δ live"));
    // A drag within the window moves its chart, which becomes the active one.
    key(&mut harness, Key::N);
    let before = window(&harness);
    let from = plot.center();
    let by = vec2(60.0, 0.0);
    let button = PointerButton::Primary;
    drag(&mut harness, button, from, by, Modifiers::NONE);
    let main = harness.state().monitor.workspace().main_topic().unwrap();
    assert_eq!(main.as_str(), BTC);
    assert!(window(&harness).1 < before.1, "moved back in time");
    assert!(sees(&harness, "Paused, +"));
    // Linked charts follow each other across windows.
    assert_eq!(harness.query_all_by_label_contains("Paused, +").count(), 1);
    key(&mut harness, Key::T);
    assert_eq!(harness.query_all_by_label_contains("Paused, +").count(), 2);
}

#[test]
fn a_topic_is_dropped_onto_a_window_and_beside_the_main_one_is_said_what_to_do() {
    let mut harness = filled(&[BTC, ETH]);
    click(&mut harness, &format!("Take out {ETH}"));
    let list = row(&harness, PRESSURE).rect().center();
    let plot = harness.get_by_label(&format!("Chart of {ETH}")).rect();
    let button = PointerButton::Primary;
    drag(
        &mut harness,
        button,
        list,
        plot.center() - list,
        Modifiers::NONE,
    );
    assert_eq!(charted(&harness), [BTC, ETH, PRESSURE]);
    let list = row(&harness, "building/power/main").rect().center();
    let beside = egui::pos2(whole(&harness).right() + 300.0, 400.0);
    drag(&mut harness, button, list, beside - list, Modifiers::NONE);
    assert_eq!(charted(&harness).len(), 3);
    assert!(sees(&harness, "cannot be dragged into another window"));
    // What is said: click that window, then Shift+click the topic.
    click(&mut harness, &format!("Pane {ETH}"));
    row(&harness, "building/power/main").click_modifiers(Modifiers::SHIFT);
    harness.run_steps(3);
    assert_eq!(charted(&harness).len(), 4);
    let charts = harness.state().monitor.workspace().chart_topics();
    let mut sizes: Vec<usize> = charts.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3], "in the window");
}

#[test]
fn windows_are_where_they_were_after_a_restart_and_with_a_layout() {
    let mut harness = filled(&[BTC, PRESSURE]);
    assert!(
        saved(&harness).is_null(),
        "a file without windows is as before"
    );
    click(&mut harness, &format!("Take out {PRESSURE}"));
    let pane = panes(&mut harness)[0];
    let place = WindowPlace {
        position: Some((1500.0, 80.0)),
        size: (900.0, 500.0),
    };
    let monitor = &mut harness.state_mut().monitor;
    monitor.pane_window_moved(pane, place);
    monitor.execute(UiCommand::SaveLayout("Two screens".to_owned()));
    let mut again = restarted(&mut harness);
    assert_eq!(out(&again), [PRESSURE]);
    assert_eq!(saved(&again), saved(&harness));
    let windows = again.state_mut().monitor.pane_windows(&[]);
    let builder = windows[0].builder();
    assert_eq!(builder.position, Some(egui::pos2(1500.0, 80.0)));
    assert_eq!(builder.inner_size, Some(vec2(900.0, 500.0)));
    // Back, and by the layout out again, at the place that was saved with it.
    key(&mut again, Key::B);
    assert_eq!(out(&again), [] as [&str; 0]);
    let monitor = &mut again.state_mut().monitor;
    monitor.execute(UiCommand::LoadLayout("Two screens".to_owned()));
    again.run_steps(3);
    assert_eq!(out(&again), [PRESSURE]);
    let windows = again.state_mut().monitor.pane_windows(&[]);
    assert_eq!(
        windows[0].builder().position,
        Some(egui::pos2(1500.0, 80.0))
    );
    assert_eq!(saved(&again), saved(&harness));
}

#[test]
fn a_window_too_many_is_refused_with_a_notice() {
    let mut harness = filled(&[BTC]);
    for number in 0..9 {
        row(&harness, PRESSURE).click_modifiers(Modifiers::COMMAND);
        harness.run_steps(2);
        // What was opened last is taken out.
        key(&mut harness, Key::W);
        assert_eq!(panes(&mut harness).len(), (number + 1).min(8));
    }
    assert!(sees(&harness, "Cannot open another window (limit 8)"));
    key(&mut harness, Key::B);
    assert!(panes(&mut harness).is_empty());
    assert_eq!(harness.state().monitor.workspace().chart_topics().len(), 10);
}

#[test]
fn a_pane_that_is_closed_in_its_window_is_gone_and_without_panes_the_window_says_so() {
    let mut harness = filled(&[BTC, PRESSURE]);
    click(&mut harness, &format!("Take out {PRESSURE}"));
    click(&mut harness, &format!("Take out {BTC}"));
    assert!(sees(&harness, "All panes are in windows of their own"));
    // A new one has its place here all the same.
    row(&harness, ETH).click_modifiers(Modifiers::COMMAND);
    harness.run_steps(3);
    assert!(!sees(&harness, "All panes are in windows of their own"));
    assert_eq!(charted(&harness), [BTC, ETH, PRESSURE]);
    // The window that was opened last lies above the other one.
    click(&mut harness, &format!("Close {BTC}"));
    assert_eq!(out(&harness), [PRESSURE]);
    assert_eq!(charted(&harness), [ETH, PRESSURE]);
    undo(&mut harness);
    undo(&mut harness);
    let charted = charted(&harness);
    assert_eq!(charted, [ETH, PRESSURE], "what is closed stays closed");
}

#[test]
fn a_window_has_the_colours_of_the_program() {
    let mut harness = filled(&[BTC, PRESSURE]);
    click(&mut harness, &format!("Take out {PRESSURE}"));
    // It fades in.
    harness.run_steps(30);
    for theme in THEMES {
        let monitor = &mut harness.state_mut().monitor;
        monitor.execute(UiCommand::SetTheme(theme));
        harness.run_steps(3);
        let plot = harness.get_by_label(&format!("Chart of {PRESSURE}")).rect();
        let ground = Theme::of(theme).background;
        let is_ground = harness.output().shapes.iter().any(|clipped| {
            matches!(&clipped.shape, egui::Shape::Rect(rect)
                if rect.fill == ground && rect.rect.contains_rect(plot))
        });
        assert!(is_ground, "{theme:?}");
    }
}

#[test]
fn a_picture_of_a_chart_in_a_window_is_taken_there() {
    let mut harness = filled(&[BTC, PRESSURE]);
    trades(&mut harness, 5);
    click(&mut harness, &format!("Take out {BTC}"));
    click(&mut harness, &format!("Pane {BTC}"));
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    command(&mut harness, "copy picture");
    let picture = harness.state_mut().monitor.take_picture().unwrap();
    assert!(picture.rect.contains_rect(plot));
}

#[test]
fn a_window_whose_pane_was_put_back_says_where_it_is_while_the_main_window_is_hidden() {
    let mut harness = filled(&[BTC, PRESSURE]);
    click(&mut harness, &format!("Take out {BTC}"));
    let pane = panes(&mut harness)[0];
    let ctx = egui::Context::default();
    Monitor::prepare(&ctx);
    let is_said = |harness: &mut Harness<'_, Bench>| {
        let monitor = &mut harness.state_mut().monitor;
        let input = egui::RawInput::default();
        let mut output = ctx.run_ui(input, |ui| monitor.pane_window_ui(ui, pane));
        // It is not drawn: textures are dropped instead of uploaded.
        output.textures_delta.clear();
        output.shapes.iter().any(|clipped| match &clipped.shape {
            egui::Shape::Text(text) => text.galley.text().contains("in the main window again"),
            _ => false,
        })
    };
    assert!(!is_said(&mut harness), "the chart is there");
    click(&mut harness, &format!("Put back {BTC}"));
    assert!(is_said(&mut harness));
}
