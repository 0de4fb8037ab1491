//! When updates are missing: before the server started, while a feed was down, and where a feed has
//! lost some. An interval that such a time falls into is incomplete.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use tickcast_protocol::message::TimeNs;

use crate::feed_id::FeedId;

/// Maximum number of outages of one feed. The two oldest become one where there are more, so that
/// an interval between them counts as incomplete as well.
const OUTAGES_MAX: usize = 128;

/// A set of feeds: a bit for each, where those above the first ones share a bit, and a bit for the
/// clients. It is empty for a topic of which nothing came since the start of the server.
pub(super) type FeedSet = u64;

/// The bit of clients.
const CLIENTS: FeedSet = 1 << 63;

/// The last bit of a feed.
const FEED_BIT_MAX: FeedId = 62;

/// Times at which updates are missing, ascending and apart: from the first one up to the second.
pub(super) type Span = (TimeNs, TimeNs);

/// When updates of one feed are missing. The last time has no end yet if it lasts.
pub type FeedSpans = (FeedId, Vec<(TimeNs, TimeNs)>);

/// When updates of each feed are missing.
#[derive(Debug, Default)]
pub(super) struct Outages {
    /// When the server started: nothing before is known.
    started: Option<TimeNs>,
    /// Those of every topic.
    of_all: Spans,
    /// Indexed by feed.
    feeds: Vec<FeedOutages>,
    /// A feed that has not brought anything yet is missing from here on; what was restored is of
    /// all feeds. `None` if nothing was restored.
    restored_until: Option<TimeNs>,
    /// Whether those of a feed have changed since they were taken.
    has_changed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
struct FeedOutages {
    is_up: bool,
    spans: Spans,
    /// Up to when it is known to have lost updates, which may be while it is down.
    lost_until: TimeNs,
}

/// Ascending. The last one may have no end yet.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
struct Spans(VecDeque<Span>);

/// When updates of each feed are missing, as another node of a cluster knows it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct OutagesSnapshot(Vec<FeedOutages>);

impl FeedOutages {
    /// A feed that has not brought anything since a time.
    fn since(time: TimeNs) -> Self {
        let mut spans = Spans::default();
        spans.push(time, TimeNs::MAX);
        Self {
            is_up: false,
            spans,
            lost_until: TimeNs::MIN,
        }
    }
}

impl Spans {
    fn push(&mut self, from: TimeNs, to: TimeNs) {
        self.0.push_back((from, to));
        if self.0.len() > OUTAGES_MAX
            && let Some((from, _)) = self.0.pop_front()
            && let Some((next, _)) = self.0.front_mut()
        {
            *next = from;
        }
    }

    fn set_back(&mut self, now: TimeNs) {
        for (from, to) in &mut self.0 {
            *from = (*from).min(now);
            if *to < TimeNs::MAX {
                *to = (*to).min(now);
            }
        }
    }
}

impl Outages {
    /// The first bit of a feed's set.
    pub(super) fn set(feed: Option<FeedId>) -> FeedSet {
        feed.map_or(CLIENTS, |feed| 1 << feed.min(FEED_BIT_MAX))
    }

    /// The server has started: nothing before is known.
    pub(super) fn started(&mut self, now: TimeNs) {
        self.started = Some(now);
    }

    /// Updates of every topic are missing from one time up to another.
    pub(super) fn missing(&mut self, from: TimeNs, to: TimeNs) {
        self.of_all.push(from, to.max(from.saturating_add(1)));
    }

    /// The server has started with what was restored, up to a time.
    pub(super) fn restarted(&mut self, until: TimeNs, now: TimeNs) {
        self.missing(until, now);
        self.restored_until = Some(until);
        for feed in &mut self.feeds {
            if feed.spans.0.back().is_none_or(|(_, to)| *to < TimeNs::MAX) {
                feed.spans.push(until, TimeNs::MAX);
            }
        }
    }

    /// Those of each feed.
    pub(super) fn snapshot(&self) -> OutagesSnapshot {
        OutagesSnapshot(self.feeds.clone())
    }

    /// Goes on as another one, at a time. Which feeds have brought what was restored is not known.
    pub(super) fn resume(&mut self, snapshot: &OutagesSnapshot, now: TimeNs) {
        self.feeds.clone_from(&snapshot.0);
        self.restored_until = Some(now);
    }

    /// Updates of a feed are missing at times of before, ascending. To be called before
    /// [`restarted`](Self::restarted).
    pub(super) fn was_down(&mut self, feed: FeedId, spans: &[Span]) {
        let feed = usize::from(feed);
        if feed >= self.feeds.len() {
            self.feeds.resize_with(feed + 1, FeedOutages::default);
        }
        let known = &mut self.feeds[feed].spans;
        spans.iter().for_each(|(from, to)| known.push(*from, *to));
    }

    /// Those of all feeds, if they have changed since the last call. What was before a feed began
    /// is left out.
    pub(super) fn take_changed(&mut self) -> Option<Vec<FeedSpans>> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let feeds = (0..).zip(&self.feeds).map(|(feed, outages): (FeedId, _)| {
            let spans = outages.spans.0.iter().copied();
            (
                feed,
                spans.filter(|(from, _)| *from > TimeNs::MIN).collect(),
            )
        });
        Some(feeds.collect())
    }

    /// The clock was set back to this time.
    pub(super) fn set_back(&mut self, now: TimeNs) {
        self.started = self.started.map(|started| started.min(now));
        self.of_all.set_back(now);
        for feed in &mut self.feeds {
            feed.spans.set_back(now);
            feed.lost_until = feed.lost_until.min(now);
        }
        self.of_all.push(now, now.saturating_add(1));
        self.has_changed = true;
    }

    /// A feed has brought an update.
    pub(super) fn heard(&mut self, feed: FeedId, now: TimeNs) {
        let feed = self.feed(feed);
        if !feed.is_up {
            feed.is_up = true;
            let has_begun = feed.spans.0.back().is_some_and(|span| span.0 > TimeNs::MIN);
            if let Some((from, to)) = feed.spans.0.back_mut() {
                *to = now.max(from.saturating_add(1)).max(feed.lost_until);
            }
            self.has_changed |= has_begun;
        }
    }

    /// A feed has lost its source, or has finished.
    pub(super) fn down(&mut self, feed: FeedId, now: TimeNs) {
        let feed = self.feed(feed);
        if feed.is_up {
            feed.is_up = false;
            feed.spans.push(now, TimeNs::MAX);
            self.has_changed = true;
        }
    }

    /// A feed has lost updates between two times.
    pub(super) fn lost(&mut self, feed: FeedId, since: TimeNs, now: TimeNs) {
        let feed = self.feed(feed);
        let until = now.saturating_add(1);
        feed.lost_until = feed.lost_until.max(until);
        match feed.spans.0.back_mut() {
            // While it is down, or when it has lost some just before.
            Some((from, to)) if *to >= since => {
                *from = (*from).min(since);
                *to = (*to).max(until);
            }
            _ => feed.spans.push(since, until),
        }
        self.has_changed = true;
    }

    fn feed(&mut self, feed: FeedId) -> &mut FeedOutages {
        let feed = usize::from(feed);
        if feed >= self.feeds.len() {
            let since = self.restored_until.unwrap_or(TimeNs::MIN);
            self.feeds
                .resize_with(feed + 1, || FeedOutages::since(since));
        }
        &mut self.feeds[feed]
    }

    /// The outages of a set of feeds, ascending and apart. If it is empty, any of them may have
    /// brought what was restored.
    pub(super) fn of(&self, set: FeedSet) -> Box<[Span]> {
        let until = match (set, self.restored_until) {
            (0, Some(until)) => until,
            (0, None) => TimeNs::MIN,
            _ => TimeNs::MAX,
        };
        let is_in_set = |feed: usize| set == 0 || set & 1 << feed.min(FEED_BIT_MAX.into()) != 0;
        let feeds = self.feeds.iter().enumerate();
        let of_feeds = feeds.filter(|(feed, _)| is_in_set(*feed));
        let of_feeds = of_feeds.flat_map(|(_, feed)| feed.spans.0.iter());
        let of_feeds = of_feeds.filter(|(from, _)| *from < until);
        let of_feeds = of_feeds.map(|(from, to)| (*from, (*to).min(until)));
        joined(of_feeds.chain(self.of_all.0.iter().copied()).collect())
    }

    /// Nothing before this time is known.
    pub(super) fn started_at(&self) -> TimeNs {
        self.started.unwrap_or(TimeNs::MIN)
    }
}

/// Spans in ascending order, where those that meet have become one.
pub(super) fn joined(mut spans: Vec<Span>) -> Box<[Span]> {
    spans.sort_unstable();
    spans.dedup_by(|later, earlier| {
        let meet = later.0 <= earlier.1;
        if meet {
            earlier.1 = earlier.1.max(later.1);
        }
        meet
    });
    spans.into()
}

/// Whether updates are missing in an interval.
pub(super) fn is_hit(outages: &[Span], start: TimeNs, end: TimeNs) -> bool {
    let next = outages.partition_point(|&(_, to)| to <= start);
    outages.get(next).is_some_and(|&(from, _)| from < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_hit_by_what_lies_in_it_or_reaches_into_it() {
        let outages = [(10, 20), (30, 31)];
        for (start, end, expected) in [
            (0, 10, false),
            (0, 11, true),
            (12, 15, true),
            (19, 25, true),
            (20, 30, false),
            (30, 31, true),
            (25, 40, true),
            (31, 99, false),
        ] {
            assert_eq!(is_hit(&outages, start, end), expected, "{start}..{end}");
        }
    }

    #[test]
    fn a_feed_that_goes_up_and_down_often_has_few_outages_that_hide_none() {
        let mut outages = Outages::default();
        for time in (0..10_000).step_by(10) {
            outages.heard(0, time);
            outages.down(0, time + 5);
        }
        outages.heard(0, 10_000);
        let spans = outages.of(1);
        assert!(spans.len() <= OUTAGES_MAX, "{}", spans.len());
        for time in (0..10_000).step_by(10) {
            assert!(is_hit(&spans, time + 5, time + 6), "{time}");
        }
        assert!(!is_hit(&spans, 9_990, 9_995));
        assert!(!is_hit(&spans, 10_000, 10_001));
    }

    #[test]
    fn a_topic_of_two_feeds_has_the_outages_of_both() {
        let mut outages = Outages::default();
        outages.started(0);
        for feed in [0, 1, 40] {
            outages.heard(feed, 0);
        }
        outages.down(0, 10);
        outages.heard(0, 20);
        outages.lost(1, 15, 16);
        outages.lost(40, 40, 40);
        outages.lost(1, 50, 50);
        outages.lost(1, 51, 54);
        let set = Outages::set(Some(0)) | Outages::set(Some(1));
        let after_start = |set| {
            let spans = outages.of(set).into_vec().into_iter();
            spans
                .filter(|span| span.0 > TimeNs::MIN)
                .collect::<Vec<_>>()
        };
        assert_eq!(after_start(set), [(10, 20), (50, 55)]);
        assert_eq!(after_start(Outages::set(Some(40))), [(40, 41)]);
        assert_eq!(after_start(Outages::set(None)), []);
    }

    #[test]
    fn what_was_lost_while_the_feed_was_down_is_missing_though_it_is_up_at_once() {
        let mut outages = Outages::default();
        outages.heard(0, 0);
        outages.down(0, 100);
        outages.lost(0, 90, 110);
        outages.heard(0, 110);
        assert_eq!(outages.of(1).last(), Some(&(90, 111)));
        // The clock is set back, so that these times come again.
        outages.set_back(50);
        outages.down(0, 60);
        outages.heard(0, 70);
        assert_eq!(outages.of(1).last(), Some(&(60, 70)));
    }

    #[test]
    fn the_last_outage_above_the_limit_joins_the_two_oldest() {
        let mut spans = Spans::default();
        for start in 0..OUTAGES_MAX as TimeNs {
            spans.push(10 * start, 10 * start + 1);
        }
        assert_eq!((spans.0.len(), spans.0[0]), (OUTAGES_MAX, (0, 1)));
        spans.push(10_000, 10_001);
        assert_eq!((spans.0.len(), spans.0[0]), (OUTAGES_MAX, (0, 11)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_end_an_outage() {
        let mut outages = Outages::default();
        outages.heard(0, 0);
        outages.down(0, 100);
        outages.set_back(50);
        assert_eq!(outages.of(1).last(), Some(&(50, TimeNs::MAX)));
    }
}
