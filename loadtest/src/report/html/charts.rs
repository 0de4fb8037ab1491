//! The charts of the page.

use maud::{Markup, html};

use crate::{
    chart::{Axis, AxisScale, Band, LineSeries, line_chart, range_of},
    latency::{Histogram, SAMPLES_ABOVE_MIN},
    number::grouped,
    run::Finished,
    summary::Second,
};

/// Points per decade of 1/(1-p) on the percentile curve.
const CURVE_POINTS: i32 = 24;

fn label_ns(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{} us", ns / 1e3),
        ns => format!("{ns} ns"),
    }
}

/// A vertical axis that holds all series.
fn vertical<'a>(
    series: &[LineSeries<'_>],
    scale: AxisScale,
    label: &'a dyn Fn(f64) -> String,
) -> Axis<'a> {
    let values = series.iter().flat_map(|series| &series.points);
    Axis {
        scale,
        range: range_of(values.map(|point| point.1), scale),
        label,
        ticks: Vec::new(),
        title: "",
    }
}

/// Latency against 1/(1-p), both logarithmic, as far as there are enough samples.
pub(super) fn percentiles(finished: &Finished) -> Markup {
    let find = |name: &str| {
        let mut histograms = finished.histograms.iter();
        histograms.find(|(known, _)| *known == name).map(|(_, h)| h)
    };
    let mut series = Vec::new();
    for (name, class) in [("response", "a"), ("service", "c"), ("completion", "b")] {
        if let Some(histogram) = find(name).filter(|histogram| !histogram.is_empty()) {
            let points = curve(histogram);
            series.push(LineSeries {
                name,
                class,
                points,
            });
        }
    }
    let most = series.iter().filter_map(|series| series.points.last());
    let odds_max = most.fold(100.0, |max: f64, point| max.max(point.0));
    let ticks: Vec<f64> = [2.0, 10.0, 100.0, 1e3, 1e4, 1e5]
        .into_iter()
        .filter(|&odds| odds <= odds_max * 1.001)
        .collect();
    let x = Axis {
        scale: AxisScale::Log,
        range: (1.0, odds_max),
        label: &|odds| format!("p{}", round(100.0 * (1.0 - 1.0 / odds))),
        ticks,
        title: "percentile",
    };
    let y = vertical(&series, AxisScale::Log, &label_ns);
    line_chart("Latency by percentile", &x, &y, &[], &series)
}

/// To three decimals, without trailing zeros.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn curve(histogram: &Histogram) -> Vec<(f64, f64)> {
    let odds_max = (histogram.len() as f64 / SAMPLES_ABOVE_MIN).max(1.0);
    let steps = 0..;
    steps
        .map(|step| 10f64.powf(f64::from(step) / f64::from(CURVE_POINTS)))
        .take_while(|&odds| odds <= odds_max)
        .map(|odds| {
            let ns = histogram.value_at_quantile(1.0 - 1.0 / odds);
            (odds, ns as f64)
        })
        .collect()
}

fn over_time<'a>(
    seconds: &[Second],
    name: &'a str,
    class: &'a str,
    value: impl Fn(&Second) -> Option<f64>,
) -> LineSeries<'a> {
    let points = seconds.iter();
    LineSeries {
        name,
        class,
        points: points
            .filter_map(|second| Some((f64::from(second.second), value(second)?)))
            .collect(),
    }
}

fn time_chart(
    title: &str,
    seconds: &[Second],
    series: &[LineSeries<'_>],
    scale: AxisScale,
    label: &dyn Fn(f64) -> String,
) -> Markup {
    let x = Axis {
        scale: AxisScale::Linear,
        range: (0.0, (seconds.len().max(2) - 1) as f64),
        label: &|second| format!("{second}"),
        ticks: Vec::new(),
        title: "seconds since publishing began",
    };
    let y = vertical(series, scale, label);
    line_chart(title, &x, &y, &phases(seconds), series)
}

/// The phases, if there is more than one.
fn phases(seconds: &[Second]) -> Vec<Band<'_>> {
    let mut bands: Vec<Band<'_>> = Vec::new();
    for second in seconds {
        let at = f64::from(second.second);
        match bands.last_mut() {
            Some(band) if band.name == second.phase => band.range.1 = at,
            last => {
                // A line connects one second with the next, so bands touch there.
                let from = last.map_or(at, |before| before.range.1);
                bands.push(Band {
                    name: &second.phase,
                    range: (from, at),
                });
            }
        }
    }
    if bands.len() < 2 {
        bands.clear();
    }
    bands
}

pub(super) fn latency(seconds: &[Second]) -> Markup {
    let some = |ns: Option<u64>| ns.map(|ns| ns as f64);
    let series = [
        over_time(seconds, "p50", "a", |second| some(second.p50_ns)),
        over_time(seconds, "p99", "c", |second| some(second.p99_ns)),
        over_time(seconds, "max", "b", |second| Some(second.max_ns as f64)),
    ];
    let title = "Response by the second in which updates were due";
    time_chart(title, seconds, &series, AxisScale::Log, &label_ns)
}

pub(super) fn rate(seconds: &[Second]) -> Markup {
    let series = [
        over_time(seconds, "delivered to all", "a", |second| {
            Some(second.delivered as f64)
        }),
        over_time(seconds, "connections", "d", |second| {
            Some(second.connections as f64)
        }),
        over_time(seconds, "published", "c", |second| {
            Some(second.published as f64)
        }),
    ];
    let title = "Updates per second, and connections";
    time_chart(title, seconds, &series, AxisScale::Log, &grouped)
}

pub(super) fn server(seconds: &[Second]) -> Markup {
    let cpu = over_time(seconds, "CPU, % of a core", "a", |second| {
        second.server_cpu.map(|cpu| cpu * 100.0)
    });
    let memory = over_time(seconds, "memory, MiB", "d", |second| {
        second
            .server_rss_bytes
            .map(|bytes| bytes as f64 / 1048576.0)
    });
    if cpu.points.is_empty() {
        return html! {};
    }
    time_chart(
        "Server",
        seconds,
        &[cpu, memory],
        AxisScale::Linear,
        &grouped,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_ends_where_the_samples_do() {
        let mut histogram = crate::latency::histogram();
        for ns in 0..100_000 {
            crate::latency::record(&mut histogram, ns);
        }
        let points = curve(&histogram);
        assert_eq!(points[0].0, 1.0);
        let last = points.last().unwrap().0;
        assert!((9_000.0..=10_000.0).contains(&last), "{last}");
        assert!(points.is_sorted_by(|a, b| a.1 <= b.1));
    }
}
