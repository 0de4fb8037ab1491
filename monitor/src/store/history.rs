//! Joining what the server still holds of a topic with what came since it was asked for.
//!
//! A series has three parts, each of which may be empty: newest values that came while nobody asked
//! for every update, then what history told, then what came one by one. The joint is where the
//! second begins, or the third as long as nothing was told. An older page of history takes the
//! place of all newest values of its time.

use tickcast_protocol::{
    message::{Position, Seq, TimeNs, Update},
    topic::Topic,
};

use super::{
    series::{GapCause, Series, SeriesKind},
    topic::{self, TopicState},
};

/// What is known of a topic's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Past {
    /// Every update is not asked for.
    #[default]
    Unasked,
    /// What came before this position is not known, and may be asked for.
    Before(Position),
    /// The server holds nothing older.
    Complete,
    /// It was asked for and cannot be had.
    Unavailable,
}

/// The first sample from which on every update is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint {
    index: u64,
    position: Position,
    seq: Seq,
}

impl TopicState {
    /// What may be asked for of its past. What was forgotten for want of memory is not asked for
    /// again.
    pub fn past(&self) -> Past {
        match &self.series {
            Some(series) if series.evicted() > 0 => Past::Complete,
            _ => self.past,
        }
    }

    /// Whether more of the past may be asked for and would change what a chart from `from_ns` on
    /// shows.
    pub fn wants_past(&self, from_ns: TimeNs) -> bool {
        let complete_ns = self.joint.and_then(|joint| {
            let series = self.series.as_ref()?;
            (joint.index < series.end()).then(|| series.time(joint.index.max(series.start())))
        });
        matches!(self.past(), Past::Before(_))
            && complete_ns.is_none_or(|time_ns| time_ns > from_ns)
    }

    /// Every update after `position` comes from now on.
    pub(super) fn every_from(&mut self, position: Position) {
        self.joint = None;
        self.past = Past::Before(position.saturating_add(1));
    }

    /// Positions begin anew.
    pub(super) fn forget_past(&mut self) {
        self.joint = None;
        self.past = Past::Unasked;
    }

    /// An update is about to be appended that came one by one.
    pub(super) fn join(&mut self, update: &Update<Topic>) {
        if let (None, Past::Before(before)) = (self.joint, self.past)
            && update.position >= before
        {
            self.joint = Some(Joint {
                index: self.series.as_ref().map_or(0, Series::end),
                position: update.position,
                seq: update.seq,
            });
        }
    }

    /// Takes in a page of history: updates without holes, ascending, all before what
    /// [`Self::past`] said. `more` is whether the server holds older ones.
    pub(super) fn fill(&mut self, updates: &[Update<Topic>], more: bool) {
        let Past::Before(before) = self.past else {
            return;
        };
        let end = updates.partition_point(|update| update.position < before);
        let updates = &updates[..end];
        let Some(first) = updates.first() else {
            self.past = Past::Complete;
            return;
        };
        let kind = match &self.series {
            Some(series) => Some(series.kind()),
            None => updates.iter().rev().find_map(|update| {
                let (kind, _) = topic::sample(&update.value)?;
                Some(kind)
            }),
        };
        if let Some(kind) = kind {
            self.series = Some(self.joined(kind, updates));
        }
        if let Some(last) = updates.last() {
            // What is told here does not come again with a snapshot.
            self.series_at = self.series_at.max((last.position, last.seq));
        }
        self.past = if more {
            Past::Before(first.position)
        } else {
            Past::Complete
        };
    }

    /// The series with a page of history in its place. Moves the joint.
    fn joined(&mut self, kind: SeriesKind, updates: &[Update<Topic>]) -> Series {
        let mut joined = Series::new(kind);
        let behind = self.joint;
        let old = self.series.take().unwrap_or_else(|| Series::new(kind));
        let boundary = behind.map_or(old.end(), |joint| joint.index);
        // What was a trade and is a reading now is another series.
        let is_same = |update: &Update<Topic>| match topic::sample(&update.value) {
            Some((other, _)) => other == kind,
            None => true,
        };
        let from = updates.iter().rposition(|update| !is_same(update));
        let updates = &updates[from.map_or(0, |at| at + 1)..];
        let (Some(first), Some(last)) = (updates.first(), updates.last()) else {
            return old;
        };
        let kept = old.index_at(first.ingest_time_ns).min(boundary);
        joined.extend_from(&old, old.start(), kept);
        // Another epoch came in between: nobody knows what happened then.
        let restarted = old
            .gaps()
            .any(|gap| gap.cause == GapCause::Restart && (kept..=boundary).contains(&gap.before));
        if restarted {
            joined.mark_gap(None, GapCause::Restart);
        }
        let index = joined.end();
        let mut seq = first.seq;
        for update in updates {
            let skipped = update.seq.saturating_sub(seq);
            if skipped > 0 {
                joined.mark_gap(Some(skipped), GapCause::Lost);
            }
            seq = update.seq + 1;
            match topic::sample(&update.value) {
                Some((_, values)) if is_number(kind, values) => {
                    joined.append(update.ingest_time_ns, values);
                }
                Some(_) => joined.mark_gap(Some(0), GapCause::NotANumber),
                None => {}
            }
        }
        let skipped = behind.map_or(0, |joint| joint.seq.saturating_sub(last.seq + 1));
        if skipped > 0 {
            joined.mark_gap(Some(skipped), GapCause::Lost);
        }
        joined.extend_behind(&old, boundary);
        self.joint = Some(Joint {
            index,
            position: first.position,
            seq: first.seq,
        });
        joined
    }
}

/// Whether all values of a sample can be drawn.
pub(super) fn is_number(kind: SeriesKind, values: [f64; 2]) -> bool {
    values[..kind.lanes()].iter().all(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{message::Quality, value::Value};

    use super::*;
    use crate::store::{LANE_MAIN, Store, Via};

    /// The `seq`-th update of the topic; others lie between on the tape.
    fn update(seq: Seq) -> Update<Topic> {
        Update {
            topic: Topic::new("t").unwrap(),
            position: seq * 10,
            seq,
            source_time_ns: None,
            ingest_time_ns: seq as i64 * 1_000,
            quality: Quality::Live,
            value: Value::Reading(seq as f64),
        }
    }

    fn page(seqs: std::ops::RangeInclusive<Seq>) -> Vec<Update<Topic>> {
        seqs.map(update).collect()
    }

    fn topic() -> Topic {
        Topic::new("t").unwrap()
    }

    fn values(store: &Store) -> Vec<f64> {
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        let range = series.start()..series.end();
        range.map(|index| series.value(LANE_MAIN, index)).collect()
    }

    fn gaps(store: &Store) -> Vec<Option<u64>> {
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        series.gaps().map(|gap| gap.lost).collect()
    }

    /// Newest values 3, 7 and 12, then every update from 13 on.
    fn opened() -> Store {
        let mut store = Store::default();
        store.connection_opened();
        for seq in [3, 7, 12] {
            store.apply(update(seq), Via::Latest);
        }
        store.want_every(&topic(), true);
        store.every_accepted(&topic(), 125);
        for seq in 13..=15 {
            store.apply(update(seq), Via::Every);
        }
        store
    }

    #[test]
    fn history_takes_the_place_of_newest_values_and_nothing_is_doubled() {
        let mut store = opened();
        let past = |store: &Store| store.topic_named("t").unwrap().past();
        assert_eq!(past(&store), Past::Before(126));
        store.fill(&topic(), &page(9..=12), true);
        let expected = [3.0, 7.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
        assert_eq!(values(&store), expected);
        assert_eq!(past(&store), Past::Before(90));
        store.fill(&topic(), &page(5..=8), true);
        store.apply(update(16), Via::Every);
        store.fill(&topic(), &page(1..=4), false);
        let all: Vec<f64> = (1..=16).map(f64::from).collect();
        assert_eq!(values(&store), all);
        assert_eq!(gaps(&store), []);
        assert_eq!(past(&store), Past::Complete);
        assert_eq!(store.totals().lost, 0);
    }

    #[test]
    fn history_that_comes_before_anything_else_is_all_there_is() {
        let mut store = Store::default();
        store.want_every(&topic(), true);
        store.every_accepted(&topic(), 100);
        store.fill(&topic(), &page(4..=10), false);
        assert_eq!(values(&store).len(), 7);
        store.apply(update(10), Via::Every);
        store.apply(update(11), Via::Every);
        assert_eq!(values(&store).last(), Some(&11.0));
        assert_eq!(values(&store).len(), 8, "the snapshot is in it already");
        assert_eq!(gaps(&store), []);
    }

    #[test]
    fn what_history_does_not_reach_stays_a_gap_and_gaps_behind_it_stay() {
        let mut store = opened();
        store.apply(update(20), Via::Every);
        store.fill(&topic(), &page(8..=10), false);
        assert_eq!(gaps(&store), [Some(2), Some(4)]);
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        let lost: Vec<u64> = series.gaps().map(|gap| gap.before).collect();
        assert_eq!(lost, [5, 8]);
    }

    #[test]
    fn a_page_that_was_not_asked_for_changes_nothing() {
        let mut store = opened();
        store.fill(&topic(), &page(1..=12), false);
        let before = values(&store);
        store.fill(&topic(), &page(1..=9), true);
        assert_eq!(values(&store), before);
        store.fill(&Topic::new("unknown").unwrap(), &page(1..=2), true);
        let mut none = opened();
        none.fill(&topic(), &[], false);
        assert_eq!(values(&none), values(&opened()));
    }

    #[test]
    fn a_restart_of_the_server_stays_a_gap_of_unknown_size() {
        let mut store = opened();
        store.epoch_changed();
        store.connection_opened();
        let again = |seq: Seq| Update {
            ingest_time_ns: 1_000_000 + seq as i64,
            ..update(seq)
        };
        store.every_accepted(&topic(), 35);
        store.apply(again(4), Via::Every);
        let told: Vec<_> = (1..=3).map(again).collect();
        store.fill(&topic(), &told, false);
        assert_eq!(gaps(&store), [None]);
        assert_eq!(values(&store)[6..], [1.0, 2.0, 3.0, 4.0]);
    }
}
