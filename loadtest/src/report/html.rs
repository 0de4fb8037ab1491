//! The report as one page that needs nothing else.

use std::fmt::Write;

use super::{
    chart::{Axis, Scale, Series, chart, range_of},
    text::{headline, latency_rows},
};
use crate::{
    latency::{Histogram, PERCENTILES, SAMPLES_ABOVE_MIN, format_ns},
    run::Finished,
    summary::{Outcome, Second, Summary},
};

/// Points per decade of 1/(1-p) on the percentile curve.
const CURVE_POINTS: i32 = 24;

/// The page.
pub fn html(finished: &Finished) -> String {
    let summary = &finished.summary;
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(finished, summary, &mut page);
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn write_page(finished: &Finished, summary: &Summary, page: &mut String) -> std::fmt::Result {
    let settings = &summary.settings;
    let title = format!(
        "{} subscribers, {:.0} updates/s",
        settings.subscribers, summary.load.offered_per_s
    );
    write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{}</style></head><body><h1>{title}</h1><p>{} in {}, {} timing, published by {}, \
         {} s from {}</p>",
        include_str!("style.css"),
        settings.mode,
        settings.encoding,
        settings.timing,
        settings.source,
        summary.load.steady_s,
        escape(&summary.environment.started),
    )?;
    write_verdict(summary, page)?;
    write_tiles(summary, page)?;
    write!(page, "<h2>Pictures</h2><div class=\"charts\">")?;
    write!(page, "{}", percentile_chart(finished))?;
    write!(page, "{}", latency_chart(&summary.seconds))?;
    write!(page, "{}", rate_chart(&summary.seconds))?;
    write!(page, "{}", server_chart(&summary.seconds))?;
    write!(page, "</div>")?;
    write_latencies(summary, page)?;
    write!(page, "<div class=\"columns\">")?;
    write_integrity(summary, page)?;
    write_health(summary, page)?;
    write!(page, "</div>")?;
    write_search(summary, page)?;
    write_phases(summary, page)?;
    write_environment(summary, page)?;
    write!(page, "</body></html>")
}

fn write_verdict(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let class = match summary.verdict.outcome {
        Outcome::Passed => "good",
        Outcome::Invalid | Outcome::Interrupted => "warn",
        Outcome::AssertionFailed | Outcome::IntegrityFailed => "bad",
    };
    write!(
        page,
        "<div class=\"verdict {class}\"><b>{}</b>",
        headline(summary)
    )?;
    let assertions = summary.assertions.iter().filter(|result| result.passed);
    let held: Vec<String> = assertions
        .map(|result| format!("{}: it is {}", result.assertion, result.actual))
        .collect();
    let reasons = &summary.verdict.reasons;
    if !reasons.is_empty() || !held.is_empty() {
        write!(page, "<ul>")?;
        for line in reasons.iter().chain(&held) {
            write!(page, "<li>{}</li>", escape(line))?;
        }
        write!(page, "</ul>")?;
    }
    write!(page, "</div>")
}

fn write_tiles(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let response = &summary.latencies.response;
    let ns = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| format_ns(ns as f64));
    let missing = summary.number("missing").unwrap_or_default();
    write!(page, "<div class=\"tiles\">")?;
    for (value, name) in [
        (ns(response.percentile(50.0)), "response p50"),
        (ns(response.percentile(99.0)), "response p99"),
        (ns(response.percentile(99.9)), "response p99.9"),
        (format_ns(response.max_ns as f64), "response max"),
        (count(summary.load.delivered_per_s), "delivered updates/s"),
        (count(missing), "updates missing"),
    ] {
        write!(
            page,
            "<div class=\"tile\"><b>{value}</b><span>{name}</span></div>"
        )?;
    }
    write!(page, "</div>")
}

/// A number with commas between thousands.
fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digit != '-' {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn label_ns(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{} us", ns / 1e3),
        ns => format!("{ns} ns"),
    }
}

/// Latency against 1/(1-p), both logarithmic, as far as there are enough samples.
fn percentile_chart(finished: &Finished) -> String {
    let find = |name: &str| {
        let mut histograms = finished.histograms.iter();
        histograms.find(|(known, _)| *known == name).map(|(_, h)| h)
    };
    let mut series = Vec::new();
    for (name, class) in [("response", "a"), ("service", "c"), ("completion", "b")] {
        if let Some(histogram) = find(name).filter(|histogram| !histogram.is_empty()) {
            let points = curve(histogram);
            series.push(Series {
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
        scale: Scale::Log,
        range: (1.0, odds_max),
        label: &|odds| format!("p{}", round(100.0 * (1.0 - 1.0 / odds))),
        ticks,
        title: "percentile",
    };
    let y = Axis {
        scale: Scale::Log,
        range: range_of(&series, Scale::Log),
        label: &label_ns,
        ticks: Vec::new(),
        title: "",
    };
    chart("Latency by percentile", &x, &y, &series)
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
) -> Series<'a> {
    let points = seconds.iter();
    Series {
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
    series: &[Series<'_>],
    scale: Scale,
    label: &dyn Fn(f64) -> String,
) -> String {
    let x = Axis {
        scale: Scale::Linear,
        range: (0.0, (seconds.len().max(2) - 1) as f64),
        label: &|second| format!("{second}"),
        ticks: Vec::new(),
        title: "seconds since publishing began",
    };
    let y = Axis {
        scale,
        range: range_of(series, scale),
        label,
        ticks: Vec::new(),
        title: "",
    };
    chart(title, &x, &y, series)
}

fn latency_chart(seconds: &[Second]) -> String {
    let some = |ns: Option<u64>| ns.map(|ns| ns as f64);
    let series = [
        over_time(seconds, "p50", "a", |second| some(second.p50_ns)),
        over_time(seconds, "p99", "c", |second| some(second.p99_ns)),
        over_time(seconds, "max", "b", |second| Some(second.max_ns as f64)),
    ];
    let title = "Response by the second in which updates were due";
    time_chart(title, seconds, &series, Scale::Log, &label_ns)
}

fn rate_chart(seconds: &[Second]) -> String {
    let series = [over_time(seconds, "delivered", "a", |second| {
        Some(second.delivered as f64)
    })];
    let title = "Updates delivered per second";
    time_chart(title, seconds, &series, Scale::Linear, &count)
}

fn server_chart(seconds: &[Second]) -> String {
    let cpu = over_time(seconds, "CPU, % of a core", "a", |second| {
        second.server_cpu.map(|cpu| cpu * 100.0)
    });
    let memory = over_time(seconds, "memory, MiB", "d", |second| {
        second
            .server_rss_bytes
            .map(|bytes| bytes as f64 / 1048576.0)
    });
    if cpu.points.is_empty() {
        return String::new();
    }
    time_chart("Server", seconds, &[cpu, memory], Scale::Linear, &count)
}

fn write_latencies(summary: &Summary, page: &mut String) -> std::fmt::Result {
    write!(
        page,
        "<h2>Latencies in the steady phase</h2><div class=\"scroll\"><table><tr><th></th>"
    )?;
    for percent in PERCENTILES {
        write!(page, "<th>p{percent}</th>")?;
    }
    write!(page, "<th>max</th><th>mean</th><th>samples</th></tr>")?;
    for (name, meaning, latency) in latency_rows(summary) {
        write!(page, "<tr><td>{name} <small>{meaning}</small></td>")?;
        for percent in PERCENTILES {
            let ns = latency.percentile(percent);
            let cell = ns.map_or(String::new(), |ns| format_ns(ns as f64));
            write!(page, "<td>{cell}</td>")?;
        }
        write!(
            page,
            "<td>{}</td><td>{}</td><td>{}</td></tr>",
            format_ns(latency.max_ns as f64),
            format_ns(latency.mean_ns),
            count(latency.count as f64)
        )?;
    }
    write!(
        page,
        "</table></div><p>A percentile is given where at least ten samples lie above it.</p>"
    )
}

/// A table of two columns.
fn write_pairs(title: &str, rows: &[(&str, String)], page: &mut String) -> std::fmt::Result {
    write!(page, "<div><h2>{title}</h2><div class=\"scroll\"><table>")?;
    for (name, value) in rows {
        write!(
            page,
            "<tr><td>{name}</td><td class=\"text\">{}</td></tr>",
            escape(value)
        )?;
    }
    write!(page, "</table></div></div>")
}

fn write_integrity(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let integrity = &summary.integrity;
    let (healthy, hindered) = (&integrity.healthy, &integrity.hindered);
    write!(
        page,
        "<div><h2>Integrity</h2><div class=\"scroll\"><table><tr><th></th><th>healthy</th>\
         <th>hindered on purpose</th></tr>"
    )?;
    for (name, a, b, is_breach) in [
        ("received live", healthy.live, hindered.live, false),
        (
            "received in snapshots",
            healthy.snapshot,
            hindered.snapshot,
            false,
        ),
        ("missing", healthy.missing, hindered.missing, true),
        ("doubled", healthy.duplicated, hindered.duplicated, true),
        ("out of order", healthy.reordered, hindered.reordered, true),
        (
            "misplaced in their batch",
            healthy.misplaced,
            hindered.misplaced,
            true,
        ),
        (
            "of topics not introduced",
            healthy.not_introduced,
            hindered.not_introduced,
            true,
        ),
        (
            "breaks of the chain of positions",
            healthy.chain_breaks,
            hindered.chain_breaks,
            true,
        ),
        ("conflated", healthy.conflated, hindered.conflated, false),
        ("gaps announced", healthy.gaps, hindered.gaps, false),
        (
            "announced as lost",
            healthy.announced,
            hindered.announced,
            false,
        ),
        (
            "of these not lost",
            healthy.overstated,
            hindered.overstated,
            true,
        ),
    ] {
        let class = |n: u64| {
            if is_breach && n > 0 {
                " class=\"bad\""
            } else {
                ""
            }
        };
        write!(
            page,
            "<tr><td>{name}</td><td{}>{}</td><td{}>{}</td></tr>",
            class(a),
            count(a as f64),
            class(b),
            count(b as f64)
        )?;
    }
    write!(page, "</table></div>")?;
    let reconciliation = &summary.reconciliation;
    if !reconciliation.counters.is_empty() {
        write!(
            page,
            "<h2>The server's counters against ours</h2><div class=\"scroll\"><table><tr>\
             <th></th><th>server</th><th>ours</th></tr>"
        )?;
        for pair in &reconciliation.counters {
            write!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&pair.name),
                count(pair.server as f64),
                count(pair.ours as f64)
            )?;
        }
        write!(page, "</table></div>")?;
    }
    if let Some(remark) = &reconciliation.remark {
        write!(
            page,
            "<p>Differences count for nothing: {}.</p>",
            escape(remark)
        )?;
    }
    write!(page, "</div>")
}

fn write_health(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let (generator, cost, counts) = (&summary.generator, &summary.cost, &summary.connections);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mib = |bytes: Option<u64>| {
        bytes.map_or("-".to_owned(), |b| {
            format!("{:.1} MiB", b as f64 / 1048576.0)
        })
    };
    let number = |value: Option<f64>, unit: &str| {
        value.map_or("-".to_owned(), |value| format!("{value:.2} {unit}"))
    };
    let p99 = |latency: &crate::latency::Latency| {
        let ns = latency.percentile(99.0);
        ns.map_or("-".to_owned(), |ns| format_ns(ns as f64))
    };
    let receivers: Vec<String> = generator.receiver_cpu.iter().map(|&s| percent(s)).collect();
    let mut rows = vec![
        (
            "server: CPU, of a core",
            cost.cpu.map_or("-".to_owned(), percent),
        ),
        (
            "server: of that in user space",
            cost.user_share.map_or("-".to_owned(), percent),
        ),
        (
            "server: CPU per delivery",
            number(cost.cpu_us_per_delivery, "us"),
        ),
        (
            "server: deliveries per core-second",
            number(cost.deliveries_per_core_s, ""),
        ),
        (
            "server: memory before subscribers",
            mib(cost.rss_before_bytes),
        ),
        ("server: largest memory", mib(cost.rss_max_bytes)),
        (
            "server: memory per connection",
            number(cost.connection_bytes.map(|bytes| bytes / 1024.0), "KiB"),
        ),
        (
            "wire: bytes per delivered update",
            format!("{:.1}", cost.wire_bytes_per_update),
        ),
        (
            "publisher: CPU, of a core",
            percent(generator.publisher_cpu),
        ),
        (
            "publisher: late by its own fault, p99",
            p99(&generator.own_slip),
        ),
        (
            "publisher: held up by the socket",
            format!("{:.3} s", generator.blocked_s),
        ),
        ("receivers: CPU, of a core", receivers.join(" and ")),
        (
            "receivers: data waited for them at most, p99",
            p99(&generator.lag),
        ),
        ("connections: confirmed", count(counts.subscribed as f64)),
        (
            "connections: closed by the server",
            count(counts.closed as f64),
        ),
        ("connections: left on purpose", count(counts.churned as f64)),
        (
            "connections: subscriptions resumed",
            count(counts.resumed as f64),
        ),
        ("connections: failed", count(counts.failed as f64)),
    ];
    let errors: Vec<(String, String)> = summary
        .errors
        .iter()
        .map(|(kind, count)| (format!("error: {}", escape(kind)), count.to_string()))
        .collect();
    rows.extend(errors.iter().map(|(k, v)| (k.as_str(), v.clone())));
    write_pairs("Server, load tester and connections", &rows, page)
}

fn write_search(summary: &Summary, page: &mut String) -> std::fmt::Result {
    if summary.search.is_empty() {
        return Ok(());
    }
    write!(
        page,
        "<h2>Rate search</h2><div class=\"scroll\"><table><tr><th>updates/s</th><th>p50</th>\
         <th>p99</th><th>max</th><th>verdict</th></tr>"
    )?;
    for step in &summary.search {
        let ns = |percent| match step.response.percentile(percent) {
            Some(ns) => format_ns(ns as f64),
            None => String::new(),
        };
        let verdict = step.reason.as_deref().unwrap_or("passed");
        write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>",
            count(step.rate),
            ns(50.0),
            ns(99.0),
            format_ns(step.response.max_ns as f64),
            escape(verdict)
        )?;
    }
    write!(page, "</table></div>")
}

fn write_phases(summary: &Summary, page: &mut String) -> std::fmt::Result {
    write!(
        page,
        "<h2>Phases</h2><div class=\"scroll\"><table><tr><th></th><th>seconds</th>\
         <th>response p50</th><th>p99</th><th>max</th><th>connections opened</th>\
         <th>until subscribed, max</th></tr>"
    )?;
    for phase in &summary.phases {
        let ns = |percent| match phase.response.percentile(percent) {
            Some(ns) => format_ns(ns as f64),
            None => String::new(),
        };
        write!(
            page,
            "<tr><td>{}</td><td>{} to {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
            phase.name,
            phase.from_s,
            phase.to_s,
            ns(50.0),
            ns(99.0),
            format_ns(phase.response.max_ns as f64),
            count(phase.connect.count as f64),
            match phase.connect.count {
                0 => String::new(),
                _ => format_ns(phase.connect.max_ns as f64),
            },
        )?;
    }
    write!(page, "</table></div>")
}

fn write_environment(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let environment = &summary.environment;
    let settings = &summary.settings;
    let rows = [
        ("command", environment.command.clone()),
        ("load tester", environment.version.clone()),
        ("checkout", environment.commit.clone().unwrap_or_default()),
        ("server", environment.server.clone().unwrap_or_default()),
        ("url", settings.url.clone()),
        (
            "filters of the first subscriber",
            settings.filters.join(", "),
        ),
        (
            "topics and payload",
            format!("{} with {} bytes", settings.topics, settings.payload_bytes),
        ),
        (
            "hindered on purpose",
            format!(
                "{} slow, {} stalled, {} half-open",
                settings.slow, settings.stalled, settings.gone
            ),
        ),
        ("receiver threads", settings.threads.to_string()),
        ("kernel", environment.kernel.clone()),
        (
            "processor",
            format!("{}, {} cores", environment.cpu, environment.cores),
        ),
        ("open files allowed", environment.open_files_max.to_string()),
        ("seed", environment.seed.to_string()),
    ];
    write_pairs("Environment", &rows, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (1234567.0, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
    }

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
