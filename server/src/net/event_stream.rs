//! Server-sent events (HTML Living Standard, section 9.2), for clients without WebSocket: the
//! parameters of a stream.
//!
//! To the shard an event stream is a connection like any other, which writes what it gets as
//! [chunks of HTTP](super::event_chunks).

use hyper::HeaderMap;
use tickcast_core::shard::Pace;
use tickcast_protocol::{
    message::{FilterRequest, Mode, Resume, Subscribe},
    topic::Filter,
};

use super::{
    event_ids::{self, JointIds},
    request::query,
};

/// The content type of an event stream.
pub(super) const CONTENT_TYPE: &str = "text/event-stream";

/// The header with the client's position. The query parameter of the same purpose exists because a
/// browser sends the header only when it reconnects by itself.
const LAST_EVENT_ID: &str = "last-event-id";
const LAST_EVENT_ID_PARAMETER: &str = "last_event_id";

/// Minimum and maximum reconnect delay of a client, in ms. Each client gets a random delay, so that
/// they do not all reconnect at once when a server ends.
const RETRY_MS: std::ops::RangeInclusive<u32> = 500..=2500;

/// The client's reconnect delay, as the first line of the stream.
pub(super) fn retry() -> String {
    format!("retry: {}\n\n", rand::random_range(RETRY_MS))
}

/// The parameters of an event stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StreamParams {
    /// The topics.
    pub filters: Vec<Filter>,
    mode: Mode,
    max_rate_hz: Option<f64>,
    /// Where each filter goes on.
    resume: Vec<Option<Resume>>,
}

impl StreamParams {
    /// Parses a query and the header `Last-Event-ID`, which takes precedence over the query. An
    /// error is a message for the client.
    pub(super) fn parse(query: &str, headers: &HeaderMap) -> Result<Self, String> {
        // A ticket is for the standing of the client, which is known before.
        let names = ["mode", "max_rate_hz", LAST_EVENT_ID_PARAMETER, "ticket"];
        let (filters, values) = query::split_filters(query, names)?;
        let [mode, max_rate_hz, last_event_id, _] = values;
        let mode = match mode.map(query::text).transpose()?.as_deref() {
            None => Mode::default(),
            Some("every") => Mode::Every,
            Some("latest") => Mode::Latest,
            Some(other) => return Err(format!("mode {other:?}: use every or latest")),
        };
        let max_rate_hz = match max_rate_hz.map(query::text).transpose()? {
            None => None,
            Some(text) => {
                let rate = text.parse();
                Some(rate.map_err(|_| format!("max_rate_hz {text:?}: not a number"))?)
            }
        };
        let mut last_event_id = last_event_id.map(query::text).transpose()?;
        if Pace::grant(mode, max_rate_hz).is_none() {
            return Err(Pace::wrong_rate(max_rate_hz.unwrap_or_default()));
        }
        if let Some(id) = headers.get(LAST_EVENT_ID) {
            last_event_id = Some(String::from_utf8_lossy(id.as_bytes()).into_owned());
        }
        let resume = match last_event_id.as_deref() {
            None | Some("") => vec![None; filters.len()],
            Some(id) => event_ids::parse(id, filters.len())?,
        };
        Ok(Self {
            filters,
            mode,
            max_rate_hz,
            resume,
        })
    }

    /// What makes the ids of the events, if there is more than one filter.
    pub(super) fn joint_ids(&self) -> Option<JointIds> {
        (self.filters.len() > 1).then(|| JointIds::new(&self.resume))
    }

    /// The parameters as a message of the protocol.
    pub(super) fn into_request(self) -> Subscribe {
        let filters = self.filters.into_iter().zip(self.resume);
        let filters = filters.map(|(filter, resume)| FilterRequest {
            filter: filter.as_str().to_owned(),
            resume,
        });
        Subscribe {
            id: 0,
            filters: filters.collect(),
            mode: self.mode,
            max_rate_hz: self.max_rate_hz,
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::message::Epoch;

    use super::*;

    fn parse(query: &str) -> Result<StreamParams, String> {
        StreamParams::parse(query, &HeaderMap::new())
    }

    #[test]
    fn a_query_becomes_the_parameters() {
        let params = parse("filter=market/%23&mode=every").unwrap();
        assert_eq!(params.filters, [Filter::new("market/#").unwrap()]);
        assert_eq!(params.mode, Mode::Every);
        assert_eq!(
            parse("filter=market/+/trade").unwrap().filters,
            [Filter::new("market/+/trade").unwrap()]
        );
        assert_eq!(parse("").unwrap().filters, [Filter::all()]);
        let names = ["a/#", "b/+", "c"].map(|name| Filter::new(name).unwrap());
        let params = parse("filter=a/%23&mode=every&filter=b/%2B&filter=c").unwrap();
        assert_eq!(params.filters, names);
        let most = |number: usize| {
            let filters = (0..number).map(|index| format!("filter=a{index}"));
            parse(&filters.collect::<Vec<_>>().join("&"))
        };
        assert!(most(query::FILTERS_MAX).is_ok());
        let error = most(query::FILTERS_MAX + 1).unwrap_err();
        assert!(error.contains("limit 16"), "{error}");
        assert_eq!(parse("max_rate_hz=2.5").unwrap().max_rate_hz, Some(2.5));
        for wrong in [
            "filter=a&filter=a",
            "filter=a&filter=b/",
            "filter=a&filter=b&last_event_id=0000000000000001:7",
            "filter=a&last_event_id=0000000000000001:7,0000000000000001:8",
            "filter=a%23",
            "filter=a/",
            "filter=%ff",
            "mode=every&mode=every",
            "mode=%zz",
            "mode=all",
            "max_rate_hz=0",
            "max_rate_hz=x",
            "topic=a",
            "last_event_id=7",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_position_comes_from_the_header_or_from_the_query() {
        let one = |position| Resume {
            epoch: Epoch(1),
            position,
            count: None,
            snapshot: None,
        };
        let resume = |position| [Some(one(position))];
        let query = "last_event_id=0000000000000001:7";
        assert_eq!(parse(query).unwrap().resume, resume(7));
        let mut headers = HeaderMap::new();
        headers.insert(LAST_EVENT_ID, "0000000000000001:8".parse().unwrap());
        assert_eq!(
            StreamParams::parse(query, &headers).unwrap().resume,
            resume(8)
        );
        let query = "filter=a&filter=b&filter=c";
        headers.insert(
            LAST_EVENT_ID,
            "0000000000000001:8,,0000000000000001:9".parse().unwrap(),
        );
        let resume = StreamParams::parse(query, &headers).unwrap().resume;
        assert_eq!(resume, [Some(one(8)), None, Some(one(9))]);
        headers.insert(LAST_EVENT_ID, "8".parse().unwrap());
        assert!(StreamParams::parse(query, &headers).is_err());
    }
}
