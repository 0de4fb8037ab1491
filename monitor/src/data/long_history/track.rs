//! The intervals of one topic and one length.

use std::collections::VecDeque;

use tickcast_protocol::message::{CandleState, Interval, Position, TimeNs};

use super::{
    bar::LongBar,
    coverage::Coverage,
    outages::outages,
    update_log::{LoggedUpdate, UpdateLog},
};
use crate::data::time::SECOND;

/// The most intervals of a page: as many as a server sends.
pub(crate) const PAGE_INTERVALS: u32 = 1_024;

/// The most intervals of a track, about 1 MiB: twice as many as the widest screen has pixels.
pub(crate) const TRACK_MAX_BARS: usize = 8_192;

/// A full track forgets this part of its intervals (one in this many), so that the next one does
/// not make it forget again.
const FORGET_DIVISOR: usize = 8;

/// An interval that ended at least this long ago is over by the server's clock too.
pub(crate) const SETTLED_NS: i64 = 2 * SECOND;

/// The least time between an answer that did not help, or one with the newest intervals, and the
/// next question of its kind.
pub(super) const REST_NS: i64 = SECOND;

/// A question about a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    /// The length of the intervals.
    pub(crate) interval: Interval,
    /// Only intervals that begin at this time or later.
    pub(crate) from_ns: Option<TimeNs>,
    /// Only intervals that begin before this time; `None` asks for the newest ones.
    pub(crate) before_ns: Option<TimeNs>,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// Updates up to this position are counted.
    pub(crate) position: Position,
    /// The newest intervals of those asked for, ascending.
    pub(crate) bars: Vec<LongBar>,
    /// Whether the server holds older ones of those asked for.
    pub(crate) more: bool,
}

/// The intervals of one topic and one length; see the module.
#[derive(Debug, Clone)]
pub(crate) struct LongTrack {
    interval: Interval,
    /// Ascending. All but the newest one are covered.
    bars: VecDeque<LongBar>,
    coverage: Coverage,
    /// When the source was away.
    outages: Vec<(TimeNs, TimeNs)>,
    /// All updates up to this position are counted, and later ones are added; `None` while the
    /// newest intervals are not known.
    joined: Option<Position>,
    question: Option<Question>,
    /// Updates may be missing that the answer under way does not tell about.
    is_doubted: bool,
    rest_until_ns: TimeNs,
    /// Until then the newest intervals are not asked for.
    join_rest_until_ns: TimeNs,
    wanted: (TimeNs, TimeNs),
    wanted_at_ns: TimeNs,
    /// The start of the newest interval that was known when the newest epoch began.
    earlier_ns: Option<TimeNs>,
}

impl LongTrack {
    pub(super) fn new(interval: Interval) -> Self {
        Self {
            interval,
            bars: VecDeque::new(),
            coverage: Coverage::default(),
            outages: Vec::new(),
            joined: None,
            question: None,
            is_doubted: false,
            rest_until_ns: TimeNs::MIN,
            join_rest_until_ns: TimeNs::MIN,
            wanted: (0, 0),
            wanted_at_ns: 0,
            earlier_ns: None,
        }
    }

    /// The length of its intervals.
    pub(crate) fn interval(&self) -> Interval {
        self.interval
    }

    fn start_of(&self, time_ns: TimeNs) -> TimeNs {
        let nanos = self.interval.nanos();
        time_ns.div_euclid(nanos).saturating_mul(nanos)
    }

    /// The next question, if a part of the wanted time is not known. `may_join` is whether the
    /// newest intervals may be asked for. The caller sends it, and then calls [`Self::asked`].
    pub(super) fn want(
        &mut self,
        (from_ns, to_ns): (TimeNs, TimeNs),
        may_join: bool,
        now_ns: TimeNs,
    ) -> Option<Question> {
        self.wanted = (from_ns, to_ns);
        self.wanted_at_ns = now_ns;
        if self.question.is_some() || now_ns < self.rest_until_ns {
            return None;
        }
        let from_ns = self.start_of(from_ns);
        let last_ns = self.start_of(to_ns.saturating_sub(1));
        let mut to_ns = last_ns.saturating_add(self.interval.nanos());
        if to_ns > now_ns.saturating_sub(SETTLED_NS) {
            to_ns = TimeNs::MAX;
        }
        let (below, end_ns) = self.coverage.newest_hole(from_ns, to_ns)?;
        if end_ns < TimeNs::MAX {
            return Some(self.question(below, Some(end_ns)));
        }
        if may_join && now_ns >= self.join_rest_until_ns {
            return Some(self.question(below, None));
        }
        // Meanwhile what is older.
        let newest_ns = self.bars.back()?.start_ns;
        let (below, end_ns) = self.coverage.newest_hole(from_ns, newest_ns)?;
        Some(self.question(below, Some(end_ns)))
    }

    fn question(&self, from_ns: Option<TimeNs>, before_ns: Option<TimeNs>) -> Question {
        Question {
            interval: self.interval,
            from_ns,
            before_ns,
        }
    }

    /// A question was sent.
    pub(super) fn asked(&mut self, question: Question) {
        self.question = Some(question);
        self.is_doubted = false;
    }

    /// Whether an answer is under way.
    pub(crate) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Whether an answer with the newest intervals is under way.
    pub(super) fn is_joining(&self) -> bool {
        matches!(self.question, Some(question) if question.before_ns.is_none())
    }

    /// The question that was asked has no answer.
    pub(super) fn no_answer(&mut self, rest_until_ns: TimeNs) {
        self.question = None;
        self.rest_until_ns = rest_until_ns;
    }

    /// Does not ask for the newest intervals until then.
    pub(super) fn rest_joining(&mut self, until_ns: TimeNs) {
        self.join_rest_until_ns = until_ns;
    }

    /// Applies the answer to the question that was asked. `log` has the updates since then.
    pub(super) fn answer(&mut self, page: Page, log: &UpdateLog, now_ns: TimeNs) {
        let Some(question) = self.question.take() else {
            return;
        };
        let mut from_ns = question.from_ns.unwrap_or(TimeNs::MIN);
        let to_ns = question.before_ns.unwrap_or(TimeNs::MAX);
        let mut bars = page.bars;
        // Only what was asked for, whatever the server sends.
        let nanos = self.interval.nanos();
        let mut next_ns = from_ns;
        bars.retain(|bar| {
            let is_next = (next_ns..to_ns).contains(&bar.start_ns) && bar.start_ns % nanos == 0;
            if is_next {
                next_ns = bar.start_ns.saturating_add(nanos);
            }
            is_next
        });
        if page.more {
            match bars.first() {
                Some(first) => from_ns = first.start_ns,
                None => {
                    self.rest_until_ns = now_ns.saturating_add(REST_NS);
                    return;
                }
            }
        }
        if let (Some(first), Some(known)) = (bars.first(), self.bars.back())
            && !first.is_like(known)
        {
            self.forget();
        }
        self.keep_earlier(from_ns, to_ns, &mut bars);
        let open = bars.last().filter(|bar| bar.state == CandleState::Open);
        let open_ns = open.map(|bar| bar.start_ns);
        self.insert(from_ns, to_ns, bars);
        if question.before_ns.is_some() {
            // What has not ended is asked for as the newest interval.
            self.coverage.add(from_ns, open_ns.unwrap_or(to_ns));
            if open_ns.is_some() {
                self.rest_until_ns = now_ns.saturating_add(REST_NS);
            }
        } else {
            self.coverage.add(from_ns, to_ns);
            self.joined = Some(page.position);
            match log.after(page.position) {
                Some(updates) if !self.is_doubted => {
                    for update in updates {
                        self.push(*update);
                    }
                }
                _ => self.doubt(),
            }
            self.join_rest_until_ns = now_ns.saturating_add(REST_NS);
        }
        self.bound();
        // Only an answer tells of them.
        self.outages = outages(self.bars.iter(), nanos);
    }

    /// Another epoch began: the server may have started with nothing, or with what it kept on disk.
    /// All is asked for again, and what it does not have stays as it is known here.
    pub(super) fn epoch_changed(&mut self) {
        self.doubt();
        self.coverage = Coverage::default();
        if let Some(newest) = self.bars.back_mut() {
            if newest.state == CandleState::Open {
                // What came after its newest update is unknown.
                newest.state = CandleState::Incomplete;
            }
            self.earlier_ns = Some(newest.start_ns);
        }
    }

    /// Adds to an answer the intervals of earlier epochs of which more updates are known here.
    fn keep_earlier(&self, from_ns: TimeNs, to_ns: TimeNs, bars: &mut Vec<LongBar>) {
        let Some(until_ns) = self.earlier_ns else {
            return;
        };
        let end_ns = to_ns.min(until_ns.saturating_add(1));
        let answered = std::mem::take(bars);
        let mut answered = answered.into_iter().peekable();
        for known in self.bars_between(from_ns, end_ns) {
            while let Some(bar) = answered.next_if(|bar| bar.start_ns < known.start_ns) {
                bars.push(bar);
            }
            let same = answered.next_if(|bar| bar.start_ns == known.start_ns);
            bars.push(match same {
                Some(bar) if bar.count >= known.count => bar,
                Some(_) | None => *known,
            });
        }
        bars.extend(answered);
    }

    /// Replaces the intervals between two times.
    fn insert(&mut self, from_ns: TimeNs, to_ns: TimeNs, bars: Vec<LongBar>) {
        let first = self.bars.partition_point(|bar| bar.start_ns < from_ns);
        let after = self.bars.partition_point(|bar| bar.start_ns < to_ns);
        let newer = self.bars.split_off(after);
        self.bars.truncate(first);
        self.bars.extend(bars);
        self.bars.extend(newer);
    }

    /// Adds an update, unless it is counted already.
    pub(super) fn push(&mut self, (position, time_ns, sample): LoggedUpdate) {
        if self.joined.is_none_or(|joined| position <= joined) {
            return;
        }
        self.joined = Some(position);
        let start_ns = self.start_of(time_ns);
        let bar = LongBar::of(start_ns, sample);
        let is_like = match self.bars.back_mut() {
            Some(newest) if start_ns <= newest.start_ns => newest.add(sample),
            Some(newest) => {
                let is_like = newest.is_like(&bar);
                if is_like {
                    self.bars.push_back(bar);
                }
                is_like
            }
            None => {
                // Only the server knows whether its feed has just begun.
                self.bars.push_back(bar);
                false
            }
        };
        if !is_like {
            self.doubt();
        }
        self.bound();
    }

    /// Updates may be missing since the newest one: the server is asked about the newest interval
    /// again.
    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
        if self.joined.take().is_some() {
            match self.bars.back() {
                Some(newest) => self.coverage.forget_from(newest.start_ns),
                None => self.coverage = Coverage::default(),
            }
        }
    }

    fn forget(&mut self) {
        self.bars.clear();
        self.coverage = Coverage::default();
        self.outages.clear();
        self.joined = None;
        self.earlier_ns = None;
    }

    /// Forgets what is farthest from the time that is wanted, if there is too much.
    fn bound(&mut self) {
        if self.bars.len() <= TRACK_MAX_BARS {
            return;
        }
        let surplus = self.bars.len() - TRACK_MAX_BARS + TRACK_MAX_BARS / FORGET_DIVISOR;
        let kept = self.bars.len() - surplus;
        let (from_ns, to_ns) = self.wanted;
        let older = self
            .bars
            .front()
            .map_or(0, |bar| from_ns.saturating_sub(bar.start_ns));
        let newer = self
            .bars
            .back()
            .map_or(0, |bar| bar.start_ns.saturating_sub(to_ns));
        if older >= newer {
            self.bars.drain(..surplus);
            if let Some(first) = self.bars.front() {
                self.coverage.forget_before(first.start_ns);
            }
        } else {
            let cut_ns = self.bars[kept].start_ns;
            self.bars.truncate(kept);
            self.coverage.forget_from(cut_ns);
            self.joined = None;
        }
    }

    /// The intervals that begin between two times.
    pub(crate) fn bars_between(
        &self,
        from_ns: TimeNs,
        to_ns: TimeNs,
    ) -> impl Iterator<Item = &LongBar> {
        let first = self.bars.partition_point(|bar| bar.start_ns < from_ns);
        let after = self.bars.partition_point(|bar| bar.start_ns < to_ns);
        self.bars.range(first..after.max(first))
    }

    /// The times in which its source was away, ascending.
    pub(crate) fn outages(&self) -> &[(TimeNs, TimeNs)] {
        &self.outages
    }

    /// Whether all updates between two times are counted, up to the newest one.
    pub(crate) fn covers(&self, from_ns: TimeNs, to_ns: TimeNs) -> bool {
        self.coverage.covers(from_ns, to_ns)
    }

    /// When the intervals begin, if it is known that there are no older ones.
    pub(crate) fn begins_ns(&self) -> Option<TimeNs> {
        let is_known = self.coverage.start() == Some(TimeNs::MIN);
        let end_ns = self.coverage.end().unwrap_or(TimeNs::MAX);
        is_known.then(|| self.bars.front().map_or(end_ns, |bar| bar.start_ns))
    }

    /// Number of intervals held.
    pub(crate) fn len(&self) -> usize {
        self.bars.len()
    }

    /// When it was last wanted.
    pub(crate) fn wanted_at_ns(&self) -> TimeNs {
        self.wanted_at_ns
    }
}
