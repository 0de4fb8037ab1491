//! The JSON encoding.

use std::{borrow::Cow, fmt};

use serde::{
    Serialize,
    de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor},
};

use super::{error::CodecError, limits::check_length, tagged::Tagged};

/// Appends a message or a part of one.
pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a message can always be encoded");
}

/// Decodes a message.
pub(super) fn decode_message<T: DeserializeOwned + Tagged>(bytes: &[u8]) -> Result<T, CodecError> {
    check_length(bytes, T::MAX_BYTES)?;
    // serde also reads a list of the members' values.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(CodecError::Malformed("a list is not a message".to_owned()));
    }
    // If there is no tag, decoding the message says what is wrong with the text.
    if let Some(tag) = read_tag(bytes)
        && !T::TYPES.contains(&tag.as_ref())
    {
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => CodecError::UnknownMessage(format!("{tag:?}")),
            Err(error) => malformed(&error),
        });
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> CodecError {
    CodecError::Malformed(error.to_string())
}

/// The member `type` of an object, if it is a string. Reads no further than the member, which is
/// usually the first one.
fn read_tag(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let mut tag = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // The rest of the object is still there, which the deserializer reports as an error.
    let _ = deserializer.deserialize_map(TagVisitor { tag: &mut tag });
    tag
}

struct TagVisitor<'a, 'de> {
    tag: &'a mut Option<Cow<'de, str>>,
}

impl<'de> Visitor<'de> for TagVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if key == "type" {
                let Text(tag) = map.next_value()?;
                *self.tag = Some(tag);
                break;
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A string that is copied only if it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
