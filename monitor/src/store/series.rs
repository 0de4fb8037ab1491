//! The history of one topic: samples, their summaries, and what is missing between them.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    pyramid::{BASE_SAMPLES, Pyramid, Summary},
    ring::Ring,
};

/// Most gaps kept of one series. A series with more of them forgets what lies before the oldest,
/// because a line across a forgotten gap would be a lie.
pub const GAPS_MAX: usize = 4096;

/// Nanoseconds since 1970-01-01T00:00:00Z, by the server's clock.
pub type TimeNs = i64;

/// What the samples of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKind {
    /// One value.
    Reading,
    /// Price, and size as the second value.
    Trade,
    /// Bid, and ask as the second value.
    Quote,
}

impl SeriesKind {
    /// How many values a sample has.
    pub fn lanes(self) -> usize {
        match self {
            Self::Reading => 1,
            Self::Trade | Self::Quote => 2,
        }
    }
}

/// The reading, the price or the bid.
pub const LANE_MAIN: usize = 0;

/// The size of a trade or the ask of a quote.
pub const LANE_SECOND: usize = 1;

/// Why updates are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The server could not keep them for us, or the connection broke for too long.
    Lost,
    /// The server was restarted: what happened in between is not known.
    Restart,
    /// The source sent something that is not a number.
    NotANumber,
}

/// A range of time in which updates are missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Index of the first sample behind it.
    pub before: u64,
    /// Time of the last sample before it.
    pub from_ns: TimeNs,
    /// Time of the first sample behind it.
    pub to_ns: TimeNs,
    /// How many updates are missing; `None` if nobody can know.
    pub lost: Option<u64>,
    /// Why.
    pub cause: GapCause,
}

#[derive(Debug, Clone, Default)]
struct Lane {
    values: Ring<f64>,
    pyramid: Pyramid,
}

/// Tells series apart, also one that took the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId(u64);

impl SeriesId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Only that no two are equal matters.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Samples in order of time, with min/max summaries over them and gaps between them.
///
/// Input: [`Self::append`], [`Self::mark_gap`], [`Self::evict_chunk`]. Output: everything else. A
/// sample is known by its index, which it keeps for ever: 0, 1, 2 ...
#[derive(Debug, Clone)]
pub struct Series {
    id: SeriesId,
    kind: SeriesKind,
    times: Ring<TimeNs>,
    lanes: Vec<Lane>,
    gaps: VecDeque<Gap>,
    /// A gap that ends with the next sample.
    pending: Option<(Option<u64>, GapCause)>,
    /// Index of the oldest sample that may be shown: in the oldest chunk held.
    start: u64,
    evicted: u64,
}

impl Series {
    /// An empty series.
    pub fn new(kind: SeriesKind) -> Self {
        Self {
            id: SeriesId::next(),
            kind,
            times: Ring::default(),
            lanes: vec![Lane::default(); kind.lanes()],
            gaps: VecDeque::new(),
            pending: None,
            start: 0,
            evicted: 0,
        }
    }

    /// Tells it apart from all others.
    pub fn id(&self) -> SeriesId {
        self.id
    }

    /// What the samples are.
    pub fn kind(&self) -> SeriesKind {
        self.kind
    }

    /// Adds a sample: as many of `values` as the kind has lanes, all of them finite. Time never
    /// runs backwards within a series: a sample that claims to be older than the one before is
    /// taken to be of the same time.
    pub fn append(&mut self, time_ns: TimeNs, values: [f64; 2]) {
        let index = self.end();
        let time_ns = match self.last_time() {
            Some(last) => time_ns.max(last),
            None => time_ns,
        };
        if let Some((lost, cause)) = self.pending.take()
            && let Some(from_ns) = self.last_time()
        {
            self.push_gap(Gap {
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
                    .filter_map(Summary::of_slice)
                    .reduce(Summary::then)
                {
                    lane.pyramid.push(from / BASE_SAMPLES, base);
                }
            }
        }
    }

    /// Says that updates are missing between the newest sample and the next one. Losses add up; a
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

    /// Appends the samples `from..to` of another series, with the gaps before each but the first.
    pub(super) fn extend_from(&mut self, other: &Self, from: u64, to: u64) {
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
            self.append(other.time(index), values);
        }
    }

    /// Appends all samples of another series from `from` on, and what is missing behind the last.
    /// What was forgotten of it counts as forgotten here.
    pub(super) fn extend_behind(&mut self, other: &Self, from: u64) {
        self.extend_from(other, from, other.end());
        if let Some((lost, cause)) = other.pending {
            self.mark_gap(lost, cause);
        }
        self.evicted += other.evicted;
    }

    fn push_gap(&mut self, gap: Gap) {
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
        while self.times.start() + super::ring::CHUNK_SAMPLES as u64 <= start
            && self.times.drop_chunk()
        {
            for lane in &mut self.lanes {
                lane.values.drop_chunk();
            }
        }
        for lane in &mut self.lanes {
            lane.pyramid.forget_before(start);
        }
        while self.gaps.front().is_some_and(|gap| gap.before <= start) {
            self.gaps.pop_front();
        }
    }

    /// Forgets the oldest chunk of samples if it is not the only one. Whether it did.
    pub fn evict_chunk(&mut self) -> bool {
        if self.times.chunks() < 2 {
            return false;
        }
        let chunk = super::ring::CHUNK_SAMPLES as u64;
        self.hide_before(self.times.start() + chunk);
        true
    }

    /// Index of the oldest sample.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Index behind the newest sample.
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

    /// How many samples were forgotten to stay within the memory limit.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Time of the oldest sample.
    pub fn first_time(&self) -> Option<TimeNs> {
        (!self.is_empty()).then(|| self.times.get(self.start))
    }

    /// Time of the newest sample.
    pub fn last_time(&self) -> Option<TimeNs> {
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

    /// Index of the first sample at `time_ns` or later; [`Self::end`] if there is none.
    pub fn index_at(&self, time_ns: TimeNs) -> u64 {
        self.times
            .partition_point(|&time| time < time_ns)
            .max(self.start)
    }

    /// As [`Self::index_at`], if the answer is known to be `from` or later: fast where it is near.
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
        let behind = self.index_at(time_ns);
        if behind == self.end() {
            return behind.checked_sub(1).filter(|_| !self.is_empty());
        }
        let before = behind.checked_sub(1).filter(|&index| index >= self.start);
        match before {
            Some(before)
                if time_ns - self.time(before) < self.time(behind).saturating_sub(time_ns) =>
            {
                Some(before)
            }
            _ => Some(behind),
        }
    }

    /// Times of a range of samples as slices, in order.
    pub fn times(&self, from: u64, to: u64) -> impl Iterator<Item = &[TimeNs]> {
        self.times.slices(from, to)
    }

    /// Values of a range of samples as slices, in order.
    pub fn values(&self, lane: usize, from: u64, to: u64) -> impl Iterator<Item = &[f64]> {
        self.lanes[lane].values.slices(from, to)
    }

    /// What the samples `from..to` of a lane come down to; `None` if there are none. Costs the
    /// logarithm of their number.
    pub fn summary(&self, lane: usize, from: u64, to: u64) -> Option<Summary> {
        let (mut at, to) = (from.max(self.start), to.min(self.end()));
        let lane = &self.lanes[lane];
        let mut all: Option<Summary> = None;
        while at < to {
            let part = lane.pyramid.largest_at(at, to).or_else(|| {
                let aligned = (at + 1).next_multiple_of(BASE_SAMPLES).min(to);
                lane.values
                    .slices(at, aligned)
                    .filter_map(Summary::of_slice)
                    .reduce(Summary::then)
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
    pub fn gaps(&self) -> impl DoubleEndedIterator<Item = &Gap> + ExactSizeIterator {
        self.gaps.iter()
    }

    /// The gaps that touch the time between `from_ns` and `to_ns`, oldest first.
    pub fn gaps_between(&self, from_ns: TimeNs, to_ns: TimeNs) -> impl Iterator<Item = &Gap> {
        let first = self.gaps.partition_point(|gap| gap.to_ns < from_ns);
        self.gaps
            .range(first..)
            .take_while(move |gap| gap.from_ns <= to_ns)
    }

    /// The gap that is open now: the newest sample is before it and nothing came after it yet.
    pub fn open_gap(&self) -> Option<(Option<u64>, GapCause)> {
        self.pending
    }

    /// Index of the first sample behind the next gap after sample `index`; `None` without one.
    pub fn next_gap_after(&self, index: u64) -> Option<u64> {
        let at = self.gaps.partition_point(|gap| gap.before <= index);
        self.gaps.get(at).map(|gap| gap.before)
    }

    /// Bytes of memory behind the series.
    pub fn bytes(&self) -> usize {
        let lanes: usize = self
            .lanes
            .iter()
            .map(|lane| lane.values.bytes() + lane.pyramid.bytes())
            .sum();
        self.times.bytes() + lanes + self.gaps.capacity() * size_of::<Gap>()
    }
}
