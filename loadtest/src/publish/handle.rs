//! The publisher as the rest of the load tester sees it.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    emitter::Emitter,
    error::PublishError,
    status::{PublisherStatus, PublisherTotals, Segment},
    target::{PublishContent, PublishTarget},
    thread::PublisherThread,
};
use crate::{observe::process, schedule::RunClock};

/// Segments that wait, at most. A rate search knows the next one only after the last.
const SEGMENTS_MAX: usize = 4;

/// Time between two looks at whether the thread has ended, or must.
const FINISH_CHECK_EVERY: Duration = Duration::from_millis(5);

/// A handle on the publisher's thread.
#[derive(Debug)]
pub struct Publisher {
    segments: SyncSender<Segment>,
    /// What the thread has done so far.
    pub status: Arc<PublisherStatus>,
    thread: thread::JoinHandle<Result<PublisherTotals, PublishError>>,
}

impl Publisher {
    /// Connects, and starts the thread. It publishes nothing yet.
    pub fn start(
        target: &PublishTarget,
        content: PublishContent,
        clock: RunClock,
    ) -> Result<Self, PublishError> {
        let emitter = Emitter::connect(target, content, clock)?;
        let status = Arc::new(PublisherStatus::default());
        let (segments, receiver) = sync_channel(SEGMENTS_MAX);
        let mut publisher = PublisherThread::new(emitter, clock, status.clone());
        let thread = thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publisher.run(&receiver))?;
        Ok(Self {
            segments,
            status,
            thread,
        })
    }

    /// Publishes a segment after the segments before it.
    pub fn publish(&self, segment: Segment) -> Result<(), PublishError> {
        let sent = self.segments.send(segment);
        sent.map_err(|_| PublishError::Lost)
    }

    /// CPU time of the thread, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        process::thread_cpu_ns(self.status.thread_id.load(Ordering::Relaxed))
    }

    /// Whether the thread has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until all segments are published. A server that is slower than the schedule may take
    /// hours for it: when `must_stop` says so, publishing ends in the middle of a segment.
    pub fn finish(self, must_stop: impl Fn() -> bool) -> Result<PublisherTotals, PublishError> {
        drop(self.segments);
        while !self.thread.is_finished() {
            if must_stop() {
                self.status.is_stopped.store(true, Ordering::Relaxed);
            }
            // The main thread has nothing else to do.
            #[allow(clippy::disallowed_methods)]
            thread::sleep(FINISH_CHECK_EVERY);
        }
        self.thread.join().unwrap_or(Err(PublishError::Lost))
    }
}
