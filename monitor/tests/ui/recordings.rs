//! Recording, playing and exporting.

use super::*;

#[test]
fn a_recording_is_played_on_the_same_screen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let mut lines = String::new();
    for second in 0..100 {
        let time = support::START_NS + second * SECOND;
        lines.push_str(&format!(
            "{{\"topic\":\"a/b\",\"time\":{time},\"seq\":{},\"value\":{{\"reading\":{second}}}}}\n",
            second + 1
        ));
    }
    std::fs::write(&path, lines).unwrap();
    let mut harness = filled(&[]);
    harness.state_mut().monitor.execute(UiCommand::Play(path));
    harness.run_steps(2);
    assert!(sees(&harness, "Recording r.jsonl"));
    assert!(has(&harness, "a/b"), "topics of the recording");
    assert!(!has(&harness, BTC), "and of nothing else");
    harness.get_by_label("60×").click();
    harness.run_steps(2);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(2);
    let number =
        |h: &Harness<'_, Bench>| h.state().monitor.store().topic_named("a/b").unwrap().number;
    assert_eq!(number(&harness), Some(60.0));
    harness.get_by_label("Pause").click();
    harness.run_steps(2);
    harness.state_mut().script.now_ns += SECOND;
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(60.0));
    let back = UiCommand::Player(PlayerAction::Seek(support::START_NS + 10 * SECOND));
    harness.state_mut().monitor.execute(back);
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(10.0));
    harness.get_by_label("Back to the server").click();
    harness.run_steps(2);
    assert!(harness.state_mut().monitor.take_reconnect().is_some());
}

#[test]
fn a_recording_is_played_on_when_the_connection_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let time = support::START_NS;
    let line =
        format!("{{\"topic\":\"a\",\"time\":{time},\"seq\":1,\"value\":{{\"reading\":7}}}}\n");
    std::fs::write(&path, line).unwrap();
    let mut harness = filled(&[]);
    let monitor = &mut harness.state_mut().monitor;
    // As at the start with --play: the window connects once all is set up.
    monitor.connect();
    monitor.execute(UiCommand::Play(path));
    let url = monitor.take_reconnect().unwrap();
    let queue = tickcast_monitor::testing::IncomingQueue::new(|| {});
    let requests = tickcast_monitor::testing::Requests::unconnected();
    monitor.reconnected(url, queue.clone(), requests);
    harness.run_steps(2);
    assert!(sees(&harness, "Recording r.jsonl"));
    assert!(has(&harness, "a"));
    let why = "connection refused".to_owned();
    let gone = tickcast_monitor::testing::IncomingItem::Connection(ConnectionState::Ended { why });
    assert!(queue.try_put(gone));
    harness.run_steps(2);
    assert!(has(&harness, "At the end"), "not: no connection");
    assert!(has(&harness, "a"));
}

#[test]
fn a_file_that_is_not_a_recording_is_reported_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    std::fs::write(&path, "hello").unwrap();
    let mut harness = filled(&[]);
    harness.state_mut().monitor.execute(UiCommand::Play(path));
    harness.run_steps(2);
    assert!(sees(&harness, "is not a recording"));
    assert!(has(&harness, BTC));
}

/// A monitor that writes its files to `folder`, with a chart of trades.
fn writing_to(folder: &std::path::Path) -> Harness<'static, Bench> {
    let mut settings = SavedState::default();
    settings.preferences.folder = folder.display().to_string();
    let mut harness = harness(settings, &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    trades(&mut harness, 3);
    harness
}

/// The only file with this ending.
fn only_file(folder: &std::path::Path, ending: &str) -> std::path::PathBuf {
    let begun = Instant::now();
    loop {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut found = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == ending));
        if let Some(path) = found.next() {
            assert_eq!(found.next(), None);
            return path;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no .{ending}");
        std::thread::yield_now();
    }
}

#[test]
fn received_updates_are_recorded_and_played_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = writing_to(folder.path());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.run_steps(2);
    trades(&mut harness, 10);
    assert!(sees(&harness, "recording "), "the progress is shown");
    harness.get_by_label("Stop").click();
    harness.run_steps(2);
    assert!(sees(&harness, "updates recorded in"));
    let path = only_file(folder.path(), "jsonl");
    let mut again = restarted(&mut harness);
    again.key_press_modifiers(Modifiers::COMMAND, Key::O);
    again.run_steps(3);
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    again.get_by_label(&name).click();
    again.run_steps(3);
    assert!(sees(&again, &format!("Recording {name}")));
    again.get_by_label("300×").click();
    again.run_steps(2);
    again.state_mut().script.now_ns += SECOND;
    again.run_steps(3);
    let played = again.state().monitor.store().topic_named(BTC).unwrap();
    let series = played.series.as_ref().unwrap();
    assert_eq!(series.len(), 100, "ten seconds of ten trades");
    assert_eq!(played.missing.lost, 0);
    // The slider goes back.
    let back = again.get_by_label("Time in the recording").rect();
    let start = back.left_center() + vec2(2.0, 0.0);
    drag(
        &mut again,
        PointerButton::Primary,
        start,
        vec2(1.0, 0.0),
        Modifiers::NONE,
    );
    let played = again.state().monitor.store().topic_named(BTC).unwrap();
    assert!(played.series.as_ref().unwrap().len() < 100);
}

#[test]
fn damaged_lines_of_a_recording_are_counted_on_the_player_bar() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let line = |second: i64| {
        let time = support::START_NS + second * SECOND;
        format!(
            "{{\"topic\":\"a\",\"time\":{time},\"seq\":{second},\"value\":{{\"reading\":1}}}}\n"
        )
    };
    std::fs::write(
        &path,
        format!("{}{{\"topic\n\u{fffd}\n{}", line(1), line(2)),
    )
    .unwrap();
    let mut harness = filled(&[]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run_steps(3);
    write(&mut harness, &path.display().to_string());
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(2);
    assert!(sees(&harness, "2 bad lines"));
    let store = harness.state().monitor.store();
    assert_eq!(store.topic_named("a").unwrap().received, 2);
}

#[test]
fn a_missing_recording_is_reported() {
    let mut harness = filled(&[]);
    let path = "/no/such/recording.jsonl".into();
    harness.state_mut().monitor.execute(UiCommand::Play(path));
    harness.run_steps(2);
    assert!(sees(&harness, "cannot read /no/such/recording.jsonl"));
    assert!(has(&harness, BTC));
}

#[test]
fn visible_or_all_history_is_saved_as_csv() {
    for (words, least) in [("visible CSV", 15), ("all history CSV", 55)] {
        let folder = tempfile::tempdir().unwrap();
        let mut harness = writing_to(folder.path());
        trades(&mut harness, 3);
        // Only the last two seconds are visible.
        for _ in 0..5 {
            harness.key_press(Key::Plus);
            harness.run_steps(1);
        }
        command(&mut harness, words);
        let text = std::fs::read_to_string(only_file(folder.path(), "csv")).unwrap();
        let rows = text.lines().count();
        let most = if least > 50 { 62 } else { 30 };
        assert!((least..=most).contains(&rows), "{words}: {rows} rows");
        harness.run_steps(2);
        assert!(sees(&harness, "rows saved to"));
    }
}

#[test]
fn a_picture_of_the_active_chart_is_requested() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = writing_to(folder.path());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    harness.run_steps(2);
    let picture = harness.state_mut().monitor.take_picture().unwrap();
    let chart = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    assert!(picture.rect.contains_rect(chart));
    assert!(picture.path.starts_with(folder.path()));
    assert_eq!(picture.path.extension().unwrap(), "png");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_reported() {
    let mut harness = writing_to(std::path::Path::new("/no/such/folder"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.run_steps(2);
    assert!(sees(&harness, "Cannot record: "));
}
