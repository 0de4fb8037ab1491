//! The store against a model that keeps everything in a list.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use proptest::prelude::*;
use tickcast_monitor::testing::{
    CHUNK_SAMPLES, ChartLine, ChartWindow, GapCause, LANE_MAIN, Reduction, SampleSeries, SeriesGap,
    SeriesKind,
};

/// What may happen to a series.
#[derive(Debug, Clone)]
enum Step {
    Append {
        after_ns: i64,
        value: f64,
        times: usize,
    },
    Gap {
        lost: Option<u64>,
    },
    Evict,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0i64..5, -100.0..100.0f64, 1usize..700)
            .prop_map(|(after_ns, value, times)| Step::Append { after_ns, value, times }),
        1 => proptest::option::of(0u64..50).prop_map(|lost| Step::Gap { lost }),
        1 => Just(Step::Evict),
    ]
}

/// All samples ever, and the first one that is held.
#[derive(Default)]
struct Model {
    samples: Vec<(i64, f64)>,
    start: usize,
    gaps: Vec<SeriesGap>,
    pending: Option<Option<u64>>,
}

fn run(steps: Vec<Step>) -> (SampleSeries, Model) {
    let mut series = SampleSeries::new(SeriesKind::Reading);
    let mut model = Model::default();
    let mut now = 0;
    for step in steps {
        match step {
            Step::Append {
                after_ns,
                value,
                times,
            } => {
                for at in 0..times {
                    now += after_ns;
                    let value = value + (at % 13) as f64;
                    if let (Some(lost), Some(last)) = (model.pending.take(), model.samples.last()) {
                        model.gaps.push(SeriesGap {
                            before: model.samples.len() as u64,
                            from_ns: last.0,
                            to_ns: now,
                            lost,
                            cause: GapCause::Lost,
                        });
                    }
                    model.samples.push((now, value));
                    series.append(now, [value, 0.0]);
                }
            }
            Step::Gap { lost } => {
                model.pending = Some(match model.pending {
                    Some(before) => before.zip(lost).map(|(a, b)| a + b),
                    None => lost,
                });
                series.mark_gap(lost, GapCause::Lost);
            }
            Step::Evict => {
                let chunks =
                    model.samples.len().div_ceil(CHUNK_SAMPLES) - model.start / CHUNK_SAMPLES;
                let expected = chunks > 1;
                assert_eq!(series.evict_chunk(), expected);
                if expected {
                    model.start += CHUNK_SAMPLES;
                    let start = model.start as u64;
                    model.gaps.retain(|gap| gap.before > start);
                }
            }
        }
    }
    (series, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 3))]

    #[test]
    fn a_series_equals_a_list(steps in proptest::collection::vec(step(), 1..24)) {
        let (series, model) = run(steps);
        prop_assert_eq!(series.start(), model.start as u64);
        prop_assert_eq!(series.end(), model.samples.len() as u64);
        for (at, &(time, value)) in model.samples.iter().enumerate().skip(model.start) {
            prop_assert_eq!(series.time(at as u64), time);
            prop_assert_eq!(series.value(LANE_MAIN, at as u64), value);
        }
        let gaps: Vec<SeriesGap> = series.gaps().copied().collect();
        prop_assert_eq!(gaps, model.gaps);
    }

    #[test]
    fn the_summary_of_any_range_is_exact(
        steps in proptest::collection::vec(step(), 1..24),
        ranges in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 20),
    ) {
        let (series, model) = run(steps);
        let held = model.samples.len() - model.start;
        for (a, b) in ranges {
            let place = |part: f64| model.start + (part * held as f64) as usize;
            let (from, to) = (place(a.min(b)), place(a.max(b)));
            let samples = &model.samples[from..to];
            let summary = series.summary(LANE_MAIN, from as u64, to as u64);
            let Some(summary) = summary else {
                prop_assert!(samples.is_empty());
                continue;
            };
            let values = || samples.iter().map(|sample| sample.1);
            prop_assert_eq!(summary.count, samples.len() as u64);
            prop_assert_eq!(summary.min, values().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(summary.max, values().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(summary.first, samples[0].1);
            prop_assert_eq!(summary.last, samples[samples.len() - 1].1);
            prop_assert!((summary.sum - values().sum::<f64>()).abs() < 1e-6);
        }
    }

    #[test]
    fn times_are_found_as_in_a_list(
        steps in proptest::collection::vec(step(), 1..16),
        parts in proptest::collection::vec(-0.1..1.1f64, 20),
    ) {
        let (series, model) = run(steps);
        let held = &model.samples[model.start..];
        let last = held.last().map_or(0, |sample| sample.0);
        for part in parts {
            let time = (part * last as f64) as i64;
            let expected = model.start + held.partition_point(|sample| sample.0 < time);
            prop_assert_eq!(series.index_at(time), expected as u64);
            prop_assert_eq!(series.index_at_from(series.start(), time), expected as u64);
            if let Some(nearest) = series.nearest(time) {
                let distance = held.iter().map(|sample| (sample.0 - time).abs()).min();
                prop_assert_eq!(Some((series.time(nearest) - time).abs()), distance);
            }
        }
    }

    #[test]
    fn a_line_shows_the_extremes_of_every_column_and_never_crosses_a_gap(
        steps in proptest::collection::vec(step(), 1..24),
        columns in 1u32..300,
        windows in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 1..6),
    ) {
        let (series, model) = run(steps);
        let last = model.samples.last().map_or(0, |sample| sample.0);
        let place = |part: f64| (part * last as f64) as i64;
        // The columns of one window must not change the next.
        let mut reduction = Reduction::default();
        for window in windows {
            let (start_ns, end_ns) = (place(window.0.min(window.1)), place(window.0.max(window.1)) + 1);
            let window = ChartWindow { start_ns, end_ns, columns };
            let line = reduction.line(&series, &window);
            prop_assert_eq!(&line, &Reduction::default().line(&series, &window));

            let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
            for sample in &model.samples[model.start..] {
                if (start_ns..=end_ns).contains(&sample.0) {
                    min = min.min(sample.1);
                    max = max.max(sample.1);
                }
            }
            match line.range() {
                Some(range) => prop_assert!(range.0 <= min && range.1 >= max),
                None => prop_assert!(min > max, "samples in the window are not drawn"),
            }
            let inside = series.gaps().filter(|gap| gap.to_ns > start_ns && gap.from_ns < end_ns);
            let inside = inside.count();
            let (pieces, size, times) = shape(&line);
            prop_assert!(pieces >= (inside + 1).saturating_sub(2), "{pieces} pieces, {inside} gaps");
            prop_assert!(size <= columns as usize * 3 + 8 + 3 * model.gaps.len());
            prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn a_growing_line_equals_one_computed_from_scratch(
        chunks in proptest::collection::vec((1usize..400, 0i64..5, -50.0..50.0f64, any::<bool>()), 1..20),
        columns in 5u32..60,
    ) {
        let mut series = SampleSeries::new(SeriesKind::Quote);
        let (mut line, mut band) = (Reduction::default(), Reduction::default());
        let mut now_ns = 0;
        for (count, step_ns, value, has_gap) in chunks {
            if has_gap {
                series.mark_gap(Some(1), GapCause::Lost);
            }
            for at in 0..count {
                now_ns += step_ns;
                let bid = value + (at % 7) as f64;
                series.append(now_ns, [bid, bid + 1.0]);
            }
            // The span stays, as it does while following.
            let window = ChartWindow { start_ns: now_ns - 1_000, end_ns: now_ns + 10, columns };
            prop_assert_eq!(line.line(&series, &window), Reduction::default().line(&series, &window));
            prop_assert_eq!(
                band.band(&series, &window, now_ns),
                Reduction::default().band(&series, &window, now_ns)
            );
        }
    }
}

/// Pieces, points and times of a line.
fn shape(line: &ChartLine) -> (usize, usize, Vec<f64>) {
    let (pieces, times): (usize, Vec<f64>) = match line {
        ChartLine::Points(pieces) => (
            pieces.len(),
            pieces.iter().flatten().map(|p| p.at).collect(),
        ),
        ChartLine::Strips(pieces) => (
            pieces.len(),
            pieces.iter().flatten().map(|e| e.at).collect(),
        ),
    };
    (pieces, times.len(), times)
}

#[test]
fn memory_stays_within_its_limit_and_the_newest_samples_stay() {
    use tickcast_monitor::testing::Store;
    use tickcast_protocol::{
        message::{Mode, Quality, Update},
        value::Value,
    };
    const LIMIT: usize = 4 * 1024 * 1024;
    let mut store = Store::new(LIMIT);
    let topics = ["fast", "slow"].map(|name| name.parse().unwrap());
    for at in 1..600_000u64 {
        let (topic, seq) = if at % 1000 == 0 {
            (1, at / 1000)
        } else {
            (0, at)
        };
        let update = Update {
            topic: std::clone::Clone::clone(&topics[topic]),
            position: at,
            seq,
            source_time_ns: None,
            ingest_time_ns: at as i64 * 1_000_000,
            quality: Quality::Live,
            value: Value::Reading(at as f64),
        };
        store.apply(update, Mode::Latest);
        assert!(store.bytes() <= LIMIT);
    }
    let series = |name: &str| store.topic_named(name).unwrap().series.as_ref().unwrap();
    assert_eq!(series("fast").last_value(LANE_MAIN), Some(599_999.0));
    assert_eq!(
        series("slow").len(),
        599,
        "a small history is not worth evicting"
    );
    let totals = store.totals();
    assert_eq!(totals.evicted, series("fast").evicted());
    assert_eq!(totals.received, 599_999);
    assert!(store.bytes() > LIMIT * 9 / 10, "memory is used");
}

/// The extents of neighbouring columns must meet, or a steep line would have holes.
#[test]
fn a_steep_dense_line_has_no_holes() {
    let mut series = SampleSeries::new(SeriesKind::Reading);
    for at in 0..500 {
        series.append(at, [0.0, 0.0]);
    }
    // Up within a column, and down across some without samples.
    series.append(500, [100.0, 0.0]);
    series.append(545, [-100.0, 0.0]);
    // From far before the window to far after it.
    series.append(1_000_000, [50.0, 0.0]);
    for (start_ns, end_ns) in [(0, 600), (300, 900), (-1_000, 2_000_000)] {
        let columns = 60;
        let window = ChartWindow {
            start_ns,
            end_ns,
            columns,
        };
        let ChartLine::Strips(pieces) = Reduction::default().line(&series, &window) else {
            panic!("this many samples are not drawn as points");
        };
        assert_eq!(pieces.len(), 1);
        let inside = (end_ns - start_ns) as f64;
        let seen: Vec<_> = pieces[0]
            .iter()
            .filter(|extent| (0.0..=inside).contains(&extent.at))
            .collect();
        assert!(seen.len() <= 2 * columns as usize, "{} extents", seen.len());
        for pair in seen.windows(2) {
            let meet = pair[0].low <= pair[1].high + 1e-9 && pair[1].low <= pair[0].high + 1e-9;
            assert!(meet, "{pair:?}");
            assert!(pair[0].at < pair[1].at, "{pair:?}");
        }
    }
}
