//! Reads the sources' histories, in order of time, into a calculation.

use tickcast_protocol::message::TimeNs;

use super::calculation::{Calculation, Outcome, SourceValue};
use crate::data::history::{GapCause, LANE_MAIN, LANE_SECOND, SampleSeries, SeriesId, SeriesKind};

/// What follows for the derived history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// A value, with the source time of the sample that it follows from.
    Value(TimeNs, f64, Option<TimeNs>),
    /// There is no value at this time, for this reason.
    Absent(TimeNs, &'static str),
    /// Updates are missing from here on: how many, if that is known, and the cause.
    Gap(Option<u64>, GapCause),
}

/// How far a source was read.
#[derive(Debug, Clone, Copy, Default)]
struct SourcePlace {
    series: Option<SeriesId>,
    next: u64,
    /// The gap after its newest sample was reported.
    is_open: bool,
}

/// Reads the histories of a derived topic's sources.
#[derive(Debug, Clone)]
pub(super) struct SourceReader {
    fresh: Calculation,
    calculation: Calculation,
    places: Vec<SourcePlace>,
}

impl SourceReader {
    pub(super) fn new(calculation: Calculation, sources: usize) -> Self {
        Self {
            fresh: calculation.clone(),
            calculation,
            places: vec![SourcePlace::default(); sources],
        }
    }

    /// Starts again if a source has another history than before: older pages came, or its kind has
    /// changed. Returns whether it does.
    pub(super) fn restarts(&mut self, sources: &[&SampleSeries]) -> bool {
        let mut ids = self.places.iter().zip(sources);
        if ids.all(|(place, series)| place.series == Some(series.id())) {
            return false;
        }
        self.calculation = self.fresh.clone();
        for (place, series) in self.places.iter_mut().zip(sources) {
            *place = SourcePlace {
                series: Some(series.id()),
                next: series.start(),
                is_open: false,
            };
        }
        true
    }

    /// Reads what came since the last call, at most `budget` samples. Returns whether all was read.
    pub(super) fn read(
        &mut self,
        sources: &[&SampleSeries],
        budget: usize,
        steps: &mut Vec<Step>,
    ) -> bool {
        for (number, series) in sources.iter().enumerate() {
            // Samples that were dropped to limit memory before they were read.
            if self.places[number].next < series.start() {
                self.places[number].next = series.start();
                self.calculation.gap(number);
                steps.push(Step::Gap(None, GapCause::Lost));
            }
        }
        let mut gaps: Vec<Option<u64>> = Vec::with_capacity(sources.len());
        for (place, series) in self.places.iter().zip(sources) {
            gaps.push(next_gap(series, place.next));
        }
        for _ in 0..budget {
            self.known_gaps(sources, &gaps, steps);
            let waiting = sources.iter().enumerate().filter_map(|(number, series)| {
                let next = self.places[number].next;
                (next < series.end()).then(|| (series.time(next), number))
            });
            let Some((time_ns, number)) = waiting.min() else {
                self.open_gaps(sources, steps);
                return true;
            };
            let series = sources[number];
            let index = self.places[number].next;
            if gaps[number] == Some(index) {
                self.gap_before(number, series, index, steps);
                gaps[number] = series.next_gap_after(index);
            }
            self.places[number].next += 1;
            let given = given(series, index, time_ns);
            steps.extend(match self.calculation.value(number, given) {
                Outcome::Value(value) => Some(Step::Value(time_ns, value, series.source_ns(index))),
                Outcome::Absent(why) => Some(Step::Absent(time_ns, why)),
                Outcome::Waiting => None,
            });
        }
        false
    }

    /// Reports the gaps after the last samples whose start is known: from the sample before on, the
    /// source had no number. A loss is known only when the next update comes.
    fn known_gaps(
        &mut self,
        sources: &[&SampleSeries],
        gaps: &[Option<u64>],
        steps: &mut Vec<Step>,
    ) {
        for (number, series) in sources.iter().enumerate() {
            let place = &mut self.places[number];
            if place.is_open {
                continue;
            }
            let cause = if gaps[number] == Some(place.next) {
                Some(gap_at(series, place.next).1)
            } else if place.next == series.end() {
                series.open_gap().map(|(.., cause)| cause)
            } else {
                None
            };
            if let Some(cause) = cause.filter(|cause| *cause != GapCause::Lost) {
                place.is_open = true;
                self.calculation.gap(number);
                steps.push(Step::Gap(Some(0), cause));
            }
        }
    }

    fn gap_before(
        &mut self,
        number: usize,
        series: &SampleSeries,
        index: u64,
        steps: &mut Vec<Step>,
    ) {
        self.places[number].is_open = false;
        self.calculation.gap(number);
        let (lost, cause) = gap_at(series, index);
        steps.push(Step::Gap(lost, cause));
    }

    /// Reports the gaps after the newest samples, once each.
    fn open_gaps(&mut self, sources: &[&SampleSeries], steps: &mut Vec<Step>) {
        for (number, series) in sources.iter().enumerate() {
            let place = &mut self.places[number];
            if let Some((.., cause)) = series.open_gap()
                && !std::mem::replace(&mut place.is_open, true)
            {
                self.calculation.gap(number);
                // How many are lost is counted when the gap ends.
                steps.push(Step::Gap(Some(0), cause));
            }
        }
    }
}

/// The first sample from `next` on that comes after a gap.
fn next_gap(series: &SampleSeries, next: u64) -> Option<u64> {
    // No gap comes before sample 0.
    series.next_gap_after(next.saturating_sub(1))
}

/// The gap before a sample: how many updates are missing, if that is known, and the cause.
fn gap_at(series: &SampleSeries, index: u64) -> (Option<u64>, GapCause) {
    let time_ns = series.time(index);
    let gap = series.gaps_between(time_ns, time_ns);
    let gap = gap.filter(|gap| gap.before == index).last();
    gap.map_or((None, GapCause::Lost), |gap| (gap.lost, gap.cause))
}

fn given(series: &SampleSeries, index: u64, time_ns: TimeNs) -> SourceValue {
    let main = series.value(LANE_MAIN, index);
    let (value, size) = match series.kind() {
        SeriesKind::Reading => (main, 1.0),
        SeriesKind::Trade => (main, series.value(LANE_SECOND, index)),
        SeriesKind::Quote => ((main + series.value(LANE_SECOND, index)) / 2.0, 1.0),
    };
    SourceValue {
        time_ns,
        value,
        size,
    }
}
