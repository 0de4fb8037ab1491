//! The ingest thread. It runs the feeds, and the sequencer that puts the updates of feeds and
//! clients in order.

use std::{rc::Rc, sync::Arc, time::Duration};

use tickcast_core::{
    Now,
    sequencer::Sequencer,
    work::{FeedId, Work},
};
use tickcast_protocol::message::TimeNs;
use tokio::{
    sync::{Notify, mpsc},
    task::{JoinSet, spawn_local},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{Arrival, Handoff, Way};
use crate::{clock::Clock, metrics::Metrics};

/// Maximum number of submissions that the sequencer takes at once.
pub(crate) const WORK_AT_ONCE: usize = 1024;

/// Time for which work is gathered while no subscriber is due and no client waits for an answer. It
/// applies if work arrives more often than this, because waking the ingest thread costs more than
/// an update. It is short compared with the 50 ms for which a shard dozes at most, and is the
/// shortest time of the runtime's timers.
const GATHERING: Duration = Duration::from_millis(1);

/// Maximum delay with which a silent topic is found if nothing else happens, so that many silent
/// topics do not wake the ingest thread one by one.
const SILENCE_SLACK: Duration = Duration::from_millis(50);

/// Maximum time for the feeds to end.
const FEEDS_END_TIMEOUT: Duration = Duration::from_secs(3);

/// Everything that the thread needs, except the feeds.
pub(crate) struct IngestThread {
    pub(crate) sequencer: Sequencer,
    pub(crate) clock: Clock,
    pub(crate) submissions: mpsc::Receiver<Arrival>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) way: Way,
    pub(crate) metrics: Arc<Metrics>,
}

impl IngestThread {
    /// Runs until all work handed over before the end is sequenced. `start_feeds` starts the feeds;
    /// `ended` completes when the server ends.
    pub(crate) async fn run(
        self,
        start_feeds: impl FnOnce(&mut JoinSet<()>),
        ended: impl Future<Output = ()> + 'static,
    ) {
        let Self {
            sequencer,
            clock,
            submissions,
            handoff,
            way,
            metrics,
        } = self;
        let mut feeds = JoinSet::new();
        start_feeds(&mut feeds);
        let feeds_ended = Rc::new(Notify::new());
        let notify = Rc::clone(&feeds_ended);
        spawn_local(async move {
            ended.await;
            let all = async { while feeds.join_next().await.is_some() {} };
            if timeout(FEEDS_END_TIMEOUT, all).await.is_err() {
                tracing::warn!("a feed did not end in time");
            }
            notify.notify_one();
        });
        let sequencing = Sequencing {
            sequencer,
            clock,
            now: clock.now(),
            lost: Lost::new(&metrics),
            handoff: &handoff,
            way: &way,
            metrics: &metrics,
        };
        sequencing.run(submissions, &feeds_ended).await;
        way.end();
    }
}

/// How many updates each feed had lost at a time.
#[derive(Debug)]
pub(crate) struct Lost {
    since: TimeNs,
    known: Vec<u64>,
}

impl Lost {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            since: 0,
            known: vec![0; metrics.feeds.len()],
        }
    }

    /// Tells which feeds have lost updates, and since when they may have.
    pub(crate) fn tell(
        &mut self,
        metrics: &Metrics,
        now: Now,
        mut tell: impl FnMut(FeedId, TimeNs),
    ) {
        let since = std::mem::replace(&mut self.since, now.wall_ns);
        for ((id, feed), known) in (0..).zip(&metrics.feeds).zip(&mut self.known) {
            let lost = feed.metrics.lost.get();
            if std::mem::replace(known, lost) != lost {
                tell(id, since);
            }
        }
    }
}

/// Takes the available work of feeds and clients, and makes strips of it.
struct Sequencing<'a> {
    sequencer: Sequencer,
    clock: Clock,
    /// The current time as passed to the sequencer.
    now: Now,
    lost: Lost,
    handoff: &'a Handoff,
    way: &'a Way,
    metrics: &'a Metrics,
}

impl Sequencing<'_> {
    async fn run(mut self, mut queue: mpsc::Receiver<Arrival>, feeds_ended: &Notify) {
        let mut arrivals = Vec::with_capacity(WORK_AT_ONCE);
        let mut done = Instant::now();
        // What was restored counts before the first update.
        self.count();
        loop {
            let silence = self.sequencer.liveness().next_due();
            tokio::select! {
                biased;
                () = feeds_ended.notified() => {
                    // The queue accepts no more work; the rest is still sequenced.
                    queue.close();
                    continue;
                }
                count = queue.recv_many(&mut arrivals, WORK_AT_ONCE) => if count == 0 {
                    return;
                },
                () = until_silent(self.clock, silence) => {}
            }
            let is_busy = done.elapsed() < GATHERING;
            let is_waited_for = arrivals
                .iter()
                .any(|arrival| arrival.work.request().is_some());
            self.tell_lost();
            for arrival in arrivals.drain(..) {
                self.take(arrival).await;
                if self.sequencer.is_full() {
                    self.push_strip().await;
                }
            }
            self.now = self.clock.now();
            self.sequencer.poll(self.now);
            while self.push_strip().await {}
            if let Some(feeds) = self.sequencer.take_feed_outages() {
                self.way.tell_outages(feeds).await;
            }
            // The counters may also change without a strip, and pushing may have waited.
            self.count();
            if is_busy && !is_waited_for && self.handoff.all_doze() {
                sleep(GATHERING).await;
            }
            done = Instant::now();
        }
    }

    /// Tells the sequencer which feeds have lost updates.
    fn tell_lost(&mut self) {
        let (sequencer, now) = (&mut self.sequencer, self.clock.now());
        self.lost.tell(self.metrics, now, |feed, since| {
            sequencer.feed_lost(feed, since, now);
        });
    }

    async fn take(&mut self, Arrival { at, work }: Arrival) {
        // Several threads hand work over, so their times may be out of order.
        if at.uptime > self.now.uptime {
            self.now = at;
        }
        match work {
            Work::Updates(submission) => self.sequencer.push(submission, self.now),
            Work::FeedDown(feed) => self.sequencer.feed_down(feed, self.now),
            Work::TopicsDead(feed, topics) => {
                self.sequencer.topics_dead(feed, &topics, self.now);
            }
            Work::History(question) => {
                // The shard must have the updates in the answer before it has the answer.
                while self.push_strip().await {}
                let answer = self.sequencer.answer(question, self.now);
                self.way.answer(answer).await;
            }
        }
    }

    /// Returns `false` if there was no strip to push.
    async fn push_strip(&mut self) -> bool {
        let Some(strip) = self.sequencer.take_strip() else {
            return false;
        };
        self.metrics.ingest.strips.add(1);
        // Counting comes before the handoff, so that the metrics include every update that a client
        // has received.
        self.count();
        self.way.push(strip).await;
        true
    }

    fn count(&self) {
        count(self.metrics, &self.sequencer, self.handoff);
    }
}

/// Sets the counters of the sequencer and of the handoff.
pub(crate) fn count(metrics: &Metrics, sequencer: &Sequencer, handoff: &Handoff) {
    let stats = &metrics.ingest;
    stats.position.set(sequencer.position());
    stats.refused.set(sequencer.refused());
    let refused = sequencer.refused_new_topics();
    stats.refused_new_topics.set(refused);
    stats.publish_repeats.set(sequencer.repeats());
    stats.publishes_too_old.set(sequencer.too_old());
    stats.publishers.set(sequencer.publishers().len() as u64);
    let facts = sequencer.facts();
    stats.facts_waiting.set(facts.waiting() as u64);
    stats.facts_left_out.set(facts.left_out());
    stats.waits.set(handoff.waits());
    let history = sequencer.history();
    stats.history_bytes.set(history.bytes() as u64);
    stats.history_forgotten.set(history.forgotten());
    let long_history = sequencer.long_history();
    stats.long_history_bytes.set(long_history.bytes() as u64);
    stats.long_history_forgotten.set(long_history.forgotten());
    stats.long_history_left_out.set(long_history.left_out());
    let counts = sequencer.liveness().counts();
    for (number, count) in stats.statuses.iter().zip(counts) {
        number.set(count);
    }
}

/// Completes when topics may have been silent for too long; never if no topic can be.
async fn until_silent(clock: Clock, due: Option<Duration>) {
    match due {
        // A little late, so that topics with close deadlines are found together.
        Some(due) => sleep_until(Instant::from_std(clock.instant(due + SILENCE_SLACK))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;
    use tickcast_core::work::{Ack, NewUpdate};
    use tickcast_protocol::{topic::Topic, value::Value};
    use tokio::task::{LocalSet, yield_now};

    use super::*;
    use crate::ingest::Ingest;

    /// Number of strips made of ten publishes in quick succession.
    async fn strips_of_ten(dozes: bool, ack: Option<Ack>) -> u64 {
        let clock = Clock::start();
        let (ingest, queue) = Ingest::new(clock);
        let handoff = Arc::new(Handoff::new(1, 1 << 20));
        handoff.doze(0, dozes);
        let metrics = Arc::new(Metrics::default());
        let thread = IngestThread {
            sequencer: Sequencer::new(10),
            clock,
            submissions: queue,
            way: Way::Straight(Arc::clone(&handoff)),
            handoff,
            metrics: Arc::clone(&metrics),
        };
        let local = LocalSet::new();
        local.spawn_local(thread.run(|_| {}, std::future::pending()));
        let publish = async {
            for _ in 0..10 {
                let update = NewUpdate::live(Topic::new("a").unwrap(), Value::Reading(1.0));
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
    async fn work_is_gathered_while_no_subscriber_is_due_and_no_client_waits_for_an_answer() {
        let ack = Ack {
            shard: 0,
            connection: 1,
            id: Some(1),
        };
        assert_eq!(strips_of_ten(false, None).await, 10);
        assert_eq!(strips_of_ten(true, Some(ack)).await, 10);
        // One strip for the first publish and one for all others, unless a busy machine delays
        // them.
        let deadline = Instant::now() + Duration::from_secs(60);
        while strips_of_ten(true, None).await != 2 {
            assert!(
                Instant::now() < deadline,
                "the publishes are never gathered"
            );
        }
    }
}
