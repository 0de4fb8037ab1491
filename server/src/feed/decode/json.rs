//! Reads only the requested parts of a JSON text, and keeps numbers as written: a price that has
//! been an `f64` is no longer exact.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::error::{DecodeError, PointerError};

/// The place of a value in a JSON text (RFC 6901).
#[derive(Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let mut parts = text.split('/');
        if parts.next() != Some("") {
            return Err(PointerError::NoSlash);
        }
        let tokens = parts.map(unescape).collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.into(),
            tokens,
        })
    }
}

fn unescape(token: &str) -> Result<Box<str>, PointerError> {
    let mut text = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(PointerError::BadEscape),
            },
            other => other,
        });
    }
    Ok(text.into())
}

impl Pointer {
    /// Whether it is the empty pointer, which is that of the whole text.
    pub(crate) fn is_whole(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The name that it consists of, if it is one.
    pub(crate) fn single(&self) -> Option<&str> {
        match &*self.tokens {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// Number of fields of a typical flat object: up to this many need no allocation.
const FIELDS_INLINE: usize = 8;

/// The fields of a JSON object, as written.
pub(crate) struct Fields<'a>(SmallVec<[(Cow<'a, str>, &'a str); FIELDS_INLINE]>);

impl<'a> Fields<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The field with this name, written in any case. If there are several, the last one, as in
    /// JavaScript.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|(_, raw)| raw)
    }

    /// The field with this name, written in any case, and the name as it is written.
    pub(crate) fn find(&self, name: &str) -> Option<(&str, &'a str)> {
        let mut members = self.0.iter().rev();
        let (name, raw) = members.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some((name, raw))
    }

    /// The value at a pointer that is not empty.
    pub(crate) fn at(&self, pointer: &Pointer) -> Option<&'a str> {
        let (first, rest) = pointer.tokens.split_first()?;
        find(self.get_exact(first)?, rest)
    }

    /// The first of `names` that exists, written in any case.
    pub(crate) fn get_any(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The field with exactly this name.
    pub(crate) fn get_exact(&self, name: &str) -> Option<&'a str> {
        let member = self.0.iter().rev().find(|(key, _)| key == name)?;
        Some(member.1)
    }

    /// The name of a field as it is written.
    pub(crate) fn name_of(&self, name: &str) -> Option<&str> {
        self.find(name).map(|(name, _)| name)
    }

    /// The text of the object without some fields; empty if no other is left.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let is_left = |name: &str| !names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let rest = self.iter().filter(|(name, _)| is_left(name));
        let rest: Vec<String> = rest
            .map(|(name, raw)| format!("{}:{raw}", serde_json::Value::from(name)))
            .collect();
        match rest.as_slice() {
            [] => String::new(),
            rest => format!("{{{}}}", rest.join(",")),
        }
    }

    /// Names and values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// Name and value of the only field; `None` if there is not exactly one.
    pub(crate) fn single(&self) -> Option<(&str, &'a str)> {
        match self.0.as_slice() {
            [(name, value)] => Some((name, value)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = SmallVec::new();
                while let Some((Text(name), value)) = map.next_entry::<_, &RawValue>()? {
                    fields.push((name, value.get()));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A JSON string, borrowed unless it has escapes. (The `Cow` of serde always copies.)
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.into())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// A JSON value whose containers are not parsed.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// The number as written.
    Number(&'a str),
    /// The text without quotes and escapes.
    Text(Cow<'a, str>),
    Array,
    Object,
}

impl<'a> Scalar<'a> {
    /// `raw` must be one valid JSON value.
    pub(crate) fn of(raw: &'a str) -> Self {
        match raw.as_bytes().first() {
            Some(b'n') | None => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            Some(b'"') => Self::Text(match serde_json::from_str(raw) {
                Ok(Text(text)) => text,
                // A lone surrogate: the scan accepts it, but it is no character. It stays as it
                // is written.
                Err(_) => raw.trim_matches('"').into(),
            }),
            Some(_) => Self::Number(raw),
        }
    }
}

/// The elements of an array, as written.
pub(crate) fn elements(raw: &str) -> Result<Vec<&str>, DecodeError> {
    let elements: Vec<&RawValue> =
        serde_json::from_str(raw).map_err(|error| DecodeError::not_json(raw, &error))?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

/// A JSON text for several lookups.
pub(crate) struct Document<'a> {
    text: &'a str,
    /// Fields of the top level if it is an object, because most pointers end there.
    fields: Option<Fields<'a>>,
}

impl<'a> Document<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let text = text.trim_ascii();
        let fields = if text.starts_with('{') {
            Some(Fields::parse(text)?)
        } else {
            serde_json::from_str::<&RawValue>(text)?;
            None
        };
        Ok(Self { text, fields })
    }

    /// The value at `pointer`, as written.
    pub(crate) fn find(&self, pointer: &Pointer) -> Option<&'a str> {
        match &self.fields {
            _ if pointer.is_whole() => Some(self.text),
            Some(fields) => fields.at(pointer),
            None => find(self.text, &pointer.tokens),
        }
    }
}

fn find<'a>(mut raw: &'a str, tokens: &[Box<str>]) -> Option<&'a str> {
    for token in tokens {
        raw = match raw.as_bytes().first()? {
            b'{' => Fields::parse(raw).ok()?.get_exact(token)?,
            b'[' => {
                // RFC 6901, section 4: digits without leading zeros.
                let is_index = token.bytes().all(|b| b.is_ascii_digit())
                    && (!token.starts_with('0') || token.len() == 1);
                let index: usize = is_index.then(|| token.parse().ok())??;
                let items: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
                items.get(index)?.get()
            }
            _ => return None,
        };
    }
    Some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document of RFC 6901, section 5.
    const RFC_DOCUMENT: &str = r#"{
        "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
        "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
    }"#;

    #[track_caller]
    fn check(document: &str, pointer: &str, expected: Option<&str>) {
        let pointer: Pointer = pointer.parse().unwrap();
        let found = Document::parse(document).unwrap().find(&pointer);
        assert_eq!(found, expected, "{pointer} in {document}");
    }

    #[test]
    fn pointers_find_the_values_that_the_rfc_lists() {
        check(RFC_DOCUMENT, "", Some(RFC_DOCUMENT));
        check(RFC_DOCUMENT, "/foo", Some(r#"["bar", "baz"]"#));
        check(RFC_DOCUMENT, "/foo/0", Some(r#""bar""#));
        check(RFC_DOCUMENT, "/", Some("0"));
        check(RFC_DOCUMENT, "/a~1b", Some("1"));
        check(RFC_DOCUMENT, "/c%d", Some("2"));
        check(RFC_DOCUMENT, "/e^f", Some("3"));
        check(RFC_DOCUMENT, "/g|h", Some("4"));
        check(RFC_DOCUMENT, "/i\\j", Some("5"));
        check(RFC_DOCUMENT, "/k\"l", Some("6"));
        check(RFC_DOCUMENT, "/ ", Some("7"));
        check(RFC_DOCUMENT, "/m~0n", Some("8"));
        check(RFC_DOCUMENT, "/foo/2", None);
        check(RFC_DOCUMENT, "/foo/-", None);
        check(RFC_DOCUMENT, "/foo/01", None);
        check(RFC_DOCUMENT, "/foo/0/x", None);
        check(RFC_DOCUMENT, "/nothing", None);
    }

    #[test]
    fn pointers_reach_into_arrays_and_objects_and_keep_digits() {
        check(r#"{"a":{"b":[1,{"c":1.10}]}}"#, "/a/b/1/c", Some("1.10"));
        check("[[1.500e3]]", "/0/0", Some("1.500e3"));
        check(r#"{"a":1,"a":2}"#, "/a", Some("2"));
        check("7", "/a", None);
        check("7", "", Some("7"));
    }

    #[test]
    fn bad_pointers_are_refused() {
        assert_eq!("a".parse::<Pointer>(), Err(PointerError::NoSlash));
        assert_eq!("/a~2".parse::<Pointer>(), Err(PointerError::BadEscape));
        assert_eq!("/a~".parse::<Pointer>(), Err(PointerError::BadEscape));
    }
}
