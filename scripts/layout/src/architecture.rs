//! Documents for people who look for a file name files that exist, and the glossary is short.

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    project::{Error, Project},
};

/// Has the glossary, and tables that follow an update and a subscription through the files.
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Documents whose tables name paths.
const GUIDES: [&str; 2] = [ARCHITECTURE, "CONTRIBUTING.md"];

/// Heading of the section whose table lists the words of the project.
const GLOSSARY: &str = "Glossary";

/// As many words as fit on a page and can be remembered.
const GLOSSARY_WORDS_MAX: usize = 40;

/// Endings of files that the tables name without a folder.
const ENDINGS: [&str; 5] = [".js", ".md", ".rs", ".sh", ".toml"];

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for document in GUIDES {
        let text = project.texts.get(document).map_or("", String::as_str);
        let rows = rows(document, text);
        findings.extend(rows.iter().flat_map(|row| missing_paths(project, row)));
        if document == ARCHITECTURE {
            findings.extend(check_glossary(&rows));
        }
    }
    Ok(findings)
}

/// A row of a table.
struct Row<'a> {
    place: String,
    heading: &'a str,
    /// Cells of the table's first row.
    header: Vec<&'a str>,
    cells: Vec<&'a str>,
}

fn rows<'a>(document: &str, text: &'a str) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let (mut heading, mut header) = ("", None);
    for (index, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            header = None;
            if line.starts_with('#') {
                heading = line.trim_start_matches(['#', ' ']);
            }
            continue;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let header = header.get_or_insert_with(|| cells.clone()).clone();
        let is_rule = cells.iter().all(|cell| cell.starts_with('-'));
        if header != cells && !is_rule {
            rows.push(Row {
                place: format!("{document}:{}", index + 1),
                heading,
                header,
                cells,
            });
        }
    }
    rows
}

/// Paths start at the project's root, or in a folder that the column's header names.
fn missing_paths(project: &Project, row: &Row<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, header) in row.cells.iter().zip(&row.header) {
        for path in paths(cell) {
            let under = |folder: &str| format!("{}/{path}", folder.trim_end_matches('/'));
            let mut candidates = paths(header).map(under).chain([path.to_owned()]);
            if !candidates.any(|path| project.has(&path)) {
                let problem = format!("`{path}` does not exist: correct the path");
                findings.push(Finding::new(&row.place, problem));
            }
        }
    }
    findings
}

/// Code spans that look like paths.
fn paths(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|span| {
        let is_word = !span.contains([' ', ':', '(', '<']) && !span.starts_with('/');
        is_word && (span.contains('/') || ENDINGS.iter().any(|ending| span.ends_with(ending)))
    })
}

fn check_glossary(rows: &[Row<'_>]) -> Vec<Finding> {
    let words: Vec<_> = rows.iter().filter(|row| row.heading == GLOSSARY).collect();
    let count = words.len();
    let mut findings = Vec::new();
    if count == 0 {
        let problem = format!("no table under the heading \"{GLOSSARY}\": add one");
        findings.push(Finding::new(ARCHITECTURE, problem));
    }
    if count > GLOSSARY_WORDS_MAX {
        let problem = format!(
            "{count} words in the glossary (limit {GLOSSARY_WORDS_MAX}): leave out those that \
             explain themselves"
        );
        findings.push(Finding::new(ARCHITECTURE, problem));
    }
    let mut known = BTreeSet::new();
    for row in words {
        let word = row.cells[0].trim_matches(['*', '`']).to_lowercase();
        if !known.insert(word) {
            let problem = format!("{} is in the glossary twice: keep one", row.cells[0]);
            findings.push(Finding::new(&row.place, problem));
        }
    }
    findings
}
