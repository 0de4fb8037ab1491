//! The answer of `/v1/history`: the updates of one topic in a range, as lines.
//!
//! * `params`: what a query asks for
//! * `source`: the lines of an answer, from the log on disk if there is one
//! * `memory`: updates from the short history in memory
//! * `lines`: updates as JSON or CSV

mod lines;
mod memory;
mod params;
mod source;

use std::{io::ErrorKind, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
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
    peer::Peer,
    pipe::Pipe,
    routes::{AnyAnswer, Client, Routes},
    shard_handle::ShardHandle,
};
use crate::{data::Told, metrics::RefusalReason};
use lines::Format;
use params::Params;
use source::Source;

/// Answers of one shard that are under way at once: each holds up to as many updates as its limit
/// says.
pub(super) const HISTORIES_MAX: usize = 16;

/// A client that takes no byte for this many times the write timeout is cut off, as for every
/// answer over HTTP.
const TIMEOUTS: u32 = 2;

const EPOCH: HeaderName = HeaderName::from_static("tickcast-epoch");
const POSITION: HeaderName = HeaderName::from_static("tickcast-position");
const COMPLETE_FROM: HeaderName = HeaderName::from_static("tickcast-complete-from");

impl Routes {
    /// Answers with the updates of a topic, or with the reason of a refusal.
    pub(super) async fn history(&self, request: &Request<()>, client: &Client<'_>) -> AnyAnswer {
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
        if self.settings.history_updates == 0 && self.shard.log_reads.is_none() {
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
        let source = match Source::find(&self.shard, &params).await {
            Ok(source) => source,
            Err(reason) => {
                return text(StatusCode::SERVICE_UNAVAILABLE, reason).map(Either::Left);
            }
        };
        let (epoch, position) = self
            .shard
            .with(|shard, _| (shard.epoch(), shard.position()));
        let format = params.format;
        let complete_from = source.complete_from;
        let body = if request.method() == Method::HEAD {
            Either::Left(Full::new(Bytes::new()))
        } else {
            let pipe = Pipe::new(client.link());
            let body = pipe.body();
            let answering = Answering {
                shard: Rc::clone(&self.shard),
                wait_max: self.settings.write_timeout * TIMEOUTS,
                admitted: client.admitted(Access::READER, standing),
                params,
                pipe,
                peer: ends.peer,
                position,
            };
            spawn_local(self.connections.contain(async move {
                answering.run(source).await;
                drop(place);
            }));
            Either::Right(Either::Left(body))
        };
        let mut answer = Response::new(body);
        let fields = answer.headers_mut();
        let content_type = HeaderValue::from_static(format.content_type());
        fields.insert(CONTENT_TYPE, content_type);
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set(fields, EPOCH, epoch);
        set(fields, POSITION, position);
        set(fields, COMPLETE_FROM, complete_from);
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
    peer: Peer,
    /// The newest position when it was asked for.
    position: Position,
}

/// Why an answer ends early.
enum Early {
    /// The client is gone, or takes nothing.
    Gone,
    /// It may not read on, or there is nothing more to be read, for a reason.
    Refused(String),
}

impl Answering {
    /// Writes the answer as fast as its client reads. If that ends early, the client can tell.
    async fn run(self, source: Source) {
        let mut number = 0;
        let result = self.write(source, &mut number).await;
        if let Some(audit) = &self.shard.audit {
            let what = ("history", self.params.topic.as_str());
            let standing = self.admitted.guest.standing.as_ref();
            audit.read(self.peer, standing, what, self.position, number);
        }
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

    /// Writes the answer. `number` counts the updates that were handed out.
    async fn write(&self, mut source: Source, number: &mut usize) -> Result<(), Early> {
        let (format, topic) = (self.format(), &self.params.topic);
        let mut out = Vec::new();
        format.append_head(&mut out);
        loop {
            check(&self.shard, self.admitted.guest.standing.as_ref(), topic)
                .map_err(Early::Refused)?;
            let some = source.some().await.map_err(Early::Refused)?;
            if some.is_empty() {
                break;
            }
            for told in some {
                match told {
                    Told::Update(_, bytes) => {
                        let appended = format.append_update(&bytes, topic, &mut out);
                        appended.map_err(|error| Early::Refused(error.to_string()))?;
                        *number += 1;
                    }
                    Told::Missing(first, last) => format.append_missing(first, last, &mut out),
                }
            }
            self.send(&out).await?;
            out.clear();
            yield_now().await;
        }
        format.append_end(source.after(), &mut out);
        self.send(&out).await
    }

    /// Waits until the client has room for all bytes.
    async fn send(&self, bytes: &[u8]) -> Result<(), Early> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.pipe.try_write(rest) {
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
