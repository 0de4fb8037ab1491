//! Charts by the times of the sources, with pointer and keys.

use super::*;

/// When the recording of a replay begins: 2024-05-17T08:00:00Z.
const RECORDED_NS: i64 = 1_715_932_800 * SECOND;

/// A replay of `seconds` seconds at ten times the speed it was recorded at: 10 trades per second of
/// the recording.
fn replay(harness: &mut Harness<'_, Bench>, from: i64, seconds: i64) {
    let script = &mut harness.state_mut().script;
    for at in from * 10..(from + seconds) * 10 {
        script.now_ns += SECOND / 100;
        script.source_ns = Some(RECORDED_NS + at * SECOND / 10);
        let price = format!("{:.2}", 39_480.0 + f64::from((at % 170) as i32) / 10.0);
        script.every(BTC, trade(&price, "0.1"));
    }
    script.source_ns = None;
    harness.run_steps(3);
}

fn replayed() -> Harness<'static, Bench> {
    let mut harness = harness(SavedState::default(), &[BTC]);
    harness.state_mut().script.connected();
    replay(&mut harness, 0, 100);
    harness
}

/// Whether a time that begins like this is on the time axis.
fn has_tick(harness: &Harness<'_, Bench>, begin: &str) -> bool {
    let chart = harness.get_by_label_contains("Chart of ").rect();
    let below = chart.bottom()..=chart.bottom() + 24.0;
    let axis = egui::Rect::from_x_y_ranges(chart.x_range(), below);
    let texts = texts(harness, axis);
    texts.iter().any(|(text, _)| text.starts_with(begin))
}

fn press_s(harness: &mut Harness<'_, Bench>) {
    harness.key_press(Key::S);
    harness.run_steps(3);
}

#[test]
fn a_replay_is_drawn_at_its_own_times_by_one_key_and_the_axis_says_so() {
    let mut harness = replayed();
    assert!(has_tick(&harness, "12:00:") && !has_tick(&harness, "08:01:"));
    press_s(&mut harness);
    assert!(painted(&harness, "source time · UTC"));
    assert!(has_tick(&harness, "08:01:") && !has_tick(&harness, "12:00:"));
    let newest_ns = RECORDED_NS + 100 * SECOND - SECOND / 10;
    let (start_ns, end_ns) = window(&harness);
    assert!(start_ns < newest_ns && newest_ns < end_ns);
    // It follows, and by the clock where no update comes.
    replay(&mut harness, 100, 10);
    assert_eq!(window(&harness).1, end_ns + 10 * SECOND);
    harness.state_mut().script.now_ns += 3 * SECOND;
    harness.run_steps(2);
    assert_eq!(window(&harness).1, end_ns + 13 * SECOND);
    let area = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    assert_apart(&harness, area.expand2(vec2(0.0, 24.0)), "source time");
    press_s(&mut harness);
    assert!(!painted(&harness, "source time ·") && has_tick(&harness, "12:00:"));
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn a_late_update_takes_its_place() {
    let mut harness = replayed();
    press_s(&mut harness);
    // Nothing is recorded in this second, until an update comes late.
    replay(&mut harness, 101, 10);
    let script = &mut harness.state_mut().script;
    script.source_ns = Some(RECORDED_NS + 100 * SECOND + SECOND / 2);
    script.every(BTC, trade("39999.00", "0.1"));
    script.source_ns = None;
    script.now_ns += 3 * SECOND;
    harness.run_steps(3);
    let area = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let (start_ns, end_ns) = window(&harness);
    let late_ns = RECORDED_NS + 100 * SECOND + SECOND / 2;
    let part = (late_ns - start_ns) as f32 / (end_ns - start_ns) as f32;
    let place = egui::pos2(area.left() + part * area.width(), area.center().y);
    harness.hover_at(place);
    harness.run_steps(3);
    assert!(painted(&harness, "39 999.00"));
    assert!(painted(&harness, "08:01:40.500 000"));
}

#[test]
fn candles_panning_and_the_table_are_by_source_time() {
    let mut harness = replayed();
    press_s(&mut harness);
    harness.get_by_label("1 s").click();
    harness.run_steps(3);
    let center = plot_center(&harness) + vec2(100.0, 0.0);
    harness.hover_at(center);
    harness.run_steps(3);
    assert!(painted(&harness, "2024-05-17 08:0") && painted(&harness, "10 updates"));
    harness.remove_cursor();
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(3);
    assert!(sees(&harness, "behind"));
    let (start_ns, end_ns) = window(&harness);
    replay(&mut harness, 100, 20);
    assert_eq!(window(&harness), (start_ns, end_ns), "it is paused");
    harness.key_press(Key::C);
    harness.run_steps(3);
    assert!(painted(&harness, "A → B"));
    harness.key_press(Key::End);
    harness.run_steps(3);
    assert!(harness.state().monitor.workspace().is_following());
}

#[test]
fn the_menu_and_the_palette_switch_it_and_it_stays_after_a_restart() {
    let mut harness = replayed();
    let center = plot_center(&harness);
    let none = Modifiers::NONE;
    let button = PointerButton::Secondary;
    drag(&mut harness, button, center, vec2(0.0, 0.0), none);
    harness.get_by_label("Charts by source time").click();
    harness.run_steps(3);
    assert!(painted(&harness, "source time · UTC"));
    assert!(
        restarted(&mut harness)
            .state()
            .monitor
            .saved_state()
            .preferences
            .source_times
    );
    command(&mut harness, "by source time, or");
    assert!(!painted(&harness, "source time · UTC"));
    let saved = harness.state().monitor.saved_state();
    assert!(!saved.preferences.source_times);
}

#[test]
fn topics_without_source_times_stay_at_their_arrival_in_words() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    press_s(&mut harness);
    assert!(painted(&harness, "arrival: no source times"));
    assert!(has_tick(&harness, "12:00:"));
    // A narrow chart says it in short words.
    let mut narrow = harness_of([720.0, 420.0], SavedState::default(), &[BTC]);
    narrow.state_mut().script.connected();
    replay(&mut narrow, 0, 30);
    press_s(&mut narrow);
    assert!(painted(&narrow, "source time") && !painted(&narrow, "source time ·"));
    let everything = whole(&narrow);
    assert_apart(&narrow, everything, "narrow");
}

#[test]
fn states_are_not_drawn_at_wrong_places() {
    const DOOR: &str = "plant/line-1/door";
    let mut harness = replayed();
    harness.state_mut().monitor.execute(UiCommand::Chart {
        topic: tickcast_protocol::topic::Topic::new(DOOR).unwrap(),
        placement: tickcast_monitor::testing::Placement::Overlay,
    });
    let script = &mut harness.state_mut().script;
    script.every(DOOR, Value::Text("closed".to_owned()));
    script.now_ns += 20 * SECOND;
    harness.run_steps(3);
    let area = harness.get_by_label(&format!("Chart of {BTC}")).rect();
    let is_lane = |place: &egui::Rect| place.top() > area.center().y;
    let has_lane = |harness: &Harness<'_, Bench>| {
        let texts = texts(harness, area);
        let mut texts = texts.iter();
        texts.any(|(text, place)| text == "closed" && is_lane(place))
    };
    assert!(has_lane(&harness));
    press_s(&mut harness);
    assert!(painted(&harness, "States have only times of arrival"));
    assert!(!has_lane(&harness));
}

#[test]
fn derived_topics_have_the_source_times_of_what_they_follow_from() {
    const MEAN: &str = "derived/mean/market/BTC-USDT/trade";
    let mut harness = replayed();
    row(&harness, BTC).click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(3);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    row(&harness, MEAN).click();
    harness.run_steps(3);
    assert_eq!(charted(&harness), [MEAN]);
    assert!(has_tick(&harness, "12:00:"));
    press_s(&mut harness);
    assert!(painted(&harness, "source time · UTC") && has_tick(&harness, "08:01:"));
    // Live ones too.
    let (_, end_ns) = window(&harness);
    replay(&mut harness, 100, 10);
    assert_eq!(window(&harness).1, end_ns + 10 * SECOND);
}

#[test]
fn a_csv_file_says_which_time_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = SavedState::default();
    settings.preferences.folder = folder.path().display().to_string();
    let mut harness = harness(settings, &[BTC]);
    harness.state_mut().script.connected();
    replay(&mut harness, 0, 20);
    press_s(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    harness.run_steps(2);
    let path = recordings::only_file(folder.path(), "csv");
    let begun = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().count() == 201 || begun.elapsed() > Duration::from_secs(60) {
            break text;
        }
        std::thread::yield_now();
    };
    assert!(text.starts_with("source_time,price,size,side,lost_before\n2024-05-17T08:00:00Z,"));
    assert_eq!(text.lines().count(), 201);
}
