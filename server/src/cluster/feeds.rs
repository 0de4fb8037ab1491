//! Starts and stops the feeds that the node has.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_local},
    time::timeout,
};

use crate::metrics::{FeedState, Metrics};

/// Maximum time for a feed to end.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// Starts a feed by its index. It ends when the value is `true`.
pub(crate) type StartFeed =
    Box<dyn FnMut(u16, watch::Receiver<bool>) -> Pin<Box<dyn Future<Output = ()>>>>;

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The feeds of a node: those that it has run, and the others are stopped.
pub(super) struct NodeFeeds {
    start: StartFeed,
    metrics: Arc<Metrics>,
    /// By index.
    running: Vec<Option<Running>>,
}

impl NodeFeeds {
    pub(super) fn new(metrics: Arc<Metrics>, start: StartFeed) -> Self {
        for feed in &metrics.feeds {
            feed.metrics.set_state(FeedState::Standby);
        }
        Self {
            start,
            running: metrics.feeds.iter().map(|_| None).collect(),
            metrics,
        }
    }

    /// Starts or stops a feed.
    pub(super) fn set(&mut self, feed: u16, is_own: bool) {
        let Some(place) = self.running.get_mut(usize::from(feed)) else {
            return;
        };
        match (is_own, place.take()) {
            (true, None) => {
                let (stop, stopped) = watch::channel(false);
                let task = spawn_local((self.start)(feed, stopped));
                *place = Some(Running { stop, task });
            }
            (false, Some(running)) => {
                // It hands over what it has received; that does not count any more.
                let metrics = Arc::clone(&self.metrics);
                spawn_local(async move {
                    running.end().await;
                    let metrics = &metrics.feeds[usize::from(feed)].metrics;
                    if metrics.state() == FeedState::Finished {
                        metrics.set_state(FeedState::Standby);
                    }
                });
            }
            (_, as_it_was) => *place = as_it_was,
        }
    }

    /// Stops all feeds.
    pub(super) fn stop_all(&mut self) -> impl Future<Output = ()> + use<> {
        let running: Vec<_> = self.running.iter_mut().filter_map(Option::take).collect();
        async move {
            for running in &running {
                running.stop.send_replace(true);
            }
            for running in running {
                running.end().await;
            }
        }
    }
}

impl Running {
    async fn end(self) {
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if timeout(END_TIMEOUT, self.task).await.is_err() {
            tracing::warn!("a feed did not end in time");
            abort.abort();
        }
    }
}
