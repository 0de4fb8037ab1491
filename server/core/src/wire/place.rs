//! Where a client is after a message, in the form in which it comes back to resume.
//!
//! A client of Socket.IO brings back one text, the offset of the last event that it has handled.
//! The offset has a part for each of the client's subscriptions, and each part says all that is
//! needed to go on: the server keeps nothing.

use std::{fmt::Write as _, sync::Arc};

use tickcast_protocol::{
    message::{FilterRequest, Mode, Resume},
    topic::Filter,
};

use super::event::{event_id, parse_event_id};

/// Maximum number of subscriptions in an offset. Each event of a client with several subscriptions
/// carries all of them.
pub const OFFSET_PARTS_MAX: usize = 16;

/// The offset of a client with more subscriptions: it has to subscribe again by itself.
pub const NO_OFFSET: &str = "-";

/// Separates the parts of an offset.
const PARTS: char = ',';

/// Separates the position, the pace and the filter in a part.
const FIELDS: char = '~';

/// What comes before the rate in mode `latest`, and instead of a rate in mode `every`.
const LATEST: char = 'l';
const EVERY: &str = "e";

/// A place on the tape, and what is subscribed there.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The position.
    pub resume: Resume,
    /// What is subscribed, if messages say so; see [`subscription_name`].
    pub subscription: Option<Arc<str>>,
}

impl From<Resume> for Place {
    fn from(resume: Resume) -> Self {
        Self {
            resume,
            subscription: None,
        }
    }
}

impl Place {
    /// The part of an offset.
    pub fn part(&self) -> String {
        let subscription = self.subscription.as_deref().unwrap_or_default();
        format!("{}{FIELDS}{subscription}", event_id(&self.resume))
    }
}

/// Pace and filter of a subscription, in an offset: visible ASCII without quotes and backslashes.
pub fn subscription_name(filter: &Filter, mode: Mode, max_rate_hz: Option<f64>) -> String {
    let mut name = match (mode, max_rate_hz) {
        (Mode::Every, _) => EVERY.to_owned(),
        (Mode::Latest, None) => LATEST.to_string(),
        (Mode::Latest, Some(rate)) => format!("{LATEST}{rate}"),
    };
    name.push(FIELDS);
    for &byte in filter.as_str().as_bytes() {
        match byte {
            b'0'..=b'9'
            | b'a'..=b'z'
            | b'A'..=b'Z'
            | b'/'
            | b'+'
            | b'#'
            | b'.'
            | b'_'
            | b'-'
            | b'$'
            | b':' => name.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(name, "%{byte:02x}");
            }
        }
    }
    name
}

/// A subscription that a client brings back.
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    /// Filter and position.
    pub request: FilterRequest,
    /// All updates, or the newest values.
    pub mode: Mode,
    /// The maximum rate.
    pub max_rate_hz: Option<f64>,
}

/// Parses an offset. `None` if it is none that a server has made, or if it has no subscriptions
/// because there were too many.
pub fn parse_offset(text: &str) -> Option<Vec<Offset>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    if text.split(PARTS).count() > OFFSET_PARTS_MAX {
        return None;
    }
    text.split(PARTS).map(parse_part).collect()
}

fn parse_part(part: &str) -> Option<Offset> {
    let mut fields = part.split(FIELDS);
    let [position, pace, filter] = [fields.next()?, fields.next()?, fields.next()?];
    if fields.next().is_some() {
        return None;
    }
    let (mode, max_rate_hz) = match pace.strip_prefix(LATEST) {
        Some("") => (Mode::Latest, None),
        Some(rate) => (Mode::Latest, Some(rate.parse().ok()?)),
        None if pace == EVERY => (Mode::Every, None),
        None => return None,
    };
    Some(Offset {
        request: FilterRequest {
            filter: unescaped(filter)?,
            resume: Some(parse_event_id(position)?),
        },
        mode,
        max_rate_hz,
    })
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Joins the parts of a client's subscriptions.
pub fn joined_offset<'a>(parts: impl ExactSizeIterator<Item = &'a str>) -> String {
    if parts.len() > OFFSET_PARTS_MAX {
        return NO_OFFSET.to_owned();
    }
    let mut offset = String::new();
    for (nth, part) in parts.enumerate() {
        if nth > 0 {
            offset.push(PARTS);
        }
        offset.push_str(part);
    }
    offset
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_protocol::message::Epoch;

    use super::*;

    fn place(filter: &str, mode: Mode, rate: Option<f64>, position: u64) -> Place {
        let name = subscription_name(&Filter::new(filter).unwrap(), mode, rate);
        Place {
            resume: Resume {
                epoch: Epoch(0x18c5_04b1_f00d_0001),
                position,
                count: Some(615),
                snapshot: None,
            },
            subscription: Some(name.into()),
        }
    }

    #[test]
    fn a_part_says_position_pace_and_filter() {
        for (filter, mode, rate, part) in [
            (
                "market/#",
                Mode::Every,
                None,
                "18c504b1f00d0001:7:615~e~market/#",
            ),
            ("a", Mode::Latest, None, "18c504b1f00d0001:7:615~l~a"),
            (
                "a b",
                Mode::Latest,
                Some(2.5),
                "18c504b1f00d0001:7:615~l2.5~a%20b",
            ),
            (
                "é,~\"%",
                Mode::Every,
                None,
                "18c504b1f00d0001:7:615~e~%c3%a9%2c%7e%22%25",
            ),
        ] {
            let place = place(filter, mode, rate, 7);
            assert_eq!(place.part(), part);
            let parsed = parse_offset(part).unwrap();
            assert_eq!(parsed.len(), 1);
            assert_eq!(parsed[0].request.filter, filter);
            assert_eq!(parsed[0].request.resume, Some(place.resume));
            assert_eq!((parsed[0].mode, parsed[0].max_rate_hz), (mode, rate));
        }
    }

    #[test]
    fn what_no_server_has_made_is_no_offset() {
        for wrong in [
            NO_OFFSET,
            ",",
            "~",
            "18c504b1f00d0001:7:615",
            "18c504b1f00d0001:7:615~e",
            "18c504b1f00d0001:7:615~x~a",
            "18c504b1f00d0001:7:615~lx~a",
            "18c504b1f00d0001:7:615~e~a%2",
            "18c504b1f00d0001:7:615~e~a%ff",
            "18c504b1f00d0001:7:615~e~a~b",
            "18c504b1f00d0001:7:615~e~a,",
        ] {
            assert_eq!(parse_offset(wrong), None, "{wrong}");
        }
        assert_eq!(parse_offset(""), Some(Vec::new()));
    }

    #[test]
    fn an_offset_has_as_many_parts_as_the_limit_and_none_above_it() {
        let part = place("a", Mode::Every, None, 7).part();
        let parts = |count| vec![part.as_str(); count];
        let whole = joined_offset(parts(OFFSET_PARTS_MAX).into_iter());
        assert_eq!(parse_offset(&whole).unwrap().len(), OFFSET_PARTS_MAX);
        let above = joined_offset(parts(OFFSET_PARTS_MAX + 1).into_iter());
        assert_eq!(above, NO_OFFSET);
        let too_long = format!("{whole},{part}");
        assert_eq!(parse_offset(&too_long), None);
    }

    proptest! {
        #[test]
        fn an_offset_of_any_filters_comes_back_as_it_was(
            filters in proptest::collection::vec("[^+#\u{0}-\u{1f}\u{7f}-\u{9f}]{1,20}", 0..5),
            position in any::<u64>(),
            rate in proptest::option::of(0.01f64..1000.0),
        ) {
            let valid = filters.iter().filter(|filter| Filter::new(filter).is_ok());
            let valid: Vec<_> = valid.collect();
            let parts: Vec<_> = valid
                .iter()
                .map(|filter| place(filter, Mode::Latest, rate, position).part())
                .collect();
            let offset = joined_offset(parts.iter().map(String::as_str));
            prop_assert!(offset.bytes().all(|byte| byte.is_ascii_graphic()
                && byte != b'"' && byte != b'\\'));
            let parsed = parse_offset(&offset).unwrap();
            prop_assert_eq!(parsed.len(), valid.len());
            for (parsed, filter) in parsed.iter().zip(valid) {
                prop_assert_eq!(&parsed.request.filter, filter);
                prop_assert_eq!(parsed.max_rate_hz, rate);
                prop_assert_eq!(parsed.request.resume.unwrap().position, position);
            }
        }

        #[test]
        fn any_text_is_an_offset_or_none(text in ".{0,200}") {
            let _ = parse_offset(&text);
        }
    }
}
