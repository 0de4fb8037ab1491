//! Topics without numbers: the inspector, the log, and timelines of states.

use super::*;

const DEVICE: &str = "zigbee2mqtt/kitchen_window_right";

fn json(battery: u32) -> Value {
    let text =
        format!("{{\"battery\": {battery}, \"contact\": true, \"big\": 12345678901234567890.10}}");
    Value::Text(text)
}

/// The inspector of a topic with two messages.
fn inspected() -> Harness<'static, Bench> {
    let mut harness = filled(&[BTC]);
    let script = &mut harness.state_mut().script;
    script.latest(DEVICE, json(95));
    harness.run_steps(2);
    row(&harness, DEVICE).click_secondary();
    harness.run_steps(3);
    harness.get_by_label("Inspect").click();
    harness.run_steps(3);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(DEVICE, json(94));
    harness.run_steps(2);
    harness
}

fn pane(harness: &Harness<'_, Bench>) -> Vec<String> {
    let top = harness.get_by_label("Pane Inspector").rect();
    let area = top.with_max_y(whole(harness).bottom() - 26.0);
    texts(harness, area)
        .into_iter()
        .map(|(text, _)| text)
        .collect()
}

#[test]
fn the_inspector_shows_the_whole_payload_laid_out_and_what_differs() {
    let mut harness = inspected();
    let shown = pane(&harness);
    for line in [
        "{",
        "  \"battery\": 94,",
        "  \"big\": 12345678901234567890.10",
        "}",
    ] {
        assert!(shown.iter().any(|text| text == line), "{line}: {shown:?}");
    }
    harness.get_by_label("Raw").click();
    harness.run_steps(2);
    assert!(
        pane(&harness)
            .iter()
            .any(|text| text.starts_with("{\"battery\": 94, "))
    );
    harness.get_by_label("Difference").click();
    harness.run_steps(2);
    let shown = pane(&harness);
    for line in [
        "−   \"battery\": 95,",
        "+   \"battery\": 94,",
        "    \"contact\": true,",
    ] {
        assert!(shown.iter().any(|text| text == line), "{line}: {shown:?}");
    }
    harness.get_by_label("Hex").click();
    harness.run_steps(2);
    let row = "00000000  7b 22 62 61 74 74 65 72  79 22 3a 20 39 34 2c 20  {\"battery\": 94, ";
    assert!(
        pane(&harness).iter().any(|text| text == row),
        "{:?}",
        pane(&harness)
    );
    // The message before is shown by a click, until the newest is asked for.
    harness.get_by_label("Payload").click();
    harness.get_by_label_contains("Message 1 at ").click();
    harness.run_steps(2);
    assert!(
        pane(&harness)
            .iter()
            .any(|text| text == "  \"battery\": 95,")
    );
    harness.get_by_label("Show the newest").click();
    harness.run_steps(2);
    assert!(
        pane(&harness)
            .iter()
            .any(|text| text == "  \"battery\": 94,")
    );
    harness.get_by_label("Copy").click();
    harness.run_steps(1);
    let commands = &harness.output().platform_output.commands;
    let copied = commands.iter().any(|command| match command {
        egui::OutputCommand::CopyText(text) => text.contains("\n  \"battery\": 94,"),
        _ => false,
    });
    assert!(copied, "{commands:?}");
}

#[test]
fn the_inspector_follows_the_selection_and_survives_a_restart() {
    let mut harness = inspected();
    harness.get_by_label("plant/line-1/door").click();
    harness.run_steps(3);
    assert!(pane(&harness).iter().any(|text| text == "closed"));
    let again = restarted(&mut harness);
    assert!(has(&again, "Pane Inspector"));
}

#[test]
fn a_payload_that_is_a_picture_is_drawn_and_other_bytes_are_digits() {
    let mut harness = inspected();
    let camera = "frigate/front/snapshot";
    let mut png = Vec::new();
    let picture = image::RgbaImage::from_pixel(40, 30, image::Rgba([200, 30, 30, 255]));
    let format = image::ImageFormat::Png;
    picture
        .write_to(&mut std::io::Cursor::new(&mut png), format)
        .unwrap();
    let script = &mut harness.state_mut().script;
    script.latest(camera, Value::Bytes(png));
    harness.run_steps(2);
    harness.get_by_label(camera).click();
    harness.run_steps(3);
    assert!(has(&harness, "Picture") && painted(&harness, "40 × 30"));
    let script = &mut harness.state_mut().script;
    script.every(camera, Value::Bytes(vec![0, 1, 2, 255]));
    harness.run_steps(3);
    assert!(!has(&harness, "Picture"));
    assert!(
        pane(&harness)
            .iter()
            .any(|text| text.starts_with("00000000  00 01 02 ff "))
    );
}

#[test]
fn the_log_joins_the_messages_of_text_topics_and_filters_them() {
    let mut harness = filled(&[BTC]);
    let (bridge, server) = ("log/bridge", "log/server");
    let script = &mut harness.state_mut().script;
    script.latest(bridge, Value::Text("info joined".to_owned()));
    script.latest(server, Value::Text("info started".to_owned()));
    harness.run_steps(2);
    for topic in [bridge, server] {
        let select = UiCommand::Select(topic.parse().unwrap());
        harness.state_mut().monitor.execute(select);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
        harness.run_steps(3);
    }
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(server, Value::Text("ERROR disk full".to_owned()));
    script.now_ns += SECOND;
    script.every(bridge, Value::Text("WARN lqi low".to_owned()));
    harness.run_steps(3);
    let theme = Theme::of(ThemeChoice::Dark);
    // The list shows the newest value as any other.
    assert_eq!(inks(&harness, "ERROR disk full"), [theme.text, theme.bad]);
    assert_eq!(inks(&harness, "WARN lqi low"), [theme.text, theme.warning]);
    let body = harness.get_by_label("Pane Log").rect();
    let top = |text: &str| {
        let area = body.with_max_y(whole(&harness).bottom() - 26.0);
        let mut found = texts(&harness, area).into_iter();
        found.find(|(found, _)| found == text).unwrap().1.top()
    };
    assert!(top("info joined") < top("ERROR disk full"));
    assert!(top("ERROR disk full") < top("WARN lqi low"));
    harness.get_by_label("Only lines with").focus();
    harness.run_steps(1);
    write(&mut harness, "disk");
    assert_eq!(inks(&harness, "ERROR disk full"), [theme.text, theme.bad]);
    assert_eq!(inks(&harness, "WARN lqi low"), [theme.text]);
    let again = restarted(&mut harness);
    assert!(has(&again, "Pane Log"));
}

#[test]
fn a_long_line_of_the_log_ends_with_an_ellipsis_and_can_be_read_whole() {
    let log = "plant/line-1/log";
    let long = format!(
        "INFO {} and the last word",
        "pressure is rising ".repeat(40)
    );
    let mut harness = harness_of([1000.0, 700.0], SavedState::default(), &[]);
    fill(&mut harness.state_mut().script);
    let script = &mut harness.state_mut().script;
    script.latest(log, Value::Text("a short line".to_owned()));
    harness.run_steps(2);
    harness
        .state_mut()
        .monitor
        .execute(UiCommand::Select(log.parse().unwrap()));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
    harness.run_steps(3);
    for text in [long.clone(), "another short one".to_owned()] {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.every(log, Value::Text(text));
    }
    harness.run_steps(3);
    let right = whole(&harness).right();
    let line = harness.get_by_label(&long).rect();
    assert!(line.right() <= right, "{line:?}");
    let mut cut = 0;
    for clipped in &harness.output().shapes {
        let egui::Shape::Text(text) = &clipped.shape else {
            continue;
        };
        let rect = text.galley.rect.translate(text.pos.to_vec2());
        if line.contains(rect.center()) && text.galley.text() == long {
            cut += usize::from(text.galley.elided);
            assert!(rect.right() <= right, "it ends within the pane");
        }
    }
    assert_eq!(cut, 1, "cut with an ellipsis");
    // The pointer shows all of it, and a click the message in the inspector.
    harness.hover_at(line.center());
    harness.run_steps(40);
    let rows = |harness: &Harness<'_, Bench>| {
        let shapes = harness.output().shapes.iter();
        let found = shapes.filter_map(|clipped| match &clipped.shape {
            egui::Shape::Text(text) if text.galley.text() == long && !text.galley.elided => {
                Some(text.galley.rows.len())
            }
            _ => None,
        });
        found.max()
    };
    assert!(
        rows(&harness).is_some_and(|rows| rows > 3),
        "{:?}",
        rows(&harness)
    );
    let role = egui::accesskit::Role::Button;
    harness.get_by_role_and_label(role, &long).click();
    harness.run_steps(4);
    assert!(has(&harness, "Pane Inspector"));
    assert!(sees(&harness, "Show the newest"), "not the newest message");
    let shown = self::pane(&harness);
    assert!(shown.contains(&long), "{shown:?}");
    let short = harness.get_by_label("another short one").rect().center();
    harness.hover_at(short);
    harness.run_steps(40);
    assert_eq!(rows(&harness).filter(|rows| *rows > 1), None, "no tooltip");
}

#[test]
fn the_newest_lines_of_a_long_log_fill_it_to_its_lower_edge() {
    let log = "plant/line-1/log";
    let mut harness = filled(&[]);
    let script = &mut harness.state_mut().script;
    script.latest(log, Value::Text("line 0".to_owned()));
    harness.run_steps(2);
    let select = UiCommand::Select(log.parse().unwrap());
    harness.state_mut().monitor.execute(select);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
    harness.run_steps(3);
    for number in 1..=200 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.every(log, Value::Text(format!("line {number}")));
    }
    harness.run_steps(4);
    let role = egui::accesskit::Role::Button;
    let last = harness.get_by_role_and_label(role, "line 200").rect();
    let bottom = whole(&harness).bottom() - 26.0;
    assert!((0.0..30.0).contains(&(bottom - last.bottom())), "{last:?}");
    let shown = harness.query_all_by_role(role);
    let lines = shown.filter(|node| {
        let label = node.accesskit_node().label();
        label.is_some_and(|label| label.starts_with("line "))
    });
    let fits = ((last.bottom() - 140.0) / last.height()) as usize;
    assert!(lines.count() + 2 >= fits, "no row is left out of {fits}");
}

#[test]
fn the_word_of_a_narrow_stretch_ends_with_an_ellipsis_or_is_left_out() {
    let door = "plant/line-1/door";
    let mut harness = filled(&[door]);
    for seconds in [1, 3, 4, 5, 30] {
        for state in ["unlocked by the night porter", "shut"] {
            let script = &mut harness.state_mut().script;
            script.every(door, Value::Text(state.to_owned()));
            script.now_ns += seconds * SECOND / 2;
        }
    }
    harness.run_steps(3);
    let plot = harness.get_by_label(&format!("Chart of {door}")).rect();
    let words = ["unlocked by the night porter", "shut"];
    let mut cut = 0;
    for clipped in &harness.output().shapes {
        let egui::Shape::Text(text) = &clipped.shape else {
            continue;
        };
        let is_word = words.contains(&text.galley.text());
        let rect = text.galley.rect.translate(text.pos.to_vec2());
        if !is_word || !plot.contains(rect.center()) {
            continue;
        }
        assert!(clipped.clip_rect.contains_rect(rect), "cut within a letter");
        cut += usize::from(text.galley.elided);
        let glyphs = text.galley.rows[0].glyphs.len();
        assert!(glyphs > 1 || !text.galley.elided, "no ellipsis alone");
    }
    assert!(cut > 0, "some are cut");
}

#[test]
fn a_sentence_in_an_empty_chart_is_not_crossed_by_the_grid() {
    let log = "plant/line-1/log";
    let mut harness = filled(&[log]);
    let script = &mut harness.state_mut().script;
    for number in 0..300 {
        script.every(log, Value::Text(format!("line {number}")));
    }
    harness.run_steps(3);
    let sentence = "This topic has texts and no numbers: Ctrl+I inspects them";
    let shapes = &harness.output().shapes;
    let at = |shape: &egui::Shape| match shape {
        egui::Shape::Text(text) => text.galley.text() == sentence,
        _ => false,
    };
    let number = shapes.iter().position(|c| at(&c.shape)).unwrap();
    let egui::Shape::Text(text) = &shapes[number].shape else {
        return;
    };
    let rect = text.galley.rect.translate(text.pos.to_vec2());
    let background = Theme::of(ThemeChoice::Dark).background;
    let ground = shapes[..number].iter().rposition(|clipped| {
        matches!(&clipped.shape, egui::Shape::Rect(shape)
            if shape.fill == background && shape.rect.contains_rect(rect))
    });
    let lines = shapes[ground.unwrap()..].iter().filter(|clipped| {
        matches!(&clipped.shape, egui::Shape::LineSegment { points, .. }
            if rect.intersects(egui::Rect::from_two_pos(points[0], points[1])))
    });
    assert_eq!(lines.count(), 0, "nothing is drawn between ground and text");
}

#[test]
fn a_topic_with_states_has_a_timeline_of_them() {
    let door = "plant/line-1/door";
    let mut harness = filled(&[door]);
    for (state, seconds) in [("open", 10), ("closed", 5), ("closed", 5), ("open", 8)] {
        let script = &mut harness.state_mut().script;
        script.every(door, Value::Text(state.to_owned()));
        script.now_ns += seconds * SECOND;
    }
    harness.run_steps(3);
    let plot = harness.get_by_label(&format!("Chart of {door}")).rect();
    let right = whole(&harness).right();
    let edge = right - plot.right();
    assert!(
        edge < 30.0,
        "without values there is no axis of them: {edge}"
    );
    let shown = texts(&harness, plot);
    let count = |word: &str| shown.iter().filter(|(text, _)| text == word).count();
    // "closed" of before, two stretches "open", and one "closed" of ten seconds.
    assert_eq!((count("open"), count("closed")), (2, 1), "{shown:?}");
    let (_, open) = shown.iter().rev().find(|(text, _)| text == "open").unwrap();
    harness.hover_at(open.center() + vec2(20.0, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "for 8.0 s"));
    // Stale times are marked below.
    let warning = Theme::of(ThemeChoice::Dark).warning;
    let strips = |harness: &Harness<'_, Bench>| {
        let shapes = harness.output().shapes.iter();
        let strips = shapes.filter(|clipped| match &clipped.shape {
            egui::Shape::Rect(rect) => rect.fill == warning && plot.intersects(rect.rect),
            _ => false,
        });
        strips.count()
    };
    assert_eq!(strips(&harness), 0);
    let script = &mut harness.state_mut().script;
    script.status(door, Status::Stale);
    script.now_ns += 5 * SECOND;
    harness.run_steps(2);
    assert_eq!(strips(&harness), 1);
}
