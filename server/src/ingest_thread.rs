//! The ingest thread: feeds, and the sequencer that puts what they and the clients bring in order.

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::{JoinSet, spawn_local},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    clock::{Clock, Now},
    decode::Decoder,
    feed::{self, FeedMetrics, FeedSettings},
    head::Head,
    ingest::{Arrival, Ingest, Work},
    metrics::Metrics,
    sequencer::Sequencer,
};

/// Submissions the sequencer takes at once, at most.
const WORK_AT_ONCE: usize = 1024;

/// While no subscriber is due, work that nobody waits for is gathered for so long, if it comes more
/// often than that: waking the ingest thread for each update costs more than the update. Short
/// beside the 50 ms for which a shard dozes at most, and the shortest that the runtime's timers know.
const GATHERING: Duration = Duration::from_millis(1);

/// How much later than due a silent topic may be found if nothing else happens, so that many of
/// them do not wake the ingest thread one by one.
const SILENCE_SLACK: Duration = Duration::from_millis(50);

/// How long feeds may take to end.
const FEEDS_END_TIMEOUT: Duration = Duration::from_secs(3);

/// Feeds and the sequencer.
pub(crate) struct IngestThread {
    pub(crate) sequencer: Sequencer,
    pub(crate) clock: Clock,
    pub(crate) feeds: Vec<FeedSettings>,
    pub(crate) decoder: Decoder,
    pub(crate) ingest: Ingest,
    pub(crate) submissions: mpsc::Receiver<Arrival>,
    pub(crate) head: Arc<Head>,
    pub(crate) metrics: Arc<Metrics>,
    /// Becomes true when the server is to end.
    pub(crate) ended: watch::Receiver<bool>,
}

impl IngestThread {
    /// Runs until all that was handed over before the end has been sequenced.
    pub(crate) async fn run(self) {
        let Self {
            sequencer,
            clock,
            feeds,
            decoder,
            ingest,
            submissions,
            head,
            metrics,
            ended,
        } = self;
        let mut tasks = JoinSet::new();
        for (id, (settings, stats)) in (0..).zip(feeds.into_iter().zip(&metrics.feeds)) {
            let stats: Arc<FeedMetrics> = Arc::clone(&stats.metrics);
            let end = ended_signal(ended.clone());
            tasks.spawn_local(feed::run(
                settings,
                decoder.clone(),
                ingest.of_feed(id),
                stats,
                end,
            ));
        }
        drop(ingest);
        let feeds_ended = Rc::new(Notify::new());
        let told = Rc::clone(&feeds_ended);
        spawn_local(async move {
            ended_signal(ended).await;
            let all = async { while tasks.join_next().await.is_some() {} };
            if timeout(FEEDS_END_TIMEOUT, all).await.is_err() {
                tracing::warn!("a feed did not end in time");
            }
            told.notify_one();
        });
        let sequencing = Sequencing {
            sequencer,
            clock,
            now: clock.now(),
            head: &head,
            metrics: &metrics,
        };
        sequencing.run(submissions, &feeds_ended).await;
        head.end();
    }
}

/// Ready when the server is to end.
async fn ended_signal(mut ended: watch::Receiver<bool>) {
    // An error means that the server was dropped: that is an end, too.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Takes what feeds and clients bring, as much as there is, and makes strips of it.
struct Sequencing<'a> {
    sequencer: Sequencer,
    clock: Clock,
    /// As the sequencer knows it.
    now: Now,
    head: &'a Head,
    metrics: &'a Metrics,
}

impl Sequencing<'_> {
    async fn run(mut self, mut queue: mpsc::Receiver<Arrival>, feeds_ended: &Notify) {
        let mut taken = Vec::with_capacity(WORK_AT_ONCE);
        let mut done = Instant::now();
        loop {
            let silence = self.sequencer.liveness().next_due();
            tokio::select! {
                biased;
                () = feeds_ended.notified() => {
                    // What is in the queue is still sequenced; nothing more gets in.
                    queue.close();
                    continue;
                }
                count = queue.recv_many(&mut taken, WORK_AT_ONCE) => if count == 0 {
                    return;
                },
                () = until_silent(self.clock, silence) => {}
            }
            let is_busy = done.elapsed() < GATHERING;
            let is_waited_for = taken.iter().any(|arrival| arrival.work.request().is_some());
            for arrival in taken.drain(..) {
                self.take(arrival).await;
                if self.sequencer.is_full() {
                    self.push_strip().await;
                }
            }
            self.now = self.clock.now();
            self.sequencer.poll(self.now);
            while self.push_strip().await {}
            // Without a strip something may have changed as well, and pushing may have taken a wait.
            self.count();
            if is_busy && !is_waited_for && self.head.all_doze() {
                sleep(GATHERING).await;
            }
            done = Instant::now();
        }
    }

    async fn take(&mut self, Arrival { at, work }: Arrival) {
        // Several threads hand work over, and what one saw later may be before what another saw.
        if at.uptime > self.now.uptime {
            self.now = at;
        }
        match work {
            Work::Updates(submission) => self.sequencer.push(submission, self.now),
            Work::FeedDown(feed) => self.sequencer.feed_down(feed, self.now),
            Work::History(question) => {
                // What the answer tells of must be with the shard before it.
                while self.push_strip().await {}
                let answer = self.sequencer.recall(question);
                self.head.answer(answer).await;
            }
        }
    }

    /// `false` if there was nothing to push.
    async fn push_strip(&mut self) -> bool {
        let Some(strip) = self.sequencer.take_strip() else {
            return false;
        };
        self.metrics.ingest.strips.add(1);
        // Before anybody hears of it: whoever asks for the metrics then finds it in them.
        self.count();
        self.head.push(strip).await;
        true
    }

    fn count(&self) {
        let stats = &self.metrics.ingest;
        stats.position.set(self.sequencer.position());
        stats.refused.set(self.sequencer.refused());
        stats.waits.set(self.head.waits());
        let history = self.sequencer.history();
        stats.history_bytes.set(history.bytes() as u64);
        stats.history_forgotten.set(history.forgotten());
        let counts = self.sequencer.liveness().counts();
        for (number, count) in stats.statuses.iter().zip(counts) {
            number.set(count);
        }
    }
}

/// Ready when topics may have been silent for too long; never if none can be.
async fn until_silent(clock: Clock, due: Option<Duration>) {
    match due {
        // Not for each topic by itself: those that are due soon are found together.
        Some(due) => sleep_until(Instant::from_std(clock.instant(due + SILENCE_SLACK))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;
    use tickcast_protocol::{message::Quality, topic::Topic, value::Value};
    use tokio::task::{LocalSet, yield_now};

    use crate::ingest::{Ack, NewUpdate};

    use super::*;

    /// How many strips are made of ten publishes that come right after each other.
    async fn strips_of_ten(dozes: bool, ack: Option<Ack>) -> u64 {
        let clock = Clock::start();
        let (ingest, queue) = Ingest::new(clock);
        let head = Arc::new(Head::new(1, 1 << 20));
        head.doze(0, dozes);
        let metrics = Arc::new(Metrics::default());
        let (_end, ended) = watch::channel(false);
        let thread = IngestThread {
            sequencer: Sequencer::new(10),
            clock,
            feeds: Vec::new(),
            decoder: Decoder::new([].into()),
            ingest: ingest.clone(),
            submissions: queue,
            head: Arc::clone(&head),
            metrics: Arc::clone(&metrics),
            ended,
        };
        let local = LocalSet::new();
        local.spawn_local(thread.run());
        let publish = async {
            for _ in 0..10 {
                let update = NewUpdate {
                    topic: Topic::new("a").unwrap(),
                    value: Value::Reading(1.0),
                    source_time_ns: None,
                    quality: Quality::Live,
                    unit: None,
                };
                ingest.submit_all(smallvec![update], ack).await.unwrap();
                for _ in 0..5 {
                    yield_now().await;
                }
            }
            while metrics.ingest.position.get() < 10 {
                sleep(GATHERING).await;
            }
        };
        local.run_until(publish).await;
        metrics.ingest.strips.get()
    }

    #[tokio::test]
    async fn work_is_gathered_while_no_subscriber_is_due_and_nobody_waits_for_an_answer() {
        let ack = Ack {
            shard: 0,
            connection: 1,
            id: 1,
        };
        assert_eq!(strips_of_ten(false, None).await, 10);
        assert_eq!(strips_of_ten(true, Some(ack)).await, 10);
        // The first one, and all others; unless the machine was so busy that they came too slowly.
        let deadline = Instant::now() + Duration::from_secs(60);
        while strips_of_ten(true, None).await != 2 {
            assert!(Instant::now() < deadline, "they are never gathered");
        }
    }
}
