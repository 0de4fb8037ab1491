//! JSON laid out for reading.

use serde::de::IgnoredAny;

/// Spaces per level.
const INDENT: usize = 2;

/// Deeper levels are not indented further, so that nothing grows without bound.
const INDENT_MAX_LEVELS: usize = 40;

/// The text laid out with one member per line, if it is an object or an array. Numbers, the order
/// of members and repeated members stay exactly as they were sent.
pub(crate) fn pretty(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut level = 0usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                let mut is_escaped = false;
                for c in chars.by_ref() {
                    out.push(c);
                    match c {
                        _ if is_escaped => is_escaped = false,
                        '\\' => is_escaped = true,
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                match chars.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        level += 1;
                        new_line(&mut out, level);
                    }
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                new_line(&mut out, level);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(
        ' ',
        level.min(INDENT_MAX_LEVELS) * INDENT,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_nothing_in_it_is_changed() {
        let text = r#" {"b":1.50,"a":[ ],"a":{"x":[1,2]}, "s":"a, \"b\": {" , "n":123456789012345678901234567890} "#;
        let expected = [
            "{",
            "  \"b\": 1.50,",
            "  \"a\": [],",
            "  \"a\": {",
            "    \"x\": [",
            "      1,",
            "      2",
            "    ]",
            "  },",
            "  \"s\": \"a, \\\"b\\\": {\",",
            "  \"n\": 123456789012345678901234567890",
            "}",
        ];
        assert_eq!(pretty(text).unwrap(), expected.join("\n"));
    }

    #[test]
    fn what_is_no_object_and_no_array_stays_as_it_is() {
        for text in ["closed", "1.5", "{\"a\":", "{a}", "[1,]", "", "\"x\""] {
            assert_eq!(pretty(text), None, "{text}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        let text = pretty(&deep).unwrap();
        assert!(
            text.lines()
                .all(|line| line.len() <= 2 * INDENT_MAX_LEVELS + 2)
        );
    }
}
