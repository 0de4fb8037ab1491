//! Updates that a program posts over HTTP, in JSON: a publish, whose `type` may be missing, a
//! publish that comes once, or one update by itself.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{
    decode_client,
    encoding::Encoding,
    explain,
    limits::{CLIENT_MESSAGE_MAX_BYTES, check_length},
};
use crate::message::{ClientMessage, Publication, Publish, PublishOnce};

/// What an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// A publish, with or without its type.
    Publish(Publish),
    /// A publish that may be sent again.
    PublishOnce(PublishOnce),
    /// One update by itself.
    Update(Publication),
}

/// Decodes an object. The error says which member is wrong, what it is, and what it must be.
pub fn decode_posted(bytes: &[u8]) -> Result<Posted, String> {
    check_length(bytes, CLIENT_MESSAGE_MAX_BYTES).map_err(|error| error.to_string())?;
    match form(bytes) {
        Form::Message => match decode_client(bytes, Encoding::Json) {
            Ok(ClientMessage::Publish(publish)) => Ok(Posted::Publish(publish)),
            Ok(ClientMessage::PublishOnce(publish)) => Ok(Posted::PublishOnce(publish)),
            Ok(_) => Err("type must be \"publish\" or \"publish_once\" here".to_owned()),
            Err(_) => Err(explain::explain_request(bytes, Encoding::Json).reason),
        },
        Form::Updates => decode(bytes, explain::explain_publish).map(Posted::Publish),
        Form::Update => decode_posted_update(bytes).map(Posted::Update),
    }
}

/// Decodes one update.
pub fn decode_posted_update(bytes: &[u8]) -> Result<Publication, String> {
    check_length(bytes, CLIENT_MESSAGE_MAX_BYTES).map_err(|error| error.to_string())?;
    decode(bytes, explain::explain_update)
}

fn decode<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    explain: fn(&[u8]) -> String,
) -> Result<T, String> {
    // serde also reads a list of the members' values.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    let decoded = is_object.then(|| serde_json::from_slice(bytes).ok());
    decoded.flatten().ok_or_else(|| explain(bytes))
}

/// What an object is, by its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A message, which names its type.
    Message,
    /// A publish without its type.
    Updates,
    /// One update, or nothing of these.
    Update,
}

/// Reads no further than the first member that tells.
fn form(bytes: &[u8]) -> Form {
    let mut form = Form::Update;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // The rest of the object is still there, which the deserializer reports as an error.
    let _ = deserializer.deserialize_map(FormVisitor(&mut form));
    form
}

struct FormVisitor<'a>(&'a mut Form);

impl<'de> Visitor<'de> for FormVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => {
                    *self.0 = Form::Message;
                    return Ok(());
                }
                // The type may follow.
                "updates" => *self.0 = Form::Updates,
                "topic" => return Ok(()),
                _ => {}
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn posted(text: &str) -> Result<Posted, String> {
        decode_posted(text.as_bytes())
    }

    #[test]
    fn a_publish_with_or_without_its_type_and_one_update_are_read() {
        let update = |topic: &str| Publication {
            topic: topic.to_owned(),
            value: Value::Reading(1.0),
            source_time_ns: None,
        };
        for text in [
            r#"{"topic":"a","value":{"reading":1}}"#,
            r#" {"value":{"reading":1},"topic":"a"} "#,
        ] {
            assert_eq!(posted(text), Ok(Posted::Update(update("a"))), "{text}");
        }
        for (text, id, topics) in [
            (r#"{"updates":[]}"#, None, &[][..]),
            (
                r#"{"id":7,"updates":[{"topic":"a","value":{"reading":1}}]}"#,
                Some(7),
                &["a"],
            ),
            (
                r#"{"updates":[{"topic":"a","value":{"reading":1}},{"topic":"b","value":{"reading":1}}],"type":"publish"}"#,
                None,
                &["a", "b"],
            ),
        ] {
            let updates = topics.iter().copied().map(update).collect();
            let expected = Posted::Publish(Publish { id, updates });
            assert_eq!(posted(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_publish_that_comes_once_names_its_type() {
        let text =
            r#"{"updates":[],"type":"publish_once","publisher":"0dd504b1f00d0002","number":1}"#;
        let expected = PublishOnce {
            id: 0,
            publisher: 0x0dd5_04b1_f00d_0002,
            number: 1,
            updates: Vec::new(),
        };
        assert_eq!(posted(text), Ok(Posted::PublishOnce(expected)));
        let error = posted(&text.replace(r#""type":"publish_once","#, "")).unwrap_err();
        assert!(error.contains("publisher is not a member"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, told) in [
            ("", "the message is empty"),
            (
                "21.5",
                "the message is 21.5: it must be an object with topic and value",
            ),
            ("[]", "the message is a list"),
            ("{", "the message is not complete JSON"),
            ("{}", "topic is missing"),
            (r#"{"topic":"a"}"#, "value is missing"),
            (r#"{"topic":"a","value":21.5}"#, "value is 21.5"),
            (
                r#"{"topic":"a","value":{"reading":"1"}}"#,
                "value.reading is",
            ),
            (
                r#"{"topic":"a","value":{"reading":1},"unit":"C"}"#,
                "unit is not a member of an update",
            ),
            (
                r#"{"topic":"a","topic":"b","value":{"reading":1}}"#,
                "topic occurs twice",
            ),
            (r#"{"updates":{}}"#, "updates is an object"),
            (
                r#"{"updates":[{"topic":"a","value":{"reading":1}},{"topic":7}]}"#,
                "updates[1].topic is",
            ),
            (
                r#"{"updates":[],"update":1}"#,
                "update is not a member of publish",
            ),
            (
                r#"{"type":"subscribe","id":1,"filters":[]}"#,
                "type must be",
            ),
            (r#"{"type":"publis","updates":[]}"#, "did you mean publish?"),
            (r#"{"topic":"a","value":{"reading":1}} x"#, "trailing bytes"),
        ] {
            let error = posted(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let long = format!(
            r#"{{"topic":"a","value":{{"text":"{}"}}}}"#,
            "x".repeat(CLIENT_MESSAGE_MAX_BYTES)
        );
        assert!(posted(&long).unwrap_err().contains("(limit 65536)"));
    }
}
