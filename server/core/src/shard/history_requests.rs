//! Requests for history: the shard sends the question to the sequencer, and writes the answer when
//! it arrives.
//!
//! A connection asks one question at a time, and is not read until the answer is in its output. A
//! client that does not read its answers is not read either once one of them fills its output. So
//! it costs the memory of one answer, whatever the number of its questions.

use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{HistoryRequest, RequestId},
    topic::Topic,
};

use super::{
    Shard,
    keys::ConnectionKey,
    socket::Socket,
    steps::Steps,
    under_way::{AskingHistory, Outcome, UnderWay},
};
use crate::{
    now::Now,
    permissions::Action,
    refusal::Refusal,
    sequencer::HISTORY_ANSWER_MAX_UPDATES,
    wire,
    work::{Ack, Asked, HistoryAnswer, HistoryQuestion, Past, Work},
};

/// Steps of encoding an update of an answer in JSON.
const UPDATE_STEPS: usize = 12;

impl<S: Socket> Shard<S> {
    /// Builds the sequencer's question from a client's request; `None` if the request is refused.
    pub(super) fn ask_history(
        &mut self,
        key: ConnectionKey,
        request: HistoryRequest,
        now: Now,
    ) -> Option<Work> {
        let id = request.id;
        let question = self.question(key, request);
        self.ask(key, id, question, now)
    }

    /// Begins a request about the past: its question goes to the sequencer, or it is refused.
    pub(super) fn ask(
        &mut self,
        key: ConnectionKey,
        id: RequestId,
        question: Result<HistoryQuestion, Refusal>,
        now: Now,
    ) -> Option<Work> {
        match question {
            Ok(question) => {
                let asking = AskingHistory::of(question.topic.clone());
                self.begin_request(key, UnderWay::History(asking), now);
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
        if self.settings.history.updates == 0 {
            return Err(ErrorCode::NoHistory.into());
        }
        let limit = request.limit;
        let asked = Asked::Updates {
            limit: limit.map_or(HISTORY_ANSWER_MAX_UPDATES, |limit| limit as usize),
            before: request.before,
        };
        self.question_about(key, request.id, &request.topic, limit, asked)
    }

    /// The question about a topic's past, if the client may ask it.
    pub(super) fn question_about(
        &self,
        key: ConnectionKey,
        id: RequestId,
        name: &str,
        limit: Option<u32>,
        asked: Asked,
    ) -> Result<HistoryQuestion, Refusal> {
        if limit == Some(0) {
            let reason = "limit is 0: it must be at least 1, or missing";
            return Err(Refusal::new(ErrorCode::Malformed, reason));
        }
        let topic = Topic::new(name)
            .map_err(|error| Refusal::of_text(ErrorCode::BadTopic, "topic", name, error))?;
        self.check(key, Action::ReadHistory(&topic))?;
        Ok(HistoryQuestion {
            from: Ack {
                shard: self.index,
                connection: key.to_u64(),
                id: Some(id),
            },
            topic,
            asked,
        })
    }

    /// Accepts answers of the sequencer, which [`work`](Self::work) writes. The strips made before
    /// them must have been passed to a turn.
    pub fn answer_history(&mut self, answers: Vec<HistoryAnswer>) {
        if self.is_applying() {
            self.unapplied.push_answers(answers);
        } else {
            self.take_answers(answers);
        }
    }

    pub(super) fn take_answers(&mut self, answers: Vec<HistoryAnswer>) {
        for answer in answers {
            let key = ConnectionKey::from_u64(answer.to.connection);
            let connection = self.connections.get(key);
            let request = connection.and_then(|connection| connection.under_way.as_deref_mut());
            if let Some(UnderWay::History(request)) = request {
                request.answer = Some(answer);
                self.slices.push(key);
            }
        }
    }

    /// Encodes and writes an answer.
    pub(super) fn go_on_asking(
        &mut self,
        key: ConnectionKey,
        request: &mut AskingHistory,
        steps: &mut Steps,
    ) -> Outcome {
        let Some(HistoryAnswer { to, topic, past }) = &request.answer else {
            return Outcome::Asking;
        };
        // A missing id is 0.
        let id = to.id.unwrap_or_default();
        // What the client may read may have changed since it asked.
        if let Err(refusal) = self.check(key, Action::ReadHistory(&request.topic)) {
            self.refuse(key, Some(id), refusal, None);
            return Outcome::Done;
        }
        let Past::Updates(stretch) = past else {
            return self.go_on_asking_candles(key, request, steps);
        };
        let wire = self.connections[key.slot].wire;
        let info = topic.map(|id| &self.topics[id].info);
        if let (Encoding::Json, Some(info)) = (wire.encoding(), info) {
            for index in request.encoded..stretch.len() {
                if steps.are_spent() {
                    return Outcome::Unfinished;
                }
                steps.take(UPDATE_STEPS);
                wire::append_past(stretch.get(index), &info.topic, &mut request.bytes);
                request.encoded += 1;
            }
        }
        let frame = wire::history(id, info, stretch, &request.bytes, wire);
        self.note_history(key, &request.topic, stretch);
        self.send(key, frame);
        Outcome::Done
    }
}
