//! Tables of latencies, integrity and phases.

use maud::{Markup, html};

use crate::{
    latency::{Latency, PERCENTILES, format_ns},
    number::grouped,
    report::wording::latency_rows,
    summary::{Reconciliation, RunSummary},
};

/// A percentile, or nothing if it is not known.
fn cell(latency: &Latency, percent: f64) -> String {
    let ns = latency.percentile(percent);
    ns.map_or(String::new(), |ns| format_ns(ns as f64))
}

pub(super) fn latencies(summary: &RunSummary) -> Markup {
    html! {
        h2 { "Latencies in the steady phase" }
        div class="scroll" {
            table {
                tr {
                    th {}
                    @for percent in PERCENTILES { th { "p" (percent) } }
                    th { "max" } th { "mean" } th { "samples" }
                }
                @for (name, meaning, latency) in latency_rows(summary) {
                    tr {
                        td { (name) " " small { (meaning) } }
                        @for percent in PERCENTILES { td { (cell(latency, percent)) } }
                        td { (format_ns(latency.max_ns as f64)) }
                        td { (format_ns(latency.mean_ns)) }
                        td { (grouped(latency.count as f64)) }
                    }
                }
            }
        }
        p { "A percentile is shown if at least ten samples lie above it." }
    }
}

pub(super) fn integrity(summary: &RunSummary) -> Markup {
    let integrity = &summary.integrity;
    let (a, b) = (&integrity.healthy, &integrity.hindered);
    let rows = [
        ("received live", a.live, b.live, false),
        ("received in snapshots", a.snapshot, b.snapshot, false),
        ("missing", a.missing, b.missing, true),
        ("doubled", a.duplicated, b.duplicated, true),
        ("out of order", a.reordered, b.reordered, true),
        ("misplaced in their batch", a.misplaced, b.misplaced, true),
        (
            "of topics not introduced",
            a.not_introduced,
            b.not_introduced,
            true,
        ),
        (
            "breaks of the chain of positions",
            a.chain_breaks,
            b.chain_breaks,
            true,
        ),
        ("conflated", a.conflated, b.conflated, false),
        ("gaps announced", a.gaps, b.gaps, false),
        ("announced as lost", a.announced, b.announced, false),
        (
            "announced as lost, but not lost",
            a.overstated,
            b.overstated,
            true,
        ),
    ];
    html! {
        div {
            h2 { "Integrity" }
            div class="scroll" {
                table {
                    tr { th {} th { "healthy" } th { "hindered on purpose" } }
                    @for (name, healthy, hindered, is_breach) in rows {
                        tr {
                            td { (name) }
                            @for count in [healthy, hindered] {
                                td class=[(is_breach && count > 0).then_some("bad")] {
                                    (grouped(count as f64))
                                }
                            }
                        }
                    }
                }
            }
            (reconciliation(&summary.reconciliation))
        }
    }
}

fn reconciliation(reconciliation: &Reconciliation) -> Markup {
    html! {
        @if !reconciliation.counters.is_empty() {
            h2 { "Counters of the server and of the load tester" }
            div class="scroll" {
                table {
                    tr { th {} th { "server" } th { "load tester" } }
                    @for pair in &reconciliation.counters {
                        tr {
                            td { (pair.name) }
                            td { (grouped(pair.server as f64)) }
                            td { (grouped(pair.ours as f64)) }
                        }
                    }
                }
            }
        }
        @if let Some(remark) = &reconciliation.remark {
            p { "Differences are not counted as failures: " (remark) "." }
        }
    }
}

pub(super) fn search(summary: &RunSummary) -> Markup {
    if summary.search.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Rate search" }
        div class="scroll" {
            table {
                tr { th { "updates/s" } th { "p50" } th { "p99" } th { "max" } th { "verdict" } }
                @for step in &summary.search {
                    tr {
                        td { (grouped(step.rate)) }
                        td { (cell(&step.response, 50.0)) }
                        td { (cell(&step.response, 99.0)) }
                        td { (format_ns(step.response.max_ns as f64)) }
                        td class="text" { (step.reason.as_deref().unwrap_or("passed")) }
                    }
                }
            }
        }
    }
}

pub(super) fn phases(summary: &RunSummary) -> Markup {
    html! {
        h2 { "Phases" }
        div class="scroll" {
            table {
                tr {
                    th {} th { "seconds" } th { "response p50" } th { "p99" } th { "max" }
                    th { "connections opened" } th { "until subscribed, max" }
                }
                @for phase in &summary.phases {
                    tr {
                        td { (phase.name) }
                        td { (phase.from_s) " to " (phase.to_s) }
                        td { (cell(&phase.response, 50.0)) }
                        td { (cell(&phase.response, 99.0)) }
                        td { (format_ns(phase.response.max_ns as f64)) }
                        td { (grouped(phase.connect.count as f64)) }
                        td {
                            @if phase.connect.count > 0 { (format_ns(phase.connect.max_ns as f64)) }
                        }
                    }
                }
            }
        }
    }
}
