//! The answer of `/v1/candles`: candles or rows of one topic, as JSON.

use hyper::{Request, StatusCode};
use tickcast_core::{
    candles::{CANDLES_ANSWER_MAX, CandlesQuestion, Excerpt},
    identity::{Standing, Who},
    permissions::{Access, Action},
    shard::SLICE_MAX_STEPS,
    wire,
    work::{Asked, HistoryQuestion, Past},
};
use tickcast_protocol::{
    codec::{CandlesHead, EncodedIntervals, Encoding, append_candles_json},
    message::{Interval, TimeNs},
    topic::Topic,
};
use tokio::task::yield_now;

use super::{
    answer::{Answer, text, typed},
    gate::Ends,
    request::query,
    routes::Routes,
};
use crate::metrics::RefusalReason;

/// Number of intervals that are encoded between two turns of the shard: about 0.2 ms.
const INTERVALS_AT_ONCE: usize = 256;

/// What a query asks for.
#[derive(Debug, PartialEq)]
struct Params {
    topic: Topic,
    question: CandlesQuestion,
}

impl Params {
    /// Reads a query. The error is a message for the client.
    fn parse(query: &str) -> Result<Self, String> {
        let names = ["topic", "interval", "limit", "from_ns", "before_ns"];
        let [topic, interval, limit, from_ns, before_ns] = query::split(query, names)?;
        let Some(topic) = topic else {
            return Err("topic is missing: name one topic".to_owned());
        };
        let topic = query::text(topic)?;
        let topic = Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
        let names = Interval::NAMES.join(", ");
        let Some(interval) = interval else {
            return Err(format!("interval is missing: it must be one of {names}"));
        };
        let Some(interval) = Interval::from_name(interval) else {
            return Err(format!("interval {interval:?}: it must be one of {names}"));
        };
        let limit = limit.map_or(Ok(CANDLES_ANSWER_MAX), |text| match text.parse() {
            Ok(0) | Err(_) => Err(format!(
                "limit {text:?}: it must be a whole number from 1 to {}",
                u32::MAX
            )),
            Ok(limit) => Ok(limit),
        })?;
        let time = |name: &str, text: Option<&str>| -> Result<Option<TimeNs>, String> {
            let parse = |text: &str| {
                let wrong = |_| {
                    format!("{name} {text:?}: it must be nanoseconds since 1970, within 64 bits")
                };
                text.parse().map_err(wrong)
            };
            text.map(parse).transpose()
        };
        Ok(Self {
            topic,
            question: CandlesQuestion {
                interval,
                limit,
                from_ns: time("from_ns", from_ns)?,
                before_ns: time("before_ns", before_ns)?,
            },
        })
    }
}

impl Routes {
    pub(super) async fn candles(&self, request: &Request<()>, ends: Ends) -> Answer {
        let standing = match self.known(request, ends) {
            Ok(standing) => standing,
            Err(refusal) => return *refusal,
        };
        let query = request.uri().query().unwrap_or("");
        let Params { topic, question } = match Params::parse(query) {
            Ok(params) => params,
            Err(reason) => {
                let refusal = RefusalReason::Parameters;
                return self
                    .gate
                    .refuse(refusal, ends, StatusCode::BAD_REQUEST, reason);
            }
        };
        let forbid = |reason: String| {
            let refusal = RefusalReason::Permission;
            self.gate
                .refuse(refusal, ends, StatusCode::FORBIDDEN, reason)
        };
        if self.settings.long_history_memory == 0 {
            let reason = "no candles are kept: the setting long_history_memory is 0";
            return forbid(reason.to_owned());
        }
        let who = standing.as_ref().map_or(Who::Everybody, Standing::who);
        let action = Action::ReadHistory(&topic);
        let check = self
            .shard
            .with(|shard, _| shard.permissions().check(Access::READER, who, action));
        if let Err(refusal) = check {
            return forbid(refusal.reason);
        }
        let name = topic.clone();
        let head = serde_json::Value::from(topic.as_str()).to_string();
        let ask = |from| HistoryQuestion {
            from,
            topic,
            asked: Asked::Candles(question),
        };
        let Some(Past::Candles(mut excerpt)) = self.shard.ask(ask).await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
        };
        while !excerpt.advance(SLICE_MAX_STEPS).1 {
            yield_now().await;
        }
        // A client that has gone takes this task with it.
        let Some(excerpt) = self.shard.deepen(&name, excerpt, None).await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
        };
        if let Some(audit) = &self.shard.audit {
            let what = ("candles", name.as_str());
            let (to, number) = (excerpt.position(), excerpt.len());
            audit.read(ends.peer, standing.as_ref(), what, to, number);
        }
        let intervals = encode(&excerpt).await;
        let epoch = self.shard.with(|shard, _| shard.epoch());
        let mut body = format!(r#"{{"epoch":"{epoch}","topic":{head},"#).into_bytes();
        let head = CandlesHead {
            id: 0,
            topics: &[],
            interval: excerpt.interval(),
            position: excerpt.position(),
            more: excerpt.has_more(),
        };
        let intervals = EncodedIntervals {
            are_candles: excerpt.is_of_trades(),
            count: excerpt.len(),
            bytes: &intervals,
        };
        append_candles_json(&head, intervals, &mut body);
        body.push(b'\n');
        typed(StatusCode::OK, "application/json", body)
    }
}

async fn encode(excerpt: &Excerpt) -> Vec<u8> {
    let mut out = Vec::new();
    for start in (0..excerpt.len()).step_by(INTERVALS_AT_ONCE) {
        let end = excerpt.len().min(start + INTERVALS_AT_ONCE);
        wire::append_intervals(&excerpt.intervals(start..end), Encoding::Json, &mut out);
        yield_now().await;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused_with_what_is_wrong() {
        let query = "topic=a/b%20c&interval=15m&limit=5&from_ns=-1&before_ns=1610064000000000000";
        let expected = Params {
            topic: Topic::new("a/b c").unwrap(),
            question: CandlesQuestion {
                interval: Interval::Minutes15,
                limit: 5,
                from_ns: Some(-1),
                before_ns: Some(1_610_064_000_000_000_000),
            },
        };
        assert_eq!(Params::parse(query), Ok(expected));
        for (query, told) in [
            ("", "topic is missing"),
            ("topic=a", "interval is missing"),
            ("topic=a/%23&interval=1m", "topic \"a/#\""),
            ("topic=a&interval=2m", "1s, 5s, 15s"),
            ("topic=a&interval=1m&limit=0", "from 1 to"),
            ("topic=a&interval=1m&from_ns=now", "from_ns \"now\""),
            ("topic=a&interval=1m&to=5", "use topic, interval"),
        ] {
            let error = Params::parse(query).unwrap_err();
            assert!(error.contains(told), "{query}: {error}");
        }
    }
}
