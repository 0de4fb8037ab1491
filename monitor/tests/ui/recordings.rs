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
    // The server went on unseen: nothing of it was lost, and no new connection is needed.
    assert!(harness.state_mut().monitor.take_reconnect().is_none());
    assert!(is_listed(&harness, BTC) && !is_listed(&harness, "a/b"));
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
    let obstacle = tickcast_monitor::testing::Obstacle::Unreachable;
    let ended = ConnectionState::Ended { obstacle, why };
    let gone = tickcast_monitor::testing::IncomingItem::Connection(ended);
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
pub(super) fn only_file(folder: &std::path::Path, ending: &str) -> std::path::PathBuf {
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
    harness.run_steps(3);
    harness.get_by_label("Charted topics in full").click();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    trades(&mut harness, 10);
    assert!(sees(&harness, "recording "), "the progress is shown");
    harness.get_by_label("Stop").click();
    harness.run_steps(2);
    assert!(sees(&harness, "updates recorded (every update of 1 topic"));
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
        // With every field of a trade.
        let mut names = text.lines().next().unwrap().split(',');
        let column = names.position(|name| name == "side").unwrap();
        let side = text.lines().nth(1).unwrap().split(',').nth(column);
        assert_eq!(side, Some("buy"), "{text}");
        harness.run_steps(2);
        assert!(sees(&harness, "rows saved to"));
    }
}

#[test]
fn a_picture_of_the_active_chart_is_requested() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = writing_to(folder.path());
    harness.hover_at(plot_center(&harness) + vec2(300.0, 0.0));
    harness.run_steps(3);
    assert!(painted(&harness, "Δ live"));
    // Pressed in one repaint, drawn in the next one.
    let modifiers = Modifiers::COMMAND;
    let key = egui::Event::Key {
        key: Key::P,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    };
    harness.event(key);
    harness.run_steps(2);
    // The picture is what was drawn just now: without buttons and pointer, with what it means.
    let picture = harness.state_mut().monitor.take_picture().unwrap();
    let chart = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    assert!(picture.rect.contains_rect(chart));
    let drawn: Vec<String> = texts(&harness, picture.rect)
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    for absent in ["Δ live", "Line", "Auto", "Lock", "×"] {
        assert!(
            !drawn.iter().any(|text| text.contains(absent)),
            "{absent}: {drawn:?}"
        );
    }
    for part in [
        BTC,
        "2026-01-01 11:59",
        " – 2026-01-01 12:00",
        "UTC",
        "every update",
    ] {
        assert!(
            drawn.iter().any(|text| text.contains(part)),
            "{part}: {drawn:?}"
        );
    }
    assert_apart(&harness, picture.rect.with_max_y(chart.top()), "the title");
    let tickcast_monitor::testing::PictureTarget::File(path) = picture.target else {
        panic!("{:?}", picture.target);
    };
    assert!(path.starts_with(folder.path()));
    assert_eq!(path.extension().unwrap(), "png");
    // The window is read after one of the next repaints. Then everything is as before.
    harness.run_steps(3);
    assert!(!has(&harness, "Auto") && !painted(&harness, "Δ live"));
    harness.state_mut().monitor.picture_taken();
    harness.run_steps(1);
    assert!(has(&harness, "Auto") && painted(&harness, "Δ live"));
}

#[test]
fn a_picture_goes_to_the_clipboard_too() {
    let mut harness = filled(&[BTC]);
    command(&mut harness, "copy picture");
    harness.run_steps(2);
    let picture = harness.state_mut().monitor.take_picture().unwrap();
    assert_eq!(
        picture.target,
        tickcast_monitor::testing::PictureTarget::Clipboard
    );
}

/// A recording of one topic: 100 readings, one per second.
fn hundred(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("r.jsonl");
    let line = |second: i64| {
        let time = support::START_NS + second * SECOND;
        format!(
            "{{\"topic\":\"a/b\",\"time\":{time},\"seq\":{},\"value\":{{\"reading\":{second}}}}}\n",
            second + 1
        )
    };
    std::fs::write(&path, (0..100).map(line).collect::<String>()).unwrap();
    path
}

#[test]
fn the_servers_history_goes_on_unseen_while_a_recording_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    let before = harness
        .state()
        .monitor
        .store()
        .topic_named(BTC)
        .unwrap()
        .received;
    let path = hundred(folder.path());
    harness.state_mut().monitor.execute(UiCommand::Play(path));
    harness.run_steps(2);
    assert!(!is_listed(&harness, BTC));
    trades(&mut harness, 5);
    assert!(harness.state().monitor.store().topic_named(BTC).is_none());
    assert!(
        sees(&harness, "newest values only, of 1 topic"),
        "what it holds"
    );
    harness.get_by_label("Back to the server").click();
    harness.run_steps(2);
    let topic = harness.state().monitor.store().topic_named(BTC).unwrap();
    assert_eq!(topic.received, before + 50);
    let series = topic.series.as_ref().unwrap();
    assert_eq!(
        (series.len(), topic.missing.lost, series.gaps().len()),
        (100, 0, 0)
    );
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn alerts_of_a_recording_are_silent_unless_asked_for_and_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = filled(&[BTC]);
    let topic = "a/b".parse().unwrap();
    let condition = AlertCondition::Above(50.0);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::AddAlert { topic, condition });
    monitor.execute(UiCommand::Play(hundred(folder.path())));
    harness.run_steps(2);
    harness.get_by_label("60×").click();
    harness.run_steps(2);
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(2);
    assert_eq!(
        harness
            .state()
            .monitor
            .store()
            .topic_named("a/b")
            .unwrap()
            .number,
        Some(99.0)
    );
    assert!(!has(&harness, "Seen"), "it is about the past");
    harness.get_by_label("Alerts off").click();
    let back = UiCommand::Player(PlayerAction::Seek(support::START_NS));
    harness.state_mut().monitor.execute(back);
    harness.run_steps(2);
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(2);
    assert!(has(&harness, "Seen") && sees(&harness, "above 50"));
    // An alert of the server is seen meanwhile.
    let topic = BTC.parse().unwrap();
    let condition = AlertCondition::Above(1.0);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::AddAlert { topic, condition });
    trades(&mut harness, 1);
    assert!(has(&harness, "Live:"));
    harness.get_by_label("Back to the server").click();
    harness.run_steps(2);
    let unseen: Vec<String> = harness
        .state()
        .monitor
        .alerts()
        .unseen()
        .map(|event| event.topic.to_string())
        .collect();
    assert_eq!(unseen, [BTC], "those of the recording are gone");
}

#[test]
fn every_update_is_recorded_by_choice_and_the_file_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let eth = "market/ETH-USDT/trade";
    let mut harness = writing_to(folder.path());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.run_steps(3);
    assert!(sees(&harness, "All updates of all 9 topics"));
    // The first choice is to leave nothing out.
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let script = &mut harness.state_mut().script;
    script.latest(eth, trade("1.0", "1"));
    script.granted("#", tickcast_protocol::message::Mode::Every);
    harness.run_steps(2);
    for at in 0..20 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND / 100;
        script.latest(eth, trade(&format!("1.{at}"), "1"));
        script.latest("plant/line-1/pressure", Value::Reading(f64::from(at)));
    }
    trades(&mut harness, 1);
    assert!(sees(&harness, "recording 2 in full, 1 thinned"));
    harness.get_by_label("Stop").click();
    harness.run_steps(2);
    assert!(sees(
        &harness,
        "(every update of 2 topics, newest values of 1)"
    ));
    let path = only_file(folder.path(), "jsonl");
    assert!(path.to_string_lossy().contains("recording-every-update-"));
    let text = std::fs::read_to_string(path).unwrap();
    let full = text.lines().filter(|line| line.contains("\"every\":true"));
    assert_eq!(full.count(), 20 + 20 + 10);
}

#[test]
fn an_empty_path_says_what_to_do() {
    let mut harness = filled(&[]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run_steps(3);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(has(
        &harness,
        "Type the path of a recording, or choose one of the list."
    ));
    assert!(has(&harness, "Path of a recording"), "the dialog stays");
    assert!(!sees(&harness, "cannot read"));
    write(&mut harness, "/");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(sees(&harness, "/ is a folder"));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_reported() {
    let mut harness = writing_to(std::path::Path::new("/no/such/folder"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.run_steps(3);
    harness.get_by_label("Start recording").click();
    harness.run_steps(3);
    assert!(sees(&harness, "Cannot record: "));
}
