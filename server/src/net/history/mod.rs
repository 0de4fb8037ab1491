//! The answer of `/v1/history`: the updates of one topic in a range, as lines.
//!
//! * `params`: what a query asks for
//! * `memory`: updates from the short history in memory
//! * `lines`: updates as JSON or CSV

mod lines;
mod memory;
mod params;

use std::{io::ErrorKind, io::IoSlice, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName,
        HeaderValue,
    },
};
use tickcast_core::{
    identity::{Review, Standing, Who},
    permissions::{Access, Action},
};
use tickcast_protocol::{message::Position, topic::Topic};
use tokio::{
    task::{spawn_local, yield_now},
    time::timeout,
};

use super::{
    answer::{text, try_later},
    pipe::Pipe,
    routes::{AnyAnswer, Client, Routes},
    shard_handle::ShardHandle,
};
use crate::metrics::RefusalReason;
use lines::Format;
use memory::{Found, Told};
use params::Params;

/// Answers of one shard that are under way at once: each holds up to as many updates as its limit
/// says.
pub(super) const HISTORIES_MAX: usize = 16;

/// Updates that are encoded between two turns of the shard: about 0.3 ms.
const UPDATES_AT_ONCE: usize = 256;

/// A client that takes no byte for this many times the write timeout is cut off, as for every
/// answer over HTTP.
const TIMEOUTS: u32 = 2;

const EPOCH: HeaderName = HeaderName::from_static("tickcast-epoch");
const POSITION: HeaderName = HeaderName::from_static("tickcast-position");
const COMPLETE_FROM: HeaderName = HeaderName::from_static("tickcast-complete-from");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("tickcast-epoch, tickcast-position, tickcast-complete-from");

impl Routes {
    /// Answers with the updates of a topic, or with the reason of a refusal.
    pub(super) async fn history(
        &self,
        request: &Request<Incoming>,
        client: &Client<'_>,
    ) -> AnyAnswer {
        let ends = client.ends;
        let standing = match self.known(request, ends) {
            Ok(standing) => standing,
            Err(refusal) => return refusal.map(Either::Left),
        };
        let params = match Params::parse(request.uri().query().unwrap_or("")) {
            Ok(params) => params,
            Err(reason) => return self.bad_query(ends, reason).map(Either::Left),
        };
        let forbid = |reason: String| {
            let refusal = RefusalReason::Permission;
            let answer = self
                .gate
                .refuse(refusal, ends, StatusCode::FORBIDDEN, reason);
            answer.map(Either::Left)
        };
        if self.settings.history_updates == 0 {
            let reason = "no updates are kept: the setting history_updates is 0";
            return forbid(reason.to_owned());
        }
        if let Err(reason) = check(&self.shard, standing.as_ref(), &params.topic) {
            return forbid(reason);
        }
        let Ok(place) = Arc::clone(&self.histories).try_acquire_owned() else {
            let reason = format!("too many histories are read (limit {HISTORIES_MAX}): try again");
            return try_later(StatusCode::SERVICE_UNAVAILABLE, reason).map(Either::Left);
        };
        self.shard.take_in();
        let Some(found) = memory::find(&self.shard, &params).await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending").map(Either::Left);
        };
        let (epoch, position) = self
            .shard
            .with(|shard, _| (shard.epoch(), shard.position()));
        if let Some(audit) = &self.shard.audit {
            let what = ("history", params.topic.as_str());
            let number = found.told.len();
            audit.read(ends.peer, standing.as_ref(), what, position, number);
        }
        let format = params.format;
        let complete_from = found.complete_from;
        let body = if request.method() == Method::HEAD {
            Either::Left(Full::new(Bytes::new()))
        } else {
            let pipe = Pipe::new(b"", client.link());
            let body = pipe.body();
            let answering = Answering {
                shard: Rc::clone(&self.shard),
                wait_max: self.settings.write_timeout * TIMEOUTS,
                admitted: client.admitted(Access::READER, standing),
                params,
                pipe,
            };
            spawn_local(self.connections.contain(async move {
                answering.run(found).await;
                drop(place);
            }));
            Either::Right(body)
        };
        let mut answer = Response::new(body);
        let fields = answer.headers_mut();
        let content_type = HeaderValue::from_static(format.content_type());
        fields.insert(CONTENT_TYPE, content_type);
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set(fields, EPOCH, epoch);
        set(fields, POSITION, position);
        set(fields, COMPLETE_FROM, complete_from);
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        answer
    }
}

fn set(fields: &mut HeaderMap, name: HeaderName, value: impl ToString) {
    let value = HeaderValue::from_str(&value.to_string());
    fields.insert(name, value.expect("it has digits and letters alone"));
}

/// Whether a client may read the history of a topic now. The error is why it may not.
fn check(
    shard: &Rc<ShardHandle>,
    standing: Option<&Standing>,
    topic: &Topic,
) -> Result<(), String> {
    let mut who = standing.map_or(Who::Everybody, Standing::who);
    let now = shard.clock.now();
    let changed;
    if let (Some(auth), Some(identity)) = (&shard.auth, standing.and_then(Standing::identity)) {
        let expires_ns = identity.claims.expires_ns;
        if expires_ns.is_some_and(|expires_ns| expires_ns <= now.wall_ns) {
            return Err("the token has expired: ask again with a new one".to_owned());
        }
        match auth.review(identity, now) {
            Review::Keep => {}
            Review::Change(identity) => {
                changed = identity;
                who = Who::Known(&changed);
            }
            Review::End(denied) => return Err(denied.to_string()),
        }
    }
    let action = Action::ReadHistory(topic);
    let checked = shard.with(|shard, _| shard.permissions().check(Access::READER, who, action));
    checked.map_err(|refusal| refusal.reason)
}

/// An answer that is being written.
struct Answering {
    shard: Rc<ShardHandle>,
    wait_max: Duration,
    admitted: super::session::Admitted,
    params: Params,
    pipe: Pipe,
}

/// Why an answer ends early.
enum Early {
    /// The client is gone, or takes nothing.
    Gone,
    /// It may not read on, or there is nothing more to be read, for a reason.
    Refused(String),
}

impl Answering {
    /// Writes the answer at the pace of its client. If that ends early, the client can tell.
    async fn run(self, found: Found) {
        let result = self.write(found).await;
        if let Err(Early::Refused(reason)) = &result {
            let mut out = Vec::new();
            self.format().append_error(reason, &mut out);
            let _ = self.send(&out).await;
        }
        match result {
            Err(Early::Refused(_)) => self.pipe.break_off(),
            // A pipe that is full then breaks the answer off.
            Err(Early::Gone) => self.pipe.end(),
            Ok(()) => {
                let _ = timeout(self.wait_max, self.pipe.writable()).await;
                self.pipe.end();
            }
        }
    }

    fn format(&self) -> Format {
        self.params.format
    }

    async fn write(&self, mut found: Found) -> Result<(), Early> {
        let mut out = Vec::new();
        self.format().append_head(&mut out);
        let mut last: Option<Position> = None;
        while !found.told.is_empty() {
            let standing = self.admitted.guest.standing.as_ref();
            check(&self.shard, standing, &self.params.topic).map_err(Early::Refused)?;
            let some = found.told.len().min(UPDATES_AT_ONCE);
            for told in found.told.drain(..some) {
                match told {
                    Told::Update(position, bytes) => {
                        let format = self.format();
                        let appended = format.append_update(&bytes, &self.params.topic, &mut out);
                        appended.map_err(|error| Early::Refused(error.to_string()))?;
                        last = Some(position);
                    }
                    Told::Missing(first, last) => {
                        self.format().append_missing(first, last, &mut out);
                    }
                }
            }
            self.send(&out).await?;
            out.clear();
            yield_now().await;
        }
        self.format()
            .append_end(last.filter(|_| found.has_more), &mut out);
        self.send(&out).await
    }

    /// Waits until the client has room for all bytes.
    async fn send(&self, bytes: &[u8]) -> Result<(), Early> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.pipe.try_write(&[IoSlice::new(rest)], false) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let writable = timeout(self.wait_max, self.pipe.writable());
                    writable.await.map_err(|_| Early::Gone)?;
                }
                Err(_) => return Err(Early::Gone),
            }
        }
        Ok(())
    }
}
