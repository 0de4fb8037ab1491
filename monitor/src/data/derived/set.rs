//! All derived topics, kept up to date.

use std::collections::HashSet;

use tickcast_protocol::{message::TimeNs, topic::Topic, value::Value};

use super::{
    calculation::Calculation,
    definition::{DerivedRule, DerivedTopic},
    error::DerivedError,
    feed::{SourceReader, Step},
    limits::DERIVED_MAX,
};
use crate::data::{
    history::{GapCause, SampleExtra, SampleSeries, SeriesKind},
    topics::Store,
};

/// The most samples that are read per call for one derived topic: some milliseconds. The rest is
/// read by the next calls.
const STEP_SAMPLES: usize = 50_000;

/// A derived topic that was checked.
#[derive(Debug, Clone)]
struct DerivedState {
    definition: DerivedTopic,
    topic: Topic,
    sources: Vec<Topic>,
    reader: SourceReader,
    /// The history while it is computed from the start.
    building: Option<SampleSeries>,
    /// What was shown last instead of a value.
    problem: Option<String>,
    /// The unit that the store was told, after it was told anything.
    told: Option<Option<String>>,
}

/// All derived topics, in the order in which they were made: each may be made of earlier ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct DerivedTopics {
    states: Vec<DerivedState>,
}

impl DerivedState {
    fn new(definition: DerivedTopic) -> Result<Self, DerivedError> {
        let topic = definition.topic()?;
        let sources = definition.rule.sources()?;
        if sources.contains(&topic) {
            return Err(DerivedError::Circle(topic));
        }
        let calculation = Calculation::new(&definition.rule)?;
        Ok(Self {
            reader: SourceReader::new(calculation, sources.len()),
            definition,
            topic,
            sources,
            building: None,
            problem: None,
            told: None,
        })
    }

    /// The histories of all sources, or why one is missing.
    fn series<'a>(&self, store: &'a Store) -> Result<Vec<&'a SampleSeries>, String> {
        let sources = self.sources.iter();
        sources
            .map(|source| {
                let topic = store.topic_named(source.as_str());
                let topic = topic.filter(|topic| topic.latest.is_some());
                let topic = topic.ok_or_else(|| format!("waiting for {source}"))?;
                let series = topic.series.as_ref().ok_or_else(|| match topic.number {
                    // Every update comes soon, the newest one first.
                    Some(_) => format!("waiting for {source}"),
                    None => format!("{source} has no numbers"),
                })?;
                let is_vwap = matches!(self.definition.rule, DerivedRule::Vwap { .. });
                if is_vwap && series.kind() != SeriesKind::Trade {
                    return Err(format!("{source} has no trades"));
                }
                Ok(series)
            })
            .collect()
    }

    /// Computes what follows from what came. `shown` is called for each new value.
    fn advance(&mut self, store: &mut Store, shown: &mut dyn FnMut(&Store, &Topic, TimeNs)) {
        let mut steps = Vec::new();
        let is_done = match self.series(store) {
            Ok(sources) => {
                if self.reader.restarts(&sources) {
                    self.building = Some(SampleSeries::new(SeriesKind::Reading));
                }
                self.reader.read(&sources, STEP_SAMPLES, &mut steps)
            }
            Err(problem) => {
                self.tell(store, problem);
                return;
            }
        };
        if let Some(mut series) = self.building.take() {
            let newest = apply_to(&mut series, &steps);
            if !is_done {
                self.building = Some(series);
                return;
            }
            self.problem = None;
            let (time_ns, value) = match (newest, series.last_time()) {
                (Some((time_ns, value)), _) => (time_ns, value),
                (None, _) => (0, Value::Absent("waiting for values".to_owned())),
            };
            store.set_derived_series(&self.topic, series);
            store.show_derived(&self.topic, value, time_ns);
            shown(store, &self.topic, time_ns);
            return;
        }
        for step in steps {
            match step {
                Step::Value(time_ns, value, source_ns) => {
                    store.with_derived_series(&self.topic, |series| {
                        append(series, time_ns, value, source_ns);
                    });
                    store.show_derived(&self.topic, Value::Reading(value), time_ns);
                    shown(store, &self.topic, time_ns);
                }
                Step::Absent(time_ns, why) => {
                    store.with_derived_series(&self.topic, |series| {
                        series.mark_gap(Some(0), GapCause::NotANumber);
                    });
                    store.show_derived(&self.topic, Value::Absent(why.to_owned()), time_ns);
                }
                Step::Gap(lost, cause) => {
                    store.with_derived_series(&self.topic, |series| series.mark_gap(lost, cause));
                }
            }
        }
    }

    /// Shows why there is no value.
    fn tell(&mut self, store: &mut Store, problem: String) {
        if self.problem.as_ref() != Some(&problem) {
            store.show_derived(&self.topic, Value::Absent(problem.clone()), 0);
            self.problem = Some(problem);
        }
    }
}

fn append(series: &mut SampleSeries, time_ns: TimeNs, value: f64, source_ns: Option<TimeNs>) {
    let extra = SampleExtra {
        source_ns,
        ..SampleExtra::default()
    };
    series.append_with(time_ns, [value, 0.0], extra);
}

/// Appends steps to a history. Returns the newest value, or why there is none.
fn apply_to(series: &mut SampleSeries, steps: &[Step]) -> Option<(TimeNs, Value)> {
    let mut newest = None;
    for step in steps {
        match *step {
            Step::Value(time_ns, value, source_ns) => {
                append(series, time_ns, value, source_ns);
                newest = Some((time_ns, Value::Reading(value)));
            }
            Step::Absent(time_ns, why) => {
                series.mark_gap(Some(0), GapCause::NotANumber);
                newest = Some((time_ns, Value::Absent(why.to_owned())));
            }
            Step::Gap(lost, cause) => series.mark_gap(lost, cause),
        }
    }
    newest
}

impl DerivedTopics {
    /// The derived topics of a settings file. What cannot be made any more is left out, and the
    /// reasons are returned.
    pub(crate) fn new(saved: &[DerivedTopic]) -> (Self, Vec<String>) {
        let mut all = Self::default();
        let mut problems = Vec::new();
        for definition in saved {
            if let Err(error) = all.insert(definition.clone()) {
                problems.push(format!("{}: {error}", definition.name));
            }
        }
        (all, problems)
    }

    /// Makes a topic. Its sources must be known to the store.
    pub(crate) fn add(
        &mut self,
        definition: DerivedTopic,
        store: &Store,
    ) -> Result<Topic, DerivedError> {
        self.check(&definition, store)?;
        self.insert(definition)
    }

    /// Whether [`Self::add`] would make a topic, and why not.
    pub(crate) fn check(
        &self,
        definition: &DerivedTopic,
        store: &Store,
    ) -> Result<(), DerivedError> {
        for source in definition.rule.sources()? {
            if store.topic_named(source.as_str()).is_none() {
                return Err(DerivedError::UnknownTopic(source));
            }
        }
        let known = store.topic_named(definition.topic()?.as_str());
        if let Some(known) = known.filter(|known| known.latest.is_some()) {
            return Err(DerivedError::Taken(known.name.clone()));
        }
        self.checked(definition.clone()).map(|_| ())
    }

    /// Makes a topic whose sources may come later.
    pub(crate) fn insert(&mut self, definition: DerivedTopic) -> Result<Topic, DerivedError> {
        let state = self.checked(definition)?;
        let topic = state.topic.clone();
        self.states.push(state);
        Ok(topic)
    }

    fn checked(&self, definition: DerivedTopic) -> Result<DerivedState, DerivedError> {
        let state = DerivedState::new(definition)?;
        if self.has(&state.topic) {
            return Err(DerivedError::Taken(state.topic));
        }
        if self.states.len() >= DERIVED_MAX {
            return Err(DerivedError::TooMany);
        }
        // A later one would not be up to date when it is read, and could lead back here.
        if let Some(later) = state
            .sources
            .iter()
            .find(|source| is_derived(source) && !self.has(source))
        {
            return Err(DerivedError::UnknownTopic(later.clone()));
        }
        Ok(state)
    }

    /// Removes a topic that no other one is made of.
    pub(crate) fn remove(&mut self, topic: &Topic, store: &mut Store) -> Result<(), DerivedError> {
        let needs = self
            .states
            .iter()
            .find(|state| state.sources.contains(topic));
        if let Some(needs) = needs {
            return Err(DerivedError::Needed(needs.topic.clone()));
        }
        self.states.retain(|state| state.topic != *topic);
        store.forget_derived(topic);
        Ok(())
    }

    /// Brings all topics up to date. `shown` is called for each new value.
    pub(crate) fn advance(
        &mut self,
        store: &mut Store,
        mut shown: impl FnMut(&Store, &Topic, TimeNs),
    ) {
        for state in &mut self.states {
            // The unit of a source may become known later.
            let unit = unit(&state.definition.rule, store);
            if state.told.as_ref() != Some(&unit) {
                let words = state.definition.rule.words();
                store.add_derived(&state.topic, &words, unit.as_deref());
                state.told = Some(unit);
            }
            state.advance(store, &mut shown);
        }
    }

    /// Computes everything again: the store was emptied.
    pub(crate) fn restart(&mut self) {
        for state in &mut self.states {
            if let Ok(again) = DerivedState::new(state.definition.clone()) {
                *state = again;
            }
        }
    }

    /// Whether this is a derived topic.
    pub(crate) fn has(&self, topic: &Topic) -> bool {
        is_derived(topic) && self.states.iter().any(|state| state.topic == *topic)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// All of them: topic and definition, in the order in which they were made.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = (&Topic, &DerivedTopic)> {
        let states = self.states.iter();
        states.map(|state| (&state.topic, &state.definition))
    }

    /// What to save.
    pub(crate) fn saved(&self) -> Vec<DerivedTopic> {
        let states = self.states.iter();
        states.map(|state| state.definition.clone()).collect()
    }

    /// The definitions of the topics in `shown`, and of those that they are made of.
    pub(crate) fn behind(&self, shown: &HashSet<Topic>) -> Vec<DerivedTopic> {
        let mut needed = shown.clone();
        let mut found: Vec<DerivedTopic> = Vec::new();
        for state in self.states.iter().rev() {
            if needed.contains(&state.topic) {
                needed.extend(state.sources.iter().cloned());
                found.push(state.definition.clone());
            }
        }
        found.reverse();
        found
    }

    /// The server's topics that a topic is made of; a topic of the server itself.
    pub(crate) fn roots(&self, topic: &Topic) -> HashSet<Topic> {
        let mut found: HashSet<Topic> = [topic.clone()].into();
        for state in self.states.iter().rev() {
            if found.remove(&state.topic) {
                found.extend(state.sources.iter().cloned());
            }
        }
        found
    }

    /// The server's topics that any of them is made of.
    pub(crate) fn server_topics(&self) -> HashSet<Topic> {
        let sources = self.states.iter().flat_map(|state| &state.sources);
        sources
            .filter(|source| !self.has(source))
            .cloned()
            .collect()
    }
}

/// Whether a name is on the level of derived topics.
fn is_derived(topic: &Topic) -> bool {
    topic.as_str().starts_with(super::definition::LEVEL)
}

/// The unit that follows from those of the sources.
fn unit(rule: &DerivedRule, store: &Store) -> Option<String> {
    let unit = |topic: &Topic| store.topic_named(topic.as_str())?.unit.clone();
    match rule {
        DerivedRule::Mean { source, .. }
        | DerivedRule::MeanOf { source, .. }
        | DerivedRule::Vwap { source, .. } => unit(source).map(|unit| unit.to_string()),
        DerivedRule::Rate { source, .. } => unit(source).map(|unit| format!("{unit}/s")),
        DerivedRule::Spread { a, b } => {
            let shared = unit(a).filter(|shared| Some(shared) == unit(b).as_ref());
            shared.map(|unit| unit.to_string())
        }
        DerivedRule::Ratio { .. } | DerivedRule::Formula { .. } => None,
    }
}
