//! Times in which the source of a topic was away while its updates come, as statuses tell.

use tickcast_protocol::message::{Status, TimeNs};

use super::topic_state::MonitoredTopic;
use crate::data::{
    history::{GapCause, SampleSeries},
    long_history::joined,
};

/// The time between two samples is a gap if the source was away for this part of it (one in this
/// many). A topic that comes once an hour has no gap of an hour when its feed reconnects.
const AWAY_PART: i64 = 2;

impl MonitoredTopic {
    /// A status holds since a time.
    pub(super) fn status_changed(&mut self, status: Status, since_ns: TimeNs) {
        let since = self.away.map(|(from_ns, _)| from_ns);
        self.away = match (since, status) {
            (None, Status::Live) => None,
            (Some(from_ns), Status::Live) => Some((from_ns, since_ns)),
            (_, Status::Stale | Status::Dead) => Some((since.unwrap_or(since_ns), TimeNs::MAX)),
        };
    }

    /// Called before a sample of this time is appended: marks a gap if the source was away since
    /// the one before.
    pub(super) fn mark_away(&mut self, time_ns: TimeNs) {
        let Some((from_ns, to_ns)) = self.away.take() else {
            return;
        };
        let Some(series) = &mut self.series else {
            return;
        };
        let Some(last_ns) = series.last_time() else {
            return;
        };
        let away_ns = to_ns.min(time_ns).saturating_sub(from_ns.max(last_ns));
        let is_most = away_ns.saturating_mul(AWAY_PART) >= time_ns.saturating_sub(last_ns);
        if is_most && away_ns > 0 && series.open_gap().is_none() {
            series.mark_gap(None, GapCause::SourceAway);
        }
    }

    /// When its source was away, as the server's intervals and its statuses tell, as far as that
    /// touches the time between two others; ascending. A status that is not live now lasts until
    /// `now_ns`.
    pub(crate) fn away_between(
        &self,
        from_ns: TimeNs,
        to_ns: TimeNs,
        now_ns: TimeNs,
    ) -> Vec<(TimeNs, TimeNs)> {
        let Some(watched) = self.watched.as_deref() else {
            return Vec::new();
        };
        let mut times = watched.long.outages_between(from_ns, to_ns);
        // Before its first sample there was nothing to be away from.
        let first_ns = self.series.as_ref().and_then(SampleSeries::first_time);
        let first_ns = first_ns.unwrap_or(TimeNs::MAX);
        let told = watched.statuses.not_live(now_ns);
        let told = told.map(|(since_ns, until_ns, _)| (since_ns.max(first_ns), until_ns));
        times.extend(told.filter(|away| away.0 < away.1 && away.0 < to_ns && away.1 > from_ns));
        joined(times)
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
    use crate::data::{time::SECOND, topics::Store};

    /// A topic that is charted, with an update at each of these seconds.
    fn store(seconds: &[i64]) -> Store {
        let mut store = Store::default();
        store.connection_opened();
        let name = topic();
        store.watch(&HashSet::from([name.clone()]), &HashSet::new());
        store.want_every(&name, true);
        store.every_accepted(&name, 0);
        for &second in seconds {
            come(&mut store, second);
        }
        store
    }

    fn topic() -> Topic {
        Topic::new("t").unwrap()
    }

    fn come(store: &mut Store, second: i64) {
        let update = Update {
            topic: topic(),
            position: second as u64,
            seq: store.topic_named("t").map_or(0, |topic| topic.seq) + 1,
            source_time_ns: None,
            ingest_time_ns: second * SECOND,
            quality: Quality::Live,
            value: Value::Reading(second as f64),
        };
        store.apply(update, Mode::Every);
    }

    /// The gaps between samples, and when the source was away, in seconds.
    fn seen(store: &Store, now: i64) -> [Vec<(i64, i64)>; 2] {
        let topic = store.topic_named("t").unwrap();
        let gaps = topic.series.as_ref().unwrap().gaps().inspect(|gap| {
            assert_eq!((gap.cause, gap.lost), (GapCause::SourceAway, None));
        });
        let gaps = gaps.map(|gap| (gap.from_ns / SECOND, gap.to_ns / SECOND));
        let away = topic.away_between(0, now * SECOND, now * SECOND);
        let away = away.iter().map(|(from, to)| (from / SECOND, to / SECOND));
        [gaps.collect(), away.collect()]
    }

    #[test]
    fn an_outage_of_a_few_updates_is_a_gap_from_the_last_one_to_the_next() {
        let mut store = store(&[1, 2, 3]);
        store.set_status(&topic(), Status::Stale, 4 * SECOND);
        assert_eq!(seen(&store, 6), [vec![], vec![(4, 6)]], "it lasts");
        store.set_status(&topic(), Status::Dead, 5 * SECOND);
        store.set_status(&topic(), Status::Live, 7 * SECOND);
        come(&mut store, 7);
        come(&mut store, 8);
        assert_eq!(seen(&store, 9), [vec![(3, 7)], vec![(4, 7)]]);
    }

    #[test]
    fn a_short_outage_between_two_rare_updates_is_no_gap_of_all_that_time() {
        let mut store = store(&[10]);
        store.set_status(&topic(), Status::Stale, 20 * SECOND);
        store.set_status(&topic(), Status::Live, 22 * SECOND);
        come(&mut store, 60);
        come(&mut store, 110);
        assert_eq!(seen(&store, 200), [vec![], vec![(20, 22)]]);
        store.set_status(&topic(), Status::Stale, 120 * SECOND);
        store.set_status(&topic(), Status::Live, 199 * SECOND);
        come(&mut store, 200);
        assert_eq!(seen(&store, 300)[0], [(110, 200)]);
    }

    #[test]
    fn a_status_that_was_not_live_before_the_first_sample_is_no_outage() {
        let mut store = store(&[]);
        store.set_status(&topic(), Status::Stale, SECOND);
        store.set_status(&topic(), Status::Live, 9 * SECOND);
        come(&mut store, 9);
        come(&mut store, 10);
        assert_eq!(seen(&store, 20), [vec![], vec![]]);
    }
    #[test]
    fn a_source_that_came_back_while_there_was_no_connection_is_away_up_to_the_next_update() {
        let mut store = store(&[1, 2, 3]);
        store.set_status(&topic(), Status::Stale, 4 * SECOND);
        store.connection_lost();
        store.connection_opened();
        store.every_resumed(&topic(), Some(3));
        assert_eq!(seen(&store, 8)[1], [(4, 8)], "nothing has come");
        come(&mut store, 9);
        come(&mut store, 10);
        assert_eq!(seen(&store, 20), [vec![(3, 9)], vec![(4, 9)]]);
    }
}
