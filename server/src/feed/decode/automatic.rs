//! The format `auto`: the content of a payload decides how it is read.

use tickcast_protocol::value::Value;

use super::{
    emit::Emitter,
    error::DecodeError,
    json::Fields,
    parts::{measured, scalar_text},
    sample,
    split::{Choice, Splitter},
};

/// Some writers put this in front of UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a payload without a rule.
pub(super) fn read(payload: &[u8], emitter: &mut Emitter<'_>) {
    let Ok(text) = std::str::from_utf8(payload) else {
        return emitter.own(Value::Bytes(payload.into()).into());
    };
    let trimmed = text.trim_start_matches(BYTE_ORDER_MARK).trim_ascii();
    if trimmed.is_empty() {
        return emitter.own(Value::Absent(String::new()).into());
    }
    if emitter.known.is_metadata {
        return emitter.own(Value::Text(text.into()).into());
    }
    if trimmed == "null" {
        return emitter.own(Value::Absent("null".to_owned()).into());
    }
    if !json(trimmed, Choice::default(), emitter) {
        let numerals = emitter.hints.numerals;
        let content = match trimmed.as_bytes()[0] {
            b'"' => scalar_text(trimmed, numerals),
            _ => measured(trimmed, numerals),
        }
        .unwrap_or_else(|| Value::Text(text.into()).into());
        emitter.own(content);
    }
}

/// Reads an object or an array. Returns whether it was one that says anything.
pub(super) fn json(text: &str, choice: Choice<'_>, emitter: &mut Emitter<'_>) -> bool {
    if !text.starts_with(['{', '[']) {
        return false;
    }
    let before = emitter.decoded.parts();
    if valid_json(text, choice, emitter).is_err() {
        let fixed = with_nulls(text);
        if valid_json(&fixed, choice, emitter).is_err() {
            return false;
        }
    }
    emitter.decoded.parts() > before
}

fn valid_json(
    text: &str,
    choice: Choice<'_>,
    emitter: &mut Emitter<'_>,
) -> Result<(), DecodeError> {
    if text.starts_with('[') {
        return Splitter::new(emitter, choice).array(text);
    }
    let fields = Fields::parse(text).map_err(|error| DecodeError::not_json(text, &error))?;
    // A choice of members asks for the members.
    let known = match choice == Choice::default() {
        true => sample::read(&fields, emitter.hints, emitter.now_ns),
        false => Ok(None),
    };
    match known {
        Ok(Some(mut content)) => {
            if let Some(time) = emitter.hints.time_of(&fields, emitter.now_ns) {
                content.time = time;
            }
            emitter.own(content);
        }
        Ok(None) => Splitter::new(emitter, choice).object(&fields),
        Err(error) => emitter.fail(error),
    }
    Ok(())
}

/// The text with null for each `NaN` and `Infinity`, which JSON does not know but several writers
/// send.
fn with_nulls(text: &str) -> String {
    const WORDS: [&str; 4] = ["-Infinity", "Infinity", "NaN", "nan"];

    let mut fixed = String::with_capacity(text.len());
    let mut rest = text;
    let (mut is_in_string, mut is_escaped) = (false, false);
    while let Some(character) = rest.chars().next() {
        let word = WORDS.iter().find(|word| rest.starts_with(**word));
        if let (false, Some(word)) = (is_in_string, word) {
            fixed.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        if character == '"' && !is_escaped {
            is_in_string = !is_in_string;
        }
        is_escaped = is_in_string && character == '\\' && !is_escaped;
        fixed.push(character);
        rest = &rest[character.len_utf8()..];
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::with_nulls;

    #[test]
    fn only_words_outside_strings_become_null() {
        assert_eq!(
            with_nulls(r#"{"a":NaN,"NaN":"NaN \" NaN","b":[-Infinity,Infinity]}"#),
            r#"{"a":null,"NaN":"NaN \" NaN","b":[null,null]}"#
        );
        assert_eq!(with_nulls(r#"{"NaN":1}"#), r#"{"NaN":1}"#);
    }
}
