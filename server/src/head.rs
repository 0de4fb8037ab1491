//! Where the ingest thread hands strips to the shards. The tape itself is the queue: each shard
//! takes what it has not applied yet, and the ingest thread waits only when a shard is about to
//! fall off the tape.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{ingest::HistoryAnswer, tape::Strip};

/// Bytes of strips that a shard takes at once, about. More would make a round long; less would
/// waste the gathering that makes fan-out cheap under load.
const TAKE_MAX_BYTES: usize = 1024 * 1024;

/// Answers that wait for their shards, at most, in bytes: a few dozen of the longest. A shard takes
/// them within a round, so a full queue means that the machine is saturated.
const ANSWERS_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The newest strips and who has applied them.
#[derive(Debug)]
pub struct Head {
    window: Mutex<Window>,
    max_bytes: usize,
    shards: Box<[ShardEnd]>,
    /// Wakes the ingest thread when a shard has made room.
    room: Notify,
    ended: AtomicBool,
    waits: AtomicU64,
}

#[derive(Debug, Default)]
struct Window {
    strips: VecDeque<Arc<Strip>>,
    /// How many strips were pushed and popped since the beginning.
    pushed: u64,
    bytes: usize,
    /// Answers to questions about the past, each with how many strips had been pushed before it.
    answers: Vec<(u64, HistoryAnswer)>,
    answers_bytes: usize,
}

#[derive(Debug, Default)]
struct ShardEnd {
    /// Strips it has taken so far.
    taken: AtomicU64,
    wake: Arc<Notify>,
}

/// What a shard took.
#[derive(Debug)]
pub struct Taken {
    /// In order; empty if there is nothing new.
    pub strips: Vec<Arc<Strip>>,
    /// Answers for clients of this shard, which come behind these strips.
    pub answers: Vec<HistoryAnswer>,
    /// Whether there is more.
    pub more: bool,
}

impl Head {
    /// A head for so many shards. What no shard has missed is forgotten at once; what a slow one
    /// has not taken is kept, up to `max_bytes`.
    pub fn new(shards: usize, max_bytes: usize) -> Self {
        Self {
            window: Mutex::default(),
            max_bytes,
            shards: (0..shards).map(|_| ShardEnd::default()).collect(),
            room: Notify::new(),
            ended: AtomicBool::new(false),
            waits: AtomicU64::new(0),
        }
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        // Nothing in here can leave the window half changed.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oldest_needed(&self) -> u64 {
        let taken = self
            .shards
            .iter()
            .map(|shard| shard.taken.load(Ordering::Acquire));
        taken.min().unwrap_or(0)
    }

    /// Hands a strip to all shards. Waits while the slowest of them is the whole window behind:
    /// from there on the server as a whole pushes back on its feeds.
    pub async fn push(&self, strip: Arc<Strip>) {
        loop {
            // Made before looking, so that a shard's wake-up in between is not missed.
            let room = self.room.notified();
            if self.try_push(&strip) {
                break;
            }
            self.waits.fetch_add(1, Ordering::Relaxed);
            room.await;
        }
        for shard in &self.shards {
            shard.wake.notify_one();
        }
    }

    fn try_push(&self, strip: &Arc<Strip>) -> bool {
        let oldest_needed = self.oldest_needed();
        let mut window = self.window();
        while window.pushed - (window.strips.len() as u64) < oldest_needed
            && let Some(applied) = window.strips.pop_front()
        {
            window.bytes -= applied.cost_bytes();
        }
        if window.bytes > self.max_bytes {
            return false;
        }
        window.bytes += strip.cost_bytes();
        window.pushed += 1;
        window.strips.push_back(Arc::clone(strip));
        true
    }

    /// Hands the answer to a question to the shard that asked, behind all strips pushed so far. Waits
    /// while too many are on their way.
    pub async fn answer(&self, mut answer: HistoryAnswer) {
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

    /// Gives the answer back if there is no room for it.
    fn try_answer(&self, answer: HistoryAnswer) -> Result<(), HistoryAnswer> {
        let mut window = self.window();
        if window.answers_bytes >= ANSWERS_MAX_BYTES {
            return Err(answer);
        }
        window.answers_bytes += answer.stretch.bincode.len();
        let pushed = window.pushed;
        window.answers.push((pushed, answer));
        Ok(())
    }

    /// What wakes a shard: shared with whatever else gives it work.
    pub fn wake(&self, shard: usize) -> Arc<Notify> {
        Arc::clone(&self.shards[shard].wake)
    }

    /// Takes what a shard has not seen yet, up to a bound.
    pub fn take(&self, shard: usize) -> Taken {
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
            window.answers_bytes -= answer.stretch.bincode.len();
        }
        drop(window);
        end.taken.store(now_taken, Ordering::Release);
        if now_taken != taken || !answers.is_empty() {
            self.room.notify_one();
        }
        Taken {
            strips,
            answers,
            more,
        }
    }

    /// Says that no strip will follow.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        for shard in &self.shards {
            shard.wake.notify_one();
        }
    }

    /// Whether the last strip has been pushed.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// How often the ingest thread had to wait for a shard.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}
