//! Lines that are not TOML: what was probably meant.

use toml::de::DeValue;

use super::text::parse_list;

/// Quotes of other languages and of word processors.
const QUOTES: [char; 7] = ['"', '\'', '“', '”', '„', '‘', '’'];

/// What is wrong with a line that is not TOML, and its byte in the line. `None` if only the
/// parser's reason is known.
pub(super) fn explain(line: &str) -> Option<(usize, String)> {
    let is_key = |key: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !key.is_empty() && key.chars().all(is_part)
    };
    let split = |by| {
        let (left, right) = line.split_once(by)?;
        let (key, value) = (left.trim(), without_comment(right));
        (is_key(key) && !value.is_empty()).then_some((key, value, left.len()))
    };
    if let Some((key, value, at)) = split('=') {
        let right = quoted(value)?;
        let spaces = line[at + 1..].len() - line[at + 1..].trim_start().len();
        let text = format!("{key}: write texts in quotes: {key} = {right}");
        return Some((at + 1 + spaces, text));
    }
    let (key, value, at) = split(':')?;
    let right = if is_value(value) {
        value.to_owned()
    } else {
        quoted(value)?
    };
    let text = format!("{key}: write = between key and value: {key} = {right}");
    Some((at, text))
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
    fn check(line: &str, at: usize, expected: &str) {
        assert_eq!(explain(line), Some((at, expected.into())), "{line}");
    }

    #[test]
    fn a_text_without_quotes_is_shown_with_them() {
        let check = |line: &str, at: usize, right: &str| {
            let key = right.split(' ').next().unwrap();
            check(line, at, &format!("{key}: write texts in quotes: {right}"));
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
                &format!("{key}: write = between key and value: {right}"),
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
