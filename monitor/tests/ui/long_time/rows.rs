//! Rows of the server: the range and the mean of a reading.

use super::*;
use crate::support::START_NS;

#[test]
fn a_week_of_a_sensor_opens_at_once_with_the_range_and_the_mean() {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 9 * 24 * 60 * MINUTE, 5 * MINUTE);
    });
    for _ in 0..14 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    server.serve(&mut harness);
    let shown = window(&harness);
    assert!(shown.1 - shown.0 > 7 * 24 * 60 * MINUTE, "a week");
    for _ in 0..4 {
        server.serve(&mut harness);
    }
    assert!(server.answers <= 20, "{} answers", server.answers);
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    harness.hover_at(plot.center() + vec2(plot.width() * 0.3, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "mean "));
    assert!(painted(&harness, "min "));
}

/// A sensor of an hour, of which the monitor holds one update and the rows.
fn hour_of_a_sensor() -> Harness<'static, Bench> {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 60 * MINUTE, SECOND);
    });
    for _ in 0..6 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    for _ in 0..30 {
        server.serve(&mut harness);
    }
    harness
}

#[test]
fn before_the_server_began_nothing_is_drawn() {
    let (mut harness, mut server) = started(&[SENSOR], |server| {
        server.fill(SENSOR, START_NS - 2 * MINUTE + 11 * SECOND, SECOND);
    });
    for _ in 0..3 {
        harness.key_press(Key::Minus);
        harness.run_steps(2);
    }
    for _ in 0..8 {
        server.serve(&mut harness);
    }
    // A quarter of an hour has one interval, which begins before the first update.
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    assert!(!painted(&harness, "incomplete"));
    harness.hover_at(plot.left_center() + vec2(plot.width() * 0.4, 0.0));
    harness.run_steps(3);
    assert!(!painted(&harness, "mean "), "{:?}", texts(&harness, plot));
    assert!(painted(&harness, "The server's history begins at"));
}

#[test]
fn the_words_about_where_history_begins_leave_a_narrow_chart_to_its_lines() {
    const OTHER: &str = "plant/line-1/pressure";
    let shown = |size: [f32; 2], topics: &[&str]| {
        let (mut harness, mut server) = started_at(size, topics, |server| {
            for topic in [SENSOR, OTHER] {
                server.fill(topic, START_NS - 2 * MINUTE + 11 * SECOND, SECOND);
            }
        });
        for topic in topics {
            let plot = harness.get_by_label(&format!("Chart of {topic}")).rect();
            for _ in 0..3 {
                wheel(&mut harness, plot.center(), -120.0);
            }
        }
        for _ in 0..8 {
            server.serve(&mut harness);
        }
        let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
        assert_apart(&harness, plot, &format!("{size:?}"));
        let texts = texts(&harness, plot).into_iter();
        let words = texts.filter(|(text, _)| text.to_lowercase().contains("begin"));
        let words: Vec<_> = words.collect();
        for (text, rect) in &words {
            assert!(rect.height() < 20.0, "one line: {text:?}");
            assert!(rect.width() < 0.7 * plot.width(), "{text:?} in {plot:?}");
        }
        words.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    let wide = shown([1440.0, 900.0], &[SENSOR]);
    assert!(matches!(&wide[..], [text] if text.starts_with("The server's history begins at 20")));
    let narrow = shown([720.0, 420.0], &[SENSOR]);
    assert!(
        matches!(&narrow[..], [text] if text.starts_with("Begins at ")),
        "{narrow:?}"
    );
    let narrower = shown([720.0, 420.0], &[SENSOR, OTHER]);
    assert!(narrower.len() <= 1, "{narrower:?}");
}

#[test]
fn ruler_and_cursors_measure_rows_and_say_so() {
    let mut harness = hour_of_a_sensor();
    let plot = harness.get_by_label(&format!("Chart of {SENSOR}")).rect();
    // From a quarter to the middle of the visible hour: no update of it is held.
    let from = plot.left_center() + vec2(plot.width() * 0.25, 0.0);
    let by = vec2(plot.width() * 0.25, 0.0);
    let press = |pressed, pos| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::SHIFT,
    };
    harness.event_modifiers(egui::Event::PointerMoved(from), Modifiers::SHIFT);
    harness.event_modifiers(press(true, from), Modifiers::SHIFT);
    for part in 1..=4 {
        let place = from + by * (part as f32 / 4.0);
        harness.event_modifiers(egui::Event::PointerMoved(place), Modifiers::SHIFT);
        harness.run_steps(1);
    }
    assert!(
        painted(&harness, "by intervals of "),
        "{:?}",
        texts(&harness, plot)
    );
    assert!(painted(&harness, "mean "));
    let updates = texts(&harness, plot).into_iter().find_map(|(text, _)| {
        let count = text.strip_suffix(" updates")?.replace(',', "");
        count.parse::<i64>().ok()
    });
    let (start_ns, end_ns) = window(&harness);
    let seconds = (end_ns - start_ns) / SECOND / 4;
    let error = (updates.unwrap() - seconds).abs();
    assert!(
        error <= 40,
        "{updates:?} of about {seconds}: a row at each end"
    );
    harness.event_modifiers(press(false, from + by), Modifiers::SHIFT);
    harness.run_steps(2);

    harness.key_press(Key::C);
    harness.run_steps(3);
    assert!(
        painted(&harness, ", by intervals of "),
        "in the table's head"
    );
}

#[test]
fn a_csv_of_a_time_of_which_rows_are_held_has_them_beside_it() {
    let mut harness = hour_of_a_sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::SetFolder(path));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    harness.run_steps(2);
    let begun = Instant::now();
    let names = loop {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        let is_done = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "csv");
        if names.len() == 2 && names.iter().all(is_done) {
            break names;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{names:?}");
    };
    let intervals = names
        .iter()
        .find(|path| path.to_string_lossy().contains("-intervals-"));
    let text = std::fs::read_to_string(intervals.unwrap()).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("start,seconds,min,max,mean,updates,state")
    );
    let counts = lines.map(|line| line.split(',').nth(5).unwrap().parse::<u64>().unwrap());
    let counted: u64 = counts.sum();
    assert!(counted >= 3_000, "{counted} of about 3,600 updates");
    // The notice names both.
    harness.run_steps(3);
    assert!(sees(&harness, "intervals of the time before to "));
}
