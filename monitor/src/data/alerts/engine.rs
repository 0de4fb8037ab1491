//! Evaluates the rules.
//!
//! The engine has no clock and no effects: the caller passes the time and carries out what
//! [`Alerts::take_fired`] returns. When a rule fires is decided by its [`Trigger`].

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{
    observed::Observed,
    rule::{AlertCondition, AlertEvent, AlertRule, AlertRuleId},
    trigger::Trigger,
};
use crate::data::{
    format,
    topics::{MonitoredTopic, Store},
};

/// The most rules: every update of a topic evaluates all rules of it.
pub(crate) const RULES_MAX: usize = 500;

/// The most events kept; the oldest are dropped.
pub(crate) const EVENTS_MAX: usize = 1_000;

#[derive(Debug, Clone, Default)]
struct RuleState {
    observed: Observed,
    trigger: Trigger,
}

/// All rules, their states and their events.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    rules: Vec<AlertRule>,
    /// Indices in `rules` of the enabled rules of each topic: looked up with every update.
    on: HashMap<Topic, Arc<[usize]>>,
    states: HashMap<AlertRuleId, RuleState>,
    events: VecDeque<AlertEvent>,
    /// Until when all rules are muted.
    muted_until_ns: Option<TimeNs>,
    fired: Vec<AlertEvent>,
}

impl Alerts {
    /// The engine with saved rules.
    pub(crate) fn new(mut rules: Vec<AlertRule>, muted_until_ns: Option<TimeNs>) -> Self {
        rules.truncate(RULES_MAX);
        let mut alerts = Self {
            rules,
            muted_until_ns,
            ..Self::default()
        };
        alerts.find_on();
        alerts
    }

    /// Replaces the rules; the states and events of those that stay are kept.
    pub(crate) fn set_rules(&mut self, rules: Vec<AlertRule>) {
        if self.rules != rules {
            self.rules = rules;
            self.find_on();
        }
    }

    /// The rules for a recording: they are muted until a time of today, which says nothing about
    /// the times of a recording.
    pub(crate) fn rules_for_recording(&self) -> Vec<AlertRule> {
        let mut rules = self.rules.clone();
        for rule in &mut rules {
            rule.muted_until_ns = None;
        }
        rules
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

    /// The events that the user has not acknowledged, newest last. Those of muted rules are not
    /// among them.
    pub fn unseen(&self) -> impl DoubleEndedIterator<Item = &AlertEvent> {
        let events = self.events.iter();
        events.filter(|event| !event.is_seen && !event.is_muted)
    }

    /// Acknowledges all events.
    pub(crate) fn acknowledge(&mut self) {
        self.acknowledge_those_of(None);
    }

    /// Acknowledges the events of a rule, without a rule those of all.
    fn acknowledge_those_of(&mut self, id: Option<AlertRuleId>) {
        let is_of = |event: &&mut AlertEvent| id.is_none_or(|id| event.rule == id);
        for event in self.events.iter_mut().filter(is_of) {
            event.is_seen = true;
        }
    }

    /// Mutes a rule until a time, or no longer; without a rule all of them. What the muted ones had
    /// to say is acknowledged.
    pub(crate) fn mute(&mut self, id: Option<AlertRuleId>, until_ns: Option<TimeNs>) {
        match id {
            Some(id) => self.change(id, |rule| rule.muted_until_ns = until_ns),
            None => self.muted_until_ns = until_ns,
        }
        if until_ns.is_some() {
            self.acknowledge_those_of(id);
            // Also if the mute ends before a rule is evaluated: what was acknowledged by it is told
            // again if it still holds.
            for (rule, state) in &mut self.states {
                if id.is_none_or(|id| *rule == id) {
                    state.trigger.mute();
                }
            }
        }
    }

    /// Until when all rules are muted, if they are.
    pub(crate) fn muted_until_ns(&self) -> Option<TimeNs> {
        self.muted_until_ns
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
        self.rules.push(AlertRule::new(id, topic, condition));
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
            self.evaluate(at, topic, true, now_ns);
        }
    }

    /// Evaluates all rules, because topics may have fallen silent and time has passed.
    pub(crate) fn tick(&mut self, store: &Store, now_ns: TimeNs) {
        let is_over = |until_ns: &mut TimeNs| *until_ns <= now_ns;
        self.muted_until_ns.take_if(is_over);
        for rule in &mut self.rules {
            rule.muted_until_ns.take_if(is_over);
        }
        for at in 0..self.rules.len() {
            if self.rules[at].is_on
                && let Some(topic) = store.topic_named(self.rules[at].topic.as_str())
            {
                self.evaluate(at, topic, false, now_ns);
            }
        }
    }

    fn evaluate(&mut self, at: usize, topic: &MonitoredTopic, has_update: bool, now_ns: TimeNs) {
        let rule = &self.rules[at];
        let state = self.states.entry(rule.id).or_default();
        let until_ns = self.muted_until_ns.max(rule.muted_until_ns);
        let is_muted = until_ns.is_some_and(|until_ns| now_ns < until_ns);
        let finding = state.observed.look(rule, topic, has_update, now_ns);
        let Some(firing) = state.trigger.found(finding, now_ns, is_muted) else {
            return;
        };
        let event = AlertEvent {
            rule: rule.id,
            topic: rule.topic.clone(),
            time_ns: now_ns,
            number: topic.number,
            value: format::latest(topic, true),
            text: state.observed.describe(rule, topic, firing.times),
            is_muted: firing.is_muted,
            is_seen: false,
        };
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        if !event.is_muted {
            self.fired.push(event);
        }
    }
}
