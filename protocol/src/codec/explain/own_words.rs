//! Tests: the words that an answer to an unreadable request may not have. The server's tests
//! compile this file as well.

/// What no answer may contain: parts of the texts of serde and bincode, and names of Rust.
pub(crate) const FORBIDDEN: &[&str] = &[
    "::",
    "enum",
    "struct",
    "variant",
    "type_name",
    "expected one of",
    "at line",
    "column",
    "invalid type",
    "invalid value",
    "untagged",
    "Utf8",
    "OtherString",
    "UnexpectedEnd",
    "Some(",
    "None",
    "u32",
    "u64",
    "i64",
    "f64",
    "field `",
];

/// A reason without what it repeats of the request, which is in quotes.
pub(crate) fn own_words(reason: &str) -> String {
    let (mut own, mut is_quoted, mut is_escaped) = (String::new(), false, false);
    for c in reason.chars() {
        match c {
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ if !is_quoted => own.push(c),
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    own
}
