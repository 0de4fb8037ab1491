//! Evaluates the rules.
//!
//! A rule fires when its condition begins to hold, and again only after the condition has ceased to
//! hold. The engine has no clock and no effects: the caller passes the time and carries out what
//! [`Alerts::take_fired`] returns.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tickcast_protocol::{
    message::{Status, TimeNs},
    topic::Topic,
};

use super::rule::{AlertCondition, AlertEvent, AlertRule, AlertRuleId};
use crate::data::{
    format,
    history::LANE_MAIN,
    time::SECOND,
    topics::{MonitoredTopic, Store},
};

/// The most rules: every update of a topic evaluates all rules of it.
pub(crate) const RULES_MAX: usize = 500;

/// The most events kept; the oldest are dropped.
pub(crate) const EVENTS_MAX: usize = 1_000;

/// A rule fires at most once per this time, even if its value crosses the threshold more often.
const FIRE_EVERY_NS: i64 = 5 * SECOND;

#[derive(Debug, Clone, Copy, Default)]
struct RuleState {
    holds: bool,
    fired_ns: Option<TimeNs>,
    gaps: Option<u64>,
}

/// All rules, their states and their events.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    rules: Vec<AlertRule>,
    /// Indices in `rules` of the enabled rules of each topic: looked up with every update.
    on: HashMap<Topic, Arc<[usize]>>,
    states: HashMap<AlertRuleId, RuleState>,
    events: VecDeque<AlertEvent>,
    unseen: usize,
    fired: Vec<AlertEvent>,
}

impl Alerts {
    /// The engine with saved rules.
    pub(crate) fn new(mut rules: Vec<AlertRule>) -> Self {
        rules.truncate(RULES_MAX);
        let mut alerts = Self {
            rules,
            ..Self::default()
        };
        alerts.find_on();
        alerts
    }

    /// Replaces the rules; the states and events of those that stay are kept.
    pub(crate) fn set_rules(&mut self, rules: &[AlertRule]) {
        if self.rules != rules {
            self.rules = rules.to_vec();
            self.find_on();
        }
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

    /// All rules, in order of creation.
    pub fn rules(&self) -> &[AlertRule] {
        &self.rules
    }

    /// The enabled rules of a topic.
    pub(crate) fn rules_of(&self, topic: &Topic) -> impl Iterator<Item = &AlertRule> {
        let places = self.on.get(topic).into_iter().flat_map(|places| &**places);
        places.map(|&at| &self.rules[at])
    }

    /// All events, newest last.
    pub(crate) fn events(
        &self,
    ) -> impl DoubleEndedIterator<Item = &AlertEvent> + ExactSizeIterator {
        self.events.iter()
    }

    /// The events that the user has not acknowledged, newest last.
    pub fn unseen(&self) -> impl DoubleEndedIterator<Item = &AlertEvent> + ExactSizeIterator {
        self.events.range(self.events.len() - self.unseen..)
    }

    /// Acknowledges all events.
    pub(crate) fn acknowledge(&mut self) {
        self.unseen = 0;
    }

    /// The events since the last call, for sounds and programs.
    pub(crate) fn take_fired(&mut self) -> Vec<AlertEvent> {
        std::mem::take(&mut self.fired)
    }

    /// Adds a rule. `None` if there are too many.
    pub(crate) fn add(&mut self, topic: Topic, condition: AlertCondition) -> Option<AlertRuleId> {
        if self.rules.len() >= RULES_MAX {
            return None;
        }
        let last = self.rules.iter().map(|rule| rule.id).max();
        let id = last.unwrap_or_default().next();
        self.rules.push(AlertRule {
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

    /// Removes a rule.
    pub(crate) fn remove(&mut self, id: AlertRuleId) {
        self.rules.retain(|rule| rule.id != id);
        self.find_on();
        self.states.remove(&id);
    }

    /// Changes a rule.
    pub(crate) fn change(&mut self, id: AlertRuleId, change: impl FnOnce(&mut AlertRule)) {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.id == id) {
            change(rule);
        }
        self.find_on();
    }

    /// The rule with this number.
    pub(crate) fn rule(&self, id: AlertRuleId) -> Option<&AlertRule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Whether a topic has an enabled rule.
    pub(crate) fn watches(&self, topic: &Topic) -> bool {
        self.on.contains_key(topic)
    }

    /// The topics with enabled rules.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.on.keys()
    }

    /// Evaluates the rules of a topic that was updated.
    pub(crate) fn updated(&mut self, topic: &MonitoredTopic, now_ns: TimeNs) {
        let Some(places) = self.on.get(&topic.name).cloned() else {
            return;
        };
        for &at in &*places {
            self.evaluate(at, topic, now_ns);
        }
    }

    /// Evaluates all rules, because topics may have fallen silent.
    pub(crate) fn tick(&mut self, store: &Store, now_ns: TimeNs) {
        for at in 0..self.rules.len() {
            if self.rules[at].is_on
                && let Some(topic) = store.topic_named(self.rules[at].topic.as_str())
            {
                self.evaluate(at, topic, now_ns);
            }
        }
    }

    fn evaluate(&mut self, at: usize, topic: &MonitoredTopic, now_ns: TimeNs) {
        let rule = &self.rules[at];
        let state = self.states.entry(rule.id).or_default();
        let holds = match rule.condition {
            AlertCondition::Above(value) => topic.number.is_some_and(|number| number > value),
            AlertCondition::Below(value) => topic.number.is_some_and(|number| number < value),
            AlertCondition::Moves { percent, within_s } => {
                moved(topic, within_s, now_ns) >= percent
            }
            AlertCondition::Stale => topic.effective_status() != Status::Live,
            AlertCondition::Dead => topic.effective_status() == Status::Dead,
            AlertCondition::Gap => {
                let gaps = topic.missing.gaps;
                let before = state.gaps.replace(gaps).unwrap_or(gaps);
                gaps > before
            }
        };
        let begins = holds && !state.holds;
        let recently = state
            .fired_ns
            .is_some_and(|fired| (0..FIRE_EVERY_NS).contains(&(now_ns - fired)));
        // A condition that begins to hold too soon after the last time is not lost: the rule fires
        // as soon as it may, if the condition still holds.
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

/// The move of a topic within the last seconds, in percent.
fn moved(topic: &MonitoredTopic, within_s: u32, now_ns: TimeNs) -> f64 {
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

fn describe(condition: &AlertCondition, topic: &MonitoredTopic) -> String {
    let words = condition.words(topic.decimals);
    match (condition.threshold(), topic.number) {
        (Some(_), Some(number)) => {
            let unit = topic.unit.as_deref().unwrap_or_default();
            let number = format::value(number, topic.decimals);
            format!("{words} {unit} ({number})").replace("  ", " ")
        }
        _ => words,
    }
}
