//! Joins the history that the server still holds with the updates received since it was requested.
//!
//! A series has three parts, each of which may be empty: newest values that came while not every
//! update was subscribed, then pages of history, then updates received one by one. The joint is the
//! start of the second part, or of the third one while there is no history. An older page of
//! history replaces all newest values of its time.
//!
//! When a subscription begins anew, what came before is kept aside. It is joined again when history
//! reaches back to it.

use tickcast_protocol::{
    message::{Position, Seq, TimeNs, Update},
    topic::Topic,
};

use super::{
    past::{EarlierPart, Joint, PastHistory},
    sample,
    topic_state::{Lossless, MonitoredTopic},
};
use crate::data::history::{GapCause, SampleSeries, SeriesKind};

/// The seq of the first update of a topic: nothing came before it in its epoch.
const FIRST_SEQ: Seq = 1;

impl MonitoredTopic {
    /// The state of its older history. Evicted history is not requested again.
    pub fn past(&self) -> PastHistory {
        match &self.series {
            Some(series) if series.evicted() > 0 => PastHistory::Complete,
            _ => self.past,
        }
    }

    /// Whether older history may be requested and would change a chart that starts at `from_ns`.
    pub(crate) fn wants_past(&self, from_ns: TimeNs) -> bool {
        let complete_ns = self.joint.and_then(|joint| {
            let series = self.series.as_ref()?;
            (joint.index < series.end()).then(|| series.time(joint.index.max(series.start())))
        });
        matches!(self.past(), PastHistory::Before(_))
            && complete_ns.is_none_or(|time_ns| time_ns > from_ns)
    }

    /// Every update after `position` will be received from now on.
    pub(super) fn every_from(&mut self, position: Position) {
        self.leave_joint();
        self.past = PastHistory::Before(position.saturating_add(1));
        self.receives_every(position);
    }

    /// The subscription goes on where it was, after this position if it is known.
    pub(super) fn every_again(&mut self, position: Option<Position>) {
        match position {
            // Its past was forgotten, because of another subscription.
            Some(position) if self.past == PastHistory::Unasked => self.every_from(position),
            _ => self.receives_every(self.series_at.0),
        }
    }

    /// Another epoch began. A subscription that the server has accepted in it already goes on.
    pub(super) fn forget_past(&mut self) {
        self.leave_joint();
        self.past = match self.every_after {
            Some(after) => PastHistory::Before(after.saturating_add(1)),
            None => PastHistory::Unasked,
        };
    }

    /// What is complete up to now is an earlier part from now on.
    fn leave_joint(&mut self) {
        let (joint, series) = (self.joint.take(), self.series.as_ref());
        if self.lossless != Lossless::Yes {
            // Newest values may have come since.
            self.earlier = None;
        } else if let (Some(joint), Some(series)) = (joint, series) {
            self.earlier = Some(EarlierPart {
                joint,
                end: series.end(),
                past: self.past,
            });
        }
    }

    /// Called before an update from a subscription to every update is appended.
    pub(super) fn join(&mut self, update: &Update<Topic>) {
        let is_next = self
            .every_after
            .is_some_and(|after| update.position > after);
        if self.joint.is_some() || !is_next {
            return;
        }
        let joint = Joint {
            index: self.series.as_ref().map_or(0, SampleSeries::end),
            position: update.position,
            seq: update.seq,
        };
        if self.past == PastHistory::Unasked {
            // The mode of a subscription was changed.
            self.past = PastHistory::Before(update.position);
        }
        let earlier = self.earlier.take_if(|_| update.seq == FIRST_SEQ);
        self.joint = Some(earlier.map_or(joint, |earlier| earlier.joint));
    }

    /// Another series begins with an update, whose value is of another kind.
    pub(super) fn begin_series(&mut self, kind: SeriesKind, update: &Update<Topic>) {
        self.series = Some(SampleSeries::new(kind));
        self.earlier = None;
        self.joint = self.joint.map(|_| Joint {
            index: 0,
            position: update.position,
            seq: update.seq,
        });
    }

    /// Applies a page of history: updates without gaps, ascending, all before [`Self::past`].
    /// `more` is whether the server holds older ones.
    pub(super) fn fill(&mut self, updates: &[Update<Topic>], more: bool) {
        let PastHistory::Before(before) = self.past else {
            return;
        };
        let end = updates.partition_point(|update| update.position < before);
        let updates = &updates[..end];
        let Some(first) = updates.first() else {
            self.past = PastHistory::Complete;
            return;
        };
        let kind = match &self.series {
            Some(series) => Some(series.kind()),
            None => updates.iter().rev().find_map(|update| {
                let (kind, _) = sample::of_value(&update.value)?;
                Some(kind)
            }),
        };
        let mut before_earlier = None;
        if let Some(kind) = kind {
            let (joined, past) = self.joined(kind, updates);
            self.series = Some(joined);
            before_earlier = past;
        }
        if let Some(last) = updates.last() {
            // An update of the page is not taken again from a snapshot.
            self.series_at = self.series_at.max((last.position, last.seq));
        }
        self.past = match before_earlier {
            Some(past) => past,
            None if more => PastHistory::Before(first.position),
            None => PastHistory::Complete,
        };
    }

    /// The series with a page of history inserted. Moves the joint. If the page reaches back to the
    /// earlier part, also what is known of the time before that.
    fn joined(
        &mut self,
        kind: SeriesKind,
        updates: &[Update<Topic>],
    ) -> (SampleSeries, Option<PastHistory>) {
        let mut joined = SampleSeries::new(kind);
        let after = self.joint;
        let mut old = self
            .series
            .take()
            .unwrap_or_else(|| SampleSeries::new(kind));
        let boundary = after.map_or(old.end(), |joint| joint.index);
        // When a topic changes from trades to readings, another series begins.
        let is_same = |update: &Update<Topic>| match sample::of_value(&update.value) {
            Some((other, _)) => other == kind,
            None => true,
        };
        let from = updates.iter().rposition(|update| !is_same(update));
        let updates = &updates[from.map_or(0, |at| at + 1)..];
        let (Some(first), Some(last)) = (updates.first(), updates.last()) else {
            return (old, None);
        };
        let kept = old.index_at(first.ingest_time_ns).min(boundary);
        joined.extend_from(&old, old.start(), kept);
        let mut restarts = taken_restarts(&mut old, kept, boundary)
            .into_iter()
            .peekable();
        let index = joined.end();
        let mut seq = first.seq;
        for update in updates {
            // A server with a log has the updates before its restart as well.
            while let Some((_, cause)) = restarts.next_if(|(at, _)| *at < update.ingest_time_ns) {
                joined.mark_gap(None, cause);
            }
            let skipped = update.seq.saturating_sub(seq);
            if skipped > 0 {
                joined.mark_gap(Some(skipped), GapCause::Lost);
            }
            seq = update.seq + 1;
            match sample::of_value(&update.value) {
                _ if sample::is_past(update) => {}
                Some((_, values)) if sample::is_number(kind, values) => {
                    let extra = sample::extra_of(update);
                    joined.append_with(update.ingest_time_ns, values, extra);
                }
                Some(_) | None => joined.mark_gap(Some(0), GapCause::NotANumber),
            }
        }
        for (_, cause) in restarts {
            joined.mark_gap(None, cause);
        }
        let skipped = after.map_or(0, |joint| joint.seq.saturating_sub(last.seq + 1));
        if skipped > 0 {
            joined.mark_gap(Some(skipped), GapCause::Lost);
        }
        joined.extend_after(&old, boundary);
        let earlier = self
            .earlier
            .take()
            .map(|earlier| earlier.moved(old.start()));
        let reached = earlier.filter(|earlier| earlier.is_reached(index, first.seq));
        // A page that reaches further back replaces all of it.
        self.earlier = earlier.filter(|earlier| reached.is_none() && earlier.end <= index);
        self.joint = Some(match reached {
            Some(earlier) => earlier.joint,
            None => Joint {
                index,
                position: first.position,
                seq: first.seq,
            },
        });
        // Positions count only where the epoch goes on.
        let is_same = |earlier: &EarlierPart| earlier.end > index;
        let past = reached.filter(is_same).map(|earlier| earlier.past);
        (joined, past)
    }
}

impl EarlierPart {
    /// The same where the first index was `by` and is 0 now.
    fn moved(mut self, by: u64) -> Self {
        self.joint.index = self.joint.index.saturating_sub(by);
        self.end = self.end.saturating_sub(by);
        self
    }

    /// Whether nothing is missing between it and updates that begin at this index: they begin
    /// within it, or with the first update of their epoch.
    fn is_reached(&self, index: u64, first: Seq) -> bool {
        let is_within = self.joint.index < index && index < self.end;
        is_within || (self.end <= index && first == FIRST_SEQ)
    }
}

/// The restarts of the server among the samples that a page of history replaces, also one after
/// which none has come yet: the time of the last sample before, and the cause. What happened then
/// stays unknown.
fn taken_restarts(old: &mut SampleSeries, kept: u64, boundary: u64) -> Vec<(TimeNs, GapCause)> {
    let is_restart = |cause| matches!(cause, GapCause::Restart | GapCause::Truncated);
    let gaps = old.gaps().filter(|gap| is_restart(gap.cause));
    let gaps = gaps.filter(|gap| (kept..=boundary).contains(&gap.before));
    let mut restarts: Vec<_> = gaps.map(|gap| (gap.from_ns, gap.cause)).collect();
    let open = old.open_gap().filter(|_| boundary == old.end());
    if let Some((from_ns, _, cause)) = open.filter(|(.., cause)| is_restart(*cause)) {
        restarts.push((from_ns, cause));
        old.close_gap();
    }
    restarts
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Mode, Quality},
        value::Value,
    };

    use super::*;
    use crate::data::{
        history::LANE_MAIN,
        topics::{
            Store,
            latest::Latest,
            test_updates::{page, topic, update},
        },
    };

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
            store.apply(update(seq), Mode::Latest);
        }
        store.want_every(&topic(), true);
        store.every_accepted(&topic(), 125);
        for seq in 13..=15 {
            store.apply(update(seq), Mode::Every);
        }
        store
    }

    #[test]
    fn history_replaces_newest_values_without_duplicates() {
        let mut store = opened();
        let past = |store: &Store| store.topic_named("t").unwrap().past();
        assert_eq!(past(&store), PastHistory::Before(126));
        store.fill(&topic(), &page(9..=12), true);
        let expected = [3.0, 7.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
        assert_eq!(values(&store), expected);
        assert_eq!(past(&store), PastHistory::Before(90));
        store.fill(&topic(), &page(5..=8), true);
        store.apply(update(16), Mode::Every);
        store.fill(&topic(), &page(1..=4), false);
        let all: Vec<f64> = (1..=16).map(f64::from).collect();
        assert_eq!(values(&store), all);
        assert_eq!(gaps(&store), []);
        assert_eq!(past(&store), PastHistory::Complete);
        assert_eq!(store.totals().lost, 0);
    }

    #[test]
    fn a_historical_value_is_neither_drawn_nor_the_newest_nor_missing() {
        let mut store = opened();
        let historical = |seq: Seq| Update {
            quality: Quality::Historical,
            ..update(seq)
        };
        store.apply(historical(16), Mode::Every);
        let newest = |store: &Store| store.topic_named("t").unwrap().latest.clone();
        assert_eq!(newest(&store), Some(Latest::Value(Value::Reading(15.0))));
        store.apply(update(17), Mode::Every);
        assert_eq!(newest(&store), Some(Latest::Value(Value::Reading(17.0))));
        store.fill(&topic(), &[update(10), historical(11), update(12)], true);
        let expected = [3.0, 7.0, 10.0, 12.0, 13.0, 14.0, 15.0, 17.0];
        assert_eq!(values(&store), expected);
        assert_eq!((gaps(&store), store.totals().lost), (vec![], 0));
        assert_eq!(store.totals().updates, 15);
    }

    #[test]
    fn history_may_come_before_the_first_update() {
        let mut store = Store::default();
        store.want_every(&topic(), true);
        store.every_accepted(&topic(), 100);
        store.fill(&topic(), &page(4..=10), false);
        assert_eq!(values(&store).len(), 7);
        store.apply(update(10), Mode::Every);
        store.apply(update(11), Mode::Every);
        assert_eq!(values(&store).last(), Some(&11.0));
        assert_eq!(values(&store).len(), 8, "the snapshot is in it already");
        assert_eq!(gaps(&store), []);
    }

    #[test]
    fn losses_that_history_does_not_cover_stay_gaps() {
        let mut store = opened();
        store.apply(update(20), Mode::Every);
        store.fill(&topic(), &page(8..=10), false);
        assert_eq!(gaps(&store), [Some(2), Some(4)]);
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        let lost: Vec<u64> = series.gaps().map(|gap| gap.before).collect();
        assert_eq!(lost, [5, 8]);
    }

    #[test]
    fn a_page_that_was_not_requested_changes_nothing() {
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
        store.epoch_changed(GapCause::Restart);
        store.connection_opened();
        let again = |seq: Seq| Update {
            ingest_time_ns: 1_000_000 + seq as i64,
            ..update(seq)
        };
        store.every_accepted(&topic(), 35);
        store.apply(again(4), Mode::Every);
        let page: Vec<_> = (1..=3).map(again).collect();
        store.fill(&topic(), &page, false);
        assert_eq!(gaps(&store), [None]);
        assert_eq!(values(&store)[6..], [1.0, 2.0, 3.0, 4.0]);
    }

    /// An update after the server has gone on: seqs continue, its clock has moved on.
    fn later(seq: Seq) -> Update<Topic> {
        Update {
            ingest_time_ns: 1_000_000 + seq as i64,
            ..update(seq)
        }
    }

    /// The values before and after each restart that lost updates.
    fn cuts(store: &Store) -> Vec<(f64, f64)> {
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        let cuts = series.gaps().inspect(|gap| {
            assert_eq!((gap.cause, gap.lost), (GapCause::Truncated, None));
        });
        let around = |index| {
            (
                series.value(LANE_MAIN, index - 1),
                series.value(LANE_MAIN, index),
            )
        };
        cuts.map(|gap| around(gap.before)).collect()
    }

    #[test]
    fn history_from_before_and_after_a_power_cut_has_a_gap_in_between() {
        // The server has lost update 15, and its next one has the same seq.
        let all: [&[(Seq, Seq)]; 3] = [
            &[(9, 15)],
            &[(15, 15), (8, 14)],
            &[(12, 15), (10, 11), (5, 9)],
        ];
        for pages in all {
            for is_live_first in [false, true] {
                let mut store = opened();
                store.epoch_changed(GapCause::Truncated);
                store.connection_opened();
                store.every_accepted(&topic(), 155);
                if is_live_first {
                    store.apply(later(16), Mode::Every);
                }
                for &(first, last) in pages {
                    let made = |seq| if seq < 15 { update(seq) } else { later(seq) };
                    let page: Vec<_> = (first..=last).map(made).collect();
                    store.fill(&topic(), &page, true);
                }
                if !is_live_first {
                    store.apply(later(16), Mode::Every);
                }
                assert_eq!(cuts(&store), [(14.0, 15.0)], "{pages:?}");
                let all = values(&store);
                assert!(all.ends_with(&[12.0, 13.0, 14.0, 15.0, 16.0]), "{all:?}");
            }
        }
    }
}
