//! Requests for history: the shard sends the question to the sequencer, and writes the answer when
//! it arrives.

use tickcast_protocol::{error::ErrorCode, message::HistoryRequest, topic::Topic};

use super::{Shard, keys::ConnectionKey, socket::Socket};
use crate::{
    now::Now,
    permissions::Action,
    refusal::Refusal,
    sequencer::HISTORY_ANSWER_MAX_UPDATES,
    wire,
    work::{Ack, HistoryAnswer, HistoryQuestion, Work},
};

/// Maximum number of requests of one connection that wait for an answer: enough for a screen full
/// of charts, and few enough that a client that does not read its answers costs a few megabytes at
/// most.
const QUESTIONS_MAX: u32 = 16;

/// Time that a refused client should wait before it asks again.
const RETRY_AFTER_MS: u32 = 100;

impl<S: Socket> Shard<S> {
    /// Builds the sequencer's question from a client's request; `None` if the request is refused.
    pub(super) fn ask_history(
        &mut self,
        key: ConnectionKey,
        request: HistoryRequest,
    ) -> Option<Work> {
        let id = request.id;
        if self.connections.get(key)?.questions >= QUESTIONS_MAX {
            let reason =
                format!("too many requests for history are waiting (limit {QUESTIONS_MAX})");
            let refusal = Refusal::new(ErrorCode::TooManyRequests, reason);
            self.refuse(key, Some(id), refusal, Some(RETRY_AFTER_MS));
            return None;
        }
        match self.question(key, request) {
            Ok(question) => {
                self.connections.get(key)?.questions += 1;
                Some(Work::History(question))
            }
            Err(refusal) => {
                self.refuse(key, Some(id), refusal, None);
                None
            }
        }
    }

    fn question(
        &self,
        key: ConnectionKey,
        request: HistoryRequest,
    ) -> Result<HistoryQuestion, Refusal> {
        let HistoryRequest {
            id,
            topic: name,
            limit,
            before,
        } = request;
        if self.settings.history.updates == 0 {
            return Err(ErrorCode::NoHistory.into());
        }
        if limit == Some(0) {
            let reason = "limit is 0: it must be at least 1, or missing";
            return Err(Refusal::new(ErrorCode::Malformed, reason));
        }
        let topic = Topic::new(&name)
            .map_err(|error| Refusal::of_text(ErrorCode::BadTopic, "topic", &name, error))?;
        let access = self.connections[key.slot].access;
        let permissions = &self.settings.permissions;
        permissions.check(access, Action::ReadHistory(&topic))?;
        Ok(HistoryQuestion {
            from: Ack {
                shard: self.index,
                connection: key.to_u64(),
                id: Some(id),
            },
            topic,
            limit: limit.map_or(HISTORY_ANSWER_MAX_UPDATES, |limit| limit as usize),
            before,
        })
    }

    /// Writes answers of the sequencer. The strips made before them must have been applied.
    pub fn answer_history(&mut self, answers: &[HistoryAnswer], now: Now) {
        for HistoryAnswer { to, topic, stretch } in answers {
            let key = ConnectionKey::from_u64(to.connection);
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            connection.questions = connection.questions.saturating_sub(1);
            let wire = connection.wire;
            let info = topic.map(|id| &self.topics[id].info);
            // A missing id is 0.
            let frame = wire::history(to.id.unwrap_or_default(), info, stretch, wire);
            self.send(key, frame);
        }
        self.flush_answers(now);
    }
}
