//! What the body of a publish is: its content type, and the updates in it.

use hyper::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tickcast_core::work::Once;
use tickcast_protocol::{
    codec::{Posted, decode_posted, decode_posted_update},
    message::{Publication, PublishOnce, RequestId},
};

/// Bytes of a wrong header that an answer repeats.
const SHOWN_MAX_BYTES: usize = 128;

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One object: a publish, or one update.
    Json,
    /// One update in each line.
    Lines,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Content {
    /// The number that the answer repeats.
    pub(super) id: Option<RequestId>,
    /// The updates.
    pub(super) updates: Vec<Publication>,
    /// Whose publish it is, if it may be sent again.
    pub(super) once: Option<Once>,
    /// Where each update stands, for what is wrong with it.
    pub(super) places: Places,
}

/// Where the updates of a body stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Places {
    /// There is only one.
    #[default]
    One,
    /// In the list `updates`.
    Listed,
    /// In these lines.
    Lines(Vec<usize>),
}

impl Format {
    /// The form that a request's headers name. A page of another site can send neither type without
    /// asking first (Fetch Standard, section 4.8). The error is a message for the client.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let use_one = "use application/json for one object, or application/x-ndjson for one update \
                       in each line";
        if let Some(coding) = headers
            .get(CONTENT_ENCODING)
            .filter(|value| *value != "identity")
        {
            let shown = shown(coding.as_bytes());
            return Err(format!(
                "the content coding {shown:?} is not supported: send the body as it is"
            ));
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (Some(named), None) = (types.next(), types.next()) else {
            return Err(format!(
                "the header Content-Type must be there once: {use_one}"
            ));
        };
        let text = named.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        if is("application/json") {
            return Ok(Self::Json);
        }
        // The name of lines of JSON is not registered, so there are two.
        if is("application/x-ndjson") || is("application/jsonl") {
            return Ok(Self::Lines);
        }
        let shown = shown(named.as_bytes());
        Err(format!(
            "the content type {shown:?} is not supported: {use_one}"
        ))
    }

    /// Reads a body. The error says where it is wrong.
    pub(super) fn read(self, body: &[u8]) -> Result<Content, String> {
        match self {
            Self::Json => {
                let (id, updates, once, places) = match decode_posted(body)? {
                    Posted::Publish(publish) => (publish.id, publish.updates, None, Places::Listed),
                    Posted::PublishOnce(publish) => {
                        let PublishOnce {
                            id,
                            publisher,
                            number,
                            updates,
                        } = publish;
                        let once = Once { publisher, number };
                        once.check().map_err(|refusal| refusal.reason)?;
                        (Some(id), updates, Some(once), Places::Listed)
                    }
                    Posted::Update(update) => (None, vec![update], None, Places::One),
                };
                Ok(Content {
                    id,
                    updates,
                    once,
                    places,
                })
            }
            Self::Lines => read_lines(body),
        }
    }
}

impl Places {
    /// Puts the place of an update in front of what is wrong with it.
    pub(super) fn name(&self, index: usize, wrong: &str) -> String {
        match self {
            Self::One => wrong.to_owned(),
            Self::Listed => format!("updates[{index}]: {wrong}"),
            Self::Lines(lines) => match lines.get(index) {
                Some(line) => format!("line {line}: {wrong}"),
                None => wrong.to_owned(),
            },
        }
    }
}

/// Reads one update from each line. Empty lines are none.
fn read_lines(body: &[u8]) -> Result<Content, String> {
    let mut content = Content::default();
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(body.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let update =
            decode_posted_update(line).map_err(|wrong| format!("line {number}: {wrong}"))?;
        content.updates.push(update);
        lines.push(number);
    }
    if lines.is_empty() {
        return Err("there is no line with an update".to_owned());
    }
    content.places = Places::Lines(lines);
    Ok(content)
}

/// The beginning of a header that may be as long as a request.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_MAX_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn format(fields: &[(&'static str, &'static str)]) -> Result<Format, String> {
        let mut headers = HeaderMap::new();
        for &(name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        Format::of(&headers)
    }

    #[test]
    fn a_body_is_one_object_or_lines_and_nothing_that_a_form_can_send() {
        for (named, expected) in [
            ("application/json", Format::Json),
            ("Application/JSON; charset=utf-8", Format::Json),
            ("application/x-ndjson", Format::Lines),
            ("application/jsonl;x=y", Format::Lines),
        ] {
            assert_eq!(format(&[("content-type", named)]), Ok(expected));
        }
        let json = ("content-type", "application/json");
        assert!(format(&[json, ("content-encoding", "identity")]).is_ok());
        for (fields, told) in [
            (&[][..], "must be there once"),
            (&[json, json], "must be there once"),
            (
                &[("content-type", "application/x-www-form-urlencoded")],
                "urlencoded\" is not",
            ),
            (
                &[("content-type", "text/plain")],
                "\"text/plain\" is not supported",
            ),
            (
                &[("content-type", "multipart/form-data")],
                "is not supported",
            ),
            (
                &[("content-type", "text/plain; application/json")],
                "is not supported",
            ),
            (&[("content-type", "")], "is not supported"),
            (
                &[json, ("content-encoding", "gzip")],
                "\"gzip\" is not supported",
            ),
        ] {
            let error = format(fields).unwrap_err();
            assert!(error.contains(told), "{fields:?}: {error}");
        }
    }

    #[test]
    fn each_line_is_an_update_and_what_is_wrong_is_told_with_its_line() {
        let body = "{\"topic\":\"a\",\"value\":{\"reading\":1}}\r\n\n \
                    {\"topic\":\"b\",\"value\":{\"text\":\"x\\ny\"}}";
        let content = Format::Lines.read(body.as_bytes()).unwrap();
        let topics: Vec<_> = content
            .updates
            .iter()
            .map(|update| &*update.topic)
            .collect();
        assert_eq!(topics, ["a", "b"]);
        assert_eq!(content.places.name(1, "no"), "line 3: no");
        for (body, told) in [
            ("", "there is no line"),
            ("\n \n", "there is no line"),
            ("\n{}", "line 2: topic is missing"),
            (
                "{\"updates\":[]}",
                "line 1: updates is not a member of an update",
            ),
            (
                "{\"topic\":\"a\",\"value\":{\"reading\":1}},",
                "line 1: there are 1 trailing",
            ),
        ] {
            let error = Format::Lines.read(body.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{body}: {error}");
        }
    }

    #[test]
    fn the_place_of_an_update_is_its_index_or_nothing_if_it_is_the_only_one() {
        let read = |body: &str| Format::Json.read(body.as_bytes()).unwrap();
        let one = read(r#"{"topic":"a","value":{"reading":1}}"#);
        assert_eq!(one.places.name(0, "no"), "no");
        let listed = read(r#"{"id":7,"updates":[{"topic":"a","value":{"reading":1}}]}"#);
        assert_eq!(
            (listed.id, &*listed.places.name(0, "no")),
            (Some(7), "updates[0]: no")
        );
    }
}
