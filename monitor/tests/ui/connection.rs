//! The state of the connection, and losses.

use tickcast_protocol::{
    message::{Epoch, Lineage},
    topic::Topic,
};

use super::*;

#[test]
fn the_state_of_the_connection_is_shown_in_words() {
    let mut harness = harness(SavedState::default(), &[]);
    harness.run_steps(1);
    assert!(sees(&harness, "connecting"));
    harness
        .state()
        .script
        .connection(ConnectionState::BackingOff {
            attempt: 3,
            until: Instant::now() + Duration::from_secs(3600),
            obstacle: Obstacle::Unreachable,
            why: "connection refused".to_owned(),
        });
    harness.run_steps(2);
    assert!(sees(&harness, "backing off, try 3 in 3"));
    assert!(sees(&harness, "Cannot reach ws://127.0.0.1:7400/ws"));
    assert!(sees(&harness, "tickcast-server"));
    assert!(has(&harness, "No connection"));
    harness.get_by_label("Try now").click();
    harness.run_steps(2);
    assert!(harness.state_mut().monitor.take_reconnect().is_some());
    harness.state().script.connected();
    harness.run_steps(2);
    assert!(sees(&harness, "connected · epoch 3f2a"));
}

/// The words of the empty list.
fn list_words(harness: &Harness<'_, Bench>) -> String {
    let list = whole(harness).with_max_x(384.0).with_min_y(90.0);
    let texts = texts(harness, list);
    let words: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
    words.join(" | ")
}

#[test]
fn an_empty_list_says_what_is_the_case_and_what_to_do() {
    let url = "ws://127.0.0.1:7400/ws";
    let mut harness = harness(SavedState::default(), &[]);
    harness.run_steps(2);
    let state = |harness: &mut Harness<'_, Bench>, state: ConnectionState| {
        harness.state().script.connection(state);
        harness.run_steps(2);
        assert_apart(harness, whole(harness).with_max_x(384.0), "the empty list");
        list_words(harness)
    };
    assert!(list_words(&harness).contains(&format!("Connecting to {url}")));
    let again = ConnectionState::Connecting { attempt: 4 };
    assert!(state(&mut harness, again).contains("try 4"));
    for (obstacle, title) in [
        (Obstacle::Unreachable, "Cannot reach"),
        (Obstacle::Refused, "Refused by"),
        (Obstacle::Lost, "The connection to"),
    ] {
        let ended = ConnectionState::Ended {
            obstacle,
            why: "cannot connect: it is night".to_owned(),
        };
        let words = state(&mut harness, ended);
        for part in [title, url, "it is night", "Click the address at the top"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(!words.contains("cannot connect"), "not twice: {words}");
    }
    let queue = harness.state().script.queue.clone();
    let problem = tickcast_monitor::testing::IncomingItem::LoginProblem("a token is wanted".into());
    assert!(queue.try_put(problem));
    harness.run_steps(2);
    let words = list_words(&harness);
    for part in ["Not logged in at", "a token is wanted", "Click Log in"] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn an_open_connection_without_topics_waits_and_a_filter_says_what_it_hides() {
    let mut harness = harness(SavedState::default(), &[]);
    harness.state().script.connected();
    harness.run_steps(2);
    let words = list_words(&harness);
    assert!(
        words.contains("Connected. No topic has a value yet."),
        "{words}"
    );
    assert!(words.contains("Topics appear as soon as"), "{words}");
    let since = Instant::now();
    harness
        .state()
        .script
        .connection(ConnectionState::Silent { since });
    harness.run_steps(2);
    assert!(list_words(&harness).contains("is silent"));
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    for tree in [false, true] {
        if tree {
            harness.get_by_label("Tree").click();
            harness.run_steps(2);
        }
        harness.get_by_label("Filter topics").focus();
        harness.run_steps(1);
        write(&mut harness, "no such name");
        let words = list_words(&harness);
        assert!(words.contains("The filter hides all 9 topics."), "{words}");
        harness.get_by_label("Clear the filter").click();
        harness.run_steps(3);
        assert!(!list_words(&harness).contains("The filter hides"));
    }
    assert!(sees(&harness, "plant"), "its topics are there again");
}

#[test]
fn what_waits_for_a_value_says_whether_there_is_a_connection() {
    let mut harness = harness(SavedState::default(), &["not/yet"]);
    harness.run_steps(2);
    let topic = Topic::new("not/yet").unwrap();
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::Select(topic));
    for key in [Key::B, Key::M, Key::J, Key::I] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        harness.run_steps(2);
    }
    let mut all_say = |state: Option<ConnectionState>, words: [&str; 6]| {
        if let Some(state) = state {
            harness.state().script.connection(state);
        }
        harness.run_steps(3);
        let texts = texts(&harness, whole(&harness));
        for words in words {
            let is_painted = texts.iter().any(|(text, _)| text.contains(words));
            assert!(is_painted, "{words}: {texts:?}");
        }
        texts.iter().any(|(text, _)| text.contains("aiting for"))
    };
    let waiting = [
        "Waiting for the first value",
        "Waiting for the first message. Ctrl+J",
        "Waiting for the first message",
        "Waiting for the first trade",
        "waiting for a value",
        "no value yet",
    ];
    let none = [
        "Not connected: the first value has not come",
        "Not connected: the first message has not come. Ctrl+J",
        "Not connected: the first message has not come",
        "Not connected: the first trade has not come",
        "not connected",
        "not connected",
    ];
    assert!(!all_say(None, none), "at the start");
    let connected = ConnectionState::Connected {
        server: "a test".to_owned(),
        lineage: Lineage::new(Epoch(1)),
    };
    assert!(all_say(Some(connected), waiting));
    let since = Instant::now();
    let silent = none.map(|words| words.replace("Not connected", "The server is silent"));
    let silent = silent.map(|words| words.replace("not connected", "the server is silent"));
    let silent = [0, 1, 2, 3, 4, 5].map(|at| silent[at].as_str());
    assert!(!all_say(Some(ConnectionState::Silent { since }), silent));
    let lost = ConnectionState::BackingOff {
        attempt: 2,
        until: Instant::now() + Duration::from_secs(60),
        obstacle: Obstacle::Lost,
        why: "it is night".to_owned(),
    };
    assert!(!all_say(Some(lost), none));
}

#[test]
fn a_lost_connection_is_hatched_and_a_new_epoch_is_reported() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness
        .state()
        .script
        .connection(ConnectionState::Connecting { attempt: 1 });
    harness.run_steps(2);
    harness.state_mut().script.now_ns += 5 * SECOND;
    harness.run_steps(2);
    assert!(painted(&harness, "no connection"));
    harness
        .state()
        .script
        .connection(ConnectionState::Connected {
            server: "another".to_owned(),
            lineage: Lineage::new(Epoch(0xbeef)),
        });
    harness.state_mut().script.restart();
    trades(&mut harness, 2);
    assert!(!painted(&harness, "no connection"));
    assert!(painted(&harness, "server restarted"));
    assert!(sees(&harness, "The server was restarted"));
    assert!(has(&harness, "1 server restart"));
}

#[test]
fn updates_are_applied_while_the_window_is_hidden() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 1);
    let before = harness.state().monitor.store().totals();
    // Hidden: data is applied and not drawn.
    for _ in 0..600 {
        let Bench { monitor, script } = harness.state_mut();
        script.now_ns += SECOND;
        script.every(BTC, trade("39484.64", "0.1"));
        monitor.receive(script.now_ns);
    }
    harness.run_steps(1);
    let store = harness.state().monitor.store();
    assert_eq!(store.totals().received, before.received + 600);
    assert_eq!(store.totals().lost, 0);
    assert!(harness.state().monitor.workspace().is_following());
    assert!(
        painted(&harness, "39 484.64"),
        "the newest value is on the axis"
    );
}

#[test]
fn an_idle_window_is_repainted_twice_a_second_and_later_less_often() {
    // A chart that follows moves by the clock, and no faster than the rest.
    let mut harness = filled(&[BTC]);
    for (seconds, least_ms) in [(1, 400), (14, 900), (60, 9_000)] {
        // Changed values flash for a moment.
        harness.state_mut().script.now_ns += seconds * SECOND;
        harness.run_steps(20);
        let views = &harness.output().viewport_output;
        let delay = views.values().map(|view| view.repaint_delay).min().unwrap();
        assert!(delay >= Duration::from_millis(least_ms), "{delay:?}");
    }
}

#[test]
fn another_server_can_be_connected_to() {
    let mut harness = filled(&[]);
    harness.get_by_label("ws://127.0.0.1:7400/ws").click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(egui::Event::Text("ws://elsewhere:1/ws".to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    let wanted = harness.state_mut().monitor.take_reconnect();
    assert_eq!(wanted.as_deref(), Some("ws://elsewhere:1/ws"));
}

#[test]
fn lost_updates_are_counted_in_the_status_line() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    assert!(sees(&harness, "137 lost in 1 gap"));
    let store = harness.state().monitor.store();
    let series = store.topic_named(BTC).unwrap().series.as_ref().unwrap();
    let gap = series.gaps().next().unwrap();
    assert_eq!(gap.lost, Some(137));
}

#[test]
fn updates_between_newest_values_are_not_lost() {
    let mut harness = filled(&[]);
    let script = &mut harness.state_mut().script;
    script.skip(BTC, 50);
    script.latest(BTC, trade("39490.00", "1"));
    harness.run_steps(2);
    let missing = harness
        .state()
        .monitor
        .store()
        .topic_named(BTC)
        .unwrap()
        .missing;
    assert_eq!((missing.lost, missing.gaps, missing.conflated), (0, 0, 50));
    assert!(has(&harness, "gaps"));
}

#[test]
fn a_gap_says_on_the_chart_how_much_was_lost() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    assert!(painted(&harness, "gap · 137 lost"));
}

#[test]
fn the_first_start_charts_the_busiest_market() {
    let mut harness = filled(&[]);
    for _ in 0..30 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND / 5;
        script.latest(BTC, trade("39484.64", "0.5"));
        script.reading("plant/line-1/vibration", "mm/s", 1.2);
        script.reading("plant/line-1/vibration", "mm/s", 1.3);
    }
    harness.run_steps(3);
    assert_eq!(charted(&harness), [BTC]);
}

#[test]
fn a_server_without_heartbeats_is_shown_as_silent_before_it_is_given_up() {
    let mut harness = filled(&[BTC, "market/EUR-USD/quote"]);
    trades(&mut harness, 20);
    let since = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
    harness
        .state()
        .script
        .connection(ConnectionState::Silent { since });
    harness.state_mut().script.now_ns += 2 * SECOND;
    harness.run_steps(2);
    assert!(sees(&harness, "connected, but silent for"));
    assert!(has(&harness, "Server silent"));
    assert!(painted(&harness, "server silent"), "hatched on the chart");
    // It speaks again: nothing was lost, and it is the same connection.
    harness.state().script.connected();
    trades(&mut harness, 1);
    assert!(has(&harness, "Following"));
    assert!(
        painted(&harness, "server silent"),
        "no line across the silence"
    );
    assert_eq!(harness.state().monitor.store().totals().lost, 0);
}

#[test]
fn the_update_that_ends_a_silence_does_not_hide_it() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let since = Instant::now().checked_sub(Duration::from_secs(12)).unwrap();
    let silent = ConnectionState::Silent { since };
    harness.state_mut().script.now_ns += 12 * SECOND;
    harness.state().script.connection(silent);
    harness.run_steps(2);
    // It is told as the end of the silence, and was on its way for a moment.
    harness.state().script.connected();
    let script = &mut harness.state_mut().script;
    script.every(BTC, trade("39484.64", "0.1"));
    script.now_ns += SECOND / 20;
    harness.run_steps(2);
    trades(&mut harness, 2);
    assert!(painted(&harness, "server silent"), "no line across it");
}

#[test]
fn a_silence_whose_updates_come_later_was_only_the_network() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 20);
    let since = Instant::now().checked_sub(Duration::from_secs(6)).unwrap();
    let silent = ConnectionState::Silent { since };
    harness.state().script.connection(silent);
    harness.run_steps(2);
    let start_ns = harness.state().script.now_ns;
    for at in 0..60 {
        let script = &mut harness.state_mut().script;
        script.now_ns = start_ns + at * SECOND / 10;
        script.every(BTC, trade("39484.64", "0.1"));
    }
    harness.state().script.connected();
    harness.run_steps(2);
    assert!(!painted(&harness, "server silent"), "nothing is missing");
}

#[test]
fn the_health_pane_shows_latency_losses_and_clock_of_the_selected_topic() {
    let mut harness = filled(&[BTC]);
    harness.state_mut().script.skip(BTC, 0);
    trades(&mut harness, 3);
    harness.state_mut().script.skip(BTC, 137);
    trades(&mut harness, 3);
    let clock = tickcast_protocol::client::ClockEstimate {
        offset_ns: 20_000,
        round_trip_ns: 20_000,
    };
    let queue = harness.state().script.queue.clone();
    assert!(queue.try_put(tickcast_monitor::testing::IncomingItem::Clock(clock)));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
    harness.run_steps(3);
    assert!(has(&harness, "Histogram of latencies"));
    for words in [
        "p50",
        "p99",
        "0.30 ms / 0.30 ms",
        "137 in 1 gap",
        "+0.02 ± 0.01 ms",
        "Conflated by server",
        "Dropped here",
        "Hidden by derived",
        "Longest repaint gap",
        "Age of values p50 / p99",
    ] {
        assert!(painted(&harness, words), "{words}");
    }
    // Another topic, another health.
    harness.get_by_label("plant/line-1/pressure").click();
    harness.run_steps(3);
    assert!(!painted(&harness, "137 in 1 gap"));
    harness.get_by_label("Pane Health").hover();
    harness.run_steps(2);
    harness.get_by_label("Close health").click();
    harness.run_steps(2);
    assert!(!has(&harness, "Pane Health"));
}

#[test]
fn refusals_of_the_server_are_reported() {
    let mut harness = filled(&[BTC]);
    let queue = harness.state().script.queue.clone();
    let refused = tickcast_monitor::testing::IncomingItem::Refused {
        filter: BTC.parse().unwrap(),
        reason: "too many subscriptions".to_owned(),
    };
    assert!(queue.try_put(refused));
    harness.run_steps(2);
    assert!(sees(
        &harness,
        "The server refused market/BTC-USDT/trade: too many"
    ));
}

#[test]
fn a_server_that_goes_on_after_a_power_cut_is_told_and_what_it_has_lost_is_hatched() {
    let mut harness = filled(&[BTC]);
    trades(&mut harness, 5);
    harness.state().script.goes_on(0x3f2a, 1_000, 0xbeef);
    trades(&mut harness, 2);
    assert!(sees(
        &harness,
        "The server was restarted and goes on where it was"
    ));
    assert!(!painted(&harness, "server restarted"));
    assert!(!has(&harness, "1 server restart"));
    // The next one has lost what came last.
    harness.state().script.goes_on(0xbeef, 3, 0xcafe);
    for lost in [Some(4), None] {
        harness.state().script.truncated("#", 3, lost);
    }
    harness.state_mut().script.restart();
    trades(&mut harness, 2);
    assert!(sees(&harness, "has lost 4 updates of # after position 3"));
    assert!(painted(&harness, "lost updates before this"));
    assert!(has(&harness, "1 server restart"));
}
