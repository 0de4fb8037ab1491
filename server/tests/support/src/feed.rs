//! A feed that runs without a server.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tickcast_core::work::{NewUpdate, Work};
use tickcast_protocol::topic::Topic;
use tickcast_server::testing::{
    self, Arrival, Clock, FeedMetrics, FeedSettings, FeedState, Ingest, Source, Task,
    decode::{DecodeRule, Decoder},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::waiting::{FEED_DEADLINE, STEP};

/// A feed in a task.
#[derive(Debug)]
pub struct RunningFeed {
    /// What the feed counts.
    pub metrics: Arc<FeedMetrics>,
    queue: mpsc::Receiver<Arrival>,
    waiting: VecDeque<NewUpdate>,
    dead: VecDeque<Vec<Topic>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl RunningFeed {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If the settings are wrong.
    pub fn start(source: Source, rules: Vec<DecodeRule>) -> Self {
        let settings = FeedSettings {
            name: "test".into(),
            source,
        };
        Self::start_named(settings, rules.into())
    }

    /// Starts it under its own name.
    ///
    /// # Panics
    ///
    /// If the settings are wrong.
    pub fn start_named(settings: FeedSettings, rules: Arc<[DecodeRule]>) -> Self {
        Self::start_on(Ingest::new(Clock::start()), settings, rules)
    }

    /// Starts it with a queue that has no room until an update is taken.
    ///
    /// # Panics
    ///
    /// If the settings are wrong.
    pub async fn start_stuck(source: Source) -> Self {
        let settings = FeedSettings {
            name: "test".into(),
            source,
        };
        let (ingest, queue) = Ingest::new(Clock::start());
        while !ingest.is_full() {
            let other = Work::FeedDown(1);
            ingest.hand_over(other).await.expect("the queue is open");
        }
        Self::start_on((ingest, queue), settings, [].into())
    }

    fn start_on(
        (ingest, queue): (Ingest, mpsc::Receiver<Arrival>),
        settings: FeedSettings,
        rules: Arc<[DecodeRule]>,
    ) -> Self {
        settings.check().expect("the settings are right");
        let metrics = Arc::new(FeedMetrics::default());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(testing::run(
            settings,
            Decoder::new(rules),
            ingest.of_feed(0),
            Arc::clone(&metrics),
            Task::alone("feed-test"),
            async {
                // Dropping the sender stops it as well.
                let _ = stopped.await;
            },
        ));
        Self {
            metrics,
            queue,
            waiting: VecDeque::new(),
            dead: VecDeque::new(),
            stop: Some(stop),
            task,
        }
    }

    /// The next update.
    pub async fn next(&mut self) -> NewUpdate {
        loop {
            if let Some(update) = self.waiting.pop_front() {
                return update;
            }
            self.receive().await;
        }
    }

    /// The topics that the feed says are dead next, in order of their names.
    pub async fn next_dead(&mut self) -> Vec<Topic> {
        loop {
            if let Some(mut topics) = self.dead.pop_front() {
                topics.sort_unstable();
                return topics;
            }
            self.receive().await;
        }
    }

    async fn receive(&mut self) {
        let arrival = timeout(FEED_DEADLINE, self.queue.recv()).await;
        let arrival = arrival.expect("something in time").expect("the feed runs");
        match arrival.work {
            Work::Updates(submission) => self.waiting.extend(submission.updates),
            Work::TopicsDead(_, topics) => self.dead.push_back(topics),
            Work::FeedDown(_) | Work::History(_) => {}
        }
    }

    /// The next `count` updates.
    pub async fn take(&mut self, count: usize) -> Vec<NewUpdate> {
        let mut updates = Vec::with_capacity(count);
        while updates.len() < count {
            updates.push(self.next().await);
        }
        updates
    }

    /// All updates until the feed ends by itself.
    pub async fn rest(&mut self) -> Vec<NewUpdate> {
        let mut updates: Vec<_> = self.waiting.drain(..).collect();
        while let Some(arrival) = timeout(FEED_DEADLINE, self.queue.recv())
            .await
            .expect("an end")
        {
            if let Work::Updates(submission) = arrival.work {
                updates.extend(submission.updates);
            }
        }
        updates
    }

    /// Polls the feed's metrics until a condition holds.
    pub async fn until(&self, what: &str, condition: impl Fn(&FeedMetrics) -> bool) {
        let start = Instant::now();
        while !condition(&self.metrics) {
            assert!(
                start.elapsed() < FEED_DEADLINE,
                "{what}: {:?}",
                self.metrics
            );
            sleep(STEP).await;
        }
    }

    /// Waits until the feed is up.
    pub async fn until_up(&self) {
        self.until("the feed is up", |metrics| metrics.state() == FeedState::Up)
            .await;
    }

    /// Stops the feed, and returns the updates that were not taken yet.
    pub async fn stop(mut self) -> Vec<NewUpdate> {
        drop(self.stop.take());
        let updates = self.rest().await;
        timeout(FEED_DEADLINE, self.task)
            .await
            .expect("the feed ends in time")
            .expect("the feed does not panic");
        assert_eq!(self.metrics.state(), FeedState::Finished);
        updates
    }
}
