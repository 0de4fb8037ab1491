//! The answers that carry values: `/v1/latest` and `/v1/stream`.

use std::rc::Rc;

use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue},
};
use tickcast_core::{
    identity::{Standing, Who},
    permissions::{Access, Action},
};
use tickcast_protocol::topic::Filter;
use tokio::task::yield_now;

use super::{
    answer::{Answer, typed},
    event_chunks::EventChunks,
    event_stream::{self, StreamParams},
    gate::Ends,
    request::query,
    routes::{AnyAnswer, Client, Routes},
    session,
    state::Stage,
};
use crate::metrics::RefusalReason;

/// Maximum number of updates in one answer of `/v1/latest`: some megabytes of JSON. A subscription
/// has no such limit.
const LATEST_MAX_UPDATES: usize = 10_000;

/// Maximum number of these that are encoded between two turns of the shard: about 0.5 ms.
const LATEST_AT_ONCE: usize = 1_000;

impl Routes {
    /// Answers with an event stream, or with the reason of a refusal.
    pub(super) fn stream(&self, request: &Request<()>, client: &Client<'_>) -> AnyAnswer {
        let standing = match self.known_for_stream(request, client.ends) {
            Ok(standing) => standing,
            Err(refusal) => return refusal.map(Either::Left),
        };
        let query = request.uri().query().unwrap_or("");
        let params = match StreamParams::parse(query, request.headers()) {
            Ok(params) => params,
            Err(reason) => return self.bad_query(client.ends, reason).map(Either::Left),
        };
        if let Err(refusal) = self.check_reading(&params.filters, standing.as_ref(), client.ends) {
            return refusal.map(Either::Left);
        }
        let retry = event_stream::retry();
        // A browser reconnects after an answer that ends, but never after one with another status.
        let is_over = self.state.stage() == Stage::Draining || request.method() == Method::HEAD;
        let body = if request.method() == Method::HEAD {
            // Its length would be that of a stream, which has none (RFC 9110, section 8.6).
            Either::Left(Full::default())
        } else if is_over {
            Either::Left(Full::from(retry))
        } else {
            let admitted = client.admitted(Access::READER, standing);
            let (shard, version) = (Rc::clone(&self.shard), request.version());
            self.take_over(client, async move |stream, _| {
                let events = EventChunks::new(stream, version, &retry, params.joint_ids());
                session::stream(shard, events, params.into_request(), admitted).await;
            });
            Either::Right(Either::Right(client.link().head_alone()))
        };
        let mut answer = Response::new(body);
        let fields = answer.headers_mut();
        if !is_over {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        fields.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(event_stream::CONTENT_TYPE),
        );
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Without it nginx would buffer events instead of passing them on.
        fields.insert("x-accel-buffering", HeaderValue::from_static("no"));
        answer
    }

    fn check_reading(
        &self,
        filters: &[Filter],
        standing: Option<&Standing>,
        ends: Ends,
    ) -> Result<(), Box<Answer>> {
        let who = standing.map_or(Who::Everybody, Standing::who);
        let checked = self.shard.with(|shard, _| {
            let check = |filter| {
                let action = Action::Subscribe(filter);
                shard.permissions().check(Access::READER, who, action)
            };
            filters.iter().try_for_each(check)
        });
        checked.map_err(|refusal| {
            let (reason, status) = (RefusalReason::Permission, StatusCode::FORBIDDEN);
            Box::new(self.gate.refuse(reason, ends, status, refusal.reason))
        })
    }

    pub(super) fn bad_query(&self, ends: Ends, reason: String) -> Answer {
        let refusal = RefusalReason::Parameters;
        self.gate
            .refuse(refusal, ends, StatusCode::BAD_REQUEST, reason)
    }

    pub(super) async fn latest(&self, request: &Request<()>, ends: Ends) -> Answer {
        let standing = match self.known(request, ends) {
            Ok(standing) => standing,
            Err(refusal) => return *refusal,
        };
        let query = request.uri().query().unwrap_or("");
        let filters = match query::split_filters(query, []) {
            Ok((filters, [])) => filters,
            Err(reason) => return self.bad_query(ends, reason),
        };
        if let Err(refusal) = self.check_reading(&filters, standing.as_ref(), ends) {
            return *refusal;
        }
        self.shard.take_in();
        let mut ids = Vec::new();
        let mut found = Vec::new();
        for filter in &filters {
            let mut some = self.shard.search(filter).await;
            found.push(some.len().min(LATEST_MAX_UPDATES));
            ids.append(&mut some);
        }
        // Several filters may match the same topic.
        ids.sort_unstable();
        ids.dedup();
        let is_all = ids.len() <= LATEST_MAX_UPDATES;
        ids.truncate(LATEST_MAX_UPDATES);
        // A value may be of a later position.
        let (epoch, position) = self
            .shard
            .with(|shard, _| (shard.epoch(), shard.position()));
        if let Some(audit) = &self.shard.audit {
            for (filter, number) in filters.iter().zip(found) {
                let what = ("latest", filter.as_str());
                audit.read(ends.peer, standing.as_ref(), what, position, number);
            }
        }
        let mut list = Vec::new();
        for some in ids.chunks(LATEST_AT_ONCE) {
            self.shard
                .with(|shard, _| shard.append_latest(some, &mut list));
            yield_now().await;
        }
        let mut body =
            format!(r#"{{"epoch":"{epoch}","position":{position},"complete":{is_all},"updates":["#)
                .into_bytes();
        body.append(&mut list);
        body.extend_from_slice(b"]}\n");
        typed(StatusCode::OK, "application/json", body)
    }
}
