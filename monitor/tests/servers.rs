//! Several servers at once: nothing of one is ever seen at the other.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable};
use support::{SECOND, Script, trade};
use tickcast_monitor::{
    alerts::Condition,
    app::{Fleet, Monitor},
    connection::Requests,
    inbox::{Inbox, Link},
    scene::{Command, Place},
    settings::Settings,
};
use tickcast_protocol::message::Epoch;

const FIRST: &str = "ws://127.0.0.1:7400/ws";
const SECOND_URL: &str = "ws://plant.example:7400/ws";
const TOPIC: &str = "market/BTC-USDT/trade";

struct Bench {
    fleet: Fleet,
    /// Of each server that was connected to, in that order.
    scripts: Vec<Script>,
}

impl Bench {
    /// Connects what is to be connected, as the window does.
    fn connect(&mut self) {
        for (_, monitor) in self.fleet.monitors() {
            if let Some(url) = monitor.take_reconnect() {
                let inbox = Inbox::new(|| {});
                self.scripts.push(Script::new(inbox.clone()));
                monitor.reconnected(url, inbox, Requests::nobody());
            }
        }
    }
}

fn harness(mut settings: Settings) -> Harness<'static, Bench> {
    let others = std::mem::take(&mut settings.others);
    let inbox = Inbox::new(|| {});
    let url = FIRST.to_owned();
    let mut first = Monitor::new(url, inbox, Requests::nobody(), settings, &[]);
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
                bench.fleet.take_in(now_ns.unwrap_or_default());
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
    let mut harness = harness(Settings::default());
    harness.run_steps(3);
    let script = &mut harness.state_mut().scripts[0];
    script.connected();
    script.latest(TOPIC, trade("100.0", "1"));
    harness.run_steps(2);
    assert!(!sees(&harness, "Show server"), "one server needs no tabs");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::N);
    harness.run_steps(2);
    // A slash that is typed belongs to the field, not to the filter behind.
    harness.key_press(Key::Slash);
    harness.event(egui::Event::Text(SECOND_URL.to_owned()));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().fleet.active().url(), SECOND_URL);
    let script = &mut harness.state_mut().scripts[1];
    script.link(Link::Connected {
        server: "another".to_owned(),
        epoch: Epoch(0xbeef),
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
fn a_server_that_is_not_seen_goes_on_and_its_alerts_and_its_death_are_told() {
    let mut harness = two();
    let condition = Condition::Above(5.0);
    let topic = TOPIC.parse().unwrap();
    let alert = Command::AddAlert { topic, condition };
    harness.state_mut().fleet.active_mut().execute(alert);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run_steps(2);
    for script in &mut harness.state_mut().scripts {
        script.now_ns += SECOND;
    }
    harness.state_mut().scripts[1].every(TOPIC, trade("8.0", "1"));
    harness.run_steps(2);
    assert!(has(&harness, "1 alert"));
    harness.state_mut().scripts[1].link(Link::Ended {
        why: "gone".to_owned(),
    });
    harness.run_steps(2);
    assert!(has(&harness, "1 of 2 servers"));
    assert!(sees(
        &harness,
        &format!("Show server {SECOND_URL}, not connected")
    ));
    assert!(sees(&harness, "connected · epoch"), "the other one is");
}

#[test]
fn servers_with_their_charts_and_alerts_survive_a_restart() {
    let mut harness = two();
    let topic: tickcast_protocol::topic::Topic = TOPIC.parse().unwrap();
    let monitor = harness.state_mut().fleet.active_mut();
    monitor.execute(Command::Chart {
        topic: topic.clone(),
        place: Place::Active,
    });
    let condition = Condition::Below(1.0);
    monitor.execute(Command::AddAlert { topic, condition });
    let saved = serde_json::to_vec(&harness.state_mut().fleet.settings()).unwrap();
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
    let command = Command::SetMemoryLimit(limit);
    harness.state_mut().fleet.active_mut().execute(command);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run_steps(2);
    let fleet = &mut harness.state_mut().fleet;
    assert_eq!(fleet.active().preferences().memory_limit, limit);
    for (_, monitor) in fleet.monitors() {
        assert_eq!(monitor.store().memory_limit(), limit / 2);
    }
}
