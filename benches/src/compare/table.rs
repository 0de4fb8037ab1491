//! The figures as Markdown. Pure.

use std::fmt::Write;

use super::{
    figures::{Figures, Span},
    workload::{Pace, Workload},
};

const KIB: f64 = 1024.0;

/// A heading, a table and notes for one workload.
pub fn table(workload: &Workload, figures: &[Figures]) -> String {
    let mut text = format!("### ({}) {}\n\n", workload.letter, workload.title);
    let reference = figures.iter().find(|f| f.contender == workload.reference);
    if workload.pace == Pace::Silent {
        text += "| | KiB per connection |\n|---|---|\n";
    } else {
        text += "| | CPU µs per delivery | in user space | of a core | deliveries/s | \
                 bytes each | p50 ms | p99 ms | p99.9 ms | delivered | growth MiB |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|\n";
    }
    for row in figures {
        text += &line(workload, row, reference);
    }
    text += "\n";
    if let Some(reference) = reference {
        text += &format!(
            "In brackets: divided by that of {} in the same turn.",
            reference.contender.name()
        );
    }
    if !workload.others.is_empty() {
        let _ = write!(text, " Not all take part: {}.", workload.others);
    }
    text += "\n";
    for note in figures.iter().flat_map(notes) {
        let _ = writeln!(text, "* {note}");
    }
    text
}

fn line(workload: &Workload, row: &Figures, reference: Option<&Figures>) -> String {
    let others = reference.filter(|reference| reference.contender != row.contender);
    let with_ratio = |median: Option<f64>, ratio: Option<f64>, decimals: usize| {
        let Some(median) = median else {
            return "–".to_owned();
        };
        let own = digits(median, decimals);
        ratio.map_or(own.clone(), |ratio| format!("{own} ({ratio:.2})"))
    };
    let compared = |median: Option<f64>, of: fn(&Span) -> Option<f64>, decimals: usize| {
        let ratio = others.and_then(|reference| row.ratio(reference, of));
        with_ratio(median, ratio, decimals)
    };
    let name = row.contender.name();
    if workload.pace == Pace::Silent {
        let ratio = others.map(|reference| row.connection_bytes / reference.connection_bytes);
        let memory = with_ratio(Some(row.connection_bytes / KIB), ratio, 1);
        return format!("| {name} | {memory} |\n");
    }
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        compared(row.cpu_us, Span::cpu_us, 3),
        percent(row.user_share, 0),
        percent(Some(row.busy), 0),
        compared(
            Some(row.deliveries_per_s),
            |span| Some(span.deliveries_per_s()),
            0
        ),
        with_ratio(row.bytes_each, None, 0),
        compared(row.p50_ms, |span| span.p50_ms, 2),
        compared(row.p99_ms, |span| span.p99_ms, 2),
        compared(row.p999_ms, |span| span.p999_ms, 2),
        percent(Some(row.completion), 2),
        digits(row.growth_bytes / (KIB * KIB), 1),
    )
}

/// What a reader must know of a row.
fn notes(row: &Figures) -> Vec<String> {
    let name = row.contender.name();
    let mut notes = Vec::new();
    let mut note = |is_worth_it: bool, text: String| {
        if is_worth_it {
            notes.push(format!("{name}: {text}."));
        }
    };
    note(
        row.missing > 0,
        format!("{} deliveries missing", grouped(row.missing as f64)),
    );
    note(
        row.doubled > 0,
        format!("{} doubled", grouped(row.doubled as f64)),
    );
    note(
        row.announced > 0,
        format!("{} announced as lost", grouped(row.announced as f64)),
    );
    note(
        row.overstated > 0,
        format!(
            "{} announced as lost that were not",
            grouped(row.overstated as f64)
        ),
    );
    note(row.closed > 0, format!("closed {} connections", row.closed));
    note(
        row.counters_differ > 0,
        format!(
            "its own counters differ from ours in {} runs",
            row.counters_differ
        ),
    );
    note(
        row.limited_by_load > 0,
        format!(
            "in {} of {} runs the load was the limit, so latencies are upper bounds and the rate is \
             a lower one",
            row.limited_by_load,
            row.runs.len()
        ),
    );
    notes
}

fn percent(share: Option<f64>, decimals: usize) -> String {
    share.map_or("–".to_owned(), |share| {
        // 100 % is said only where it is all.
        let percent = share * 100.0;
        let text = format!("{percent:.decimals$}");
        match text.starts_with("100") && share < 1.0 && decimals > 0 {
            true => format!("{:.decimals$} %", 99.99),
            false => format!("{text} %"),
        }
    })
}

/// Who delivers a smaller share than this has the share beside the latency of what came.
const COMPLETE: f64 = 0.995;

/// The latency, and how much arrived, or arrived in time, if not everything did.
pub(super) fn p99_label(figures: &Figures) -> Option<String> {
    let share = figures.kept_up.unwrap_or(1.0).min(figures.completion);
    let arrived = match share < COMPLETE {
        true => format!(" ({:.0} %)", share * 100.0),
        false => String::new(),
    };
    match (figures.p99_ms, arrived.is_empty()) {
        (None, true) => None,
        (p99_ms, _) => Some(p99_ms.map_or("–".to_owned(), short) + &arrived),
    }
}

/// Three digits, or all before the point.
pub(super) fn short(value: f64) -> String {
    digits(value, 3)
}

/// So many decimals at most, and three digits at most but for what stands before the point.
fn digits(value: f64, decimals: usize) -> String {
    let places = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 3,
    };
    match decimals.min(places) {
        0 => grouped(value),
        decimals => format!("{value:.decimals$}"),
    }
}

/// A whole number with commas.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{
        contender::Contender,
        figures::{Figures, tests::measurement},
        workload::ALL,
    };

    #[test]
    fn rows_are_compared_with_the_reference_and_losses_are_told() {
        let raw = Figures::of(Contender::Raw, &[&measurement(Contender::Raw)]);
        let mut nats = Figures::of(Contender::Nats, &[&measurement(Contender::Nats)]);
        nats.cpu_us = Some(4.0);
        nats.runs[0].turns[0].cpu_s = 0.4;
        nats.missing = 1234;
        let text = table(&ALL[0], &[raw, nats]);
        assert!(
            text.contains("| raw | 2.00 | 10 % | 20 % | 100,000 |"),
            "{text}"
        );
        assert!(text.contains("| nats-server | 4.00 (2.00) |"), "{text}");
        assert!(
            text.contains("* nats-server: 1,234 deliveries missing."),
            "{text}"
        );
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(percent(Some(1.0), 2), "100.00 %");
        assert_eq!(percent(Some(0.999_999), 2), "99.99 %");
        assert_eq!(percent(Some(0.5), 0), "50 %");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(digits(0.0217, 3), "0.022");
        assert_eq!(digits(4.567, 3), "4.57");
        assert_eq!(digits(12.34, 3), "12.3");
        assert_eq!(digits(0.04, 1), "0.0");
    }
}
