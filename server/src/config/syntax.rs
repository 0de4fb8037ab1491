//! Lines that are not TOML: what was probably meant.

use toml::de::DeValue;

use super::text::parse_list;

/// Quotes of other languages and of word processors.
const QUOTES: [char; 7] = ['"', '\'', '“', '”', '„', '‘', '’'];

/// What is wrong with a line that is not TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake<'a> {
    /// Its byte in the line.
    pub(super) at: usize,
    pub(super) key: &'a str,
    /// What to write.
    pub(super) reason: String,
}

/// The mistake in a line, if more is known of it than the parser's reason.
pub(super) fn explain(line: &str) -> Option<Mistake<'_>> {
    if let Some((key, value, at)) = split(line, '=') {
        let spaces = line[at + 1..].len() - line[at + 1..].trim_start().len();
        let reason = format!("write texts in quotes: {key} = {}", quoted(value)?);
        let at = at + 1 + spaces;
        return Some(Mistake { at, key, reason });
    }
    let (key, value, at) = split(line, ':')?;
    let right = if is_value(value) {
        value.to_owned()
    } else {
        quoted(value)?
    };
    let reason = format!("write = between key and value: {key} = {right}");
    Some(Mistake { at, key, reason })
}

/// The key of a line that has one.
pub(super) fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    Some(key.trim()).filter(|key| is_key(key))
}

/// Key and value, and the byte between them.
fn split(line: &str, by: char) -> Option<(&str, &str, usize)> {
    let (left, right) = line.split_once(by)?;
    let (key, value) = (left.trim(), without_comment(right));
    (is_key(key) && !value.is_empty()).then_some((key, value, left.len()))
}

fn is_key(key: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !key.is_empty() && key.chars().all(is_part)
}

/// A `#` begins a comment after a space; a filter or a URL may have one elsewhere.
fn without_comment(value: &str) -> &str {
    let value = value.trim();
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end()
}

fn is_value(text: &str) -> bool {
    DeValue::parse(text).is_ok()
}

/// The value with the quotes that it lacks, if that makes it TOML.
fn quoted(value: &str) -> Option<String> {
    let text = |member: &str| match is_value(member) {
        true => member.to_owned(),
        false => toml::Value::from(member.trim_matches(QUOTES)).to_string(),
    };
    let inner = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let right = match inner {
        Some(members) => {
            let members = members.split(',').map(str::trim);
            let members: Vec<_> = members
                .filter(|member| !member.is_empty())
                .map(text)
                .collect();
            format!("[{}]", members.join(", "))
        }
        None if is_value(value) || value.starts_with(['[', '{']) => return None,
        None => text(value),
    };
    let is_list = || inner.is_some() && parse_list(&right).is_ok();
    (right != value && (is_list() || is_value(&right))).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, at: usize, key: &str, reason: &str) {
        let reason = reason.to_owned();
        assert_eq!(explain(line), Some(Mistake { at, key, reason }), "{line}");
    }

    #[test]
    fn a_text_without_quotes_is_shown_with_them() {
        let check = |line: &str, at: usize, right: &str| {
            let key = right.split(' ').next().unwrap();
            check(line, at, key, &format!("write texts in quotes: {right}"));
        };
        check("listen = 127.0.0.1:7400", 9, r#"listen = "127.0.0.1:7400""#);
        check("ping=10s # often", 5, r#"ping = "10s""#);
        check("filter = plant/#", 9, r##"filter = "plant/#""##);
        check("url = “mqtt://h”", 6, r#"url = "mqtt://h""#);
        check(
            "listen = \"127.0.0.1:7400",
            9,
            r#"listen = "127.0.0.1:7400""#,
        );
        check(
            "origins = [https://a, 'b']",
            10,
            r#"origins = ["https://a", 'b']"#,
        );
        check("file = C:\\data", 7, r"file = 'C:\data'");
    }

    #[test]
    fn a_colon_after_the_key_is_shown_as_an_equals_sign() {
        let check = |line: &str, at: usize, right: &str| {
            let key = right.split(' ').next().unwrap();
            check(
                line,
                at,
                key,
                &format!("write = between key and value: {right}"),
            );
        };
        check("listen: \":7400\"", 6, r#"listen = ":7400""#);
        check("shards: 2", 6, "shards = 2");
        check("ping: 10s", 4, r#"ping = "10s""#);
    }

    #[test]
    fn nothing_is_known_of_other_lines() {
        for line in ["", "[feed", "a", "= 1", "a b = c", "shards = 1", "a = [1"] {
            assert_eq!(explain(line), None, "{line}");
        }
    }
}
