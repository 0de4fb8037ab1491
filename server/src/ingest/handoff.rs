//! The handoff of strips from the ingest thread to the shards. The tape itself is the queue: each
//! shard takes the strips that it has not applied yet. The ingest thread waits only if a shard is
//! about to fall off the tape.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tickcast_core::{tape::Strip, work::HistoryAnswer};
use tokio::sync::Notify;

/// Approximate maximum bytes of strips that a shard takes at once. More would make a round long.
/// Less would lose the batching that makes fan-out cheap under load.
const TAKE_MAX_BYTES: usize = 1024 * 1024;

/// Maximum bytes of answers that wait for their shards: a few dozen of the longest. A shard takes
/// them within a round, so a full queue means that the machine is saturated.
const ANSWERS_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Approximate bytes of strips after which a dozing shard is woken: a round of them takes about a
/// millisecond.
const DOZE_MAX_BYTES: usize = 256 * 1024;

/// The number of strips that a shard has taken if it has failed: it needs none.
const GONE: u64 = u64::MAX;

/// The newest strips, and how many of them each shard has taken.
#[derive(Debug)]
pub(crate) struct Handoff {
    window: Mutex<Window>,
    max_bytes: usize,
    shards: Box<[ShardEnd]>,
    /// Wakes the ingest thread when a shard has freed space.
    room: Notify,
    ended: AtomicBool,
    stopped: AtomicBool,
    waits: AtomicU64,
}

#[derive(Debug, Default)]
struct Window {
    strips: VecDeque<Arc<Strip>>,
    /// Number of strips pushed and popped since the start.
    pushed: u64,
    bytes: usize,
    /// Answers to questions about history, each with the number of strips pushed before it.
    answers: Vec<(u64, HistoryAnswer)>,
    answers_bytes: usize,
}

#[derive(Debug, Default)]
struct ShardEnd {
    /// Number of strips it has taken so far.
    taken: AtomicU64,
    wake: Arc<Notify>,
    /// Whether it looks for strips by its own timer, before an update is due for any of its
    /// clients.
    dozes: AtomicBool,
}

/// The strips and answers that a shard takes in one call.
#[derive(Debug, Default)]
pub(crate) struct NewStrips {
    /// The strips, in order; empty if there are none.
    pub strips: Vec<Arc<Strip>>,
    /// Answers for clients of this shard, to be sent after the strips.
    pub answers: Vec<HistoryAnswer>,
    /// Whether more strips wait.
    pub more: bool,
}

impl Handoff {
    /// A handoff to a number of shards. Strips that all shards have taken are dropped at once.
    /// Strips that a slow shard has not taken are kept, up to `max_bytes`.
    pub(crate) fn new(shards: usize, max_bytes: usize) -> Self {
        Self {
            window: Mutex::default(),
            max_bytes,
            shards: (0..shards).map(|_| ShardEnd::default()).collect(),
            room: Notify::new(),
            ended: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            waits: AtomicU64::new(0),
        }
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        // No code under this lock can leave the window half changed.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oldest_needed(&self) -> u64 {
        let taken = self
            .shards
            .iter()
            .map(|shard| shard.taken.load(Ordering::Acquire));
        taken.min().unwrap_or(0)
    }

    /// Hands a strip to all shards. Waits while the slowest of them lags by the whole window: from
    /// then on the server as a whole pushes back on its feeds.
    pub(crate) async fn push(&self, strip: Arc<Strip>) {
        loop {
            // Created before the check, so that a wake-up in between is not missed.
            let room = self.room.notified();
            if let Some(waiting_bytes) = self.try_push(&strip) {
                self.wake_for(&strip, waiting_bytes);
                return;
            }
            self.waits.fetch_add(1, Ordering::Relaxed);
            room.await;
        }
    }

    fn wake_for(&self, strip: &Strip, waiting_bytes: usize) {
        let is_urgent = strip.has_news() || waiting_bytes >= DOZE_MAX_BYTES.min(self.max_bytes / 2);
        for shard in &self.shards {
            if is_urgent || !shard.dozes.load(Ordering::Acquire) {
                shard.wake.notify_one();
            }
        }
    }

    /// Returns the bytes that wait for the slowest shard, or `None` if there is no room.
    fn try_push(&self, strip: &Arc<Strip>) -> Option<usize> {
        let oldest_needed = self.oldest_needed();
        let mut window = self.window();
        while window.pushed - (window.strips.len() as u64) < oldest_needed
            && let Some(applied) = window.strips.pop_front()
        {
            window.bytes -= applied.cost_bytes();
        }
        if window.bytes > self.max_bytes {
            return None;
        }
        window.bytes += strip.cost_bytes();
        window.pushed += 1;
        window.strips.push_back(Arc::clone(strip));
        Some(window.bytes)
    }

    /// Takes a shard out that has failed: it takes no more strips, and no other waits for it.
    pub(crate) fn leave(&self, shard: usize) {
        self.doze(shard, true);
        self.shards[shard].taken.store(GONE, Ordering::Release);
        let mut window = self.window();
        let mut freed = 0;
        window.answers.retain(|(_, answer)| {
            let is_lost = answer.to.shard == shard;
            freed += if is_lost { answer.bytes() } else { 0 };
            !is_lost
        });
        window.answers_bytes -= freed;
        drop(window);
        self.room.notify_one();
    }

    /// Sets whether a shard dozes. Updates alone do not wake a dozing shard, because it polls
    /// before an update is due for any of its clients. Waking a thread costs more than an update.
    pub(crate) fn doze(&self, shard: usize, dozes: bool) {
        self.shards[shard].dozes.store(dozes, Ordering::Release);
    }

    /// Whether all shards doze, so that no update is due for any client.
    pub(crate) fn all_doze(&self) -> bool {
        let mut shards = self.shards.iter();
        shards.all(|shard| shard.dozes.load(Ordering::Acquire))
    }

    /// Hands an answer to the shard that asked for it, after all strips pushed so far. Waits while
    /// too many answers are pending.
    pub(crate) async fn answer(&self, mut answer: HistoryAnswer) {
        let shard = answer.to.shard;
        loop {
            let room = self.room.notified();
            match self.try_answer(answer) {
                Ok(()) => break,
                Err(back) => answer = back,
            }
            self.waits.fetch_add(1, Ordering::Relaxed);
            room.await;
        }
        self.shards[shard].wake.notify_one();
    }

    /// Returns the answer if there is no room for it.
    fn try_answer(&self, answer: HistoryAnswer) -> Result<(), HistoryAnswer> {
        let mut window = self.window();
        if self.taken(answer.to.shard) == GONE {
            return Ok(());
        }
        if window.answers_bytes >= ANSWERS_MAX_BYTES {
            return Err(answer);
        }
        window.answers_bytes += answer.bytes();
        let pushed = window.pushed;
        window.answers.push((pushed, answer));
        Ok(())
    }

    /// The notification that wakes a shard. Every source of work for the shard shares it.
    pub(crate) fn wake(&self, shard: usize) -> Arc<Notify> {
        Arc::clone(&self.shards[shard].wake)
    }

    /// Takes the strips that a shard has not taken yet, up to a limit.
    pub(crate) fn take(&self, shard: usize) -> NewStrips {
        let end = &self.shards[shard];
        let mut window = self.window();
        let taken = end.taken.load(Ordering::Relaxed);
        let popped = window.pushed - window.strips.len() as u64;
        let mut strips = Vec::new();
        let mut bytes = 0;
        for strip in window.strips.range((taken - popped) as usize..) {
            if bytes >= TAKE_MAX_BYTES {
                break;
            }
            bytes += strip.len_bytes();
            strips.push(Arc::clone(strip));
        }
        let now_taken = taken + strips.len() as u64;
        let more = now_taken < window.pushed;
        let answers: Vec<_> = window
            .answers
            .extract_if(.., |(pushed, answer)| {
                answer.to.shard == shard && *pushed <= now_taken
            })
            .map(|(_, answer)| answer)
            .collect();
        for answer in &answers {
            window.answers_bytes -= answer.bytes();
        }
        drop(window);
        end.taken.store(now_taken, Ordering::Release);
        if now_taken != taken || !answers.is_empty() {
            self.room.notify_one();
        }
        NewStrips {
            strips,
            answers,
            more,
        }
    }

    /// Number of strips pushed so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.window().pushed
    }

    /// Number of strips that a shard has taken.
    pub(crate) fn taken(&self, shard: usize) -> u64 {
        self.shards[shard].taken.load(Ordering::Relaxed)
    }

    /// Announces that no strip will follow.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        for shard in &self.shards {
            shard.wake.notify_one();
        }
    }

    /// Whether the last strip has been pushed.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Sets whether strips wait because the log on disk cannot be written.
    pub(crate) fn set_stopped(&self, is_stopped: bool) {
        self.stopped.store(is_stopped, Ordering::Release);
    }

    /// Whether strips wait because the log on disk cannot be written.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Number of times the ingest thread had to wait for a shard.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use tickcast_core::{
        tape::{AckResult, StripBuilder},
        work::Ack,
    };
    use tickcast_protocol::{
        message::{Quality, Update},
        value::Value,
    };

    use super::*;

    fn strip(first: u64) -> Arc<Strip> {
        let mut builder = StripBuilder::new(first);
        builder.push(&Update {
            topic: 0,
            position: first,
            seq: first,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: Quality::Live,
            value: Value::Bytes(vec![0; 1000]),
        });
        Arc::new(builder.build())
    }

    /// Whether a future completes without waiting.
    fn is_ready(future: impl Future) -> bool {
        let future = pin!(future);
        future
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn a_stopped_shard_delays_the_others_only_when_it_lags_by_a_whole_tape() {
        const TAPE_BYTES: usize = 100_000;
        let handoff = Handoff::new(2, TAPE_BYTES);
        let cost = strip(1).cost_bytes();
        let fit = (TAPE_BYTES / cost) as u64;
        for first in 1..=fit {
            assert!(is_ready(handoff.push(strip(first))));
            assert!(
                is_ready(handoff.wake(1).notified()),
                "the other shard is woken at once"
            );
            let new = handoff.take(1);
            assert_eq!(new.strips.len(), 1);
            assert_eq!(new.strips[0].first(), first);
        }
        assert_eq!(handoff.waits(), 0);
        // It resumes, and has missed nothing.
        assert_eq!(handoff.take(0).strips.len() as u64, fit);
    }

    #[test]
    fn a_shard_that_has_failed_delays_no_other() {
        const TAPE_BYTES: usize = 10_000;
        let handoff = Handoff::new(2, TAPE_BYTES);
        while is_ready(handoff.push(strip(1))) {
            handoff.take(1);
        }
        handoff.leave(0);
        for _ in 0..100 {
            assert!(is_ready(handoff.push(strip(1))));
            assert_eq!(handoff.take(1).strips.len(), 1);
        }
        handoff.doze(1, true);
        assert!(handoff.all_doze());
    }

    #[test]
    fn a_dozing_shard_is_woken_by_answers_and_by_many_bytes_but_not_by_updates() {
        let handoff = Handoff::new(2, 1 << 30);
        let wakes = |shard| is_ready(handoff.wake(shard).notified());
        handoff.doze(0, true);
        assert!(is_ready(handoff.push(strip(1))));
        assert_eq!((wakes(0), wakes(1)), (false, true));

        let mut builder = StripBuilder::new(2);
        builder.acknowledge(AckResult {
            ack: Ack {
                shard: 1,
                connection: 7,
                id: Some(1),
            },
            result: Ok(1),
        });
        assert!(is_ready(handoff.push(Arc::new(builder.build()))));
        assert_eq!((wakes(0), wakes(1)), (true, true));

        let mut pushed = 0;
        while !wakes(0) {
            pushed += strip(2).cost_bytes();
            assert!(is_ready(handoff.push(strip(2))));
            assert!(pushed < 2 * DOZE_MAX_BYTES, "it is never woken");
        }
        handoff.doze(0, false);
        assert!(is_ready(handoff.push(strip(2))));
        assert!(wakes(0));
    }
}
