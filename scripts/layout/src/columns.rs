//! Lines of Markdown and of comments fit beside another window.

use crate::{
    finding::Finding,
    project::{Error, Project},
};

/// As wide as rustfmt makes code.
const COLUMNS_MAX: usize = 100;

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (path, text) in &project.texts {
        let is_prose = match path.rsplit_once('.') {
            Some((_, "md")) => markdown_prose(text),
            Some((_, "rs")) => comments(text, &["//"]),
            Some((_, "js" | "mjs")) => comments(text, &["//", "/*", "*"]),
            Some((_, "py" | "sh")) => comments(text, &["#"]),
            _ => continue,
        };
        for (index, (line, is_prose)) in text.lines().zip(is_prose).enumerate() {
            let columns = line.chars().count();
            if is_prose && columns > COLUMNS_MAX && can_be_broken(line) {
                let place = format!("{path}:{}", index + 1);
                let problem = format!("{columns} columns (limit {COLUMNS_MAX}): break the line");
                findings.push(Finding::new(place, problem));
            }
        }
    }
    Ok(findings)
}

fn comments(text: &str, markers: &[&str]) -> Vec<bool> {
    let lines = text.lines().map(str::trim_start);
    lines
        .map(|line| markers.iter().any(|marker| line.starts_with(marker)))
        .collect()
}

/// Leaves out code blocks and what a program writes between `<!-- name -->` and `<!-- /name -->`.
fn markdown_prose(text: &str) -> Vec<bool> {
    let (mut is_fenced, mut is_generated, mut is_indented) = (false, false, false);
    let mut was_empty = true;
    let is_prose = |line: &str| {
        let trimmed = line.trim();
        let is_fence = trimmed.starts_with("```");
        is_fenced ^= is_fence;
        if let Some(mark) = trimmed.strip_prefix("<!-- ") {
            is_generated = text.contains(&format!("<!-- /{mark}"));
        }
        is_indented = line.starts_with("    ") && (was_empty || is_indented);
        was_empty = trimmed.is_empty();
        !(is_fenced || is_fence || is_generated || is_indented)
    };
    text.lines().map(is_prose).collect()
}

/// Whether it is no row of a table and has more than one word or link.
fn can_be_broken(line: &str) -> bool {
    let text = line
        .trim_start()
        .trim_start_matches(['/', '!', '#', '*', '-', ' ']);
    let is_link = text.starts_with('[') && text.rfind(']') == text.find(']');
    !text.starts_with('|') && text.contains(' ') && !is_link
}
