//! The way of strips and answers from the sequencer to the handoff: straight, or through the thread
//! that writes the log first. Their order stays the same.

use std::sync::Arc;

use tickcast_core::{candles::FeedSpans, tape::Strip, work::HistoryAnswer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::handoff::Handoff;
use crate::metrics::DataStats;

/// Maximum number of strips and answers that wait for the log. While the disk takes them, a few
/// wait.
const WAITING_MAX: usize = 1024;

/// Maximum KiB of them: what a disk writes in a tenth of a second. A full queue means that the disk
/// is too slow or fails; then the sequencer waits, which pushes back on feeds and publishers.
const WAITING_MAX_KIB: usize = 16 * 1024;

/// What goes this way.
#[derive(Debug)]
pub(crate) enum Passing {
    /// A strip for all shards.
    Strip(Arc<Strip>),
    /// An answer for one of them, after the strips before it.
    Answer(HistoryAnswer),
    /// When updates of each feed are missing, for the log alone.
    Outages(Vec<FeedSpans>),
}

impl Passing {
    fn bytes(&self) -> usize {
        match self {
            Self::Strip(strip) => strip.cost_bytes(),
            Self::Answer(answer) => answer.bytes(),
            Self::Outages(feeds) => feeds.iter().map(|(_, spans)| size_of_val(&spans[..])).sum(),
        }
    }
}

/// What waits, with its place in the queue, which is free when this is dropped. Updates of it that
/// were not taken then are counted: they will never be delivered.
#[derive(Debug)]
pub(crate) struct Waiting {
    passing: Option<Passing>,
    _place: Option<OwnedSemaphorePermit>,
    stats: Arc<DataStats>,
}

impl Waiting {
    /// The strip, if it is one.
    pub(crate) fn strip(&self) -> Option<&Arc<Strip>> {
        match &self.passing {
            Some(Passing::Strip(strip)) => Some(strip),
            Some(Passing::Answer(_) | Passing::Outages(_)) | None => None,
        }
    }

    /// When updates of feeds are missing, if it says that.
    pub(crate) fn outages(&self) -> Option<&Vec<FeedSpans>> {
        match &self.passing {
            Some(Passing::Outages(feeds)) => Some(feeds),
            Some(Passing::Strip(_) | Passing::Answer(_)) | None => None,
        }
    }

    /// Takes it, to hand it on.
    pub(crate) fn take(mut self) -> Option<Passing> {
        self.passing.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(strip) = self.strip() {
            self.stats.undelivered.add(strip.len() as u64);
        }
    }
}

/// The sequencer's end of the way.
#[derive(Debug)]
pub(crate) enum Way {
    /// Without a log.
    Straight(Arc<Handoff>),
    /// Through the thread that writes the log.
    Logged {
        queue: mpsc::Sender<Waiting>,
        places: Arc<Semaphore>,
        stats: Arc<DataStats>,
    },
}

impl Way {
    /// A way through a queue, and the queue's other end.
    pub(crate) fn logged(stats: Arc<DataStats>) -> (Self, mpsc::Receiver<Waiting>) {
        let (queue, receiver) = mpsc::channel(WAITING_MAX);
        let places = Arc::new(Semaphore::new(WAITING_MAX_KIB));
        let way = Self::Logged {
            queue,
            places,
            stats,
        };
        (way, receiver)
    }

    /// Hands a strip on. Waits while there is no room.
    pub(crate) async fn push(&self, strip: Arc<Strip>) {
        match self {
            Self::Straight(handoff) => handoff.push(strip).await,
            Self::Logged { .. } => self.pass(Passing::Strip(strip)).await,
        }
    }

    /// Hands an answer on, after all strips so far. Waits while there is no room.
    pub(crate) async fn answer(&self, answer: HistoryAnswer) {
        match self {
            Self::Straight(handoff) => handoff.answer(answer).await,
            Self::Logged { .. } => self.pass(Passing::Answer(answer)).await,
        }
    }

    /// Tells the log when updates of each feed are missing. Waits while there is no room.
    pub(crate) async fn tell_outages(&self, feeds: Vec<FeedSpans>) {
        self.pass(Passing::Outages(feeds)).await;
    }

    async fn pass(&self, passing: Passing) {
        if let Self::Logged {
            queue,
            places,
            stats,
        } = self
        {
            let kib = passing.bytes().div_ceil(1024).min(WAITING_MAX_KIB);
            let places = Arc::clone(places).acquire_many_owned(kib as u32).await;
            let waiting = Waiting {
                passing: Some(passing),
                _place: places.ok(),
                stats: Arc::clone(stats),
            };
            // An error means that the log's thread has failed. What is dropped is counted.
            let _ = queue.send(waiting).await;
        }
    }

    /// Announces that nothing will follow.
    pub(crate) fn end(self) {
        match self {
            Self::Straight(handoff) => handoff.end(),
            // The log's thread ends when it has written what waits.
            Self::Logged { queue, .. } => drop(queue),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use tickcast_core::tape::StripBuilder;
    use tickcast_protocol::{
        message::{Quality, Update},
        value::Value,
    };

    use super::*;

    fn strip(bytes: usize) -> Arc<Strip> {
        let mut builder = StripBuilder::new(1);
        builder.push(&Update {
            topic: 0,
            position: 1,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: Quality::Live,
            value: Value::Bytes(vec![0; bytes]),
        });
        Arc::new(builder.build())
    }

    fn is_ready(future: impl Future) -> bool {
        let future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        future.poll(&mut context).is_ready()
    }

    #[test]
    fn updates_that_are_not_taken_are_counted() {
        let stats = Arc::<DataStats>::default();
        let (way, mut queue) = Way::logged(Arc::clone(&stats));
        for _ in 0..3 {
            assert!(is_ready(way.push(strip(1))));
        }
        let taken = queue.try_recv().expect("it waits").take();
        assert!(matches!(taken, Some(Passing::Strip(_))));
        assert_eq!(stats.undelivered.get(), 0);
        drop(queue);
        assert_eq!(stats.undelivered.get(), 2, "those in the queue");
        assert!(is_ready(way.push(strip(1))));
        assert_eq!(stats.undelivered.get(), 3, "and those that come later");
    }

    #[test]
    fn what_waits_for_the_log_is_bounded_in_bytes_and_in_number() {
        let (way, mut queue) = Way::logged(Arc::default());
        let mut pushed = 0;
        while is_ready(way.push(strip(1 << 20))) {
            pushed += 1;
        }
        assert_eq!(pushed, WAITING_MAX_KIB / 1024 - 1);
        assert!(queue.try_recv().is_ok());
        assert!(is_ready(way.push(strip(1 << 20))), "there is room again");
        while queue.try_recv().is_ok() {}
        pushed = 0;
        while is_ready(way.push(strip(1))) {
            pushed += 1;
        }
        assert_eq!(pushed, WAITING_MAX);
        // What is larger than the queue passes alone.
        while queue.try_recv().is_ok() {}
        assert!(is_ready(way.push(strip(WAITING_MAX_KIB * 1024 + 1))));
        assert!(!is_ready(way.push(strip(1))));
    }
}
