//! Samples in order of time, with their summaries and gaps.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

use tickcast_protocol::message::TimeNs;

use super::{
    extras::{Extras, SampleExtra},
    gap::{GAPS_MAX, GapCause, SeriesGap},
    kind::SeriesKind,
    pyramid::{BASE_SAMPLES, Pyramid},
    ring::{CHUNK_SAMPLES, ChunkRing},
    summary::ValueSummary,
};

#[derive(Debug, Clone, Default)]
struct Lane {
    values: ChunkRing<f64>,
    pyramid: Pyramid,
}

/// Identifies a series. A series that replaces another has a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesId(u64);

impl SeriesId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The numbers only have to be unique.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Samples in order of time, with summaries over them and gaps between them.
///
/// Input: [`Self::append`], [`Self::mark_gap`], [`Self::evict_chunk`]. Output: everything else. A
/// sample keeps its index for ever: 0, 1, 2 ...
#[derive(Debug, Clone)]
pub struct SampleSeries {
    id: SeriesId,
    kind: SeriesKind,
    times: ChunkRing<TimeNs>,
    lanes: Vec<Lane>,
    extras: Extras,
    gaps: VecDeque<SeriesGap>,
    /// A gap that ends with the next sample.
    pending: Option<(Option<u64>, GapCause)>,
    /// Index of the oldest sample that may be shown; it lies in the oldest chunk.
    start: u64,
    evicted: u64,
}

impl SampleSeries {
    /// An empty series.
    pub fn new(kind: SeriesKind) -> Self {
        Self {
            id: SeriesId::next(),
            kind,
            times: ChunkRing::default(),
            lanes: vec![Lane::default(); kind.lanes()],
            extras: Extras::new(kind),
            gaps: VecDeque::new(),
            pending: None,
            start: 0,
            evicted: 0,
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> SeriesId {
        self.id
    }

    /// What the samples are.
    pub(crate) fn kind(&self) -> SeriesKind {
        self.kind
    }

    /// Appends a sample: as many of `values` as the kind has lanes, all finite. Time never runs
    /// backwards within a series: a sample with an earlier time gets the time of the one before.
    pub fn append(&mut self, time_ns: TimeNs, values: [f64; 2]) {
        self.append_with(time_ns, values, SampleExtra::default());
    }

    /// Appends a sample with what it has beside its values.
    pub(crate) fn append_with(&mut self, time_ns: TimeNs, values: [f64; 2], extra: SampleExtra) {
        let index = self.end();
        self.extras.push(extra, self.times.start()..index);
        let time_ns = match self.last_time() {
            Some(last) => time_ns.max(last),
            None => time_ns,
        };
        if let Some((lost, cause)) = self.pending.take()
            && let Some(from_ns) = self.last_time()
        {
            self.push_gap(SeriesGap {
                before: index,
                from_ns,
                to_ns: time_ns,
                lost,
                cause,
            });
        }
        self.times.push(time_ns);
        let complete = (index + 1).is_multiple_of(BASE_SAMPLES);
        for (lane, value) in self.lanes.iter_mut().zip(values) {
            lane.values.push(value);
            if complete {
                let from = index + 1 - BASE_SAMPLES;
                if let Some(base) = lane
                    .values
                    .slices(from, index + 1)
                    .filter_map(ValueSummary::of_slice)
                    .reduce(ValueSummary::then)
                {
                    lane.pyramid.push(from / BASE_SAMPLES, base);
                }
            }
        }
    }

    /// Marks that updates are missing between the newest sample and the next one. Losses add up; a
    /// loss of unknown size makes the sum unknown.
    pub fn mark_gap(&mut self, lost: Option<u64>, cause: GapCause) {
        self.pending = Some(match self.pending {
            Some((before, worst)) => (
                before.zip(lost).map(|(a, b)| a + b),
                match (worst, cause) {
                    (GapCause::NotANumber, later) => later,
                    (earlier, GapCause::NotANumber) => earlier,
                    (_, later) => later,
                },
            ),
            None => (lost, cause),
        });
    }

    /// Marks that updates are missing before a sample that is held, unless that is known. The
    /// series has another number then, because what was made of it is no longer right.
    pub(crate) fn insert_gap(&mut self, before: u64, cause: GapCause) {
        let at = self.gaps.partition_point(|gap| gap.before < before);
        let is_known = self.gaps.get(at).is_some_and(|gap| gap.before == before);
        if is_known || before <= self.start || before >= self.end() {
            return;
        }
        let gap = SeriesGap {
            before,
            from_ns: self.time(before - 1),
            to_ns: self.time(before),
            lost: None,
            cause,
        };
        self.gaps.insert(at, gap);
        if self.gaps.len() > GAPS_MAX
            && let Some(oldest) = self.gaps.pop_front()
        {
            self.hide_before(oldest.before);
        }
        self.id = SeriesId::next();
    }

    /// Appends the samples `from..to` of another series, with the gaps before each but the first.
    pub(crate) fn extend_from(&mut self, other: &Self, from: u64, to: u64) {
        let first = other.gaps.partition_point(|gap| gap.before <= from);
        let mut gaps = other.gaps.range(first..).peekable();
        for index in from..to {
            if let Some(gap) = gaps.next_if(|gap| gap.before == index) {
                self.mark_gap(gap.lost, gap.cause);
            }
            let mut values = [0.0; 2];
            for (lane, value) in values.iter_mut().enumerate().take(self.kind.lanes()) {
                *value = other.value(lane, index);
            }
            self.append_with(other.time(index), values, other.extra(index));
        }
    }

    /// Appends all samples of another series from `from` on, and the gap after the last one.
    /// Evicted samples of the other series count as evicted here.
    pub(crate) fn extend_after(&mut self, other: &Self, from: u64) {
        self.extend_from(other, from, other.end());
        if let Some((lost, cause)) = other.pending {
            self.mark_gap(lost, cause);
        }
        self.evicted += other.evicted;
    }

    /// Appends a sample of another series at another time, with the gap before it.
    pub(super) fn append_from(&mut self, other: &Self, index: u64, time_ns: TimeNs) {
        let at = other.gaps.partition_point(|gap| gap.before < index);
        if let Some(gap) = other.gaps.get(at).filter(|gap| gap.before == index) {
            self.mark_gap(gap.lost, gap.cause);
        }
        let mut values = [0.0; 2];
        for (lane, value) in values.iter_mut().enumerate().take(self.kind.lanes()) {
            *value = other.value(lane, index);
        }
        self.append_with(time_ns, values, other.extra(index));
    }

    /// Has the same gap after its newest sample as another series, or none.
    pub(super) fn copy_open_gap(&mut self, other: &Self) {
        self.pending = other.pending;
    }

    /// Has no gap after its newest sample.
    pub(crate) fn close_gap(&mut self) {
        self.pending = None;
    }

    fn push_gap(&mut self, gap: SeriesGap) {
        if self.gaps.len() == GAPS_MAX
            && let Some(oldest) = self.gaps.pop_front()
        {
            self.hide_before(oldest.before);
        }
        self.gaps.push_back(gap);
    }

    fn hide_before(&mut self, start: u64) {
        self.evicted += start - self.start;
        self.start = start;
        while self.times.start() + CHUNK_SAMPLES as u64 <= start && self.times.drop_chunk() {
            for lane in &mut self.lanes {
                lane.values.drop_chunk();
            }
            self.extras.drop_chunk();
        }
        for lane in &mut self.lanes {
            lane.pyramid.forget_before(start);
        }
        while self.gaps.front().is_some_and(|gap| gap.before <= start) {
            self.gaps.pop_front();
        }
    }

    /// Drops the oldest chunk of samples unless it is the only one. Returns whether it did.
    pub fn evict_chunk(&mut self) -> bool {
        if self.times.chunks() < 2 {
            return false;
        }
        let chunk = CHUNK_SAMPLES as u64;
        self.hide_before(self.times.start() + chunk);
        true
    }

    /// Index of the oldest sample.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Index after the newest sample.
    pub fn end(&self) -> u64 {
        self.times.end()
    }

    /// How many samples are held.
    pub fn len(&self) -> u64 {
        self.end() - self.start
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many samples were evicted to stay within the memory limit.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Time of the oldest sample.
    pub(crate) fn first_time(&self) -> Option<TimeNs> {
        (!self.is_empty()).then(|| self.times.get(self.start))
    }

    /// Time of the newest sample.
    pub(crate) fn last_time(&self) -> Option<TimeNs> {
        (!self.is_empty()).then(|| self.times.get(self.end() - 1))
    }

    /// The newest value of a lane.
    pub fn last_value(&self, lane: usize) -> Option<f64> {
        (!self.is_empty()).then(|| self.value(lane, self.end() - 1))
    }

    /// The time of a sample between [`Self::start`] and [`Self::end`].
    pub fn time(&self, index: u64) -> TimeNs {
        self.times.get(index)
    }

    /// A value of a sample between [`Self::start`] and [`Self::end`].
    pub fn value(&self, lane: usize, index: u64) -> f64 {
        self.lanes[lane].values.get(index)
    }

    /// What a sample between [`Self::start`] and [`Self::end`] has beside its values.
    pub(crate) fn extra(&self, index: u64) -> SampleExtra {
        self.extras.get(index)
    }

    /// The source time of a sample between [`Self::start`] and [`Self::end`], if it has one.
    pub(crate) fn source_ns(&self, index: u64) -> Option<TimeNs> {
        self.extras.source_ns(index)
    }

    /// Whether there are source times.
    pub(crate) fn has_sources(&self) -> bool {
        self.extras.has_sources()
    }

    /// The gap after the newest sample, if there is one: its start, how many updates are missing,
    /// and the cause.
    pub(crate) fn open_gap(&self) -> Option<(TimeNs, Option<u64>, GapCause)> {
        let (lost, cause) = self.pending?;
        Some((self.last_time()?, lost, cause))
    }

    /// Index of the first sample at `time_ns` or later; [`Self::end`] if there is none.
    pub fn index_at(&self, time_ns: TimeNs) -> u64 {
        self.times
            .partition_point(|&time| time < time_ns)
            .max(self.start)
    }

    /// Like [`Self::index_at`], if the result is known to be `from` or later; fast if it is near
    /// `from`.
    pub fn index_at_from(&self, from: u64, time_ns: TimeNs) -> u64 {
        let end = self.end();
        let (mut low, mut step) = (from, 1);
        while low + step < end && self.time(low + step - 1) < time_ns {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle) < time_ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Index of the sample whose time is nearest to `time_ns`.
    pub fn nearest(&self, time_ns: TimeNs) -> Option<u64> {
        let after = self.index_at(time_ns);
        if after == self.end() {
            return after.checked_sub(1).filter(|_| !self.is_empty());
        }
        let before = after.checked_sub(1).filter(|&index| index >= self.start);
        match before {
            Some(before)
                if time_ns - self.time(before) < self.time(after).saturating_sub(time_ns) =>
            {
                Some(before)
            }
            _ => Some(after),
        }
    }

    /// Times of a range of samples as slices, in order.
    pub(crate) fn times(&self, from: u64, to: u64) -> impl Iterator<Item = &[TimeNs]> {
        self.times.slices(from, to)
    }

    /// Values of a range of samples as slices, in order.
    pub(crate) fn values(&self, lane: usize, from: u64, to: u64) -> impl Iterator<Item = &[f64]> {
        self.lanes[lane].values.slices(from, to)
    }

    /// The summary of the samples `from..to` of a lane; `None` if there are none. Costs the
    /// logarithm of their number.
    pub fn summary(&self, lane: usize, from: u64, to: u64) -> Option<ValueSummary> {
        let (mut at, to) = (from.max(self.start), to.min(self.end()));
        let lane = &self.lanes[lane];
        let mut all: Option<ValueSummary> = None;
        while at < to {
            let part = lane.pyramid.largest_at(at, to).or_else(|| {
                let aligned = (at + 1).next_multiple_of(BASE_SAMPLES).min(to);
                lane.values
                    .slices(at, aligned)
                    .filter_map(ValueSummary::of_slice)
                    .reduce(ValueSummary::then)
            })?;
            at += part.count;
            all = Some(match all {
                Some(all) => all.then(part),
                None => part,
            });
        }
        all
    }

    /// All gaps, oldest first.
    pub fn gaps(&self) -> impl DoubleEndedIterator<Item = &SeriesGap> + ExactSizeIterator {
        self.gaps.iter()
    }

    /// The gaps that touch the time between `from_ns` and `to_ns`, oldest first.
    pub(crate) fn gaps_between(
        &self,
        from_ns: TimeNs,
        to_ns: TimeNs,
    ) -> impl Iterator<Item = &SeriesGap> {
        let first = self.gaps.partition_point(|gap| gap.to_ns < from_ns);
        self.gaps
            .range(first..)
            .take_while(move |gap| gap.from_ns <= to_ns)
    }

    /// Index of the first sample after the next gap after sample `index`; `None` without one.
    pub(crate) fn next_gap_after(&self, index: u64) -> Option<u64> {
        let at = self.gaps.partition_point(|gap| gap.before <= index);
        self.gaps.get(at).map(|gap| gap.before)
    }

    /// Bytes of memory of the series.
    pub(crate) fn bytes(&self) -> usize {
        let lanes: usize = self
            .lanes
            .iter()
            .map(|lane| lane.values.bytes() + lane.pyramid.bytes())
            .sum();
        let columns = self.times.bytes() + lanes + self.extras.bytes();
        columns + self.gaps.capacity() * size_of::<SeriesGap>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_is_learned_of_later_is_kept_in_order_and_within_the_bound() {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        for at in 0..10 {
            series.append(at * 10, [at as f64, 0.0]);
        }
        series.mark_gap(Some(7), GapCause::Lost);
        series.append(100, [10.0, 0.0]);
        let id = series.id();
        for before in [0, 10, 11, 12] {
            series.insert_gap(before, GapCause::SourceAway);
        }
        assert_eq!(
            series.id(),
            id,
            "there is none before the first, and one at the last"
        );
        for before in [7, 3, 7] {
            series.insert_gap(before, GapCause::SourceAway);
        }
        assert_ne!(series.id(), id, "what was made of it is made anew");
        let gaps = series.gaps().map(|gap| (gap.from_ns, gap.to_ns, gap.lost));
        let gaps: Vec<_> = gaps.collect();
        assert_eq!(gaps, [(20, 30, None), (60, 70, None), (90, 100, Some(7))]);

        for at in 0..=GAPS_MAX as i64 {
            series.append(200 + at, [0.0, 0.0]);
        }
        for before in (11..).take(GAPS_MAX) {
            series.insert_gap(before, GapCause::SourceAway);
        }
        assert_eq!(series.gaps().len(), GAPS_MAX);
        assert_eq!(
            series.start(),
            10,
            "a line across a forgotten gap would be wrong"
        );
    }
}
