//! The figures as Markdown. Pure.

use std::fmt::Write;

use tickcast_loadtest::{busy_loop::PublishRate, number::grouped};

use super::wording::{KIB, digits, percent, wrapped};
use crate::compare::{
    figures::{Figures, Span},
    workload::Workload,
};

/// A heading, a table and notes for one workload.
pub(super) fn table(workload: &Workload, figures: &[Figures]) -> String {
    let mut text = format!("### ({}) {}\n\n", workload.letter, workload.title);
    let reference = figures.iter().find(|f| f.contender == workload.reference);
    if workload.rate == PublishRate::Silent {
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
    let mut remarks = String::new();
    if let Some(reference) = reference {
        let name = reference.contender.name();
        let _ = write!(
            remarks,
            "In parentheses: divided by the figure of {name} in the same turn."
        );
    }
    if !workload.others.is_empty() {
        let reason = workload.others;
        let _ = write!(remarks, " Some contenders do not take part: {reason}.");
    }
    text += &wrapped(&remarks);
    text += "\n";
    for note in figures.iter().flat_map(notes) {
        let _ = writeln!(text, "{}", wrapped(&format!("* {note}")));
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
    if workload.rate == PublishRate::Silent {
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

/// What a reader must know about a row.
fn notes(row: &Figures) -> Vec<String> {
    let name = row.contender.name();
    let mut notes = Vec::new();
    let mut note = |applies: bool, text: String| {
        if applies {
            notes.push(format!("{name}: {text}."));
        }
    };
    note(
        row.missing > 0,
        format!("{} deliveries missing", grouped(row.missing as f64)),
    );
    note(
        row.doubled > 0,
        format!("{} deliveries doubled", grouped(row.doubled as f64)),
    );
    note(
        row.announced > 0,
        format!(
            "{} deliveries announced as lost",
            grouped(row.announced as f64)
        ),
    );
    note(
        row.overstated > 0,
        format!(
            "{} deliveries announced as lost that were not lost",
            grouped(row.overstated as f64)
        ),
    );
    note(
        row.closed > 0,
        format!("it closed {} connections", row.closed),
    );
    note(
        row.counters_differ > 0,
        format!(
            "its own counters differ from the load's in {} runs",
            row.counters_differ
        ),
    );
    note(
        row.limited_by_load > 0,
        format!(
            "the load was the limit in {} of {} runs, so latencies are upper bounds and the rate is \
             a lower bound",
            row.limited_by_load,
            row.runs.len()
        ),
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{contender::Contender, figures::tests::measurement, workload::ALL};

    #[test]
    fn rows_are_compared_with_the_reference_and_losses_are_noted() {
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
}
