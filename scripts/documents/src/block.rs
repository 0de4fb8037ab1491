//! Blocks of code in Markdown, with the comment above each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

/// Folders whose files are not ours.
const FOREIGN: [&str; 4] = ["target", "node_modules", ".git", "corpus"];

/// Its older entries describe what the programs no longer do.
const HISTORY: &str = "CHANGELOG.md";

/// A file of Markdown.
#[derive(Debug, Clone)]
pub struct Document {
    /// Relative to the project's root.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its first line of code, from 1.
    pub line: usize,
    /// The language: empty for an indented block and for one that names none.
    pub language: String,
    /// What is in it, without indentation.
    pub text: String,
    /// The content of the HTML comment right above it.
    pub comment: Option<String>,
}

/// All documents below a folder, in the order of their paths.
pub fn documents(root: &Path) -> io::Result<Vec<Document>> {
    let is_ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        !FOREIGN.contains(&&*name)
    };
    let mut documents = Vec::new();
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(is_ours) {
        let entry = entry?;
        let path = entry.path();
        let is_document = path.extension().is_some_and(|extension| extension == "md");
        if is_document && !path.ends_with(HISTORY) {
            let text = fs::read_to_string(path)?;
            let path = path.strip_prefix(root).unwrap_or(path).to_owned();
            documents.push(Document { path, text });
        }
    }
    Ok(documents)
}

impl Document {
    /// All blocks, fenced or indented.
    pub fn blocks(&self) -> Vec<Block> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut blocks = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            let first = at;
            if let Some(language) = line.strip_prefix("```") {
                let end = lines[at + 1..]
                    .iter()
                    .position(|line| line.starts_with("```"));
                let end = end.map_or(lines.len(), |len| at + 1 + len);
                blocks.push(block(&lines, first, at + 1..end, language));
                at = end + 1;
            } else if is_indented(line) && starts_code(&lines[..at]) {
                let rest = &lines[at..];
                let len = rest
                    .iter()
                    .position(|line| !is_indented(line) && !line.is_empty());
                let mut end = len.map_or(lines.len(), |len| at + len);
                while lines[end - 1].is_empty() {
                    end -= 1;
                }
                blocks.push(block(&lines, first, at..end, ""));
                at = end;
            } else {
                at += 1;
            }
        }
        blocks
    }

    /// The text outside of blocks of code and HTML comments, in which a newline is a space.
    pub fn prose(&self) -> String {
        let mut inside = false;
        let lines = self.text.lines().filter(|line| {
            let is_fence = line.starts_with("```");
            inside ^= is_fence;
            !inside && !is_fence
        });
        let text = lines.collect::<Vec<_>>().join(" ");
        let mut prose = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("<!--") {
            prose.push_str(before);
            rest = after.split_once("-->").map_or("", |(_, after)| after);
        }
        prose.push_str(rest);
        prose.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn is_indented(line: &str) -> bool {
    line.starts_with("    ") && !line.trim().is_empty()
}

/// Whether an indented line after these begins a block: an empty line is above it, and no list.
fn starts_code(before: &[&str]) -> bool {
    let Some((last, rest)) = before.split_last() else {
        return true;
    };
    let paragraph = rest.iter().rev().find(|line| !line.is_empty());
    let is_list = |line: &&&str| {
        let text = line.trim_start();
        let number = text.split('.').next().unwrap_or_default();
        text.starts_with("* ") || text.starts_with("- ") || number.parse::<u32>().is_ok()
    };
    last.is_empty() && !paragraph.is_some_and(|line| is_list(&line) || line.starts_with("  "))
}

fn block(lines: &[&str], first: usize, code: std::ops::Range<usize>, language: &str) -> Block {
    let text = lines[code.clone()].iter().map(|line| {
        let line = if language.is_empty() {
            line.strip_prefix("    ").unwrap_or(line)
        } else {
            line
        };
        format!("{line}\n")
    });
    Block {
        line: code.start + 1,
        language: language
            .split(',')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned(),
        text: text.collect(),
        comment: comment(&lines[..first]),
    }
}

/// The HTML comment that ends the lines above a block.
fn comment(above: &[&str]) -> Option<String> {
    let end = above.iter().rposition(|line| !line.is_empty())?;
    above[end].trim_end().strip_suffix("-->")?;
    let start = above[..=end]
        .iter()
        .rposition(|line| line.starts_with("<!--"))?;
    let text = above[start..=end].join("\n");
    let text = text.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<Block> {
        let (path, text) = (PathBuf::new(), text.to_owned());
        Document { path, text }.blocks()
    }

    #[track_caller]
    fn check(text: &str, line: usize, language: &str, code: &str, comment: Option<&str>) {
        let expected = Block {
            line,
            language: language.into(),
            text: code.into(),
            comment: comment.map(Into::into),
        };
        assert_eq!(blocks(text), [expected]);
    }

    #[test]
    fn fenced_and_indented_blocks_are_found_with_their_comment() {
        check("a\n```sh\nls\n```\nb", 3, "sh", "ls\n", None);
        check("```rust,no_run\nx\n```", 2, "rust", "x\n", None);
        check("```\nls", 2, "", "ls\n", None);
        check("a\n\n    ls\n\n    cd\n\nb", 3, "", "ls\n\ncd\n", None);
        check(
            "<!-- not run: b -->\n\n```sh\nls\n```",
            4,
            "sh",
            "ls\n",
            Some("not run: b"),
        );
        let text = "<!-- run:\na = 1\n-->\n\n    ls\n";
        check(text, 5, "", "ls\n", Some("run:\na = 1"));
    }

    #[test]
    fn lists_and_what_continues_them_are_no_code() {
        for text in [
            "* a\n\n    b",
            "1. a\n   b\n\n    c",
            "- a\n    b",
            "a\n    b",
        ] {
            assert_eq!(blocks(text), [], "{text}");
        }
    }

    #[test]
    fn prose_is_without_blocks_and_comments() {
        let text = "a\n<!-- x\ny -->\nb\n```sh\nls\n```\nc".to_owned();
        let document = Document {
            path: PathBuf::new(),
            text,
        };
        assert_eq!(document.prose(), "a b c");
    }
}
