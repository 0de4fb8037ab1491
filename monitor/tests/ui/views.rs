//! Views: undone in one step, and seen: the active pane, what is charted, full candles.

use super::*;

/// What the active chart shows: time, and what is painted on its axes.
fn shown(harness: &Harness<'_, Bench>) -> ((i64, i64), Vec<String>) {
    let axis = harness.get_by_label(&format!("Value axis of {BTC}")).rect();
    let mut labels: Vec<String> = texts(harness, axis)
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    labels.sort();
    (window(harness), labels)
}

fn undo(harness: &mut Harness<'_, Bench>) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    harness.remove_cursor();
    harness.run_steps(2);
}

#[test]
fn one_step_of_undo_restores_time_and_values_lock_and_follow() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let before = shown(&harness);
    let center = plot_center(&harness) + vec2(250.0, 0.0);
    let none = Modifiers::NONE;
    let button = PointerButton::Secondary;
    drag(&mut harness, button, center, vec2(120.0, 80.0), none);
    harness.remove_cursor();
    harness.run_steps(2);
    assert!(is_chosen(&harness, "Lock"));
    assert_ne!(shown(&harness), before);
    undo(&mut harness);
    assert!(harness.state().monitor.workspace().is_following());
    assert!(
        is_chosen(&harness, "Auto"),
        "the lock is undone with the time"
    );
    assert_eq!(shown(&harness), before);
}

#[test]
fn every_change_of_the_view_is_one_step() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let mut before = vec![shown(&harness)];
    let center = plot_center(&harness);
    let axis = harness
        .get_by_label(&format!("Value axis of {BTC}"))
        .rect()
        .center();
    type Change<'a> = &'a dyn Fn(&mut Harness<'_, Bench>);
    let changes: [Change<'_>; 7] = [
        &|h| wheel(h, center, 200.0),
        &|h| {
            let button = PointerButton::Primary;
            drag(h, button, center, vec2(300.0, 0.0), Modifiers::NONE);
        },
        &|h| {
            let button = PointerButton::Primary;
            drag(h, button, axis, vec2(0.0, 200.0), Modifiers::NONE);
        },
        &|h| h.get_by_label("10 s").click(),
        &|h| h.get_by_label("Log").click(),
        &|h| h.key_press(Key::ArrowLeft),
        &|h| h.key_press(Key::End),
    ];
    for change in changes {
        change(&mut harness);
        harness.remove_cursor();
        harness.run_steps(3);
        before.push(shown(&harness));
    }
    let last = before.pop().unwrap();
    assert_eq!(shown(&harness), last);
    while let Some(expected) = before.pop() {
        undo(&mut harness);
        assert_eq!(shown(&harness), expected, "{} steps left", before.len());
    }
    assert!(is_chosen(&harness, "Line") && is_chosen(&harness, "Auto"));
}

#[test]
fn a_double_click_is_undone_in_one_step() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    harness.get_by_label("Lock").click();
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(40);
    harness.remove_cursor();
    harness.run_steps(2);
    let before = shown(&harness);
    let name = format!("Chart of {BTC}");
    harness.get_by_label(&name).click();
    harness.get_by_label(&name).click();
    harness.run_steps(3);
    assert!(is_chosen(&harness, "Auto"));
    undo(&mut harness);
    assert!(is_chosen(&harness, "Lock"));
    assert_eq!(shown(&harness), before);
}

#[test]
fn choosing_an_interval_shows_a_chart_full_of_candles() {
    let mut harness = filled(&[BTC]);
    // Half an hour of trades, one per second.
    for second in 0..1_800_i32 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        let price = format!("{:.2}", 39_480.0 + f64::from(second % 97));
        script.every(BTC, trade(&price, "0.1"));
    }
    harness.run_steps(3);
    for (label, seconds) in [("1 s", 1), ("10 s", 10), ("1 m", 60), ("5 m", 300)] {
        harness.get_by_label(label).click();
        harness.remove_cursor();
        harness.run_steps(3);
        let (start, end) = window(&harness);
        let candles = (end - start) / (seconds * SECOND);
        assert!((60..=100).contains(&candles), "{label}: {candles} candles");
        // Bodies fill their interval.
        let plot = harness.get_by_label(&format!("Chart of {BTC}")).rect();
        let interval = plot.width() / candles as f32;
        let widths = bodies(&harness, plot);
        let wide = widths
            .iter()
            .filter(|width| (*width / interval - 0.7).abs() < 0.05);
        let whole = (1_800 / seconds - 2).min(50) as usize;
        assert!(wide.count() >= whole, "{label}: {interval} {widths:?}");
    }
}

/// The widths of the filled bodies of candles.
fn bodies(harness: &Harness<'_, Bench>, plot: egui::Rect) -> Vec<f32> {
    let theme = Theme::of(ThemeChoice::Dark);
    let shapes = harness.output().shapes.iter();
    let rects = shapes.filter_map(|clipped| match &clipped.shape {
        egui::Shape::Rect(rect) if rect.fill == theme.up || rect.fill == theme.down => {
            plot.intersects(rect.rect).then(|| rect.rect.width())
        }
        _ => None,
    });
    rects.collect()
}

#[test]
fn the_active_pane_is_marked_and_what_is_charted_comes_to_the_front() {
    let pressure = "plant/line-1/pressure";
    let mut harness = filled(&[BTC, pressure]);
    let accent = Theme::of(ThemeChoice::Dark).accent;
    let line = |harness: &Harness<'_, Bench>, topic: &str| {
        let title = harness.get_by_label(&format!("Pane {topic}")).rect();
        let shapes = harness.output().shapes.iter();
        let mut lines = shapes.filter_map(|clipped| match &clipped.shape {
            egui::Shape::Rect(rect) if rect.fill == accent && rect.rect.width() > 300.0 => {
                Some(rect.rect)
            }
            _ => None,
        });
        lines.any(|rect| (rect.top() - title.top()).abs() < 3.0)
    };
    assert!(line(&harness, BTC) && !line(&harness, pressure));
    harness.key_press(Key::N);
    harness.run_steps(2);
    assert!(!line(&harness, BTC) && line(&harness, pressure));

    // The pane becomes a tab of the other one, in front of it.
    let from = harness.get_by_label(&format!("Pane {pressure}")).rect();
    let to = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let from = from.left_center() + vec2(300.0, 0.0);
    let button = PointerButton::Primary;
    drag(
        &mut harness,
        button,
        from,
        to.center() - from,
        Modifiers::NONE,
    );
    harness.run_steps(4);
    let is_shown = |h: &Harness<'_, Bench>, topic: &str| has(h, &format!("Chart of {topic}"));
    let tab = |harness: &Harness<'_, Bench>, topic: &str| {
        let tabs = harness.query_all_by_label(topic);
        tabs.filter(|node| node.accesskit_node().role() == egui::accesskit::Role::Button)
            .map(|node| node.rect())
            .next()
            .unwrap()
    };
    let front = if is_shown(&harness, BTC) {
        BTC
    } else {
        pressure
    };
    let behind = if front == BTC { pressure } else { BTC };
    let inks = [front, behind].map(|topic| {
        let place = tab(&harness, topic);
        let shapes = harness.output().shapes.iter();
        let mut text = shapes.filter_map(|clipped| match &clipped.shape {
            egui::Shape::Text(text) if place.contains(text.pos) => Some(text.fallback_color),
            _ => None,
        });
        text.next_back().unwrap()
    });
    assert_ne!(inks[0], inks[1], "the tab in front can be told");
    // What is charted is seen: it goes into the pane in front, or its own pane comes there.
    let eth = "market/ETH-USDT/trade";
    row(&harness, eth).click();
    harness.run_steps(3);
    assert!(is_shown(&harness, eth));
    row(&harness, behind).click();
    harness.run_steps(3);
    assert!(is_shown(&harness, behind), "its tab comes to the front");
    // A click on a tab makes its chart the active one.
    let place = tab(&harness, eth).center();
    harness.hover_at(place);
    harness.drag_at(place);
    harness.drop_at(place);
    harness.run_steps(3);
    let main = harness.state().monitor.workspace().main_topic().unwrap();
    assert_eq!(main.as_str(), eth);
}
