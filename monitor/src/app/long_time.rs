//! Asks the server for what charts need of long history.

use tickcast_protocol::{
    message::{Interval, RequestId, TimeNs},
    topic::Topic,
};

use super::monitor::Monitor;
use crate::data::long_history::{LongBar, folded, source_of};

impl Monitor {
    /// Asks for the next page of the wanted time, if a part of it is not known.
    pub(super) fn ask_long(&mut self, topic: &Topic, interval: Interval, wanted: (TimeNs, TimeNs)) {
        // A recording has only what is in its file.
        if self.recordings.playing.is_some() {
            return;
        }
        let store = &mut self.server.store;
        let question = store.want_long(topic, interval, wanted, self.live_ns);
        if let Some(question) = question
            && self.line.requests.ask_candles(topic, question)
        {
            store.long_asked(topic, question);
        }
    }

    /// The intervals of a charted topic that are known, made of the longest ones that divide this
    /// length.
    pub fn long_bars(&self, topic: &str, interval_ns: i64) -> Vec<LongBar> {
        let topic = self.store().topic_named(topic);
        let source = source_of(interval_ns);
        let track = source.and_then(|source| topic?.long()?.track(source));
        let all = (TimeNs::MIN, TimeNs::MAX);
        track.map_or_else(Vec::new, |track| {
            folded(track, interval_ns, all, self.now_ns)
        })
    }

    /// The pages of history that were requested and not answered yet.
    pub fn histories_asked(&self) -> Vec<(RequestId, Topic)> {
        let asked = self.line.requests.histories_asked();
        asked.map(|(id, topic)| (id, topic.clone())).collect()
    }

    /// The pages of long history that were requested and not answered yet.
    pub fn candles_asked(&self) -> Vec<(RequestId, Topic, Interval)> {
        let asked = self.line.requests.candles_asked();
        let mut asked: Vec<_> = asked
            .map(|(id, topic, interval)| (id, topic.clone(), interval))
            .collect();
        asked.sort_unstable();
        asked
    }
}
