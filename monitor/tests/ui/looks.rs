//! What was ugly in pictures of the window: words that are crossed out, cut to nothing, or far from
//! what they belong to.

use egui::{Rect, Shape, accesskit::Role, epaint::ClippedShape};
use tickcast_monitor::testing::Overlay;
use tickcast_protocol::message::{Epoch, Lineage};

use super::*;

const TEMPERATURE: &str = "plant/line-1/temperature";
const DOOR: &str = "plant/line-1/door";

#[test]
fn the_dialog_of_the_login_has_no_hole_at_any_size() {
    for size in [[720.0, 420.0], [1000.0, 700.0], [1440.0, 900.0]] {
        let mut harness = harness_of(size, SavedState::default(), &[BTC]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        let login = UiCommand::Overlay(Some(Overlay::Login));
        harness.state_mut().monitor.execute(login);
        harness.run_steps(4);
        let button = harness.get_by_role_and_label(Role::Button, "Close").rect();
        let below = harness.get_by_label_contains("Both are kept until").rect();
        let header = "Header for a proxy, if it wants one, as Name: value";
        let field = harness
            .get_by_role_and_label(Role::TextInput, header)
            .rect();
        let space = (button.top() - field.bottom(), below.top() - button.bottom());
        assert!((0.0..60.0).contains(&space.0), "{size:?}: {space:?}");
        assert!((0.0..20.0).contains(&space.1), "{size:?}: {space:?}");
    }
}

/// Whether a line lies across an area.
fn is_crossed(shapes: &[ClippedShape], area: Rect) -> bool {
    fn is_across(shape: &Shape, area: Rect) -> bool {
        match shape {
            Shape::LineSegment { points, .. } => {
                let line = Rect::from_two_pos(points[0], points[1]);
                area.shrink(1.0).intersects(line)
            }
            // The dashes of a line, of four corners each.
            Shape::Mesh(mesh) => mesh.vertices.chunks(4).any(|corners| {
                let corners: Vec<Pos2> = corners.iter().map(|corner| corner.pos).collect();
                area.shrink(1.0).intersects(Rect::from_points(&corners))
            }),
            Shape::Vec(shapes) => shapes.iter().any(|shape| is_across(shape, area)),
            _ => false,
        }
    }
    shapes.iter().any(|clipped| is_across(&clipped.shape, area))
}

#[test]
fn the_word_of_a_limit_is_not_crossed_out_by_the_newest_value() {
    let mut harness = filled(&[TEMPERATURE]);
    let select = UiCommand::Select(TEMPERATURE.parse().unwrap());
    harness.state_mut().monitor.execute(select);
    harness.run_steps(1);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    harness.run_steps(3);
    harness.get_by_label("Too high above").focus();
    harness.run_steps(1);
    // Its line lies a little below that of the newest value.
    write(&mut harness, "87");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let script = &mut harness.state_mut().script;
    for value in [80.0, 95.0, 87.15] {
        script.now_ns += SECOND;
        script.every(TEMPERATURE, Value::Reading(value));
    }
    harness.run_steps(3);
    let shapes = &harness.output().shapes;
    let mut words = shapes.iter().enumerate().filter_map(|(at, clipped)| {
        let Shape::Text(text) = &clipped.shape else {
            return None;
        };
        let rect = text.galley.rect.translate(text.pos.to_vec2());
        (text.galley.text() == "too high").then_some((at, rect))
    });
    let (at, rect) = words.next().unwrap();
    let background = Theme::of(ThemeChoice::Dark).background;
    let ground = shapes[..at].iter().rposition(|clipped| {
        matches!(&clipped.shape, Shape::Rect(shape)
            if shape.fill == background && shape.rect.expand(0.5).contains_rect(rect))
    });
    let ground = ground.unwrap();
    assert!(is_crossed(&shapes[..ground], rect), "lines lie below it");
    assert!(!is_crossed(&shapes[ground..], rect), "and none above it");
}

#[test]
fn states_too_short_for_their_names_are_told_once_by_a_legend() {
    let mut harness = filled(&[DOOR]);
    let change = |harness: &mut Harness<'_, Bench>, state: &str, seconds: i64| {
        let script = &mut harness.state_mut().script;
        script.every(DOOR, Value::Text(state.to_owned()));
        script.now_ns += seconds * SECOND;
    };
    for _ in 0..6 {
        change(&mut harness, "open", 1);
        change(&mut harness, "closed", 1);
    }
    harness.run_steps(3);
    let plot = harness.get_by_label(&format!("Chart of {DOOR}")).rect();
    let places = |harness: &Harness<'_, Bench>, word: &str| -> Vec<Rect> {
        let shown = texts(harness, plot).into_iter();
        let shown = shown.filter(|(text, _)| text == word);
        shown.map(|(_, rect)| rect).collect()
    };
    let name = places(&harness, DOOR)[0];
    let [legend] = places(&harness, "open")[..] else {
        panic!("{:?}", texts(&harness, plot));
    };
    assert!((legend.center().y - name.center().y).abs() < 2.0);
    assert!(legend.left() > name.right());
    // Its mark has the colour of the stretches.
    let up = Theme::of(ThemeChoice::Dark).up;
    let marks = harness.output().shapes.iter().filter(|clipped| {
        matches!(&clipped.shape, Shape::Rect(shape) if shape.fill == up
            && (0.0..10.0).contains(&(legend.left() - shape.rect.right()))
            && legend.y_range().contains(shape.rect.center().y))
    });
    assert_eq!(marks.count(), 1);
    change(&mut harness, "open", 60);
    harness.run_steps(3);
    let [stretch] = places(&harness, "open")[..] else {
        panic!("{:?}", texts(&harness, plot));
    };
    assert!(stretch.top() > name.bottom(), "in its stretch now");
}

#[test]
fn less_than_three_letters_of_a_state_are_never_shown() {
    for seconds in [1, 2, 3, 4, 5, 6, 8] {
        let mut harness = filled(&[DOOR]);
        for state in ["running", "idling", "running", "idling"] {
            let script = &mut harness.state_mut().script;
            script.every(DOOR, Value::Text(state.to_owned()));
            script.now_ns += seconds * SECOND;
        }
        harness.run_steps(3);
        for clipped in &harness.output().shapes {
            if let Shape::Text(text) = &clipped.shape
                && ["running", "idling"].contains(&text.galley.text())
                && text.galley.elided
            {
                let glyphs = text.galley.rows[0].glyphs.len();
                assert!(glyphs > 3, "{seconds} s: {glyphs} glyphs");
            }
        }
    }
}

#[test]
fn the_buttons_of_a_narrow_inspector_stay_within_it() {
    let mut harness = harness_of([720.0, 420.0], SavedState::default(), &[BTC, TEMPERATURE]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    let select = UiCommand::Select(BTC.parse().unwrap());
    harness.state_mut().monitor.execute(select);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::I);
    harness.run_steps(4);
    let pane = harness.get_by_label("Pane Inspector").rect();
    let labels = ["Payload", "Raw", "Difference", "Hex", "Copy"];
    let buttons = labels.map(|label| harness.get_by_label(label).rect());
    for button in buttons {
        let is_within = pane.x_range().contains(button.left()) && button.right() <= pane.right();
        assert!(is_within, "{button:?} in {pane:?}");
    }
    // Its title and what it is about end before its cross, or are left out.
    let close = harness.get_by_label("Close inspector").rect();
    for (text, rect) in texts(&harness, Rect::everything_above(pane.bottom())) {
        let is_title = pane.contains(rect.center()) && text != "×";
        assert!(
            !is_title || rect.right() <= close.left() + 1.0,
            "{text:?} {rect:?}"
        );
        assert!(
            !is_title || !text.starts_with('…') || text.chars().count() > 4,
            "{text:?}"
        );
    }
    let wide: f32 = buttons.iter().map(Rect::width).sum();
    assert!(wide > pane.width(), "it is narrow: {wide} in {pane:?}");
}

/// The points of all arcs and lines within an area.
fn line_points(harness: &Harness<'_, Bench>, area: Rect) -> Vec<Pos2> {
    let shapes = harness.output().shapes.iter();
    let points = shapes.flat_map(|clipped| match &clipped.shape {
        Shape::Path(path) => path.points.clone(),
        _ => Vec::new(),
    });
    points.filter(|point| area.contains(*point)).collect()
}

#[test]
fn the_value_of_a_gauge_keeps_away_from_its_arc() {
    // Half the width of the arc.
    const AROUND: f32 = 3.0;
    for size in [[720.0, 420.0], [1000.0, 700.0], [1440.0, 900.0]] {
        let mut harness = harness_of(size, SavedState::default(), &[]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        let select = UiCommand::Select(TEMPERATURE.parse().unwrap());
        harness.state_mut().monitor.execute(select);
        harness.run_steps(1);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::B);
        harness.run_steps(3);
        let tile = |harness: &Harness<'_, Bench>| {
            let label = format!("Tile {TEMPERATURE}: ");
            harness.get_by_label_contains(&label).rect()
        };
        harness.get_by_label_contains("Tile ").click_secondary();
        harness.run_steps(3);
        harness.get_by_label("Gauge").click();
        harness.run_steps(3);
        let area = tile(&harness);
        let texts = texts(&harness, area).into_iter();
        let mut values = texts.filter(|(text, _)| text.contains("87.31"));
        let (_, value) = values.next().unwrap();
        let arc = line_points(&harness, area);
        assert!(arc.len() > 40, "{size:?}: an arc");
        let touches = arc
            .iter()
            .find(|point| value.expand2(egui::vec2(AROUND, -2.0)).contains(**point));
        assert!(touches.is_none(), "{size:?}: {touches:?} at {value:?}");
    }
}

#[test]
fn no_line_crosses_a_lane_of_states_where_there_is_room_for_both() {
    for size in [[1000.0, 700.0], [1440.0, 900.0]] {
        let mut harness = harness_of(size, SavedState::default(), &[TEMPERATURE]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        row(&harness, DOOR).click_modifiers(Modifiers::SHIFT);
        harness.run_steps(2);
        assert_eq!(charted(&harness), [DOOR, TEMPERATURE]);
        // The newest reading is the least one.
        for value in [40.0, 35.0, 25.25] {
            let script = &mut harness.state_mut().script;
            script.now_ns += SECOND;
            script.every(DOOR, Value::Text("open".to_owned()));
            script.every(TEMPERATURE, Value::Reading(value));
        }
        harness.run_steps(4);
        let shown = texts(&harness, whole(&harness));
        let place = |word: &str| {
            let found = shown.iter().filter(|(text, _)| text == word);
            found.map(|(_, rect)| *rect).collect::<Vec<_>>()
        };
        let newest = place("25.25");
        let newest = newest
            .iter()
            .map(|rect| rect.center())
            .max_by(|a, b| a.x.total_cmp(&b.x));
        let lane = place(DOOR)
            .into_iter()
            .map(|rect| rect.top())
            .fold(0.0, f32::max);
        assert!(lane > 0.0, "{size:?}: {shown:?}");
        assert!(newest.unwrap().y < lane, "{size:?}: {newest:?} in {lane}");
    }
}

#[test]
fn a_line_of_the_log_that_is_too_long_is_never_left_blank() {
    let log = "plant/line-1/log";
    let long = format!("INFO {}", "recipe 17 loaded by the night shift, ".repeat(9));
    for width in 1000..1030 {
        let size = [f32::from(width as u16), 500.0];
        let mut harness = harness_of(size, SavedState::default(), &[]);
        fill(&mut harness.state_mut().script);
        let script = &mut harness.state_mut().script;
        script.latest(log, Value::Text(long.clone()));
        harness.run_steps(2);
        let select = UiCommand::Select(log.parse().unwrap());
        harness.state_mut().monitor.execute(select);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
        harness.run_steps(3);
        let script = &mut harness.state_mut().script;
        script.every(log, Value::Text(long.clone()));
        harness.run_steps(3);
        let button = Role::Button;
        let lines = harness.get_all_by_role_and_label(button, &long);
        for line in lines {
            let shown = texts(&harness, line.rect());
            let is_there = shown.iter().any(|(text, _)| *text == long);
            assert!(is_there, "{width}: {shown:?}");
        }
    }
}

#[test]
fn a_number_in_a_legend_is_whole_or_left_out_at_any_width() {
    let mut shown = 0;
    for width in (720..1000).step_by(7) {
        let size = [f32::from(width as u16), 500.0];
        let mut harness = harness_of(size, SavedState::default(), &[TEMPERATURE]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        for topic in ["plant/line-1/pressure", BTC] {
            row(&harness, topic).click_modifiers(Modifiers::SHIFT);
            harness.run_steps(2);
        }
        for clipped in &harness.output().shapes {
            let Shape::Text(text) = &clipped.shape else {
                continue;
            };
            let words = text.galley.text();
            if words.starts_with("87.31") || words.starts_with("2.04") {
                shown += 1;
                assert!(!text.galley.elided, "{width}: {words:?} is cut");
            }
        }
    }
    assert!(shown > 100, "{shown} numbers were looked at");
}

#[test]
fn why_times_are_hatched_is_read_side_by_side() {
    for size in [[720.0, 420.0], [1000.0, 700.0]] {
        let mut harness = harness_of(size, SavedState::default(), &[BTC]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        trades(&mut harness, 20);
        let since = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let silent = ConnectionState::Silent { since };
        harness.state_mut().script.now_ns += 5 * SECOND;
        harness.state().script.connection(silent);
        harness.run_steps(2);
        // Shortly after it another server answers.
        harness.state_mut().script.now_ns += SECOND;
        harness.state().script.connected();
        harness.run_steps(1);
        trades(&mut harness, 2);
        let script = &mut harness.state_mut().script;
        script.now_ns += 2 * SECOND;
        script.restart();
        script.connection(ConnectionState::Connected {
            server: "another".to_owned(),
            lineage: Lineage::new(Epoch(0xbeef)),
        });
        trades(&mut harness, 3);
        for word in ["server silent", "server restarted"] {
            assert!(painted(&harness, word), "{size:?}: no {word}");
        }
        let chart = harness.get_by_label(&format!("Chart of {BTC}")).rect();
        let top = chart.with_max_y(chart.top() + 70.0);
        assert_apart(
            &harness,
            top.with_max_x(chart.right() - 70.0),
            &format!("{size:?}"),
        );
    }
}

#[test]
fn the_title_of_a_narrow_pane_takes_the_room_of_buttons_that_are_not_seen() {
    let mut harness = harness_of([1000.0, 700.0], SavedState::default(), &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    for topic in [TEMPERATURE, "plant/line-1/pressure"] {
        row(&harness, topic).click_modifiers(Modifiers::COMMAND);
        harness.run_steps(3);
    }
    let ends = |harness: &Harness<'_, Bench>| {
        let pane = harness.get_by_label(&format!("Pane {TEMPERATURE}")).rect();
        let shown = texts(harness, pane).into_iter();
        let (buttons, title): (Vec<_>, Vec<_>) =
            shown.partition(|(text, _)| ["×", "View", "↗"].contains(&&**text));
        let left = buttons.iter().map(|(_, rect)| rect.left());
        let right = title.iter().map(|(_, rect)| rect.right());
        (left.fold(f32::MAX, f32::min), right.fold(0.0, f32::max))
    };
    let (buttons, title) = ends(&harness);
    assert!(title > buttons, "{title} goes on behind {buttons}");
    // The pointer shows them, and the title makes room.
    let plot = harness
        .get_by_label(&format!("Chart of {TEMPERATURE}"))
        .rect();
    harness.hover_at(plot.center());
    harness.run_steps(3);
    let (buttons, title) = ends(&harness);
    assert!(title <= buttons, "{title} ends before {buttons}");
}

/// A lower and narrower rectangle is not the ground of the whole window.
const GROUND_FROM: f32 = 600.0;

/// The colours of what is painted, of each text with its words.
fn colours(harness: &Harness<'_, Bench>) -> std::collections::BTreeSet<(String, [u8; 4])> {
    fn collect(shape: &egui::Shape, colours: &mut std::collections::BTreeSet<(String, [u8; 4])>) {
        match shape {
            egui::Shape::Text(text) => {
                let section = text.galley.job.sections.first();
                let own = section.map(|section| section.format.color);
                let color = text.override_text_color.or(own);
                // Ages, rates and times change by themselves.
                let words: String = text
                    .galley
                    .text()
                    .chars()
                    .filter(char::is_ascii_alphabetic)
                    .collect();
                let fallback = text.fallback_color;
                let color = color.filter(|color| *color != egui::Color32::PLACEHOLDER);
                colours.insert((words, color.unwrap_or(fallback).to_array()));
            }
            // The ground of all is painted by the test, before the program.
            egui::Shape::Rect(rect) if rect.rect.size().min_elem() < GROUND_FROM => {
                colours.insert((String::new(), rect.fill.to_array()));
            }
            egui::Shape::Vec(shapes) => {
                for shape in shapes {
                    collect(shape, colours);
                }
            }
            _ => {}
        }
    }
    let mut colours = std::collections::BTreeSet::new();
    for clipped in &harness.output().shapes {
        collect(&clipped.shape, &mut colours);
    }
    colours
}

#[test]
fn the_first_repaint_has_the_colours_of_the_later_ones() {
    for theme in [ThemeChoice::Light, ThemeChoice::LightSafe] {
        let mut settings = SavedState::default();
        settings.preferences.theme = theme;
        let mut harness = harness(settings, &[BTC]);
        harness.run_steps(1);
        let first = colours(&harness);
        assert!(first.len() > 20, "{first:?}");
        harness.run_steps(3);
        assert_eq!(first, colours(&harness), "{theme:?}");
    }
    // Another theme in the middle counts for the same repaint.
    let mut harness = harness(SavedState::default(), &[BTC]);
    harness.run_steps(3);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::SetTheme(ThemeChoice::Light));
    harness.run_steps(1);
    let first = colours(&harness);
    harness.run_steps(3);
    assert_eq!(first, colours(&harness));
}

#[test]
fn in_a_very_narrow_pane_the_title_tells_its_topic_or_is_left_out() {
    let mut harness = harness_of([720.0, 420.0], SavedState::default(), &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    for topic in [
        "market/BTC-USDT/quote",
        "market/ETH-USDT/trade",
        "market/EUR-USD/quote",
    ] {
        row(&harness, topic).click_modifiers(Modifiers::COMMAND);
        harness.run_steps(3);
    }
    harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
    harness.run_steps(3);
    let window = whole(&harness);
    let headers = harness.query_all_by_label_contains("Pane ");
    let headers: Vec<(String, egui::Rect)> = headers
        .map(|node| (node.accesskit_node().label().unwrap(), node.rect()))
        .collect();
    let narrow = headers.iter().filter(|(_, rect)| rect.width() < 150.0);
    assert!(narrow.count() >= 2, "{headers:?}");
    for (label, rect) in headers {
        let name = label.strip_prefix("Pane ").unwrap();
        harness.hover_at(rect.center() + vec2(0.0, 60.0));
        harness.run_steps(3);
        let title = texts(&harness, rect.intersect(window)).into_iter();
        let title: Vec<(String, egui::Rect)> = title
            .filter(|(text, _)| !["×", "View", "↗"].contains(&&**text))
            .collect();
        assert!(
            !title.iter().any(|(text, _)| text == "…"),
            "{label}: {title:?}"
        );
        let end = title.first().map(|(text, _)| text.trim_matches('…'));
        let end = end.expect("a title");
        assert!(name.contains(end) && end.len() >= 3, "{label}: {title:?}");
        assert_apart(&harness, rect, &label);
    }
}
