//! The report on the terminal.

use std::fmt::Write;

use super::wording::{headline, latency_rows, time_or_dash};
use crate::{
    latency::{PERCENTILES, format_ns},
    number::grouped,
    summary::{CONNECTION_BYTES_SUBSCRIBERS_MIN, RunSummary},
};

/// The most important results.
pub fn text(summary: &RunSummary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(summary, &mut out);
    out
}

fn write_all(summary: &RunSummary, out: &mut String) -> std::fmt::Result {
    let load = &summary.load;
    let settings = &summary.settings;
    writeln!(
        out,
        "\n{} subscribers, {} in {}, {} published by {}, {} s",
        settings.subscribers,
        settings.mode,
        settings.encoding,
        settings.timing,
        settings.source,
        load.steady_s
    )?;
    writeln!(
        out,
        "rate       {:.0} updates/s offered, {:.0} published, {:.0} delivered",
        load.offered_per_s, load.published_per_s, load.delivered_per_s
    )?;
    write_latencies(summary, out)?;
    write_integrity(summary, out)?;
    write_cost(summary, out)?;
    for (kind, count) in &summary.errors {
        writeln!(out, "error      {count} x {kind}")?;
    }
    for step in &summary.search {
        let p99 = step.response.percentile(99.0);
        writeln!(
            out,
            "search     {:>9.0} updates/s: {}, p99 {}{}",
            step.rate,
            if step.passed { "passed" } else { "failed" },
            time_or_dash(p99),
            step.reason
                .as_ref()
                .map_or(String::new(), |reason| format!(" ({reason})")),
        )?;
    }
    for result in &summary.assertions {
        let verdict = if result.passed { "holds" } else { "FAILS" };
        writeln!(
            out,
            "assertion  {} {verdict} (measured: {})",
            result.assertion, result.actual
        )?;
    }
    writeln!(out, "\n{}", headline(summary))?;
    for reason in &summary.verdict.reasons {
        writeln!(out, "  - {reason}")?;
    }
    Ok(())
}

fn write_latencies(summary: &RunSummary, out: &mut String) -> std::fmt::Result {
    let rows = latency_rows(summary);
    let shown: Vec<f64> = PERCENTILES
        .into_iter()
        .filter(|&percent| rows.iter().any(|(_, _, l)| l.percentile(percent).is_some()))
        .collect();
    write!(out, "\n{:<10}", "")?;
    for percent in &shown {
        write!(out, "{:>10}", format!("p{percent}"))?;
    }
    writeln!(out, "{:>10}{:>12}", "max", "samples")?;
    for (name, _, latency) in rows {
        write!(out, "{name:<10}")?;
        for &percent in &shown {
            let text = time_or_dash(latency.percentile(percent));
            write!(out, "{text:>10}")?;
        }
        let max = format_ns(latency.max_ns as f64);
        writeln!(out, "{max:>10}{:>12}", latency.count)?;
    }
    writeln!(out)
}

fn write_integrity(summary: &RunSummary, out: &mut String) -> std::fmt::Result {
    let integrity = &summary.integrity;
    let tallies = [
        ("", &integrity.healthy),
        (" (hindered)", &integrity.hindered),
    ];
    for (which, tally) in tallies {
        if tally.received() == 0 && tally.broken() == 0 {
            continue;
        }
        writeln!(
            out,
            "integrity  {} received, {} missing, {} doubled, {} out of order, {} chain breaks, \
             {} conflated, {} gaps with {} announced{which}",
            tally.received(),
            tally.missing,
            tally.duplicated,
            tally.reordered,
            tally.chain_breaks,
            tally.conflated,
            tally.gaps,
            tally.announced
        )?;
    }
    let reconciliation = &summary.reconciliation;
    let counters = &reconciliation.counters;
    let remark = reconciliation.remark.as_deref();
    if counters.is_empty() {
        writeln!(
            out,
            "counters   not compared: {}",
            remark.unwrap_or("the server has none of the known counters")
        )?;
    } else if counters.iter().all(|pair| pair.server == pair.ours) {
        writeln!(
            out,
            "counters   server and load tester agree ({})",
            counters.len()
        )?;
    } else {
        for pair in counters.iter().filter(|pair| pair.server != pair.ours) {
            writeln!(
                out,
                "counters   {}: server {}, load tester {}{}",
                pair.name,
                pair.server,
                pair.ours,
                remark.map_or(String::new(), |remark| format!(" ({remark})"))
            )?;
        }
    }
    let counts = &summary.connections;
    if counts.closed + counts.churned + counts.failed > 0 {
        writeln!(
            out,
            "sockets    {} closed by the server ({} hindered), {} left on purpose, {} resumed, \
             {} failed",
            counts.closed, counts.hindered_closed, counts.churned, counts.resumed, counts.failed
        )?;
    }
    Ok(())
}

fn write_cost(summary: &RunSummary, out: &mut String) -> std::fmt::Result {
    let cost = &summary.cost;
    if let (Some(cpu), Some(per_delivery)) = (cost.cpu, cost.cpu_us_per_delivery) {
        write!(
            out,
            "server     {:.0} % of a core, {per_delivery:.2} us per delivery",
            cpu * 100.0
        )?;
        if let Some(user) = cost.user_share {
            write!(out, ", {:.0} % of it in user space", user * 100.0)?;
        }
        match cost.connection_bytes {
            Some(bytes) => write!(out, ", {:.1} KiB per connection", bytes / 1024.0)?,
            None if summary.settings.subscribers < CONNECTION_BYTES_SUBSCRIBERS_MIN => write!(
                out,
                ", - KiB per connection (measured from {} subscribers on)",
                grouped(CONNECTION_BYTES_SUBSCRIBERS_MIN as f64)
            )?,
            None => {}
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "wire       {:.1} bytes per delivered update",
        cost.wire_bytes_per_update
    )?;
    let generator = &summary.generator;
    let receivers: Vec<String> = generator
        .receiver_cpu
        .iter()
        .map(|cpu| format!("{:.0} %", cpu * 100.0))
        .collect();
    writeln!(
        out,
        "generator  publisher {:.0} % of a core, late by {} at p99; receivers {} of a core, data \
         waited {} at p99",
        generator.publisher_cpu * 100.0,
        time_or_dash(generator.own_slip.percentile(99.0)),
        receivers.join(" and "),
        time_or_dash(generator.lag.percentile(99.0))
    )
}
