//! What is wrong with a request, and the words for it.

use super::schema::{Kind, Object, Presence};
use crate::{decimal::SCALE_MAX, error::ErrorCode};

/// Most characters of a client's own text that an error repeats.
const SHOWN_MAX_CHARS: usize = 60;

/// Longest name that is compared with the right ones.
const COMPARED_MAX_BYTES: usize = 32;

/// What a text is called that is wrong as a whole.
pub(super) const THE_MESSAGE: &str = "the message";

/// What is wrong with a request.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: ErrorCode,
    pub(super) reason: String,
}

impl Problem {
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::Malformed,
            reason: reason.into(),
        }
    }

    pub(super) fn unknown_message(reason: String) -> Self {
        let code = ErrorCode::UnknownMessage;
        Self { code, reason }
    }
}

/// The place of a member in a request, such as `updates[0].value`. It becomes a text only where
/// something is wrong, because a request may have thousands of members.
#[derive(Debug, Default)]
pub(super) struct Path<'a>(Vec<Step<'a>>);

#[derive(Debug)]
enum Step<'a> {
    Member(&'a str),
    Element(u64),
}

impl<'a> Path<'a> {
    /// Goes to a member, calls, and comes back.
    pub(super) fn member<T>(&mut self, name: &'a str, call: impl FnOnce(&mut Self) -> T) -> T {
        self.with(Step::Member(name), call)
    }

    /// Goes to an element of a list, calls, and comes back.
    pub(super) fn element<T>(&mut self, index: u64, call: impl FnOnce(&mut Self) -> T) -> T {
        self.with(Step::Element(index), call)
    }

    fn with<T>(&mut self, step: Step<'a>, call: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(step);
        let result = call(self);
        self.0.pop();
        result
    }

    /// The member here is wrong: `says` completes the sentence.
    pub(super) fn problem(&self, says: impl AsRef<str>) -> Problem {
        let mut place = String::new();
        for step in &self.0 {
            match step {
                Step::Member(name) => {
                    place.push_str(if place.is_empty() { "" } else { "." });
                    place.push_str(&name_in_path(name));
                }
                Step::Element(index) => place.push_str(&format!("[{index}]")),
            }
        }
        if place.is_empty() {
            place.push_str(THE_MESSAGE);
        }
        Problem::malformed(format!("{place} {}", says.as_ref()))
    }
}

/// A name of a client, in quotes unless it is a plain word.
fn name_in_path(name: &str) -> String {
    let is_plain = name.len() <= SHOWN_MAX_CHARS
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_plain {
        name.to_owned()
    } else {
        shown_text(name)
    }
}

/// A client's own text in quotes, as in JSON. A long one is cut.
pub(super) fn shown_text(text: &str) -> String {
    let mut start: String = text.chars().take(SHOWN_MAX_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    serde_json::Value::from(start).to_string()
}

/// `; did you mean NAME?` if a name resembles one of the right ones.
pub(super) fn question(name: &str, right: impl Iterator<Item = &'static str>) -> String {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    if name.len() > COMPARED_MAX_BYTES {
        return String::new();
    }
    let written = plain(name);
    let distance = |right: &&str| strsim::damerau_levenshtein(&written, &plain(right));
    let nearest = right.min_by_key(distance);
    // One wrong letter in three is a slip; with more it is another word.
    match nearest.filter(|right| distance(right) <= (right.len() / 3).max(1)) {
        Some(right) => format!("; did you mean {right}?"),
        None => String::new(),
    }
}

/// Words with commas, and `or` before the last one.
pub(super) fn one_of(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    joined(words, "or")
}

/// What a member of this kind must be in JSON.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::U32 => format!("a whole number from 0 to {}", u32::MAX),
        Kind::U64 => "a whole number, 0 or more".to_owned(),
        Kind::I64 => "a whole number within 64 bits".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::F64 => "a number".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::Time => {
            "nanoseconds as a string of digits, such as \"1610064000278450001\"".to_owned()
        }
        Kind::Hex => "a string of 16 hexadecimal digits".to_owned(),
        Kind::Decimal => format!(
            "a string such as \"39432.48\", with at most {SCALE_MAX} digits after the point and \
             all digits together within 64 bits"
        ),
        Kind::Reading => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"".to_owned(),
        Kind::Bytes => "a string in base64 with padding".to_owned(),
        Kind::Name(names) => one_of(names.iter().map(|name| format!("{name:?}"))),
        Kind::List(_) => "a list".to_owned(),
        Kind::Object(object) => format!("an object with {}", members(object)),
        Kind::ObjectOrText(object) => format!("a string, or an object with {}", members(object)),
        Kind::OneOf(kinds) => format!(
            "an object with one member, which is {}, such as {{\"reading\":21.5}}",
            one_of(kinds.iter().map(|(name, _)| name))
        ),
    }
}

/// The members that an object must have.
fn members(object: &Object) -> String {
    let required = object.members.iter();
    let required = required.filter(|member| member.presence == Presence::Required);
    joined(required.map(|member| member.name), "and")
}

fn joined(words: impl IntoIterator<Item = impl AsRef<str>>, last: &str) -> String {
    let words: Vec<_> = words.into_iter().collect();
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        match index {
            0 => {}
            index if index + 1 == words.len() => text.push_str(&format!(" {last} ")),
            _ => text.push_str(", "),
        }
        text.push_str(word.as_ref());
    }
    text
}
