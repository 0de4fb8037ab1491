//! Requests for candles and rows. They go the way of requests for
//! [history](super::history_requests), whose answers are single updates. The answer comes as packed
//! records, which become intervals here, a slice at a time.

use tickcast_protocol::{
    codec::{CandlesHead, EncodedIntervals},
    error::ErrorCode,
    message::{CandlesRequest, RequestId, TopicId},
};

use super::{
    Shard,
    keys::ConnectionKey,
    socket::Socket,
    steps::Steps,
    under_way::{AskingHistory, Outcome},
};
use crate::{
    audit::Fact,
    candles::{CANDLES_ANSWER_MAX, CandlesQuestion, Excerpt},
    now::Now,
    refusal::Refusal,
    wire,
    work::{Asked, HistoryAnswer, HistoryQuestion, Past, Work},
};

/// Steps of encoding an interval of an answer.
const INTERVAL_STEPS: usize = 12;

/// Number of intervals that are encoded together.
const INTERVALS_AT_ONCE: usize = 64;

impl<S: Socket> Shard<S> {
    /// Builds the sequencer's question from a client's request; `None` if the request is refused.
    pub(super) fn ask_candles(
        &mut self,
        key: ConnectionKey,
        request: CandlesRequest,
        now: Now,
    ) -> Option<Work> {
        let id = request.id;
        let question = self.candles_question(key, request);
        self.ask(key, id, question, now)
    }

    /// Counts a part of a log that was read for an answer.
    pub fn count_candle_read(&mut self) {
        self.stats.log_candle_reads.add(1);
    }

    /// Counts an answer of which an interval needs more of the log than is read.
    pub fn count_candles_cut(&mut self) {
        self.stats.log_candles_cut.add(1);
    }

    fn candles_question(
        &self,
        key: ConnectionKey,
        request: CandlesRequest,
    ) -> Result<HistoryQuestion, Refusal> {
        if self.settings.long_history.bytes == 0 {
            return Err(ErrorCode::NoHistory.into());
        }
        let asked = Asked::Candles(CandlesQuestion {
            interval: request.interval,
            limit: request
                .limit
                .map_or(CANDLES_ANSWER_MAX, |limit| limit as usize),
            from_ns: request.from_ns,
            before_ns: request.before_ns,
        });
        self.question_about(key, request.id, &request.topic, request.limit, asked)
    }

    /// Makes intervals of an answer, encodes them and writes them.
    pub(super) fn go_on_asking_candles(
        &mut self,
        key: ConnectionKey,
        request: &mut AskingHistory,
        steps: &mut Steps,
    ) -> Outcome {
        let Some(HistoryAnswer {
            to,
            topic,
            past: Past::Candles(excerpt),
        }) = &mut request.answer
        else {
            return Outcome::Asking;
        };
        let wire = self.connections[key.slot].wire;
        if request.encoded == 0 {
            let (read, is_read) = excerpt.advance(steps.left().max(1));
            steps.take(read);
            if !is_read {
                return Outcome::Unfinished;
            }
        }
        while request.encoded < excerpt.len() {
            if steps.are_spent() {
                return Outcome::Unfinished;
            }
            let end = excerpt.len().min(request.encoded + INTERVALS_AT_ONCE);
            let intervals = excerpt.intervals(request.encoded..end);
            wire::append_intervals(&intervals, wire.encoding(), &mut request.bytes);
            steps.take((end - request.encoded) * INTERVAL_STEPS);
            request.encoded = end;
        }
        // A missing id is 0.
        let id = to.id.unwrap_or_default();
        let frame = self.candles(id, *topic, excerpt, &request.bytes, wire);
        let candles = Fact::Candles {
            topic: &request.topic,
            position: excerpt.position(),
            intervals: excerpt.len(),
        };
        self.note(key, candles);
        self.send(key, frame);
        Outcome::Done
    }

    fn candles(
        &self,
        id: RequestId,
        topic: Option<TopicId>,
        excerpt: &Excerpt,
        bytes: &[u8],
        wire: wire::Wire,
    ) -> bytes::Bytes {
        let info = topic.map(|id| &self.topics[id].info);
        let head = CandlesHead {
            id,
            topics: info.map(std::slice::from_ref).unwrap_or_default(),
            interval: excerpt.interval(),
            position: excerpt.position(),
            more: excerpt.has_more(),
        };
        let intervals = EncodedIntervals {
            are_candles: excerpt.is_of_trades(),
            count: excerpt.len(),
            bytes,
        };
        wire::candles(&head, intervals, wire)
    }
}
