//! The verdict, and the most important figures.

use maud::{Markup, html};

use crate::{
    latency::format_ns,
    number::grouped,
    report::wording::{headline, time_or_dash},
    summary::{Outcome, RunSummary},
};

pub(super) fn verdict(summary: &RunSummary) -> Markup {
    let class = match summary.verdict.outcome {
        Outcome::Passed => "good",
        Outcome::Invalid | Outcome::Interrupted => "warn",
        Outcome::AssertionFailed | Outcome::IntegrityFailed => "bad",
    };
    let assertions = summary.assertions.iter().filter(|result| result.passed);
    let passed: Vec<String> = assertions
        .map(|result| format!("{} (measured: {})", result.assertion, result.actual))
        .collect();
    let reasons = &summary.verdict.reasons;
    html! {
        div class={ "verdict " (class) } {
            b { (headline(summary)) }
            @if !reasons.is_empty() || !passed.is_empty() {
                ul { @for line in reasons.iter().chain(&passed) { li { (line) } } }
            }
        }
    }
}

pub(super) fn tiles(summary: &RunSummary) -> Markup {
    let response = &summary.latencies.response;
    let missing = summary.number("missing").unwrap_or_default();
    let tiles = [
        (time_or_dash(response.percentile(50.0)), "response p50"),
        (time_or_dash(response.percentile(99.0)), "response p99"),
        (time_or_dash(response.percentile(99.9)), "response p99.9"),
        (format_ns(response.max_ns as f64), "response max"),
        (grouped(summary.load.delivered_per_s), "delivered updates/s"),
        (grouped(missing), "updates missing"),
    ];
    html! {
        div class="tiles" {
            @for (value, name) in tiles {
                div class="tile" { b { (value) } span { (name) } }
            }
        }
    }
}
