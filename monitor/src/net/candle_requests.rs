//! Requests for pages of long history.

use std::collections::HashMap;

use tickcast_protocol::{
    client::ClientHandle,
    message::{CandlesRequest, Interval, RequestId},
    topic::Topic,
};

use crate::data::long_history::{PAGE_INTERVALS, Question};

/// The most pages requested at the same time. A server answers them one by one; what has left the
/// screen meanwhile is not requested any more.
const CANDLES_MAX: usize = 4;

/// The pages that were requested and not answered yet.
#[derive(Debug, Default)]
pub(super) struct CandleRequests(HashMap<RequestId, (Topic, Interval)>);

impl CandleRequests {
    /// Requests a page. Returns whether it did.
    pub(super) fn ask(&mut self, handle: &ClientHandle, topic: &Topic, question: Question) -> bool {
        if self.0.len() >= CANDLES_MAX {
            return false;
        }
        let sent = handle.candles(CandlesRequest {
            id: 0,
            topic: topic.to_string(),
            interval: question.interval,
            limit: Some(PAGE_INTERVALS),
            from_ns: question.from_ns,
            before_ns: question.before_ns,
        });
        if let Ok(id) = sent {
            self.0.insert(id, (topic.clone(), question.interval));
        }
        sent.is_ok()
    }

    /// A page was answered or refused. Returns its topic and interval, if it is still waited for.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<(Topic, Interval)> {
        self.0.remove(&id)
    }

    /// The pages that were requested and not answered yet.
    pub(super) fn asked(&self) -> impl Iterator<Item = (RequestId, &Topic, Interval)> {
        let asked = self.0.iter();
        asked.map(|(&id, (topic, interval))| (id, topic, *interval))
    }

    /// No answer will come.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
