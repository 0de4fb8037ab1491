//! Candles and rows that memory does not have: an answer of the sequencer goes through the log on
//! disk before its client gets it. The shard goes on meanwhile.

use std::rc::Rc;

use tickcast_core::{
    candles::Excerpt,
    shard::{ConnectionKey, SLICE_MAX_STEPS, Shard},
    work::{HistoryAnswer, Past},
};
use tickcast_protocol::topic::Topic;
use tokio::task::{spawn_local, yield_now};

use super::{outlet::Outlet, shard_handle::ShardHandle};
use crate::data::Deepened;

impl ShardHandle {
    /// Takes the answers out of which older intervals may be in the log. They come back to the
    /// shard when they have them.
    pub(super) fn deepen_some(
        self: &Rc<Self>,
        shard: &Shard<Outlet>,
        answers: &mut Vec<HistoryAnswer>,
    ) {
        if self.log_reads.is_none() {
            return;
        }
        let topics = shard.topics();
        // A topic that the shard does not know yet is new.
        let is_known =
            |answer: &HistoryAnswer| answer.topic.is_some_and(|id| (id as usize) < topics.len());
        let reaches_log = |answer: &mut HistoryAnswer| {
            matches!(&answer.past, Past::Candles(excerpt) if excerpt.older().is_some())
                && is_known(answer)
        };
        let found: Vec<_> = answers.extract_if(.., reaches_log).collect();
        for HistoryAnswer { to, topic, past } in found {
            let (Some(id), Past::Candles(mut excerpt)) = (topic, past) else {
                continue;
            };
            let (handle, name) = (Rc::clone(self), topics.name(id).clone());
            let key = ConnectionKey::from_u64(to.connection);
            spawn_local(async move {
                while !excerpt.advance(SLICE_MAX_STEPS).1 {
                    yield_now().await;
                }
                if let Some(excerpt) = handle.deepen(&name, excerpt, Some(key)).await
                    && !handle.has_failed()
                {
                    let past = Past::Candles(excerpt);
                    let answer = HistoryAnswer { to, topic, past };
                    handle.with(|shard, _| shard.answer_history(vec![answer]));
                }
            });
        }
    }

    /// Adds to an answer what the log has of older intervals. `None` if the connection that has
    /// asked is gone, or if the server is ending.
    pub(super) async fn deepen(
        self: &Rc<Self>,
        topic: &Topic,
        excerpt: Box<Excerpt>,
        asker: Option<ConnectionKey>,
    ) -> Option<Box<Excerpt>> {
        let Some(reads) = self
            .log_reads
            .as_ref()
            .filter(|_| excerpt.older().is_some())
        else {
            return Some(excerpt);
        };
        let _place = self.older_reads.acquire().await.ok()?;
        let goes_on = || {
            !self.has_failed()
                && self.with(|shard, _| {
                    let is_waited_for = asker.is_none_or(|key| shard.is_busy(key));
                    if is_waited_for {
                        shard.count_candle_read();
                    }
                    is_waited_for
                })
        };
        let Deepened { excerpt, is_cut } = reads.deepen(topic, excerpt, goes_on).await?;
        if is_cut && !self.has_failed() {
            self.with(|shard, _| shard.count_candles_cut());
        }
        Some(excerpt)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc, time::Duration};

    use tickcast_core::{
        candles::{CandlesQuestion, Intervals, LongHistory, LongHistorySettings},
        stats::ShardStats,
    };
    use tickcast_protocol::{
        message::{CandleState, Epoch, Interval, Quality},
        value::Value,
    };

    use super::*;
    use crate::{
        clock::Clock,
        data::{Patience, ReadingThread, testing::write_log},
        ingest::{Handoff, Ingest},
    };

    /// Updates of a log, one in a second: two days, and three MiB of each.
    const UPDATES: u64 = 2 * 86_400 - 10;

    /// The rows of a memory that has the last update of the log.
    fn excerpt(interval: Interval) -> Box<Excerpt> {
        let mut history = LongHistory::new(LongHistorySettings { bytes: 1 << 20 });
        history.begins_at(UPDATES);
        let now = UPDATES as i64 * 1_000_000_000;
        history.push(0, None, &Value::Reading(1.0), Quality::Live, now);
        let question = CandlesQuestion {
            interval,
            limit: 100,
            from_ns: None,
            before_ns: None,
        };
        let mut excerpt = history.excerpt(Some(0), &question, UPDATES, now);
        while !excerpt.advance(100).1 {}
        Box::new(excerpt)
    }

    /// The rows of an answer: their number and the state of the oldest one. Also how many answers
    /// were counted as cut.
    async fn deepened(
        path: &Path,
        interval: Interval,
        patience: Patience,
    ) -> (usize, CandleState, u64) {
        let (thread, mut reads) = ReadingThread::new(path.to_owned());
        reads.patience = patience;
        let (clock, stats) = (Clock::start(), Arc::<ShardStats>::default());
        let shard = Shard::new(0, Epoch(1), Arc::default(), Arc::clone(&stats));
        let (ingest, _queue) = Ingest::new(clock);
        let handoff = Arc::new(Handoff::new(1, 1 << 20));
        let handle = ShardHandle::new(shard, handoff, ingest, clock, (None, None, Some(reads)));
        let asking = async move {
            let topic = Topic::new("a").unwrap();
            let answer = handle.deepen(&topic, excerpt(interval), None).await;
            answer.unwrap()
        };
        let (result, excerpt) = tokio::join!(thread.run(), asking);
        result.unwrap();
        let Intervals::Rows(rows) = excerpt.intervals(0..excerpt.len()) else {
            panic!("they are readings");
        };
        (rows.len(), rows[0].state, stats.log_candles_cut.get())
    }

    #[tokio::test]
    async fn an_answer_whose_interval_needs_more_of_the_log_than_is_read_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), UPDATES);
        let one_part = Patience {
            enough: Duration::ZERO,
            parts_max: 1,
            ..Patience::default()
        };
        let cut = deepened(folder.path(), Interval::Day, one_part).await;
        assert_eq!(cut, (1, CandleState::Incomplete, 1));
        // With more of it there is the day before, and a part has many whole minutes.
        let all = Patience {
            enough: Duration::from_secs(3_600),
            ..Patience::default()
        };
        let days = deepened(folder.path(), Interval::Day, all).await;
        assert_eq!((days.0, days.2), (2, 0));
        let minutes = deepened(folder.path(), Interval::Minute, one_part).await;
        assert!(minutes.0 > 10, "{minutes:?}");
        assert_eq!((minutes.1, minutes.2), (CandleState::Complete, 0));
    }
}
