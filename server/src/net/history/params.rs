//! What a query of `/v1/history` asks for.

use tickcast_log::{Order, Point, Range};
use tickcast_protocol::{message::Position, topic::Topic};

use super::lines::Format;
use crate::net::request::query;

/// Most updates of one answer. A client asks for the next ones with `after`.
pub(super) const ANSWER_MAX_UPDATES: usize = 10_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Params {
    pub topic: Topic,
    pub range: Range,
    pub order: Order,
    /// The last position that the client has, in the order.
    pub after: Option<Position>,
    pub limit: usize,
    pub format: Format,
}

impl Params {
    /// Reads a query. The error is a message for the client.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let names = ["topic", "from", "to", "after", "limit", "order", "format"];
        let [topic, from, to, after, limit, order, format] = query::split(query, names)?;
        let Some(topic) = topic else {
            return Err("topic is missing: name one topic".to_owned());
        };
        let topic = query::text(topic)?;
        let topic = Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
        let point = |name: &str, text: Option<&str>| -> Result<Option<Point>, String> {
            let text = text.map(query::text).transpose()?;
            let parse = |text: String| {
                let wrong = |error| format!("{name} {text:?}: {error}");
                text.parse().map_err(wrong)
            };
            text.map(parse).transpose()
        };
        let (from, to) = (point("from", from)?, point("to", to)?);
        let after = after.map(|text| {
            let wrong = |_| format!("after {text:?}: it must be the position of an update");
            text.parse().map_err(wrong)
        });
        let limit = limit.map_or(Ok(ANSWER_MAX_UPDATES), |text| match text.parse() {
            Ok(limit) if (1..=ANSWER_MAX_UPDATES).contains(&limit) => Ok(limit),
            _ => Err(format!(
                "limit {text:?}: it must be a number from 1 to {ANSWER_MAX_UPDATES}"
            )),
        })?;
        let order = match order {
            None | Some("oldest") => Order::OldestFirst,
            Some("newest") => Order::NewestFirst,
            Some(other) => return Err(format!("order {other:?}: use oldest or newest")),
        };
        let format = match format {
            None | Some("jsonl") => Format::JsonLines,
            Some("csv") => Format::Csv,
            Some(other) => return Err(format!("format {other:?}: use jsonl or csv")),
        };
        Ok(Self {
            topic,
            range: Range::between(from, to),
            order,
            after: after.transpose()?,
            limit,
            format,
        })
    }

    /// The first position that may be in the answer, and the one after the last.
    pub(super) fn bounds(&self) -> (Position, Position) {
        let (first, end) = (self.range.from, self.range.to.saturating_add(1));
        match (self.order, self.after) {
            (_, None) => (first, end),
            (Order::OldestFirst, Some(after)) => (first.max(after.saturating_add(1)), end),
            (Order::NewestFirst, Some(after)) => (first, end.min(after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused_with_what_is_wrong() {
        let query = "topic=a/b%20c&from=1970-01-01T00:00:01Z&to=90&after=7&limit=5&order=newest\
                     &format=csv";
        let params = Params::parse(query).unwrap();
        let expected = Params {
            topic: Topic::new("a/b c").unwrap(),
            range: Range {
                from_ns: 1_000_000_000,
                to: 90,
                ..Range::ALL
            },
            order: Order::NewestFirst,
            after: Some(7),
            limit: 5,
            format: Format::Csv,
        };
        assert_eq!(params, expected);
        assert_eq!(params.bounds(), (0, 7));
        let forwards = Params::parse("topic=a&from=3&after=7").unwrap();
        assert_eq!(forwards.bounds(), (8, Position::MAX));
        for (query, told) in [
            ("", "topic is missing"),
            ("topic=a/%23", "topic \"a/#\""),
            (
                "topic=a&from=noon",
                "from \"noon\": expected a position or a time",
            ),
            ("topic=a&after=x", "after \"x\""),
            ("topic=a&limit=0", "from 1 to 10000"),
            ("topic=a&limit=10001", "from 1 to 10000"),
            ("topic=a&order=any", "use oldest or newest"),
            ("topic=a&format=xml", "use jsonl or csv"),
            ("topic=a&until=5", "use topic, from, to"),
        ] {
            let error = Params::parse(query).unwrap_err();
            assert!(error.contains(told), "{query}: {error}");
        }
    }
}
