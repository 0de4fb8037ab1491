//! The results as the READMEs show them. Pure.

use std::fmt::Write;

use anyhow::Context;
use tickcast_loadtest::number::grouped;

use super::{
    origin::Origin,
    table::table,
    targets::{self, All, targets},
    wording::{KIB, p99_label, short, wrapped},
};
use crate::compare::figures::Figures;

/// Replaces the text between the two marks of a name.
pub(super) fn fill(document: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let both = || format!("the document has no marks <!-- {name} --> and <!-- /{name} -->");
    let (before, rest) = document.split_once(&begin).with_context(both)?;
    let (_, after) = rest.split_once(&end).with_context(both)?;
    Ok(format!(
        "{before}{begin}\n{}\n\n{end}{after}",
        text.trim_end()
    ))
}

/// All results, for the benchmarks' own README.
pub(super) fn report(all: &All<'_>, origin: &Origin, failures: &[String]) -> String {
    let mut text = format!("{}\n\n", origin.sentence());
    if !failures.is_empty() {
        let _ = writeln!(
            text,
            "Measurements that failed and are left out:\n\n* {}\n",
            failures.join("\n* ")
        );
    }
    text += "![The comparison as bars](results.svg)\n\n### Targets of Tickcast\n\n";
    text += &targets::table(&targets(all));
    for (workload, figures) in all {
        text.push('\n');
        text += &table(workload, figures);
    }
    text
}

/// A table and the targets that were missed, for the project's README.
pub(super) fn digest(all: &All<'_>, origin: &Origin) -> String {
    /// Workload, heading and figure of each column.
    const COLUMNS: [(&str, &str, Column); 8] = [
        ("a", "(a) CPU µs per delivery", |f| f.cpu_us.map(short)),
        ("a", "p99 ms", p99_label),
        ("b", "(b) CPU µs", |f| f.cpu_us.map(short)),
        ("b", "p99 ms", p99_label),
        ("c", "(c) CPU µs", |f| f.cpu_us.map(short)),
        ("c", "p99 ms", p99_label),
        ("d", "(d) deliveries/s", |f| {
            Some(grouped(f.deliveries_per_s))
        }),
        ("g", "KiB per idle subscriber", |f| {
            Some(short(f.connection_bytes / KIB))
        }),
    ];
    type Column = fn(&Figures) -> Option<String>;

    let mut text = format!("{}\n\n", origin.sentence());
    let heads: Vec<_> = COLUMNS.iter().map(|(_, head, _)| *head).collect();
    let _ = writeln!(text, "| | {} |", heads.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(COLUMNS.len()));
    let of_letter = |letter: &str| all.iter().find(|(workload, _)| workload.letter == letter);
    let Some((_, rows)) = all.first() else {
        return text;
    };
    for row in rows {
        let cells = COLUMNS.map(|(letter, _, column)| {
            let of_row = of_letter(letter).and_then(|(_, figures)| {
                let mut figures = figures.iter();
                figures.find(|f| f.contender == row.contender)
            });
            of_row.and_then(column).unwrap_or("–".to_owned())
        });
        let _ = writeln!(text, "| {} | {} |", row.contender.name(), cells.join(" | "));
    }
    text.push('\n');
    let titles = ["a", "b", "c", "d"].into_iter().filter_map(|letter| {
        let (workload, _) = of_letter(letter)?;
        Some(format!("({letter}) {}", workload.title))
    });
    let titles = titles.collect::<Vec<_>>().join("; ");
    text += &wrapped(&format!(
        "{titles}. In parentheses: the share that arrived while more was published, if not \
         everything."
    ));
    text += "\n\n";
    text += &missed(all);
    text
}

fn missed(all: &All<'_>) -> String {
    let targets = targets(all);
    let missed = targets.iter().filter(|target| !target.is_reached());
    let list: Vec<_> = missed
        .map(|target| {
            wrapped(&format!(
                "* ({}) {}: {}, {}",
                target.letter,
                target.contender.name(),
                target.what,
                target.text()
            ))
        })
        .collect();
    if list.is_empty() {
        return format!("All {} targets are reached.\n", targets.len());
    }
    format!(
        "Of {} targets, these are missed:\n\n{}\n",
        targets.len(),
        list.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use tickcast_loadtest::summary::Environment;

    use super::*;
    use crate::compare::{contender::Contender, figures::tests::measurement, workload::ALL};

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let document = "above\n<!-- x -->\nold\n<!-- /x -->\nbelow\n";
        let filled = fill(document, "x", "new\n").unwrap();
        assert_eq!(filled, "above\n<!-- x -->\n\nnew\n\n<!-- /x -->\nbelow\n");
        assert_eq!(fill(&filled, "x", "new").unwrap(), filled);
        assert!(fill(document, "y", "new").is_err());
        assert!(fill("<!-- x -->\nno end", "x", "new").is_err());
    }

    #[test]
    fn the_digest_has_a_row_per_contender_and_the_missed_targets() {
        let mut rows: Vec<_> = [Contender::Raw, Contender::TickcastBincode]
            .into_iter()
            .map(|contender| Figures::of(contender, &[&measurement(contender)]))
            .collect();
        rows[1].runs[0].turns[0].cpu_s = 0.9;
        let origin = Origin {
            environment: Environment::default(),
            runs: 5,
            versions: "nats-server v2".into(),
        };
        let text = digest(&[(&ALL[0], rows)], &origin);
        let line = "| raw | 2.00 | 3.00 | – | – | – | – | – | – |";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("Of 2 targets, these are missed:"), "{text}");
        assert!(text.contains("divided by that of raw, 4.50"), "{text}");
        assert!(text.starts_with("Medians of 5 runs"), "{text}");
    }
}
