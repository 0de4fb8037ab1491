//! `/v1/publish`: takes the updates of a program that holds no connection open.
//!
//! * `content`: the content type, and the updates in a body
//! * this file: the checks, in the order of what they cost, and the answer
//!
//! A body is accepted as a whole or not at all, as a publish on a WebSocket is, and its answer
//! comes when the updates are on the tape: with a log on disk, when they are as safe as its
//! settings say. A `publish_once` that is sent again gets the answer of the first time.

mod content;

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Request, StatusCode, body::Incoming};
use tickcast_core::{
    Refusal,
    identity::Standing,
    shard::{Posting, Publisher},
    tape::AckResult,
    work::{Submission, Work},
};
use tickcast_protocol::{codec::CLIENT_MESSAGE_MAX_BYTES, error::ErrorCode};

use super::{
    answer::{Answer, retry_in, text, try_later, typed},
    body::{self, BodyError},
    gate::{self, Ends, POSTING, closing},
    routes::{Client, Routes},
};
use crate::{ingest::Ended, metrics::RefusalReason};
use content::{Content, Format};

/// Longest body: as long as a message of a WebSocket, so that no way to publish costs more memory
/// than another.
const BODY_MAX_BYTES: usize = CLIENT_MESSAGE_MAX_BYTES;

impl Routes {
    /// Puts the updates of a request on the tape.
    pub(super) async fn publish(
        &self,
        request: &Request<()>,
        body: Incoming,
        client: &Client<'_>,
    ) -> Answer {
        match *request.method() {
            Method::POST => {}
            Method::OPTIONS => return gate::options(POSTING),
            _ => return self.gate.refuse_method(client.ends, POSTING),
        }
        let published = self.try_publish(request, body, client).await;
        published.unwrap_or_else(|refusal| *refusal)
    }

    async fn try_publish(
        &self,
        request: &Request<()>,
        body: Incoming,
        client: &Client<'_>,
    ) -> Result<Answer, Box<Answer>> {
        let ends = client.ends;
        self.check_draining(ends)?;
        let standing = self.known(request, ends)?;
        let parameters = request.uri().query().unwrap_or_default();
        if !parameters.is_empty() {
            let reason = "there are no parameters here: send the updates in the body";
            return Err(Box::new(self.bad_query(ends, reason.to_owned())));
        }
        // The requests of a connection come one after the other.
        let publisher = client.publisher().take();
        let mut publisher = publisher.unwrap_or_else(|| {
            let number = self.shard.questions.next_number();
            self.shard.with(|shard, now| shard.publisher(number, now))
        });
        let posted = self
            .post(request, body, client, standing.as_ref(), &mut publisher)
            .await;
        client.publisher().replace(Some(publisher));
        posted
    }

    async fn post(
        &self,
        request: &Request<()>,
        body: Incoming,
        client: &Client<'_>,
        standing: Option<&Standing>,
        publisher: &mut Publisher,
    ) -> Result<Answer, Box<Answer>> {
        let ends = client.ends;
        let posting = Posting {
            access: self.access(ends.peer),
            standing,
            address: client.limited_totals().map(|totals| &**totals),
        };
        self.shard
            .with(|shard, now| shard.check_posting(publisher, &posting, now))
            .map_err(|(refusal, wait)| self.refuse_updates(refusal, wait, ends))?;
        let format = Format::of(request.headers())
            .map_err(|reason| self.refuse_body(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason, ends))?;
        let body = self.read_body(request, body, ends).await?;
        let content = format
            .read(&body)
            .map_err(|reason| self.refuse_body(StatusCode::BAD_REQUEST, reason, ends))?;
        let Content {
            id,
            updates,
            once,
            places,
        } = content;
        let number = updates.len();
        let submission = self
            .shard
            .with(|shard, now| shard.post(publisher, &posting, updates, once, body.len(), now))
            .map_err(|(index, Refusal { code, reason })| {
                let reason = places.name(index, &reason);
                self.refuse_updates(Refusal::new(code, reason), None, ends)
            })?;
        let position = match self.submit(submission, publisher).await?.result {
            Ok(position) => position,
            Err(reason) => {
                let (refusal, wait_ms) = self.shard.with(|shard, _| shard.unpublished(reason));
                let wait = wait_ms.map(|ms| Duration::from_millis(ms.into()));
                return Err(self.refuse_updates(refusal, wait, ends));
            }
        };
        let epoch = self.shard.with(|shard, _| {
            shard.note_posted(number);
            shard.epoch()
        });
        let id = id.map_or_else(String::new, |id| format!("\"id\":{id},"));
        let body =
            format!("{{{id}\"epoch\":\"{epoch}\",\"position\":{position},\"count\":{number}}}\n");
        Ok(typed(StatusCode::OK, "application/json", body))
    }

    async fn read_body(
        &self,
        request: &Request<()>,
        body: Incoming,
        ends: Ends,
    ) -> Result<Bytes, Box<Answer>> {
        let within = self.settings.message_timeout;
        let error = match body::read(body, BODY_MAX_BYTES, within).await {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        Err(match error {
            BodyError::TooLong => {
                let reason = format!(
                    "the body is too long (limit {BODY_MAX_BYTES} bytes): send the updates in \
                     several requests"
                );
                self.refuse_body(StatusCode::PAYLOAD_TOO_LARGE, reason, ends)
            }
            BodyError::Incomplete(error) => {
                let reason = format!("the body ends before it is complete: {error}");
                self.refuse_body(StatusCode::BAD_REQUEST, reason, ends)
            }
            BodyError::Late => {
                let reason = format!(
                    "the body was not complete within {within:?} (the setting message_timeout)"
                );
                let answer = *self.refuse_body(StatusCode::REQUEST_TIMEOUT, reason, ends);
                Box::new(closing(answer, request.version()))
            }
        })
    }

    /// Hands updates to the sequencer, and waits until they are on the tape or refused. While the
    /// sequencer's queue is full, the client waits.
    async fn submit(
        &self,
        submission: Submission,
        publisher: &Publisher,
    ) -> Result<AckResult, Box<Answer>> {
        if self.shard.is_stopped() {
            self.metrics.refused.add(RefusalReason::NotRecorded);
            let reason = ErrorCode::NotRecorded.text();
            return Err(Box::new(try_later(StatusCode::SERVICE_UNAVAILABLE, reason)));
        }
        let questions = &self.shard.questions;
        let answer = questions.posts(publisher.key());
        let work = Work::Updates(submission);
        if let Err(Ended) = self.shard.ingest.hand_over(work).await {
            questions.forget(publisher.key());
            self.metrics.refused.add(RefusalReason::Draining);
            let reason = ErrorCode::Draining.text();
            return Err(Box::new(try_later(StatusCode::SERVICE_UNAVAILABLE, reason)));
        }
        answer.await.map_err(|_| {
            let reason = "the server is ending: it is not known whether the updates are published";
            Box::new(text(StatusCode::SERVICE_UNAVAILABLE, reason))
        })
    }

    fn refuse_body(&self, status: StatusCode, reason: String, ends: Ends) -> Box<Answer> {
        Box::new(self.gate.refuse(RefusalReason::Body, ends, status, reason))
    }

    /// Refuses updates. `wait` is the time after which it is worth to try again.
    fn refuse_updates(&self, refusal: Refusal, wait: Option<Duration>, ends: Ends) -> Box<Answer> {
        let (reason, status) = match refusal.code {
            ErrorCode::PublishForbidden => (RefusalReason::Permission, StatusCode::FORBIDDEN),
            ErrorCode::TooManyRequests => (RefusalReason::Publishes, StatusCode::TOO_MANY_REQUESTS),
            ErrorCode::TooManyTopics => {
                (RefusalReason::Publishes, StatusCode::INSUFFICIENT_STORAGE)
            }
            ErrorCode::NumberTooOld => (RefusalReason::Body, StatusCode::CONFLICT),
            _ => (RefusalReason::Body, StatusCode::BAD_REQUEST),
        };
        let answer = self.gate.refuse(reason, ends, status, refusal.reason);
        Box::new(match wait {
            Some(wait) => retry_in(answer, wait),
            None => answer,
        })
    }
}
