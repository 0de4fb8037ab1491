//! The samples of a series in order of their source times.

use tickcast_protocol::message::TimeNs;

use super::series::{SampleSeries, SeriesId};
use crate::data::time::MS;

/// The most samples of a view by source time: the newest ones by arrival. Making it anew takes some
/// 50 ms, which a repaint can wait for.
pub(crate) const BY_SOURCE_MAX: u64 = 1_000_000;

/// A view is made anew at most this often.
const REST_NS: i64 = 500 * MS;

/// Further rest per sample: making a view anew costs 50 ns each, and takes one part in twenty of
/// the time.
const REST_NS_PER_SAMPLE: i64 = 1_000;

/// The samples of a series in order of their source times; those without one are at their arrival.
///
/// It is extended in place while samples come in order. A sample that comes late, a page of history
/// or an eviction make it stale, and it is soon made anew.
#[derive(Debug, Clone)]
pub(crate) struct SeriesBySource {
    series: SampleSeries,
    of: SeriesId,
    /// The oldest sample of the other series when this was made.
    start: u64,
    /// The samples of the other series before this one are in it, or come late.
    next: u64,
    /// Samples that came late and are not in it yet.
    late: u64,
    /// The arrival of the newest sample.
    arrived_ns: TimeNs,
    made_ns: TimeNs,
}

impl SeriesBySource {
    /// The samples of a series, by source time.
    pub(crate) fn of(series: &SampleSeries, now_ns: TimeNs) -> Self {
        Self::of_newest(series, BY_SOURCE_MAX, now_ns)
    }

    fn of_newest(series: &SampleSeries, most: u64, now_ns: TimeNs) -> Self {
        let from = series.start().max(series.end().saturating_sub(most));
        let mut order: Vec<(TimeNs, u64)> = (from..series.end())
            .map(|index| (source_time(series, index), index))
            .collect();
        // Stable: samples of one time stay in order of arrival. Nearly ordered ones are fast.
        order.sort_by_key(|(time_ns, _)| *time_ns);
        let mut made = Self {
            series: SampleSeries::new(series.kind()),
            of: series.id(),
            start: series.start(),
            next: series.end(),
            late: 0,
            arrived_ns: now_ns,
            made_ns: now_ns,
        };
        for (time_ns, index) in order {
            made.push(series, index, time_ns);
        }
        made.series.copy_open_gap(series);
        made
    }

    /// Brings it up to date with the series that it was made of.
    pub(crate) fn refresh(&mut self, series: &SampleSeries, now_ns: TimeNs) {
        let is_other = self.of != series.id();
        if !is_other {
            self.extend(series);
            while self.series.len() > BY_SOURCE_MAX && self.series.evict_chunk() {}
        }
        let is_stale = is_other || self.start != series.start() || self.late > 0;
        let rest_ns = REST_NS + REST_NS_PER_SAMPLE * self.series.len() as i64;
        // The clock of a recording may be set back.
        if is_stale && self.made_ns.abs_diff(now_ns) >= rest_ns.unsigned_abs() {
            *self = Self::of(series, now_ns);
        }
    }

    fn extend(&mut self, series: &SampleSeries) {
        if self.next < series.end() {
            self.series.close_gap();
        }
        // Those that were evicted meanwhile are not held.
        for index in self.next.max(series.start())..series.end() {
            let time_ns = source_time(series, index);
            if self.series.last_time().is_some_and(|last| time_ns < last) {
                self.late += 1;
            } else {
                self.push(series, index, time_ns);
            }
        }
        self.next = series.end();
        self.series.copy_open_gap(series);
    }

    fn push(&mut self, series: &SampleSeries, index: u64, time_ns: TimeNs) {
        self.series.append_from(series, index, time_ns);
        self.arrived_ns = series.time(index);
    }

    /// Frees memory; it is made anew later. Returns whether it did.
    pub(crate) fn evict_chunk(&mut self) -> bool {
        self.series.evict_chunk()
    }

    /// The samples.
    pub(crate) fn series(&self) -> &SampleSeries {
        &self.series
    }

    /// The source's time now: the newest source time, and what has passed since its arrival.
    pub(crate) fn now_ns(&self, now_ns: TimeNs) -> Option<TimeNs> {
        let passed_ns = now_ns.saturating_sub(self.arrived_ns).max(0);
        Some(self.series.last_time()?.saturating_add(passed_ns))
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.series.bytes()
    }
}

/// The time of a sample by its source, or of its arrival if its source gives none.
fn source_time(series: &SampleSeries, index: u64) -> TimeNs {
    let source_ns = series.source_ns(index);
    source_ns.unwrap_or_else(|| series.time(index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{
        history::{CHUNK_SAMPLES, GapCause, LANE_MAIN, SampleExtra, SeriesKind},
        time::SECOND,
    };

    /// What may happen to a series.
    #[derive(Debug, Clone)]
    enum Step {
        /// A sample comes, with this source time.
        Append(Option<i64>),
        Gap(u64),
        /// Many samples come in order, and the oldest chunk is evicted.
        Evict,
        /// The view is looked at after this time.
        Look(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => prop::option::of(0..40i64).prop_map(Step::Append),
            2 => (1..5u64).prop_map(Step::Gap),
            1 => Just(Step::Evict),
            3 => (0..SECOND).prop_map(Step::Look),
        ]
    }

    /// Value, source time, time, and the updates missing before it.
    type Seen = (f64, Option<i64>, i64, Option<Option<u64>>);

    fn gap_before(series: &SampleSeries, index: u64) -> Option<Option<u64>> {
        let mut gaps = series.gaps();
        let found = gaps.find(|gap| gap.before == index)?;
        Some(found.lost)
    }

    fn seen(series: &SampleSeries) -> Vec<Seen> {
        let all = series.start()..series.end();
        all.map(|index| {
            let value = series.value(LANE_MAIN, index);
            let gap = gap_before(series, index);
            let source_ns = series.source_ns(index);
            (value, source_ns, series.time(index), gap)
        })
        .collect()
    }

    /// All samples in the plainest way: a stable sort, and no gap before the first one.
    fn sorted(series: &SampleSeries) -> Vec<Seen> {
        let mut all = seen(series);
        for sample in &mut all {
            sample.2 = sample.1.unwrap_or(sample.2);
        }
        all.sort_by_key(|sample| sample.2);
        if let Some(first) = all.first_mut() {
            first.3 = None;
        }
        all
    }

    fn sample(source_ns: Option<i64>) -> SampleExtra {
        SampleExtra {
            source_ns,
            ..SampleExtra::default()
        }
    }

    proptest! {
        #[test]
        fn a_view_is_the_stable_sort_of_its_series(steps in prop::collection::vec(step(), 1..60)) {
            let mut series = SampleSeries::new(SeriesKind::Reading);
            let mut view = SeriesBySource::of(&series, 0);
            let (mut now_ns, mut number) = (100, 0.0);
            for step in steps {
                let mut append = |series: &mut SampleSeries, source_ns| {
                    now_ns += 1;
                    number += 1.0;
                    series.append_with(now_ns, [number, 0.0], sample(source_ns));
                };
                match step {
                    Step::Append(source_ns) => append(&mut series, source_ns),
                    Step::Gap(lost) => series.mark_gap(Some(lost), GapCause::Lost),
                    Step::Evict => {
                        for _ in 0..=CHUNK_SAMPLES {
                            append(&mut series, None);
                        }
                        series.evict_chunk();
                    }
                    Step::Look(after_ns) => {
                        now_ns += after_ns;
                        view.refresh(&series, now_ns);
                        let shown = seen(view.series());
                        prop_assert!(shown.is_sorted_by_key(|sample| sample.2));
                        if view.late == 0 && view.start == series.start() {
                            prop_assert_eq!(&shown, &sorted(&series));
                            let gap = |series: &SampleSeries| series.open_gap().map(|gap| gap.1);
                            prop_assert_eq!(gap(view.series()), gap(&series));
                        }
                    }
                }
            }
            // Soon it has everything.
            now_ns += 10 * SECOND;
            view.refresh(&series, now_ns);
            prop_assert_eq!(seen(view.series()), sorted(&series));
            prop_assert_eq!(view.late, 0);
        }
    }

    #[test]
    fn a_late_sample_waits_and_newer_ones_do_not() {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        let mut view = SeriesBySource::of(&series, 0);
        for (at, source_ns) in [(1, 10), (2, 30), (3, 20), (4, 40)] {
            series.append_with(at, [source_ns as f64, 0.0], sample(Some(source_ns)));
            view.refresh(&series, at);
        }
        let times = |view: &SeriesBySource| {
            let shown = seen(view.series()).into_iter();
            shown.map(|sample| sample.2).collect::<Vec<_>>()
        };
        assert_eq!(times(&view), [10, 30, 40]);
        view.refresh(&series, SECOND);
        assert_eq!(times(&view), [10, 20, 30, 40]);
        assert_eq!(view.now_ns(4 + SECOND), Some(40 + SECOND));
    }

    #[test]
    fn a_view_holds_the_newest_samples_by_arrival() {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        for at in 0..10i64 {
            series.append_with(at, [at as f64, 0.0], sample(Some(-at + 100)));
        }
        let view = SeriesBySource::of_newest(&series, 3, 0);
        let values: Vec<f64> = seen(view.series()).iter().map(|sample| sample.0).collect();
        assert_eq!(values, [9.0, 8.0, 7.0]);
    }

    #[test]
    fn a_source_time_outside_of_two_centuries_is_not_believed() {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        for (at, source_ns) in [(1, i64::MAX), (2, i64::MIN), (3, -1), (4, 7)] {
            series.append_with(at, [1.0, 0.0], sample(Some(source_ns)));
        }
        let believed: Vec<_> = (0..4).map(|index| series.source_ns(index)).collect();
        assert_eq!(believed, [None, None, None, Some(7)]);
    }
}
