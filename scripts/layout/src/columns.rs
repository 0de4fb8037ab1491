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
            Some((_, "sh")) => comments(text, &["#"]),
            _ => continue,
        };
        for (index, (line, is_prose)) in text.lines().zip(is_prose).enumerate() {
            let columns = line.chars().count();
            if is_prose && columns > COLUMNS_MAX && can_be_broken(line) {
                let place = format!("{path}:{}", index + 1);
                let problem = format!("{columns} columns (limit {COLUMNS_MAX}): break the line");
                findings.push(Finding { place, problem });
            }
        }
    }
    Ok(findings)
}

fn comments(text: &str, markers: &[&str]) -> Vec<bool> {
    let is_comment = |line: &str| {
        markers
            .iter()
            .any(|marker| line.trim_start().starts_with(marker))
    };
    text.lines().map(is_comment).collect()
}

/// Leaves out code blocks and what a program writes between `<!-- name -->` and `<!-- /name -->`.
fn markdown_prose(text: &str) -> Vec<bool> {
    let (mut is_fenced, mut is_generated, mut is_indented, mut was_empty) =
        (false, false, false, true);
    let is_prose = |line: &str| {
        let trimmed = line.trim();
        let is_fence = trimmed.starts_with("```");
        is_fenced ^= is_fence;
        if let Some(name) = trimmed.strip_prefix("<!-- ") {
            is_generated = !name.starts_with('/');
        }
        is_indented = line.starts_with("    ") && (was_empty || is_indented);
        was_empty = trimmed.is_empty();
        !(is_fenced || is_fence || is_generated || is_indented)
    };
    text.lines().map(is_prose).collect()
}

/// Not a row of a table, and more than one word or link.
fn can_be_broken(line: &str) -> bool {
    let text = line
        .trim_start()
        .trim_start_matches(['/', '!', '#', '*', '-', ' ']);
    let is_link = text.starts_with('[') && text.rfind(']') == text.find(']');
    !text.starts_with('|') && text.contains(' ') && !is_link
}
