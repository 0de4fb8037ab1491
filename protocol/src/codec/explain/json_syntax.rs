//! Reads the tree of a request, and says where a text is not JSON.

use super::{
    json_tree::Json,
    problem::{Problem, THE_MESSAGE, shown_text},
};

/// Bytes around an error that are shown.
const NEAR_BYTES: usize = 20;

/// Levels of nesting that serde_json reads.
const LEVELS_MAX: usize = 128;

/// Parses a text that is one JSON value.
pub(super) fn parse(bytes: &[u8]) -> Result<Json, Problem> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Json>();
    match values.next() {
        None => Err(Problem::malformed(format!("{THE_MESSAGE} is empty"))),
        Some(Err(error)) => Err(problem(bytes, &error)),
        Some(Ok(json)) => match trimmed(&bytes[values.byte_offset()..]).len() {
            0 => Ok(json),
            rest => {
                let reason = format!("there are {rest} trailing bytes after {THE_MESSAGE}");
                Err(Problem::malformed(reason))
            }
        },
    }
}

/// The bytes without the white space of JSON (RFC 8259, section 2) around them. A form feed is
/// none.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_content = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let begin = bytes.iter().position(is_content).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_content)
        .map_or(begin, |last| last + 1);
    &bytes[begin..end]
}

fn problem(bytes: &[u8], error: &serde_json::Error) -> Problem {
    Problem::malformed(said(THE_MESSAGE, bytes, error))
}

/// Why `what` is not JSON: the error of its parser, in plain words.
pub(super) fn said(what: &str, bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        let len = bytes.len();
        return format!("{what} is not complete JSON: it ends after {len} bytes");
    }
    if error.is_data() {
        return format!("{what} does not have the form that is expected");
    }
    let at = offset(bytes, error.line(), error.column());
    let from = bytes.get(at..).unwrap_or_default();
    if error.to_string().starts_with("number out of range") {
        let (at, number) = number_at(bytes, at);
        let number = shown_text(number);
        return format!("the number {number} at byte {at} is too large for 64 bits");
    }
    let opened = bytes[..at].iter().filter(is_open).count();
    if opened >= LEVELS_MAX - 1 && from.first().is_some_and(|byte| is_open(&byte)) {
        return format!("{what} has {LEVELS_MAX} or more levels of lists and objects");
    }
    let near = String::from_utf8_lossy(&from[..from.len().min(NEAR_BYTES)]);
    let names = ["NaN", "Infinity", "-Infinity"];
    let hint = match names.iter().find(|name| is_at(bytes, at, name)) {
        Some(name) => format!("; write {name} in quotes"),
        None => String::new(),
    };
    let near = shown_text(&near);
    format!("{what} is not JSON from byte {at} on, near {near}{hint}")
}

/// Where the number around a byte begins, and its text.
fn number_at(bytes: &[u8], at: usize) -> (usize, &str) {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let before = bytes[..at].iter().rev().take_while(|byte| is_part(byte));
    let begin = at - before.count();
    let len = bytes[begin..]
        .iter()
        .take_while(|byte| is_part(byte))
        .count();
    let text = std::str::from_utf8(&bytes[begin..begin + len]).unwrap_or_default();
    (begin, text)
}

/// Whether a name begins at a byte, or just before it.
fn is_at(bytes: &[u8], at: usize, name: &str) -> bool {
    (at.saturating_sub(1)..=at).any(|at| {
        bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(name.as_bytes()))
    })
}

fn is_open(byte: &&u8) -> bool {
    matches!(byte, b'{' | b'[')
}

/// The byte of a line and a column, which count from 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
    let start = starts.take(line).last().unwrap_or_default();
    (start + column.saturating_sub(1)).min(bytes.len())
}
