//! Requests of clients: passes each to the part of the shard that carries it out, or refuses it.

use smallvec::SmallVec;
use tickcast_protocol::{
    error::{CloseCode, ErrorCode},
    message::{
        ClientMessage, Publication, Publish, PublishOnce, RequestId, ServerMessage, TimeAnswer,
        TimeNs, TimeRequest,
    },
    topic::Topic,
};

use super::{Shard, keys::ConnectionKey, socket::Socket, under_way::UnderWay};
use crate::{
    identity::Who,
    now::Now,
    permissions::{Access, Action},
    refusal::Refusal,
    stats::{LimitOf, Limited},
    work::{Ack, NewUpdate, Once, Submission, Work},
};

/// Steps of checking an update of a publish.
pub(super) const UPDATE_STEPS: usize = 4;

impl<S: Socket> Shard<S> {
    /// Carries out a request and answers it, or the first slice of it: while the connection [is
    /// busy](Self::is_busy), the rest is done by [`work`](Self::work), and the next request must
    /// wait. A publish or a question about history is returned as work for the sequencer, whose
    /// result is the answer.
    pub fn handle(&mut self, key: ConnectionKey, message: ClientMessage, now: Now) -> Option<Work> {
        let is_publish = matches!(
            message,
            ClientMessage::Publish(_) | ClientMessage::PublishOnce(_)
        );
        let is_renewal = matches!(message, ClientMessage::Authenticate(_));
        let connection = self.connections.get(key)?;
        debug_assert!(connection.under_way.is_none(), "one request at a time");
        if connection.times.closing_since.is_some() {
            return None;
        }
        if connection.standing.is_some() && !is_renewal && self.has_expired(key, now) {
            self.end_expired(key, now);
            return None;
        }
        if !is_publish && !self.take_request(key, request_id(&message), now) {
            return None;
        }
        self.stats.steps.add(1);
        let mut work = None;
        match message {
            ClientMessage::Subscribe(request) if self.is_behind(&request) => {
                let code = CloseCode::NodeBehind;
                self.close_with(key, code, code.text(), now);
            }
            ClientMessage::Subscribe(request) => {
                self.begin_request(key, UnderWay::Subscribe(request.into()), now);
            }
            ClientMessage::Unsubscribe(request) => {
                self.begin_request(key, UnderWay::Unsubscribe(request.into()), now);
            }
            ClientMessage::Publish(Publish { id, updates }) => {
                work = self.publish(key, id, updates, None);
            }
            ClientMessage::PublishOnce(request) => {
                let PublishOnce {
                    id,
                    publisher,
                    number,
                    updates,
                } = request;
                let once = Once { publisher, number };
                work = self.publish(key, Some(id), updates, Some(once));
            }
            ClientMessage::Time(request) => self.answer_time(key, request, now.wall_ns),
            ClientMessage::List(request) => self.list(key, request),
            ClientMessage::Change(request) => self.change(key, request, now),
            ClientMessage::History(request) => work = self.ask_history(key, request, now),
            ClientMessage::Candles(request) => work = self.ask_candles(key, request, now),
            ClientMessage::Authenticate(request) => self.authenticate(key, request, now),
        }
        self.flush_answers(now);
        work
    }

    /// Answers bytes that are not a valid message; `id` if they have one.
    pub fn refuse_message(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        refusal: Refusal,
        now: Now,
    ) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        if connection.times.closing_since.is_some() {
            return;
        }
        // An invalid message counts as a request. Otherwise it would be the cheapest way to keep
        // the server busy.
        if self.take_request(key, id, now) {
            self.refuse(key, id, refusal, None);
            self.flush_answers(now);
        }
    }

    /// Takes a request from what the connection may send, alone and together with others. Otherwise
    /// it tells the client when to try again, and returns `false`.
    fn take_request(&mut self, key: ConnectionKey, id: Option<RequestId>, now: Now) -> bool {
        let requests = &mut self.connections[key.slot].requests;
        let taken = match requests.take(now.uptime) {
            Ok(()) => self.take_joint_request(key, now),
            Err(retry_after_ms) => {
                self.stats.limited(Limited::Requests, LimitOf::Connection);
                Err((ErrorCode::TooManyRequests.into(), retry_after_ms))
            }
        };
        match taken {
            Ok(()) => true,
            Err((refusal, retry_after_ms)) => {
                self.refuse_above_rate(key, id, refusal, retry_after_ms, now);
                false
            }
        }
    }

    /// Tells the client when to try again. A client that ignores it is closed eventually.
    fn refuse_above_rate(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        refusal: Refusal,
        retry_after_ms: u32,
        now: Now,
    ) {
        self.refuse(key, id, refusal, Some(retry_after_ms));
        let connection = self.connections.get(key);
        if connection.is_some_and(|connection| connection.requests.is_exhausted()) {
            let code = CloseCode::RateLimit;
            self.close_with(key, code, code.text(), now);
        }
        self.flush_answers(now);
    }

    /// Refuses work that the sequencer cannot take now: it has ended, or no update can be recorded.
    pub fn refuse_work(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        code: ErrorCode,
        now: Now,
    ) {
        self.give_up_request(key);
        self.refuse(key, id, code.into(), None);
        self.flush_answers(now);
    }

    fn publish(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        updates: Vec<Publication>,
        once: Option<Once>,
    ) -> Option<Work> {
        let numbered = once.as_ref().map_or(Ok(()), Once::check);
        match numbered.and_then(|()| self.check_publications(key, updates)) {
            Ok(updates) => Some(Work::Updates(Submission {
                updates,
                ack: Some(Ack {
                    shard: self.index,
                    connection: key.to_u64(),
                    id,
                }),
                feed: None,
                once,
            })),
            Err(refusal) => {
                self.refuse(key, id, refusal, None);
                None
            }
        }
    }

    fn check_publications(
        &self,
        key: ConnectionKey,
        updates: Vec<Publication>,
    ) -> Result<SmallVec<[NewUpdate; 1]>, Refusal> {
        self.stats.steps.add((updates.len() * UPDATE_STEPS) as u64);
        self.check(key, Action::Publish)?;
        let access = self.connections[key.slot].access;
        let check = |publication| self.check_publication(access, self.who(key), publication);
        updates.into_iter().map(check).collect()
    }

    /// Checks one update of a client that may publish.
    pub(super) fn check_publication(
        &self,
        access: Access,
        who: Who<'_>,
        publication: Publication,
    ) -> Result<NewUpdate, Refusal> {
        let topic = Topic::new(&publication.topic).map_err(|error| {
            Refusal::of_text(ErrorCode::BadTopic, "topic", &publication.topic, error)
        })?;
        let action = Action::PublishTo(&topic);
        self.settings.permissions.check(access, who, action)?;
        Ok(NewUpdate {
            source_time_ns: publication.source_time_ns,
            ..NewUpdate::live(topic, publication.value)
        })
    }

    fn answer_time(&mut self, key: ConnectionKey, request: TimeRequest, received: TimeNs) {
        let answer = TimeAnswer {
            id: request.id,
            client_time_ns: request.client_time_ns,
            receive_time_ns: received,
            send_time_ns: received,
        };
        self.answer(key, &ServerMessage::Time(answer));
    }
}

fn request_id(message: &ClientMessage) -> Option<RequestId> {
    match message {
        ClientMessage::Subscribe(request) => Some(request.id),
        ClientMessage::Unsubscribe(request) => Some(request.id),
        ClientMessage::Publish(request) => request.id,
        ClientMessage::Time(request) => Some(request.id),
        ClientMessage::List(request) => Some(request.id),
        ClientMessage::Change(request) => Some(request.id),
        ClientMessage::History(request) => Some(request.id),
        ClientMessage::Candles(request) => Some(request.id),
        ClientMessage::Authenticate(request) => Some(request.id),
        ClientMessage::PublishOnce(request) => Some(request.id),
    }
}
