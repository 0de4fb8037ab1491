//! ARCHITECTURE.md follows an update and a subscription through files that exist, in few words.

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    project::{Error, Project},
};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// Heading of the section whose table lists the words of the project.
const GLOSSARY: &str = "Glossary";

/// What fits on a page and can be remembered.
const GLOSSARY_WORDS_MAX: usize = 40;

/// Endings of files that the tables name without a folder.
const ENDINGS: [&str; 5] = [".js", ".md", ".rs", ".sh", ".toml"];

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let mut words = Vec::new();
    let (mut heading, mut bases, mut was_table) = ("", Vec::new(), false);
    let text = project.texts.get(DOCUMENT).map_or("", String::as_str);
    for (index, line) in text.lines().enumerate() {
        let place = format!("{DOCUMENT}:{}", index + 1);
        let is_header = !was_table;
        was_table = line.starts_with('|');
        if line.starts_with('#') {
            heading = line.trim_start_matches(['#', ' ']);
        }
        if !was_table || line.starts_with("|-") || line.starts_with("| -") {
            continue;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if is_header {
            bases = cells.iter().map(|cell| paths(cell)).collect();
        } else if heading == GLOSSARY {
            words.push((
                place.clone(),
                cells[0].trim_matches(['*', '`']).to_lowercase(),
            ));
        }
        for (cell, bases) in cells.iter().zip(&bases) {
            for path in paths(cell) {
                let under = |base: &&str| format!("{}/{path}", base.trim_end_matches('/'));
                let mut candidates = bases.iter().map(under).chain([path.to_owned()]);
                if !candidates.any(|path| project.has(&path)) {
                    let problem = format!("`{path}` does not exist: correct the path");
                    findings.push(Finding {
                        place: place.clone(),
                        problem,
                    });
                }
            }
        }
    }
    findings.extend(check_glossary(&words));
    Ok(findings)
}

/// Code spans that are paths. In the header of a column they are the folders that its paths may
/// start in.
fn paths(cell: &str) -> Vec<&str> {
    let is_path = |span: &&str| {
        let is_word = !span.contains([' ', ':', '(', '<']) && !span.starts_with('/');
        is_word && (span.contains('/') || ENDINGS.iter().any(|ending| span.ends_with(ending)))
    };
    cell.split('`').skip(1).step_by(2).filter(is_path).collect()
}

fn check_glossary(words: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |place: &str, problem: String| {
        findings.push(Finding {
            place: place.to_owned(),
            problem,
        });
    };
    if words.is_empty() {
        add(
            DOCUMENT,
            format!("no table under a heading \"{GLOSSARY}\": add one"),
        );
    }
    if words.len() > GLOSSARY_WORDS_MAX {
        let count = words.len();
        add(
            DOCUMENT,
            format!(
                "{count} words in the glossary (limit {GLOSSARY_WORDS_MAX}): leave out what explains \
             itself or is used in one file only"
            ),
        );
    }
    let mut known = BTreeSet::new();
    for (place, word) in words {
        if !known.insert(word) {
            add(
                place,
                format!("\"{word}\" is in the glossary already: give each thing one word"),
            );
        }
    }
    findings
}
