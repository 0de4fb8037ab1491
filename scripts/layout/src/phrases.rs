//! Wording that `phrases.txt` replaces by plain English.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{
    finding::Finding,
    project::{Error, Project},
};

/// A line for each pattern with its replacement, and lines with exceptions.
const PHRASES: &str = include_str!("../phrases.txt");

static BANNED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let lines = entries().filter(|line| !line.starts_with("except "));
    let lines = lines.filter_map(|line| line.split_once(" => "));
    lines
        .map(|(pattern, plain)| (pattern_of(&format!(r"(?i)\b(?:{pattern})\b")), plain))
        .collect()
});

static EXCEPTIONS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    entries()
        .filter_map(|line| line.strip_prefix("except "))
        .map(pattern_of)
        .collect()
});

fn entries() -> impl Iterator<Item = &'static str> {
    PHRASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn pattern_of(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| panic!("phrases.txt: {error}"))
}

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (path, text) in &project.texts {
        let (mut prose, starts) = prose(text);
        for exception in EXCEPTIONS.iter() {
            let blank = |found: &Captures<'_>| "_".repeat(found[0].len());
            prose = exception.replace_all(&prose, blank).into_owned();
        }
        for (pattern, plain) in BANNED.iter() {
            for found in pattern.find_iter(&prose) {
                let line = starts.partition_point(|start| *start <= found.start());
                let problem = format!("\"{}\": write {plain}", found.as_str());
                findings.push(Finding::new(format!("{path}:{line}"), problem));
            }
        }
    }
    Ok(findings)
}

/// Joins all lines to one, without the marks of comments, so that a phrase may cross a line's end.
/// Also returns where each line begins. Underscores become spaces: names of tests are sentences.
fn prose(text: &str) -> (String, Vec<usize>) {
    let mut prose = String::with_capacity(text.len());
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(prose.len());
        let line = line
            .trim_start()
            .trim_start_matches(['/', '!', '#', '*', '>']);
        prose.push_str(line.trim_start().trim_end_matches(['\\', ' ']));
        prose.push(' ');
    }
    (prose.replace('_', " "), starts)
}
