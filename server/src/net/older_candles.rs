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
