//! The tables of the page.

use std::fmt::Write;

use super::{super::text::latency_rows, count, escape};
use crate::{
    latency::{PERCENTILES, format_ns},
    summary::Summary,
};

pub(super) fn write_latencies(summary: &Summary, page: &mut String) -> std::fmt::Result {
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

pub(super) fn write_integrity(summary: &Summary, page: &mut String) -> std::fmt::Result {
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

pub(super) fn write_health(summary: &Summary, page: &mut String) -> std::fmt::Result {
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
            cost.deliveries_per_core_s.map_or("-".to_owned(), count),
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

pub(super) fn write_search(summary: &Summary, page: &mut String) -> std::fmt::Result {
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

pub(super) fn write_phases(summary: &Summary, page: &mut String) -> std::fmt::Result {
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

pub(super) fn write_environment(summary: &Summary, page: &mut String) -> std::fmt::Result {
    let environment = &summary.environment;
    let settings = &summary.settings;
    let server = environment.server.as_ref().map_or(String::new(), |info| {
        let limits = &info.limits;
        format!(
            "{}; tape {} bytes, heartbeat {} ms, write timeout {} ms, {} subscriptions per \
             connection",
            info.name,
            limits.tape_bytes,
            info.heartbeat_ms,
            limits.write_timeout_ms,
            limits.subscriptions
        )
    });
    let rows = [
        ("command", environment.command.clone()),
        ("load tester", environment.version.clone()),
        ("checkout", environment.commit.clone().unwrap_or_default()),
        ("server", server),
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
