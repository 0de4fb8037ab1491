//! Several series on one chart: axes, percentages, the legend, the cursors.

use tickcast_protocol::topic::Topic;

use super::*;

const ETH: &str = "market/ETH-USDT/trade";
const PRESSURE: &str = "plant/line-1/pressure";

/// A chart of three topics that move for some seconds.
fn three(size: [f32; 2]) -> Harness<'static, Bench> {
    let mut harness = harness_of(size, SavedState::default(), &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    for topic in [ETH, PRESSURE] {
        add(&mut harness, topic, Modifiers::SHIFT);
    }
    flow(&mut harness, 5);
    harness
}

/// Selects a topic with a click on its row, and adds it with Enter.
fn add(harness: &mut Harness<'_, Bench>, topic: &str, modifiers: Modifiers) {
    let execute = &mut harness.state_mut().monitor;
    execute.execute(UiCommand::Select(Topic::new(topic).unwrap()));
    harness.run_steps(1);
    harness.key_press_modifiers(modifiers, Key::Enter);
    harness.run_steps(3);
}

/// Lets time pass, with 10 updates per second of each topic.
fn flow(harness: &mut Harness<'_, Bench>, seconds: i64) {
    let script = &mut harness.state_mut().script;
    for at in 0..seconds * 10 {
        script.now_ns += SECOND / 10;
        let step = f64::from((at % 17) as i32);
        script.every(BTC, trade(&format!("{:.2}", 39_480.0 + step), "0.1"));
        script.every(ETH, trade(&format!("{:.2}", 1_218.0 - step / 10.0), "2"));
        script.every(PRESSURE, Value::Reading(2.0 + step / 100.0));
    }
    harness.run_steps(3);
}

fn undo(harness: &mut Harness<'_, Bench>) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
}

fn key(harness: &mut Harness<'_, Bench>, key: Key) {
    harness.key_press(key);
    harness.run_steps(3);
}

fn click(harness: &mut Harness<'_, Bench>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

/// The area of the main axis, and of the second one.
fn axes(harness: &Harness<'_, Bench>) -> [egui::Rect; 2] {
    let rect = |name: &str| harness.get_by_label(&format!("{name} of {BTC}")).rect();
    [rect("Value axis"), rect("Second axis")]
}

fn axis_texts(harness: &Harness<'_, Bench>, axis: egui::Rect) -> Vec<String> {
    let found = texts(harness, axis).into_iter();
    found.map(|(text, _)| text).collect()
}

#[test]
fn the_legend_has_live_values_and_hides_and_removes_series() {
    let mut harness = three([1440.0, 900.0]);
    assert_eq!(charted(&harness), [BTC, ETH, PRESSURE]);
    let legend = harness.get_by_label(&format!("Select {ETH}")).rect();
    let shown = |harness: &Harness<'_, Bench>| axis_texts(harness, legend.expand(4.0));
    assert!(
        shown(&harness).contains(&"1 216.50".to_owned()),
        "{:?}",
        shown(&harness)
    );
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(ETH, trade("1300.25", "1"));
    harness.run_steps(2);
    assert!(shown(&harness).contains(&"1 300.25".to_owned()), "live");
    click(&mut harness, &format!("Hide {ETH}"));
    assert!(has(&harness, &format!("Show {ETH}")));
    let label = axis_texts(&harness, axes(&harness)[0]);
    assert!(!label.contains(&"1 300.25".to_owned()), "{label:?}");
    undo(&mut harness);
    assert!(has(&harness, &format!("Hide {ETH}")), "one step of undo");
    click(&mut harness, &format!("Remove {ETH}"));
    assert_eq!(charted(&harness), [BTC, PRESSURE]);
    undo(&mut harness);
    assert_eq!(charted(&harness), [BTC, ETH, PRESSURE]);
    // The same with keys: the legend's name selects, X hides, Delete removes.
    click(&mut harness, &format!("Select {ETH}"));
    key(&mut harness, Key::X);
    assert!(has(&harness, &format!("Show {ETH}")));
    key(&mut harness, Key::Delete);
    assert_eq!(charted(&harness), [BTC, PRESSURE]);
    undo(&mut harness);
    assert!(has(&harness, &format!("Show {ETH}")), "hidden as it was");
}

#[test]
fn no_line_lies_behind_the_legend_where_there_is_room_for_both() {
    let mut harness = three([1440.0, 900.0]);
    // Each series fills the height.
    key(&mut harness, Key::M);
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let legend = harness.get_by_label(&format!("Select {PRESSURE}")).rect();
    let lines = harness.output().shapes.iter();
    let lines = lines.filter_map(|clipped| match &clipped.shape {
        egui::Shape::Path(path) if path.points.len() > 10 => Some(&path.points),
        _ => None,
    });
    let points = lines.flatten().filter(|point| plot.contains(**point));
    let tops: Vec<f32> = points.map(|point| point.y).collect();
    let top = tops.iter().copied().fold(f32::MAX, f32::min);
    assert!(
        tops.len() > 100 && top > legend.bottom(),
        "{top}, {legend:?}"
    );
    assert!(
        top < plot.center().y,
        "they fill what is left: {top}, {plot:?}"
    );
}

#[test]
fn what_the_pointer_shows_lies_below_the_legend() {
    let mut harness = three([1000.0, 420.0]);
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let legend = harness.get_by_label(&format!("Select {PRESSURE}")).rect();
    // Where the line is, as near to the legend as a line comes.
    for part in [0.3, 0.5, 0.9] {
        let y = legend.bottom() + 8.0;
        harness.hover_at(egui::pos2(plot.left() + plot.width() * part, y));
        harness.run_steps(3);
        let area = plot.with_max_x(legend.right()).with_max_y(legend.bottom());
        assert_apart(&harness, plot, &format!("at {part}"));
        let shown = axis_texts(&harness, area);
        let is_readout = |text: &String| text.contains("ago");
        assert!(!shown.iter().any(is_readout), "{shown:?}");
    }
}

#[test]
fn a_narrow_legend_leaves_out_the_value_before_it_cuts_a_name() {
    let mut harness = three([820.0, 700.0]);
    // In percent.
    key(&mut harness, Key::P);
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let shown = axis_texts(&harness, plot);
    for topic in [BTC, ETH, PRESSURE] {
        assert!(
            shown.contains(&topic.to_owned()),
            "{topic} is whole: {shown:?}"
        );
        let legend = harness.get_by_label(&format!("Select {topic}")).rect();
        let row = axis_texts(&harness, legend);
        assert!(row.iter().any(|text| text.ends_with(" %")), "{row:?}");
    }
}

#[test]
fn a_chart_whose_series_are_all_hidden_says_so() {
    let mut harness = three([1440.0, 900.0]);
    for topic in [BTC, ETH, PRESSURE] {
        click(&mut harness, &format!("Hide {topic}"));
    }
    assert!(painted(&harness, "All series are hidden"));
}

#[test]
fn a_second_axis_has_its_own_values_and_is_one_step_of_undo() {
    let mut harness = three([1440.0, 900.0]);
    assert_eq!(axes(&harness)[1].width(), 0.0);
    click(&mut harness, &format!("Move {PRESSURE} to the left axis"));
    harness.run_steps(3);
    let [right, left] = axes(&harness);
    assert!(left.width() > 40.0, "{left:?}");
    let shown = axis_texts(&harness, left);
    assert!(
        shown.iter().any(|text| text.starts_with("2.0")),
        "{shown:?}"
    );
    let shown = axis_texts(&harness, right);
    assert!(
        shown.iter().any(|text| text.starts_with("39 4")),
        "{shown:?}"
    );
    undo(&mut harness);
    assert_eq!(axes(&harness)[1].width(), 0.0);
    // By key, for the selected series.
    click(&mut harness, &format!("Select {PRESSURE}"));
    key(&mut harness, Key::Y);
    assert!(axes(&harness)[1].width() > 40.0);
    // And from the list, for a topic that is not charted yet.
    undo(&mut harness);
    add(
        &mut harness,
        "building/power/main",
        Modifiers::SHIFT.plus(Modifiers::COMMAND),
    );
    assert!(charted(&harness).contains(&"building/power/main".to_owned()));
    assert!(axes(&harness)[1].width() > 40.0);
    row(&harness, "plant/line-1/vibration").click_secondary();
    harness.run_steps(3);
    click(&mut harness, "Add to the active chart, second axis");
    assert!(has(
        &harness,
        "Move plant/line-1/vibration to the right axis"
    ));
}

#[test]
fn a_sixth_series_is_refused_in_words() {
    let mut harness = three([1440.0, 900.0]);
    add(&mut harness, "building/power/main", Modifiers::SHIFT);
    add(&mut harness, "plant/line-1/vibration", Modifiers::SHIFT);
    assert_eq!(charted(&harness).len(), 5);
    let sixth = "plant/line-1/temperature";
    add(&mut harness, sixth, Modifiers::SHIFT);
    assert_eq!(charted(&harness).len(), 5);
    let words = format!("Cannot add {sixth} to the chart (limit 5 series)");
    assert!(sees(&harness, &words) || painted(&harness, &words));
}

#[test]
fn percent_and_normalised_series_share_one_axis() {
    let mut harness = three([1440.0, 900.0]);
    key(&mut harness, Key::P);
    assert!(is_chosen(&harness, "%"));
    let shown = axis_texts(&harness, axes(&harness)[0]);
    assert!(shown.iter().all(|text| text.ends_with(" %")), "{shown:?}");
    // The first trade was at 39 484.64, the newest is at 39 495.00.
    assert!(sees(&harness, "39 48") || painted(&harness, "+0.03 %"));
    key(&mut harness, Key::P);
    assert!(!is_chosen(&harness, "%"), "chosen again: as they are");
    undo(&mut harness);
    assert!(is_chosen(&harness, "%"));
    click(&mut harness, "0–1");
    assert!(is_chosen(&harness, "0–1") && !is_chosen(&harness, "%"));
    let shown = axis_texts(&harness, axes(&harness)[0]);
    let numbers = shown.iter().filter_map(|text| text.parse::<f64>().ok());
    assert!(numbers.clone().count() >= 3, "{shown:?}");
    assert!(
        numbers.clone().all(|n| (-0.1..=1.1).contains(&n)),
        "{shown:?}"
    );
    key(&mut harness, Key::M);
    assert!(!is_chosen(&harness, "0–1"));
    // Of zero there is no percentage, nor of what is next to it, and the legend says so.
    let script = &mut harness.state_mut().script;
    script.now_ns += 120 * SECOND;
    script.every(PRESSURE, Value::Reading(0.0));
    script.now_ns += SECOND;
    script.every(PRESSURE, Value::Reading(5.0));
    harness.run_steps(2);
    key(&mut harness, Key::P);
    assert!(painted(&harness, "no % near 0"));
}

#[test]
fn two_cursors_measure_while_data_flows_and_are_moved_and_undone() {
    let mut harness = three([1440.0, 900.0]);
    key(&mut harness, Key::C);
    for text in ["A → B", "updates", "mean", "Δ %"] {
        assert!(painted(&harness, text), "{text}");
    }
    let before = window(&harness);
    flow(&mut harness, 30);
    assert!(painted(&harness, "A → B"), "they stay while data flows");
    assert_ne!(window(&harness), before, "and the chart goes on");
    // B is moved with the pointer.
    let distance = |harness: &Harness<'_, Bench>| {
        let all = texts(harness, whole(harness)).into_iter();
        let mut heads = all.filter(|(text, _)| text.starts_with("A → B"));
        heads.next().unwrap().0
    };
    let knob = texts(
        &harness,
        harness.get_by_label(&format!("Chart of {BTC}")).rect(),
    )
    .into_iter()
    .find(|(text, _)| text == "B")
    .unwrap()
    .1;
    let was = distance(&harness);
    drag(
        &mut harness,
        PointerButton::Primary,
        knob.center(),
        vec2(-80.0, 0.0),
        Modifiers::NONE,
    );
    assert_ne!(distance(&harness), was);
    assert!(harness.state().monitor.workspace().is_following(), "no pan");
    undo(&mut harness);
    assert_eq!(distance(&harness), was, "a drag is one step");
    // A cursor is placed by the menu.
    let center = plot_center(&harness);
    harness.hover_at(center);
    harness.run_steps(2);
    for pressed in [true, false] {
        harness.event(egui::Event::PointerButton {
            pos: center,
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        harness.run_steps(2);
    }
    click(&mut harness, "Cursor A here");
    assert_ne!(distance(&harness), was);
    // They are stored with the layout.
    let mut again = restarted(&mut harness);
    assert!(painted(&again, "A → B"));
    click(&mut again, "Remove the cursors");
    assert!(!painted(&again, "A → B"));
    key(&mut harness, Key::C);
    assert!(!painted(&harness, "A → B"));
}

#[test]
fn axes_percent_and_what_is_hidden_are_stored_with_the_layout() {
    let mut harness = three([1440.0, 900.0]);
    click(&mut harness, &format!("Move {PRESSURE} to the left axis"));
    click(&mut harness, &format!("Hide {ETH}"));
    key(&mut harness, Key::P);
    let again = restarted(&mut harness);
    assert!(has(&again, &format!("Show {ETH}")));
    assert!(has(&again, &format!("Move {PRESSURE} to the right axis")));
    assert!(is_chosen(&again, "%"));
}

/// Drags the row of a topic to a place.
fn drop_at(harness: &mut Harness<'_, Bench>, topic: &str, to: Pos2) {
    let from = row(harness, topic).rect().center();
    drag(
        harness,
        PointerButton::Primary,
        from,
        to - from,
        Modifiers::NONE,
    );
    harness.run_steps(2);
}

#[test]
fn a_topic_is_dragged_from_the_list_onto_either_axis() {
    let mut harness = three([1440.0, 900.0]);
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    drop_at(&mut harness, "building/power/main", plot.center());
    assert!(has(&harness, "Move building/power/main to the left axis"));
    let left = egui::pos2(plot.left() + 30.0, plot.bottom() - 80.0);
    drop_at(&mut harness, "plant/line-1/vibration", left);
    assert!(has(
        &harness,
        "Move plant/line-1/vibration to the right axis"
    ));
    drop_at(&mut harness, "plant/line-1/temperature", plot.center());
    assert_eq!(charted(&harness).len(), 5, "there is no room for a sixth");
    assert!(sees(&harness, "Cannot add") || painted(&harness, "Cannot add"));
    undo(&mut harness);
    assert_eq!(charted(&harness).len(), 4, "one drop is one step");
}

#[test]
fn nothing_is_printed_over_anything_at_any_size_and_in_any_colours() {
    for size in [[720.0, 420.0], [1000.0, 700.0], [1440.0, 900.0]] {
        let mut harness = three(size);
        key(&mut harness, Key::C);
        let name = format!("Move {PRESSURE} to the left axis");
        if has(&harness, &name) {
            click(&mut harness, &name);
        }
        for theme in THEMES {
            let monitor = &mut harness.state_mut().monitor;
            monitor.execute(UiCommand::SetTheme(theme));
            harness.run_steps(3);
            let header = harness.get_by_label(&format!("Pane {BTC}")).rect();
            assert_apart(&harness, header, &format!("header at {size:?}"));
            let chart = harness.get_by_label(&format!("Chart of {BTC}")).rect();
            let below = header.with_min_y(chart.bottom() + 24.0);
            let below = below.with_max_y(whole(&harness).bottom() - 26.0);
            assert_apart(&harness, below, &format!("table at {size:?}"));
            if let Some(first) = harness.query_by_label(&format!("Select {BTC}")) {
                let last = harness.get_by_label(&format!("Select {PRESSURE}")).rect();
                let legend = first.rect().union(last);
                let legend = legend.expand2(vec2(40.0, 0.0));
                assert_apart(
                    &harness,
                    legend.intersect(chart),
                    &format!("legend at {size:?}"),
                );
            }
        }
    }
}

/// Three series whose newest values lie nearly at the same height of one axis.
fn near() -> Harness<'static, Bench> {
    let mut harness = filled(&[BTC]);
    for topic in ["market/ETH-USDT/trade", "market/SOL-USDT/trade"] {
        let script = &mut harness.state_mut().script;
        script.latest(topic, trade("39484.66", "1"));
        harness.run_steps(2);
        row(&harness, topic).click_modifiers(Modifiers::SHIFT);
        harness.run_steps(3);
    }
    let script = &mut harness.state_mut().script;
    for at in 0..40 {
        script.now_ns += SECOND / 2;
        let price = format!("39{}.00", 400 + at * 4);
        script.every(BTC, trade(&price, "0.1"));
        script.every("market/ETH-USDT/trade", trade("39484.66", "1"));
        script.every("market/SOL-USDT/trade", trade("39484.71", "1"));
    }
    script.every(BTC, trade("39484.64", "0.1"));
    harness.run_steps(3);
    harness.remove_cursor();
    harness.run_steps(2);
    harness
}

const NEAR: [&str; 3] = ["39 484.64", "39 484.66", "39 484.71"];

#[test]
fn newest_values_that_are_near_each_other_are_read_side_by_side() {
    let harness = near();
    let axis = harness.get_by_label(&format!("Value axis of {BTC}")).rect();
    let labels = axis_texts(&harness, axis);
    assert!(
        NEAR.iter()
            .all(|value| labels.iter().any(|text| text == value))
    );
    assert_apart(&harness, axis, "newest values");
}

#[test]
fn newest_values_make_way_for_the_value_at_the_pointer() {
    /// Labels have a ground of 18 points, and those of grid lines keep away from them.
    const APART: f32 = 15.5;
    let mut harness = near();
    let axis = harness.get_by_label(&format!("Value axis of {BTC}")).rect();
    let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let places = |harness: &Harness<'_, Bench>| {
        let mut labels = texts(harness, axis);
        labels.sort_by(|(_, a), (_, b)| a.center().y.total_cmp(&b.center().y));
        labels
    };
    let free = places(&harness);
    let newest = free.iter().find(|(text, _)| text == NEAR[1]).unwrap();
    let newest_y = newest.1.center().y;
    let mut moved = 0;
    let mut y = newest_y - 25.0;
    while y < newest_y + 60.0 {
        harness.hover_at(Pos2::new(plot.center().x, y));
        harness.run_steps(2);
        let labels = places(&harness);
        let pointed = labels
            .iter()
            .filter(|(_, rect)| (rect.center().y - y).abs() < 1.0);
        assert_eq!(pointed.count(), 1, "the pointer's at {y}: {labels:?}");
        for value in NEAR {
            assert!(labels.iter().any(|(text, _)| text == value), "{labels:?}");
        }
        for pair in labels.windows(2) {
            let distance = pair[1].1.center().y - pair[0].1.center().y;
            assert!(distance > APART, "pointer at {y}: {pair:?}");
        }
        let (_, rect) = labels.iter().find(|(text, _)| text == NEAR[1]).unwrap();
        moved += usize::from((rect.center().y - newest_y).abs() > 8.0);
        y += 5.0;
    }
    assert!(moved > 0, "the pointer was over the newest values");
    harness.remove_cursor();
    harness.run_steps(2);
    assert_eq!(places(&harness), free, "and they go back");
}
