//! Documents for people who look for a file name files that exist, bounds that exist, and the
//! glossary is short.

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    project::{Error, Project},
};

/// Has the glossary, and tables that follow an update and a subscription through the files.
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Documents whose tables name paths.
const GUIDES: [&str; 2] = [ARCHITECTURE, "CONTRIBUTING.md"];

/// Heading of the section whose text lists constants.
const BOUNDS: &str = "Bounds";

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
            findings.extend(check_prose(project, text));
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
    let spans = cell.split('`').skip(1).step_by(2);
    spans.filter(|span| is_path(span))
}

fn is_path(span: &str) -> bool {
    let is_word = !span.contains([' ', '\n', ':', '(', '<']) && !span.starts_with('/');
    is_word && (span.contains('/') || ENDINGS.iter().any(|ending| span.ends_with(ending)))
}

/// What the text outside of tables and blocks of code names: files, and constants among the bounds.
fn check_prose(project: &Project, text: &str) -> Vec<Finding> {
    let (mut prose, mut headings) = (String::new(), Vec::new());
    let (mut heading, mut is_code) = ("", false);
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if line.starts_with('#') {
            heading = line.trim_start_matches(['#', ' ']);
        }
        if !is_code && !line.starts_with('|') && !line.starts_with("```") {
            prose.push_str(line);
        }
        prose.push('\n');
        headings.push(heading);
    }
    let mut findings = Vec::new();
    let mut line = 0;
    for (index, part) in prose.split('`').enumerate() {
        let place = format!("{ARCHITECTURE}:{}", line + 1);
        let is_bound = headings.get(line) == Some(&BOUNDS) && is_constant(part);
        line += part.matches('\n').count();
        if index % 2 == 0 {
            continue;
        }
        if is_path(part) && !project.has(part) {
            let problem = format!("`{part}` does not exist: correct the path");
            findings.push(Finding::new(&place, problem));
        }
        if is_bound && !project.has_constant(part) {
            let problem = format!("there is no constant `{part}`: correct the list");
            findings.push(Finding::new(&place, problem));
        }
    }
    findings
}

fn is_constant(span: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    span.contains('_') && span.bytes().all(is_of_name)
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
