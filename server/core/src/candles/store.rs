//! The candles and rows of all topics, within a bound on memory.
//!
//! The bound is on the total. When it is exceeded, the oldest block of one level is forgotten: of
//! the level that is furthest above its share. So seconds go first, and the coarser the older. What
//! a topic costs whatever it holds takes half of the bound at most: topics beyond that have no
//! candles, and their updates are counted.

use std::collections::VecDeque;

use tickcast_protocol::{
    message::{Position, Quality, TimeNs, TopicId},
    value::Value,
};

use super::{
    clock::CLOCK_BACK_MAX,
    excerpt::{Excerpt, Part, Parts},
    levels::{self, LEVELS, SHARES},
    outages::{FeedSet, FeedSpans, Outages, OutagesSnapshot},
    pyramid::Pyramid,
    question::CandlesQuestion,
    row_sum::RowSum,
    sample::Sample,
    seam::Seam,
    sum::Sum,
    track::Change,
    trade_sum::TradeSum,
};
use crate::{feed_id::FeedId, growth::Pages};

/// How much long history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LongHistorySettings {
    /// Approximate maximum bytes of all topics together; 0 keeps none.
    pub bytes: usize,
}

/// The candles and rows of all topics; see the module.
#[derive(Debug, Default)]
pub struct LongHistory {
    max_bytes: usize,
    /// The position of the first update that was pushed.
    begins: Position,
    /// The latest time so far; `None` before the first one.
    clock: Option<TimeNs>,
    outages: Outages,
    /// Indexed by topic id.
    topics: Pages<Option<TopicPast>>,
    /// For each level the topics of all blocks, in the order of the blocks' starts.
    queues: [VecDeque<TopicId>; LEVELS],
    /// Cost of the topics whatever they hold.
    fixed_bytes: usize,
    /// Whether a topic had no room. A later one has none either: that way a topic that has candles
    /// has had them from its first number on.
    is_full: bool,
    bytes: usize,
    forgotten: u64,
    left_out: u64,
}

#[derive(Debug)]
struct TopicPast {
    feeds: FeedSet,
    pyramid: AnyPyramid,
}

/// The kind is that of the topic's first number.
#[derive(Debug)]
enum AnyPyramid {
    Trades(Box<Pyramid<TradeSum>>),
    Rows(Box<Pyramid<RowSum>>),
}

/// Does the same with either kind.
macro_rules! either {
    ($any:expr, $pyramid:ident => $call:expr) => {
        match $any {
            AnyPyramid::Trades($pyramid) => $call,
            AnyPyramid::Rows($pyramid) => $call,
        }
    };
}

impl AnyPyramid {
    fn of(sample: Sample) -> Self {
        match sample {
            Sample::Trade(_) => Self::Trades(Box::default()),
            Sample::Number(_) => Self::Rows(Box::default()),
        }
    }

    /// Cost of an empty one, with what the allocator adds.
    fn fixed_cost(sample: Sample) -> usize {
        let size = match sample {
            Sample::Trade(_) => size_of::<Pyramid<TradeSum>>(),
            Sample::Number(_) => size_of::<Pyramid<RowSum>>(),
        };
        size + 16
    }
}

impl LongHistory {
    /// An empty one.
    pub fn new(settings: LongHistorySettings) -> Self {
        Self {
            max_bytes: settings.bytes,
            ..Self::default()
        }
    }

    /// Whether any is kept.
    pub fn is_kept(&self) -> bool {
        self.max_bytes > 0
    }

    /// Tells the position of the first update that is pushed: a log on disk may have earlier ones.
    /// Only the first call counts, and none after a push.
    pub fn begins_at(&mut self, position: Position) {
        if self.begins == 0 && self.clock.is_none() {
            self.begins = position;
        }
    }

    /// Adds the next update of a topic, which came in at a time.
    pub fn push(
        &mut self,
        topic: TopicId,
        feed: Option<FeedId>,
        value: &Value,
        quality: Quality,
        now: TimeNs,
    ) {
        if !self.is_kept() {
            return;
        }
        let (time, is_late) = self.advance(now);
        if let Some(feed) = feed {
            self.outages.heard(feed, time);
        }
        self.add(topic, Outages::set(feed), (value, quality), (time, is_late));
    }

    /// Adds an update of before a restart. Which feed has brought it is not known.
    pub fn remember(&mut self, topic: TopicId, value: &Value, quality: Quality, now: TimeNs) {
        if self.is_kept() {
            let time = self.advance(now);
            self.add(topic, 0, (value, quality), time);
        }
    }

    fn add(
        &mut self,
        topic: TopicId,
        feeds: FeedSet,
        (value, quality): (&Value, Quality),
        (time, is_late): (TimeNs, bool),
    ) {
        let Some(sample) = Sample::of(value, quality) else {
            return;
        };
        let topic_id = topic;
        let topic = topic as usize;
        if !self.topics.get(topic).is_some_and(Option::is_some) && !self.introduce(topic, sample) {
            self.left_out += 1;
            return;
        }
        let Some(Some(past)) = self.topics.get_mut(topic) else {
            return;
        };
        past.feeds |= feeds;
        let (bytes, queues) = (&mut self.bytes, &mut self.queues);
        let changed = |level: usize, change: Change| {
            *bytes = *bytes + change.added - change.freed;
            if change.has_new_block {
                queues[level].push_back(topic_id);
            }
        };
        match (&mut past.pyramid, sample) {
            (AnyPyramid::Trades(trades), Sample::Trade(sample)) => {
                trades.push(sample, time, is_late, changed);
            }
            (AnyPyramid::Rows(rows), Sample::Number(sample)) => {
                rows.push(sample, time, is_late, changed);
            }
            (other, _) => {
                either!(other, pyramid => pyramid.mark(time));
                self.left_out += 1;
            }
        }
        while self.bytes > self.max_bytes && self.forget_one() {}
    }

    /// Updates of every topic are missing between two times, because no server ran or the log on
    /// disk has a hole; also where the log is read later. To be called in the order of the times,
    /// before [`restarted`](Self::restarted).
    pub fn was_off(&mut self, from: TimeNs, to: TimeNs) {
        if self.is_kept() {
            self.outages.missing(from, to);
        }
    }

    /// Updates of a feed are missing at times of before, in their order, also of what the log on
    /// disk has. To be called before [`restarted`](Self::restarted).
    pub fn feed_was_down(&mut self, feed: FeedId, spans: &[(TimeNs, TimeNs)]) {
        if self.is_kept() {
            self.outages.was_down(feed, spans);
        }
    }

    /// When updates of each feed are missing, if that has changed since the last call.
    pub fn take_feed_outages(&mut self) -> Option<Vec<FeedSpans>> {
        self.outages.take_changed()
    }

    /// The server has started, and what was pushed so far was restored: what came between is
    /// missing.
    pub fn restarted(&mut self, now: TimeNs) {
        if let Some(last) = self.clock {
            let (time, _) = self.advance(now);
            self.outages.restarted(last.min(time), time);
        }
    }

    /// When updates of each feed are missing; `None` if that is not kept.
    pub(crate) fn outages(&self) -> Option<OutagesSnapshot> {
        self.is_kept().then(|| self.outages.snapshot())
    }

    /// Goes on as the history of another node would. What was pushed so far was restored: if that
    /// is not everything (`has_all`), what came after it is missing.
    pub(crate) fn resume(&mut self, outages: Option<&OutagesSnapshot>, has_all: bool, now: TimeNs) {
        if !has_all || outages.is_none() {
            self.restarted(now);
        }
        if let Some(outages) = outages.filter(|_| self.is_kept()) {
            self.outages.resume(outages, now);
        }
    }

    /// Records that a feed has lost its source or has finished.
    pub fn feed_down(&mut self, feed: FeedId, now: TimeNs) {
        if self.is_kept() {
            let (time, _) = self.advance(now);
            self.outages.down(feed, time);
        }
    }

    /// Records that a feed has lost updates at some time since `since`.
    pub fn feed_lost(&mut self, feed: FeedId, since: TimeNs, now: TimeNs) {
        if self.is_kept() {
            let (time, _) = self.advance(now);
            self.outages.lost(feed, since.min(time), time);
        }
    }

    /// The time as intervals count it, which never goes back, and whether the clock is behind it.
    fn advance(&mut self, now: TimeNs) -> (TimeNs, bool) {
        let Some(clock) = self.clock else {
            self.clock = Some(now);
            self.outages.started(now);
            return (now, false);
        };
        if now >= clock {
            self.clock = Some(now);
            return (now, false);
        }
        let back = clock.saturating_sub(now);
        if back <= CLOCK_BACK_MAX.as_nanos() as TimeNs {
            return (clock, true);
        }
        self.set_back(now);
        (now, false)
    }

    fn set_back(&mut self, now: TimeNs) {
        self.clock = Some(now);
        self.outages.set_back(now);
        for past in self.topics.iter_mut().flatten() {
            self.forgotten += either!(&mut past.pyramid, pyramid => pyramid.forget_after(now));
        }
        self.bytes = self.recounted_bytes();
        let mut blocks: [Vec<(i64, TopicId)>; LEVELS] = Default::default();
        for (topic, past) in (0..).zip(self.topics.iter()) {
            let Some(past) = past else { continue };
            for (level, blocks) in blocks.iter_mut().enumerate() {
                either!(&past.pyramid, pyramid => {
                    let starts = pyramid.track(level).block_starts();
                    blocks.extend(starts.map(|start| (start, topic)));
                });
            }
        }
        for (queue, mut blocks) in self.queues.iter_mut().zip(blocks) {
            blocks.sort_unstable();
            *queue = blocks.into_iter().map(|(_, topic)| topic).collect();
        }
    }

    /// The cost of all that is kept, counted anew.
    pub(super) fn recounted_bytes(&self) -> usize {
        let costs = self.topics.iter().flatten().map(|past| {
            either!(&past.pyramid, pyramid => {
                (0..LEVELS).map(|level| pyramid.track(level).cost()).sum::<usize>()
            })
        });
        self.fixed_bytes + costs.sum::<usize>()
    }

    /// Makes room for a new topic. Returns false if there is none.
    fn introduce(&mut self, topic: usize, sample: Sample) -> bool {
        let new_entries = (topic + 1).saturating_sub(self.topics.len());
        let cost = AnyPyramid::fixed_cost(sample) + new_entries * size_of::<Option<TopicPast>>();
        self.is_full |= self.fixed_bytes + cost > self.max_bytes / 2;
        if self.is_full {
            return false;
        }
        self.fixed_bytes += cost;
        self.bytes += cost;
        if new_entries > 0 {
            self.topics.grow_to(topic + 1, || None);
        }
        self.topics[topic] = Some(TopicPast {
            feeds: 0,
            pyramid: AnyPyramid::of(sample),
        });
        true
    }

    /// Forgets the oldest block of the level that is furthest above its share. Returns false if
    /// there is none.
    fn forget_one(&mut self) -> bool {
        let clock = self.clock.unwrap_or_default();
        let excess = |level: usize| {
            let topic = *self.queues[level].front()?;
            let past = self.topics[topic as usize].as_ref()?;
            let oldest = either!(&past.pyramid, pyramid => pyramid.track(level).oldest())?;
            let age = clock.saturating_sub(oldest.saturating_mul(levels::nanos(level)));
            Some((age as f64 / SHARES[level].as_nanos() as f64, level))
        };
        let worst = (0..LEVELS).filter_map(excess);
        let Some((_, level)) = worst.max_by(|one, other| one.0.total_cmp(&other.0)) else {
            return false;
        };
        let topic = self.queues[level].pop_front();
        let Some(Some(past)) = topic.and_then(|topic| self.topics.get_mut(topic as usize)) else {
            return false;
        };
        let (cost, records) =
            either!(&mut past.pyramid, pyramid => pyramid.track_mut(level).forget_block());
        self.bytes -= cost;
        self.forgotten += u64::from(records);
        true
    }

    /// The answer to a question, with the updates up to `position`.
    pub fn excerpt(
        &mut self,
        topic: Option<TopicId>,
        question: &CandlesQuestion,
        position: Position,
        now: TimeNs,
    ) -> Excerpt {
        let (now, _) = self.advance(now);
        let past = topic.and_then(|topic| self.topics.get(topic as usize)?.as_ref());
        let parts = past.map_or(Parts::None, |past| match &past.pyramid {
            AnyPyramid::Trades(trades) => Parts::Trades(part(trades, question)),
            AnyPyramid::Rows(rows) => Parts::Rows(part(rows, question)),
        });
        // What the log on disk has of a topic that memory does not know lacks the same times.
        let outages = self.outages.of(past.map_or(0, |past| past.feeds));
        let started = self.outages.started_at();
        let forgotten_to = past.map(|past| {
            let (level, _) = levels::source(question.interval);
            let index = either!(&past.pyramid, pyramid => pyramid.track(level).forgotten_before);
            index.saturating_mul(levels::nanos(level))
        });
        let seam = match forgotten_to {
            Some(time) if time > started => Seam::Time(time),
            // Without memory for it, nothing is known.
            None if self.is_full => Seam::Nothing,
            _ if self.begins <= 1 => Seam::Whole,
            None => Seam::Nothing,
            Some(_) => Seam::Position(self.begins, started),
        };
        let outages = (started, outages);
        Excerpt::new(question, (position, now), outages, parts, seam)
    }

    /// Approximate cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Records dropped because all topics together exceeded the byte limit, or because they were in
    /// the future when the clock was set back.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Updates that count nowhere: of topics for which there was no memory, and of another kind
    /// than the first one of their topic.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn part<S: Sum>(pyramid: &Pyramid<S>, question: &CandlesQuestion) -> Part<S> {
    let (level, _) = levels::source(question.interval);
    Part::new(question, pyramid.track(level), pyramid.unwritten(level))
}
