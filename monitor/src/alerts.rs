//! Watching over topics while nobody looks.
//!
//! A rule fires when its condition begins to hold, and again only after it has ceased to hold. Pure:
//! whoever calls gives the time, and carries out what [`Alerts::take_fired`] returns.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tickcast_protocol::{message::Status, topic::Topic};

use crate::{
    format::{self, SECOND},
    store::{LANE_MAIN, Store, TimeNs, TopicState},
};

/// Most rules: those of one topic are all evaluated with every update of it.
pub const RULES_MAX: usize = 500;

/// Most events that are remembered; the oldest are forgotten.
pub const EVENTS_MAX: usize = 1_000;

/// A rule fires at most so often, however its value dances around the threshold.
const FIRE_EVERY_NS: i64 = 5 * SECOND;

/// Names a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleId(u64);

/// What a rule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The value is above this.
    Above(f64),
    /// The value is below this.
    Below(f64),
    /// The value has moved by so much.
    Moves {
        /// By so many percent, up or down.
        percent: f64,
        /// Within so many seconds.
        within_s: u32,
    },
    /// The topic is stale or dead.
    Stale,
    /// The topic is dead: its source is gone.
    Dead,
    /// Updates were lost.
    Gap,
}

impl Condition {
    /// What it waits for, in words. `decimals` are those of the topic's values.
    pub fn words(&self, decimals: u8) -> String {
        match *self {
            Self::Above(value) => format!("above {}", format::number(value, decimals)),
            Self::Below(value) => format!("below {}", format::number(value, decimals)),
            Self::Moves { percent, within_s } => {
                let within = format::age(i64::from(within_s) * SECOND);
                format!("moves {percent} % within {within}")
            }
            Self::Stale => "stale".to_owned(),
            Self::Dead => "dead".to_owned(),
            Self::Gap => "updates lost".to_owned(),
        }
    }

    /// The value at which it begins to hold.
    pub fn threshold(&self) -> Option<f64> {
        match *self {
            Self::Above(value) | Self::Below(value) => Some(value),
            Self::Moves { .. } | Self::Stale | Self::Dead | Self::Gap => None,
        }
    }
}

/// Watches over one topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// Over what it watches.
    pub topic: Topic,
    /// For what.
    pub condition: Condition,
    /// Whether it does.
    pub is_on: bool,
    /// Whether it sounds.
    #[serde(default)]
    pub sound: bool,
    /// A program to run, with its arguments; empty for none.
    #[serde(default)]
    pub command: String,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// Which.
    pub rule: RuleId,
    /// Of which topic.
    pub topic: Topic,
    /// When.
    pub time_ns: TimeNs,
    /// The value at that time.
    pub value: Option<f64>,
    /// What happened, in words.
    pub text: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct RuleState {
    holds: bool,
    fired_ns: Option<TimeNs>,
    gaps: Option<u64>,
}

/// All rules, and what they saw.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    rules: Vec<Rule>,
    /// Where in `rules` the ones of a topic are that are on: it is asked with every update.
    on: HashMap<Topic, Arc<[usize]>>,
    states: HashMap<RuleId, RuleState>,
    events: VecDeque<AlertEvent>,
    unseen: usize,
    fired: Vec<AlertEvent>,
}

impl Alerts {
    /// With rules from last time.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.truncate(RULES_MAX);
        let mut alerts = Self {
            rules,
            ..Self::default()
        };
        alerts.find_on();
        alerts
    }

    fn find_on(&mut self) {
        let mut on: HashMap<Topic, Vec<usize>> = HashMap::new();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.is_on) {
            on.entry(rule.topic.clone()).or_default().push(at);
        }
        self.on = on
            .into_iter()
            .map(|(topic, places)| (topic, places.into()))
            .collect();
    }

    /// All rules, in the order in which they were made.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules of a topic that are on.
    pub fn rules_of(&self, topic: &Topic) -> impl Iterator<Item = &Rule> {
        let places = self.on.get(topic).into_iter().flat_map(|places| &**places);
        places.map(|&at| &self.rules[at])
    }

    /// What has happened, newest last.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &AlertEvent> + ExactSizeIterator {
        self.events.iter()
    }

    /// What has happened and was not seen yet, newest last.
    pub fn unseen(&self) -> impl DoubleEndedIterator<Item = &AlertEvent> + ExactSizeIterator {
        self.events.range(self.events.len() - self.unseen..)
    }

    /// What has happened was seen.
    pub fn acknowledge(&mut self) {
        self.unseen = 0;
    }

    /// What fired since the last call: to be sounded and run.
    pub fn take_fired(&mut self) -> Vec<AlertEvent> {
        std::mem::take(&mut self.fired)
    }

    /// Watches over a topic from now on. `None` if there are too many rules.
    pub fn add(&mut self, topic: Topic, condition: Condition) -> Option<RuleId> {
        if self.rules.len() >= RULES_MAX {
            return None;
        }
        let last = self.rules.iter().map(|rule| rule.id.0).max().unwrap_or(0);
        let id = RuleId(last + 1);
        self.rules.push(Rule {
            id,
            topic,
            condition,
            is_on: true,
            sound: false,
            command: String::new(),
        });
        self.find_on();
        Some(id)
    }

    /// Watches no longer.
    pub fn remove(&mut self, id: RuleId) {
        self.rules.retain(|rule| rule.id != id);
        self.find_on();
        self.states.remove(&id);
    }

    /// Changes a rule.
    pub fn change(&mut self, id: RuleId, change: impl FnOnce(&mut Rule)) {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.id == id) {
            change(rule);
        }
        self.find_on();
    }

    /// The rule of that name.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Whether anything watches over a topic.
    pub fn watches(&self, topic: &Topic) -> bool {
        self.on.contains_key(topic)
    }

    /// The topics that are watched over.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.on.keys()
    }

    /// A watched topic was updated.
    pub fn updated(&mut self, topic: &TopicState, now_ns: TimeNs) {
        let Some(places) = self.on.get(&topic.name).cloned() else {
            return;
        };
        for &at in &*places {
            self.evaluate(at, topic, now_ns);
        }
    }

    /// Time has passed: topics may have fallen silent.
    pub fn tick(&mut self, store: &Store, now_ns: TimeNs) {
        for at in 0..self.rules.len() {
            if self.rules[at].is_on
                && let Some(topic) = store.topic_named(self.rules[at].topic.as_str())
            {
                self.evaluate(at, topic, now_ns);
            }
        }
    }

    fn evaluate(&mut self, at: usize, topic: &TopicState, now_ns: TimeNs) {
        let rule = &self.rules[at];
        let state = self.states.entry(rule.id).or_default();
        let holds = match rule.condition {
            Condition::Above(value) => topic.number.is_some_and(|number| number > value),
            Condition::Below(value) => topic.number.is_some_and(|number| number < value),
            Condition::Moves { percent, within_s } => moved(topic, within_s, now_ns) >= percent,
            Condition::Stale => topic.trust() != Status::Live,
            Condition::Dead => topic.trust() == Status::Dead,
            Condition::Gap => {
                let gaps = topic.missing.gaps;
                let before = state.gaps.replace(gaps).unwrap_or(gaps);
                gaps > before
            }
        };
        let begins = holds && !state.holds;
        let recently = state
            .fired_ns
            .is_some_and(|fired| (0..FIRE_EVERY_NS).contains(&(now_ns - fired)));
        // A condition that begins to hold too soon after the last time is not forgotten: it fires
        // as soon as it may, if it still holds.
        if begins && recently {
            return;
        }
        state.holds = holds;
        if begins {
            state.fired_ns = Some(now_ns);
            let event = AlertEvent {
                rule: rule.id,
                topic: rule.topic.clone(),
                time_ns: now_ns,
                value: topic.number,
                text: describe(&rule.condition, topic),
            };
            self.remember(event);
        }
    }

    fn remember(&mut self, event: AlertEvent) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        self.unseen = (self.unseen + 1).min(self.events.len());
        self.fired.push(event);
    }
}

/// By how many percent a topic moved within the last seconds.
fn moved(topic: &TopicState, within_s: u32, now_ns: TimeNs) -> f64 {
    let Some(series) = &topic.series else {
        return 0.0;
    };
    let from = series.index_at(now_ns - i64::from(within_s) * SECOND);
    let Some(all) = series.summary(LANE_MAIN, from, series.end()) else {
        return 0.0;
    };
    let percent = |from: f64| ((all.last - from) / from * 100.0).abs();
    let moved = percent(all.min).max(percent(all.max));
    if moved.is_finite() { moved } else { 0.0 }
}

fn describe(condition: &Condition, topic: &TopicState) -> String {
    let words = condition.words(topic.decimals);
    match (condition.threshold(), topic.number) {
        (Some(_), Some(number)) => {
            let unit = topic.unit.as_deref().unwrap_or_default();
            let number = format::number(number, topic.decimals);
            format!("{words} {unit} ({number})").replace("  ", " ")
        }
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Quality, Update},
        value::Value,
    };

    use super::*;
    use crate::store::Via;

    struct Bench {
        store: Store,
        alerts: Alerts,
        topic: Topic,
        now_ns: TimeNs,
        seq: u64,
    }

    impl Bench {
        fn new(condition: Condition) -> Self {
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

        /// A second later comes a value. How many rules fire.
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
            self.store.apply(update, Via::Every);
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
    fn a_threshold_fires_once_when_it_is_crossed_and_again_after_it_was_left() {
        let mut bench = Bench::new(Condition::Above(60.0));
        let values = [50.0, 61.0, 62.0, 63.0, 50.0, 50.0, 50.0, 61.0];
        let fired: Vec<usize> = values.map(|value| bench.value(value)).into();
        assert_eq!(fired, [0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bench.alerts.unseen().len(), 2);
        bench.alerts.acknowledge();
        assert_eq!(bench.alerts.unseen().len(), 0);
        assert_eq!(bench.alerts.events().len(), 2);
    }

    #[test]
    fn a_value_that_dances_around_the_threshold_does_not_fire_all_the_time() {
        let mut bench = Bench::new(Condition::Below(10.0));
        let fired: usize = (0..20)
            .map(|at| bench.value(f64::from(9 + at % 2 * 2)))
            .sum();
        assert!((2..=4).contains(&fired), "{fired} times in 20 seconds");
    }

    #[test]
    fn a_fast_move_fires_and_a_slow_one_does_not() {
        let condition = Condition::Moves {
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
        let mut stale = Bench::new(Condition::Stale);
        let mut dead = Bench::new(Condition::Dead);
        let mut gap = Bench::new(Condition::Gap);
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
    fn a_rule_that_is_off_does_nothing_until_it_is_on_again() {
        let mut bench = Bench::new(Condition::Above(0.0));
        let id = bench.alerts.rules()[0].id;
        bench.alerts.change(id, |rule| rule.is_on = false);
        assert_eq!(bench.value(5.0), 0);
        assert_eq!(bench.alerts.topics().count(), 0);
        bench.alerts.change(id, |rule| rule.is_on = true);
        let other = Topic::new("another").unwrap();
        bench.alerts.add(other, Condition::Above(0.0)).unwrap();
        assert_eq!(bench.value(5.0), 1);
        assert_eq!(bench.alerts.topics().count(), 2);
        bench.alerts.remove(id);
        assert!(!bench.alerts.watches(&bench.topic));
        assert_eq!(bench.alerts.rules().len(), 1);
    }
}
