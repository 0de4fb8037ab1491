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

    /// Sends a value one second later. Returns how many rules fire.
    fn value(&mut self, value: f64) -> usize {
        self.now_ns += SECOND;
        self.seq += 1;
        let update = Update {
            topic: self.topic.clone(),
            position: self.seq,
            seq: self.seq,
            source_time_ns: None,
            ingest_time_ns: self.now_ns,
            quality: Quality::Live,
            value: Value::Reading(value),
        };
        self.store.apply(update, Mode::Every);
        let topic = self.store.topic_named("t").unwrap();
        self.alerts.updated(topic, self.now_ns);
        self.alerts.take_fired().len()
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
    assert_eq!(bench.alerts.unseen().len(), 2);
    bench.alerts.acknowledge();
    assert_eq!(bench.alerts.unseen().len(), 0);
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
