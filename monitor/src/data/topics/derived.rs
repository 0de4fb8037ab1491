//! Topics that the monitor computes: they have no position, no seq and no subscription.

use tickcast_protocol::{message::TimeNs, topic::Topic, value::Value};

use super::{latest::Latest, store::Store};
use crate::data::history::{SampleSeries, SeriesKind};

impl Store {
    /// Adds a computed topic, with what it is made of in words.
    pub(crate) fn add_derived(&mut self, name: &Topic, words: &str, unit: Option<&str>) {
        if let Some(key) = self.key_or_new(name) {
            self.topics[key].tell(unit, Some(words));
        }
    }

    /// Shows the newest value of a computed topic.
    pub(crate) fn show_derived(&mut self, name: &Topic, value: Value, time_ns: TimeNs) {
        let Some(topic) = self.topic_mut(name) else {
            return;
        };
        let is_first = topic.latest.is_none();
        topic.received += 1;
        topic.ingest_ns = time_ns;
        let is_number = matches!(value, Value::Reading(_));
        if is_number {
            topic.seq += 1;
            topic.rate.update(time_ns, topic.seq);
        }
        if let Some(watched) = &mut topic.watched
            && is_number
        {
            watched.states.push(time_ns, &value);
        }
        topic.show(Latest::of(value, 0), time_ns);
        let moved_ns = topic.moved.0;
        self.shown_derived(name, is_first, moved_ns);
    }

    /// Changes the history of a computed topic.
    pub(crate) fn with_derived_series(
        &mut self,
        name: &Topic,
        change: impl FnOnce(&mut SampleSeries),
    ) {
        self.change_derived(name, |series| {
            change(series.get_or_insert_with(|| SampleSeries::new(SeriesKind::Reading)));
        });
    }

    /// Replaces the history of a computed topic.
    pub(crate) fn set_derived_series(&mut self, name: &Topic, fresh: SampleSeries) {
        self.change_derived(name, |series| *series = Some(fresh));
    }

    /// Forgets a computed topic.
    pub(crate) fn forget_derived(&mut self, name: &Topic) {
        self.change_derived(name, |series| *series = None);
        if let Some(topic) = self.topic_mut(name) {
            topic.forget_values();
        }
        self.unlist(name);
    }

    /// Changes the history of a computed topic.
    fn change_derived(&mut self, name: &Topic, change: impl FnOnce(&mut Option<SampleSeries>)) {
        if let Some(key) = self.key_or_new(name) {
            self.change_series(key, |topic| change(&mut topic.series));
        }
    }

    /// A computed topic has another value.
    fn shown_derived(&mut self, name: &Topic, is_first: bool, moved_ns: TimeNs) {
        if let Some(key) = self.find(name.as_str())
            && is_first
        {
            self.with_value.push(key);
        }
        self.moved_ns = self.moved_ns.max(moved_ns);
    }

    /// Takes a topic off the list of those with a value.
    fn unlist(&mut self, name: &Topic) {
        let key = self.find(name.as_str());
        self.with_value.retain(|known| Some(*known) != key);
        self.unlisted += 1;
    }

    /// How many topics were taken off the list of those with a value.
    pub(crate) fn unlisted(&self) -> u64 {
        self.unlisted
    }
}
