//! Requests for history: a shard hands them over to the ingest thread, which keeps it, and writes
//! the answer when that has come back.

use tickcast_protocol::{error::ErrorCode, message::HistoryRequest, topic::Topic};

use crate::{
    clock::Now,
    connection::{ConnectionKey, Socket},
    frame,
    history::HISTORY_ANSWER_MAX_UPDATES,
    ingest::{Ack, HistoryAnswer, HistoryQuestion, Work},
    shard::Shard,
};

/// Requests of one connection that may wait for their answers: enough for a screen full of charts,
/// few enough that a client that does not read its answers costs a few megabytes at most.
const QUESTIONS_MAX: u32 = 16;

/// When to ask again after that.
const RETRY_AFTER_MS: u32 = 100;

impl<S: Socket> Shard<S> {
    /// What to ask the ingest thread for a client; `None` if the client is refused.
    pub(crate) fn ask_history(
        &mut self,
        key: ConnectionKey,
        request: HistoryRequest,
    ) -> Option<Work> {
        let id = request.id;
        let connection = self.connection_mut(key)?;
        if connection.questions >= QUESTIONS_MAX {
            let code = ErrorCode::TooManyRequests;
            let reason = format!("{QUESTIONS_MAX} requests for history wait already");
            self.refuse_for(key, Some(id), code, reason, Some(RETRY_AFTER_MS));
            return None;
        }
        match self.question(key, request) {
            Ok(question) => {
                self.connection_mut(key)?.questions += 1;
                Some(Work::History(question))
            }
            Err((code, reason)) => {
                self.refuse(key, Some(id), code, reason);
                None
            }
        }
    }

    fn question(
        &self,
        key: ConnectionKey,
        request: HistoryRequest,
    ) -> Result<HistoryQuestion, (ErrorCode, String)> {
        let HistoryRequest {
            id,
            topic: name,
            limit,
            before,
        } = request;
        if self.settings.history_updates == 0 {
            let code = ErrorCode::NoHistory;
            return Err((code, code.text().to_owned()));
        }
        let topic = Topic::new(&name)
            .map_err(|error| (ErrorCode::BadTopic, format!("topic {name:?}: {error}")))?;
        let allowed = &self.settings.subscribe_allow;
        if !allowed.iter().any(|allowed| allowed.matches(&name)) {
            let reason = format!("reading {name:?} is not allowed by the settings");
            return Err((ErrorCode::SubscribeForbidden, reason));
        }
        Ok(HistoryQuestion {
            from: Ack {
                shard: self.index,
                connection: key.to_u64(),
                id,
            },
            topic,
            limit: limit.map_or(HISTORY_ANSWER_MAX_UPDATES, |limit| limit as usize),
            before,
        })
    }

    /// Writes answers that have come back. The strips that were made before them must have been
    /// applied.
    pub fn answer_history(&mut self, answers: &[HistoryAnswer], now: Now) {
        for HistoryAnswer { to, topic, stretch } in answers {
            let key = ConnectionKey::from_u64(to.connection);
            let Some(connection) = self.connection_mut(key) else {
                continue;
            };
            connection.questions = connection.questions.saturating_sub(1);
            let wire = connection.wire;
            let info = topic.map(|id| &self.topics.get(id).info);
            let frame = frame::history(to.id, info, stretch, wire);
            self.send(key, frame);
        }
        self.flush_answers(now);
    }
}
