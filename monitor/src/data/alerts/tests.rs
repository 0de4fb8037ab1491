use tickcast_protocol::{
    message::{Mode, Quality, Status, TimeNs, Update},
    topic::Topic,
    value::Value,
};

use super::*;
use crate::data::{time::SECOND, topics::Store};

struct Bench {
    store: Store,
    alerts: Alerts,
    topic: Topic,
    now_ns: TimeNs,
    seq: u64,
}

impl Bench {
    fn new(condition: AlertCondition) -> Self {
        let topic = Topic::new("t").unwrap();
        let mut alerts = Alerts::default();
        alerts.add(topic.clone(), condition).unwrap();
        let mut store = Store::default();
        store.want_every(&topic, true);
        Self {
            store,
            alerts,
            topic,
            now_ns: 1_000_000 * SECOND,
            seq: 0,
        }
    }

    /// Sends a reading one second later. Returns how many rules fire.
    fn value(&mut self, reading: f64) -> usize {
        self.send(Value::Reading(reading))
    }

    fn text(&mut self, text: &str) -> usize {
        self.send(Value::Text(text.to_owned()))
    }

    fn send(&mut self, value: Value) -> usize {
        self.now_ns += SECOND;
        self.seq += 1;
        let update = Update {
            topic: self.topic.clone(),
            position: self.seq,
            seq: self.seq,
            source_time_ns: None,
            ingest_time_ns: self.now_ns,
            quality: Quality::Live,
            value,
        };
        self.store.apply(update, Mode::Every);
        let topic = self.store.topic_named("t").unwrap();
        self.alerts.updated(topic, self.now_ns);
        self.alerts.take_fired().len()
    }

    /// Lets time pass. Returns how many rules fire.
    fn wait(&mut self, seconds: i64) -> usize {
        self.now_ns += seconds * SECOND;
        self.alerts.tick(&self.store, self.now_ns);
        self.alerts.take_fired().len()
    }

    fn change(&mut self, change: impl FnOnce(&mut AlertRule)) {
        let id = self.alerts.rules()[0].id;
        self.alerts.change(id, change);
    }

    fn last_text(&self) -> &str {
        &self.alerts.events().next_back().unwrap().text
    }

    fn status(&mut self, status: Status) -> usize {
        self.now_ns += 10 * SECOND;
        self.store.set_status(&self.topic, status, self.now_ns);
        self.alerts.tick(&self.store, self.now_ns);
        self.alerts.take_fired().len()
    }
}

#[test]
fn a_threshold_fires_once_per_crossing() {
    let mut bench = Bench::new(AlertCondition::Above(60.0));
    let values = [50.0, 61.0, 62.0, 63.0, 50.0, 50.0, 50.0, 61.0];
    let fired: Vec<usize> = values.map(|value| bench.value(value)).into();
    assert_eq!(fired, [0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bench.alerts.unseen().count(), 2);
    bench.alerts.acknowledge();
    assert_eq!(bench.alerts.unseen().count(), 0);
    assert_eq!(bench.alerts.events().len(), 2);
}

#[test]
fn a_value_that_crosses_the_threshold_often_does_not_fire_each_time() {
    let mut bench = Bench::new(AlertCondition::Below(10.0));
    let fired: usize = (0..20)
        .map(|at| bench.value(f64::from(9 + at % 2 * 2)))
        .sum();
    assert!((2..=4).contains(&fired), "{fired} times in 20 seconds");
}

#[test]
fn a_fast_move_fires_and_a_slow_one_does_not() {
    let condition = AlertCondition::Moves {
        percent: 5.0,
        within_s: 10,
    };
    let mut slow = Bench::new(condition);
    let fired: usize = (0..100)
        .map(|at| slow.value(100.0 + f64::from(at) * 0.1))
        .sum();
    assert_eq!(fired, 0);
    assert_eq!(slow.value(80.0), 1);
}

#[test]
fn status_and_losses_fire() {
    let mut stale = Bench::new(AlertCondition::Stale);
    let mut dead = Bench::new(AlertCondition::Dead);
    let mut gap = Bench::new(AlertCondition::Gap);
    for bench in [&mut stale, &mut dead, &mut gap] {
        for _ in 0..20 {
            assert_eq!(bench.value(1.0), 0);
        }
    }
    for (status, stale_fires, dead_fires) in [
        (Status::Stale, 1, 0),
        (Status::Dead, 0, 1),
        (Status::Live, 0, 0),
        (Status::Dead, 1, 1),
    ] {
        assert_eq!(stale.status(status), stale_fires, "{status:?}");
        assert_eq!(dead.status(status), dead_fires, "{status:?}");
    }
    gap.seq += 5;
    assert_eq!(gap.value(1.0), 1);
    assert_eq!(gap.value(1.0), 0);
}

#[test]
fn a_disabled_rule_does_nothing_until_it_is_enabled_again() {
    let mut bench = Bench::new(AlertCondition::Above(0.0));
    let id = bench.alerts.rules()[0].id;
    bench.alerts.change(id, |rule| rule.is_on = false);
    assert_eq!(bench.value(5.0), 0);
    assert_eq!(bench.alerts.topics().count(), 0);
    bench.alerts.change(id, |rule| rule.is_on = true);
    let other = Topic::new("another").unwrap();
    bench.alerts.add(other, AlertCondition::Above(0.0)).unwrap();
    assert_eq!(bench.value(5.0), 1);
    assert_eq!(bench.alerts.topics().count(), 2);
    bench.alerts.remove(id);
    assert!(!bench.alerts.watches(&bench.topic));
    assert_eq!(bench.alerts.rules().len(), 1);
}

#[test]
fn with_a_margin_a_value_must_come_back_by_it() {
    let mut bench = Bench::new(AlertCondition::Above(60.0));
    bench.change(|rule| rule.margin = 2.0);
    let values = [61.0, 59.0, 61.0, 58.5, 59.0, 61.0, 58.0, 59.0, 61.0];
    let fired: Vec<usize> = values.map(|value| bench.value(value)).into();
    assert_eq!(fired, [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let mut below = Bench::new(AlertCondition::Below(10.0));
    below.change(|rule| rule.margin = 1.0);
    let values = [9.0, 10.5, 9.0, 10.9, 9.0, 9.0, 11.0, 9.0];
    let fired: Vec<usize> = values.map(|value| below.value(value)).into();
    assert_eq!(fired, [1, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_value_without_a_number_neither_fires_nor_rearms() {
    let mut bench = Bench::new(AlertCondition::Above(60.0));
    assert_eq!(bench.value(61.0), 1);
    for _ in 0..6 {
        assert_eq!(bench.send(Value::Absent("unavailable".to_owned())), 0);
    }
    assert_eq!(bench.value(61.0), 0);
}

#[test]
fn a_word_fires_once_until_another_word_comes() {
    let mut bench = Bench::new(AlertCondition::Equals("Open".to_owned()));
    let words = [
        "closed", "open", "open", "OPEN", "closed", "opened", "closed", "open",
    ];
    let fired: Vec<usize> = words.map(|word| bench.text(word)).into();
    assert_eq!(fired, [0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bench.last_text(), "equals Open");
    let mut number = Bench::new(AlertCondition::Equals("4".to_owned()));
    let fired = [3.0, 4.0, 4.0].map(|value| number.value(value));
    assert_eq!(fired, [0, 1, 0]);
}

#[test]
fn a_part_of_a_text_fires_and_is_shown() {
    let mut bench = Bench::new(AlertCondition::Contains("error".to_owned()));
    assert_eq!(bench.text("08:00 fine"), 0);
    assert_eq!(bench.text("08:01 ERROR pump 3 is hot"), 1);
    assert_eq!(bench.last_text(), "contains error (ERROR pump 3 is hot)");
    assert_eq!(bench.text("08:02 fine"), 0);
    assert_eq!(bench.value(7.0), 0);
}

#[test]
fn each_change_fires_and_what_is_too_soon_is_counted() {
    let mut bench = Bench::new(AlertCondition::Changes);
    assert_eq!(bench.text("closed"), 0, "the first value is no change");
    assert_eq!(bench.text("open"), 1);
    assert_eq!(bench.last_text(), "changes (closed → open)");
    let fired = ["open", "closed", "open", "closed"].map(|word| bench.text(word));
    assert_eq!(fired, [0, 0, 0, 0]);
    assert_eq!(bench.wait(1), 1);
    assert_eq!(bench.last_text(), "changes (open → closed), 3 times");
    assert_eq!(bench.wait(60), 0);
    // A long text differs beyond what is shown of it.
    let long = "x".repeat(500);
    assert_eq!(bench.text(&long), 1);
    bench.wait(60);
    assert_eq!(bench.text(&format!("{long}y")), 1);
}

#[test]
fn a_rule_that_is_added_looks_at_the_value_that_is_there() {
    let mut bench = Bench::new(AlertCondition::Dead);
    bench.text("open");
    let topic = bench.topic.clone();
    let condition = AlertCondition::Equals("open".to_owned());
    bench.alerts.add(topic, condition).unwrap();
    assert_eq!(bench.wait(1), 1);
    assert_eq!(bench.wait(60), 0);
}

#[test]
fn a_change_of_status_says_from_what_to_what() {
    let mut bench = Bench::new(AlertCondition::StatusChanges);
    bench.value(1.0);
    assert_eq!(bench.status(Status::Live), 0);
    assert_eq!(bench.status(Status::Dead), 1);
    assert_eq!(bench.last_text(), "changes status (live → dead)");
    assert_eq!(bench.status(Status::Dead), 0);
    assert_eq!(bench.status(Status::Live), 1);
    assert_eq!(bench.last_text(), "changes status (dead → live)");
}

#[test]
fn a_muted_rule_only_lists_and_reminds_afterwards() {
    let mut bench = Bench::new(AlertCondition::Above(60.0));
    let id = bench.alerts.rules()[0].id;
    assert_eq!(bench.value(61.0), 1);
    assert_eq!(bench.alerts.unseen().count(), 1);
    let until_ns = bench.now_ns + 60 * SECOND;
    bench.alerts.mute(Some(id), Some(until_ns));
    assert_eq!(bench.alerts.unseen().count(), 0, "what is muted is seen");
    assert_eq!(bench.value(50.0), 0);
    assert_eq!(bench.wait(10), 0);
    assert_eq!(bench.value(61.0), 0);
    let listed: Vec<bool> = bench.alerts.events().map(|event| event.is_muted).collect();
    assert_eq!(listed, [false, true]);
    assert_eq!(bench.alerts.unseen().count(), 0);
    // The value is still too high when the time is over.
    assert_eq!(bench.wait(46), 0);
    assert_eq!(bench.wait(2), 1);
    assert_eq!(bench.alerts.rules()[0].muted_until_ns, None);
    assert_eq!(bench.alerts.unseen().count(), 1);
}

#[test]
fn what_a_short_mute_has_acknowledged_is_told_again_if_it_still_holds() {
    for mutes_all in [false, true] {
        let mut bench = Bench::new(AlertCondition::Above(60.0));
        let id = (!mutes_all).then(|| bench.alerts.rules()[0].id);
        assert_eq!(bench.value(61.0), 1);
        bench.alerts.mute(id, Some(bench.now_ns + 60 * SECOND));
        bench.alerts.mute(id, None);
        assert_eq!(bench.alerts.unseen().count(), 0);
        assert_eq!(bench.wait(6), 1, "it still holds");
        assert_eq!(bench.alerts.unseen().count(), 1);
        assert_eq!(bench.wait(60), 0, "once");
        // What does not hold any more is not told again.
        bench.value(50.0);
        bench.alerts.mute(id, Some(bench.now_ns + 60 * SECOND));
        bench.alerts.mute(id, None);
        assert_eq!(bench.wait(10), 0);
    }
}

#[test]
fn all_rules_are_muted_and_no_longer() {
    let mut bench = Bench::new(AlertCondition::Above(60.0));
    bench.alerts.mute(None, Some(bench.now_ns + 3_600 * SECOND));
    assert_eq!(bench.value(61.0), 0);
    assert_eq!(bench.alerts.events().len(), 1);
    bench.alerts.mute(None, None);
    assert_eq!(bench.wait(6), 1, "it still holds");
}
