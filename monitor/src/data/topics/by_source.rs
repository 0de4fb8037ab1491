//! Charted topics in order of their source times.

use tickcast_protocol::message::TimeNs;

use super::{store::Store, topic_state::MonitoredTopic};
use crate::data::history::{SampleSeries, SeriesBySource};

impl MonitoredTopic {
    /// Its samples by source time, while they are asked for and it has source times.
    pub(crate) fn by_source(&self) -> Option<&SeriesBySource> {
        self.watched.as_ref()?.by_source.as_ref()
    }

    /// Its samples as a chart draws them: by source time if that is asked for and known.
    pub(crate) fn drawn(&self, by_source: bool) -> Option<&SampleSeries> {
        let view = self.by_source().filter(|_| by_source);
        view.map(SeriesBySource::series).or(self.series.as_ref())
    }

    pub(super) fn by_source_bytes(&self) -> usize {
        self.by_source().map_or(0, SeriesBySource::bytes)
    }

    /// Makes its samples by source time, or brings them up to date.
    fn order_by_source(&mut self, wanted: bool, now_ns: TimeNs) {
        let Some(watched) = &mut self.watched else {
            return;
        };
        let series = self.series.as_ref().filter(|series| series.has_sources());
        match (series, &mut watched.by_source) {
            (Some(series), Some(view)) if wanted => view.refresh(series, now_ns),
            (Some(series), none) if wanted => *none = Some(SeriesBySource::of(series, now_ns)),
            (_, view) => *view = None,
        }
    }

    /// Frees memory of its samples by source time, which are made anew later.
    pub(super) fn evict_by_source(&mut self) {
        let view = self
            .watched
            .as_mut()
            .and_then(|watched| watched.by_source.as_mut());
        if let Some(view) = view {
            view.evict_chunk();
        }
    }
}

impl Store {
    /// Brings the charted topics' samples by source time up to date, or forgets them.
    pub(crate) fn order_by_source(&mut self, wanted: bool, now_ns: TimeNs) {
        if !wanted && !std::mem::take(&mut self.has_by_source) {
            return;
        }
        self.has_by_source = wanted;
        let names: Vec<_> = self.watched.keys().cloned().collect();
        for name in names {
            let Some(key) = self.find(name.as_str()) else {
                continue;
            };
            let topic = self.topic_at_mut(key);
            let before = topic.by_source_bytes();
            topic.order_by_source(wanted, now_ns);
            let after = topic.by_source_bytes();
            self.bytes = self.bytes - before + after;
        }
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tickcast_protocol::{
        message::{Mode, Quality, Update},
        topic::Topic,
        value::Value,
    };

    use super::*;
    use crate::data::{
        history::{CHUNK_SAMPLES, LANE_MAIN},
        time::SECOND,
    };

    fn update(seq: u64, source_ns: i64) -> Update<Topic> {
        Update {
            topic: Topic::new("t").unwrap(),
            position: seq,
            seq,
            source_time_ns: Some(source_ns),
            ingest_time_ns: seq as i64,
            quality: Quality::Live,
            value: Value::Reading(source_ns as f64),
        }
    }

    fn charted(store: &mut Store) {
        let one = HashSet::from([Topic::new("t").unwrap()]);
        store.watch(&one, &HashSet::new());
        store.want_every(&Topic::new("t").unwrap(), true);
    }

    fn shown(store: &Store, by_source: bool) -> Vec<f64> {
        let series = store.topic_named("t").unwrap().drawn(by_source).unwrap();
        let all = series.start()..series.end();
        all.map(|index| series.value(LANE_MAIN, index)).collect()
    }

    #[test]
    fn pages_of_history_keep_their_source_times() {
        let mut store = Store::default();
        charted(&mut store);
        store.every_accepted(&Topic::new("t").unwrap(), 3);
        store.apply(update(4, 40), Mode::Every);
        store.order_by_source(true, 0);
        store.apply(update(5, 30), Mode::Every);
        store.fill(
            &Topic::new("t").unwrap(),
            &[update(1, 35), update(2, 50), update(3, 10)],
            false,
        );
        store.order_by_source(true, SECOND);
        assert_eq!(shown(&store, true), [10.0, 30.0, 35.0, 40.0, 50.0]);
        assert_eq!(shown(&store, false), [35.0, 50.0, 10.0, 40.0, 30.0]);
    }

    #[test]
    fn its_bytes_count_until_it_is_not_wanted_or_not_charted() {
        let mut store = Store::default();
        charted(&mut store);
        for seq in 1..=3 * CHUNK_SAMPLES as u64 {
            store.apply(update(seq, seq as i64), Mode::Every);
        }
        let alone = store.bytes();
        store.order_by_source(true, 0);
        let both = store.bytes();
        assert!(both > alone * 3 / 2);
        store.order_by_source(false, 0);
        assert_eq!(store.bytes(), alone);
        store.order_by_source(true, 0);
        store.watch(&HashSet::new(), &HashSet::new());
        assert_eq!(store.bytes(), alone);
        // Both give way to the limit.
        charted(&mut store);
        store.order_by_source(true, 0);
        store.set_memory_limit(both * 3 / 4);
        assert!(store.bytes() <= both * 3 / 4);
        store.order_by_source(true, 60 * SECOND);
        assert!(store.bytes() <= both * 3 / 4);
        assert_eq!(shown(&store, true), shown(&store, false));
    }
}
