//! Several servers at once: no data of one is ever shown for another.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable};
use support::{SECOND, Script, trade};
use tickcast_monitor::testing::{
    AlertCondition, ConnectionState, Fleet, IncomingQueue, Monitor, Obstacle, Placement, Requests,
    SavedState, UiCommand, WindowPlace,
};
use tickcast_protocol::message::{Epoch, Lineage};

const FIRST: &str = "ws://127.0.0.1:7400/ws";
const SECOND_URL: &str = "ws://plant.example:7400/ws";
const TOPIC: &str = "market/BTC-USDT/trade";

struct Bench {
    fleet: Fleet,
    /// One per connected server, in that order.
    scripts: Vec<Script>,
}

impl Bench {
    /// Connects the servers that ask for it, as the window does.
    fn connect(&mut self) {
        for (_, monitor) in self.fleet.monitors() {
            if let Some(url) = monitor.take_reconnect() {
                let queue = IncomingQueue::new(|| {});
                self.scripts.push(Script::new(queue.clone()));
                monitor.reconnected(url, queue, Requests::unconnected());
            }
        }
    }
}

fn harness(mut settings: SavedState) -> Harness<'static, Bench> {
    let others = std::mem::take(&mut settings.others);
    let queue = IncomingQueue::new(|| {});
    let url = FIRST.to_owned();
    let mut first = Monitor::new(url, queue, Requests::unconnected(), settings, &[]);
    first.connect();
    let bench = Bench {
        fleet: Fleet::new(first, others),
        scripts: Vec::new(),
    };
    let mut fonts_ready = false;
    Harness::builder()
        .with_size([1440.0, 900.0])
        .with_max_steps(8)
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                if !std::mem::replace(&mut fonts_ready, true) {
                    Monitor::prepare(ui.ctx());
                    return;
                }
                bench.connect();
                let now_ns = bench.scripts.iter().map(|script| script.now_ns).max();
                bench.fleet.receive(now_ns.unwrap_or_default());
                bench.fleet.ui(ui);
            },
            bench,
        )
}

fn has(harness: &Harness<'_, Bench>, label: &str) -> bool {
    harness.query_by_label(label).is_some()
}

fn sees(harness: &Harness<'_, Bench>, part: &str) -> bool {
    harness.query_all_by_label_contains(part).next().is_some()
}

/// One server with a topic, and a second one that was added by typing.
fn two() -> Harness<'static, Bench> {
    let mut harness = harness(SavedState::default());
    harness.run_steps(3);
    let script = &mut harness.state_mut().scripts[0];
    script.connected();
    script.latest(TOPIC, trade("100.0", "1"));
    harness.run_steps(2);
    assert!(!sees(&harness, "Show server"), "one server needs no tabs");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::N);
    harness.run_steps(2);
    // A typed slash belongs to the field, not to the filter.
    harness.key_press(Key::Slash);
    harness.event(egui::Event::Text(SECOND_URL.to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().fleet.active().url(), SECOND_URL);
    let script = &mut harness.state_mut().scripts[1];
    script.connection(ConnectionState::Connected {
        server: "another".to_owned(),
        lineage: Lineage::new(Epoch(0xbeef)),
    });
    script.latest(TOPIC, trade("7.0", "1"));
    harness.run_steps(2);
    harness
}

#[test]
fn a_server_is_added_shown_and_removed_and_topics_of_the_same_name_stay_apart() {
    let mut harness = two();
    let number = |harness: &Harness<'_, Bench>| {
        let monitor = harness.state().fleet.active();
        monitor.store().topic_named(TOPIC).unwrap().number
    };
    assert_eq!(number(&harness), Some(7.0));
    assert!(has(&harness, "2 of 2 servers"));
    harness
        .get_by_label_contains(&format!("Show server {FIRST}, connected"))
        .click();
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(100.0));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    harness.run_steps(2);
    assert_eq!(number(&harness), Some(7.0));

    harness.key_press_modifiers(Modifiers::COMMAND, Key::N);
    harness.run_steps(2);
    harness
        .get_by_label(&format!("Remove {SECOND_URL}"))
        .click();
    harness.run_steps(3);
    assert_eq!(number(&harness), Some(100.0));
    assert!(!sees(&harness, "Show server"));
}

#[test]
fn a_hidden_server_goes_on_and_its_alerts_and_its_end_are_shown() {
    let mut harness = two();
    let condition = AlertCondition::Above(5.0);
    let topic = TOPIC.parse().unwrap();
    let alert = UiCommand::AddAlert { topic, condition };
    harness.state_mut().fleet.active_mut().execute(alert);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run_steps(2);
    for script in &mut harness.state_mut().scripts {
        script.now_ns += SECOND;
    }
    harness.state_mut().scripts[1].every(TOPIC, trade("8.0", "1"));
    harness.run_steps(2);
    assert!(has(&harness, "1 alert"));
    harness.state_mut().scripts[1].connection(ConnectionState::Ended {
        obstacle: Obstacle::Lost,
        why: "gone".to_owned(),
    });
    harness.run_steps(2);
    assert!(has(&harness, "1 of 2 servers"));
    assert!(sees(
        &harness,
        &format!("Show server {SECOND_URL}, not connected")
    ));
    assert!(has(&harness, "connected"), "the other one is");
}

#[test]
fn servers_with_their_charts_and_alerts_survive_a_restart() {
    let mut harness = two();
    let topic: tickcast_protocol::topic::Topic = TOPIC.parse().unwrap();
    let monitor = harness.state_mut().fleet.active_mut();
    monitor.execute(UiCommand::Chart {
        topic: topic.clone(),
        placement: Placement::Active,
    });
    let condition = AlertCondition::Below(1.0);
    monitor.execute(UiCommand::AddAlert { topic, condition });
    let saved = serde_json::to_vec(&harness.state_mut().fleet.saved_state()).unwrap();
    let mut again = self::harness(serde_json::from_slice(&saved).unwrap());
    again.run_steps(3);
    assert_eq!(again.state().scripts.len(), 2, "both are connected to");
    assert!(again.state().fleet.active().workspace().is_empty());
    assert_eq!(again.state().fleet.active().alerts().rules().len(), 0);
    again.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    again.run_steps(2);
    let second = again.state().fleet.active();
    assert_eq!(second.url(), SECOND_URL);
    assert_eq!(second.workspace().topics().len(), 1);
    assert_eq!(second.alerts().rules().len(), 1);
}

#[test]
fn preferences_are_common_and_memory_is_shared() {
    let mut harness = two();
    let limit = 256 * 1024 * 1024;
    let command = UiCommand::SetMemoryLimit(limit);
    harness.state_mut().fleet.active_mut().execute(command);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run_steps(2);
    let fleet = &mut harness.state_mut().fleet;
    assert_eq!(fleet.active().preferences().memory_limit, limit);
    for (_, monitor) in fleet.monitors() {
        assert_eq!(monitor.store().memory_limit(), limit / 2);
    }
}

#[test]
fn the_windows_of_panes_are_those_of_the_server_that_is_shown() {
    let mut harness = two();
    let topic: tickcast_protocol::topic::Topic = TOPIC.parse().unwrap();
    for (key, left) in [(Key::Num2, 100.0), (Key::Num1, 900.0)] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        harness.run_steps(2);
        let monitor = harness.state_mut().fleet.active_mut();
        monitor.execute(UiCommand::Chart {
            topic: topic.clone(),
            placement: Placement::New,
        });
        monitor.execute(UiCommand::ToggleWindow(None));
        let pane = monitor.pane_windows(&[])[0].pane;
        // The user moves it after it was opened.
        let place = WindowPlace {
            position: Some((left, 50.0)),
            size: (400.0, 300.0),
        };
        monitor.pane_window_moved(pane, place);
    }
    for (key, left) in [(Key::Num2, 100.0), (Key::Num1, 900.0)] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        harness.run_steps(2);
        let windows = harness.state_mut().fleet.active_mut().pane_windows(&[]);
        assert_eq!(windows.len(), 1);
        let position = windows[0].builder().position;
        assert_eq!(position, Some(egui::pos2(left, 50.0)), "where it was last");
    }
}
