//! The report as one page that needs nothing else.

mod pictures;
mod tables;

use std::fmt::Write;

use super::text::headline;
use crate::{
    latency::format_ns,
    run::Finished,
    summary::{Outcome, Summary},
};

/// The page.
pub fn html(finished: &Finished) -> String {
    let summary = &finished.summary;
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(finished, summary, &mut page);
    page
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
    write!(page, "{}", pictures::percentile_chart(finished))?;
    write!(page, "{}", pictures::latency_chart(&summary.seconds))?;
    write!(page, "{}", pictures::rate_chart(&summary.seconds))?;
    write!(page, "{}", pictures::server_chart(&summary.seconds))?;
    write!(page, "</div>")?;
    tables::write_latencies(summary, page)?;
    write!(page, "<div class=\"columns\">")?;
    tables::write_integrity(summary, page)?;
    tables::write_health(summary, page)?;
    write!(page, "</div>")?;
    tables::write_search(summary, page)?;
    tables::write_phases(summary, page)?;
    tables::write_environment(summary, page)?;
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
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
}
