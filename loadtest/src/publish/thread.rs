//! The publisher's thread: waits for slots and sends what is due.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tickcast_protocol::message::TimeNs;

use super::{
    emitter::{AppendLimit, Emitter},
    error::PublishError,
    status::{OWN_SLIP_MAX_NS, PublisherStatus, PublisherTotals, Segment},
};
use crate::{
    latency::record,
    observe::process,
    schedule::{DueSlots, RunClock},
};

/// Longest sleep while a slot is far away, so that the end of the run and the server's pings are
/// noticed.
const SLEEP_MAX_NS: i64 = 50_000_000;

/// Below this the thread spins: falling asleep and waking up takes about as long.
const SPIN_NS: i64 = 15_000;

/// Bytes gathered for one write while slots are late. More wait for the next write.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// Pause before a full socket is tried again. The time until then counts as the server's.
const RETRY_NS: i64 = 50_000;

/// The thread's own state.
pub(super) struct PublisherThread {
    emitter: Emitter,
    clock: RunClock,
    status: Arc<PublisherStatus>,
    ready_ns: TimeNs,
    listened_ns: TimeNs,
    published: PublisherTotals,
}

impl PublisherThread {
    pub(super) fn new(emitter: Emitter, clock: RunClock, status: Arc<PublisherStatus>) -> Self {
        Self {
            emitter,
            clock,
            status,
            ready_ns: 0,
            listened_ns: 0,
            published: PublisherTotals::default(),
        }
    }

    pub(super) fn run(
        &mut self,
        segments: &Receiver<Segment>,
    ) -> Result<PublisherTotals, PublishError> {
        process::sleep_precisely();
        let thread_id = process::thread_id().unwrap_or(0);
        self.status.thread_id.store(thread_id, Ordering::Relaxed);
        loop {
            match segments.recv_timeout(Duration::from_nanos(SLEEP_MAX_NS as u64)) {
                Ok(segment) => self.publish(segment)?,
                Err(RecvTimeoutError::Timeout) => self.listen()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.emitter.append_end();
        self.write()?;
        self.published.updates = self.emitter.published();
        Ok(std::mem::take(&mut self.published))
    }

    fn publish(&mut self, segment: Segment) -> Result<(), PublishError> {
        const LIMIT: AppendLimit = AppendLimit {
            updates: usize::MAX,
            waiting_bytes: WRITE_MAX_BYTES,
        };

        let mut slots = DueSlots::new(segment.start_ns, segment.schedule);
        while let Some(due_ns) = slots.peek() {
            if !self.wait_until(due_ns)? {
                return Ok(());
            }
            let sent_ns = self.clock.now_ns();
            let Self {
                emitter,
                published,
                status,
                ready_ns,
                ..
            } = self;
            emitter.append_due(&mut slots, sent_ns, LIMIT, |due_ns| {
                if segment.is_measured {
                    record(&mut published.slip, sent_ns - due_ns);
                    let own_ns = sent_ns - due_ns.max(*ready_ns);
                    record(&mut published.own_slip, own_ns);
                    if own_ns > OWN_SLIP_MAX_NS as i64 {
                        status.own_late.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            self.write()?;
            let published = self.emitter.published();
            self.status.published.store(published, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits, and reads what the server sends if there is time. Returns whether to continue.
    fn wait_until(&mut self, due_ns: TimeNs) -> Result<bool, PublishError> {
        loop {
            if self.status.is_stopped.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let now_ns = self.clock.now_ns();
            let left_ns = due_ns - now_ns;
            if now_ns - self.listened_ns > SLEEP_MAX_NS {
                self.listened_ns = now_ns;
                self.listen()?;
                continue;
            }
            if left_ns <= 0 {
                return Ok(true);
            }
            if left_ns > SPIN_NS {
                sleep_ns((left_ns - SPIN_NS).min(SLEEP_MAX_NS));
            } else {
                std::hint::spin_loop();
            }
        }
    }

    fn listen(&mut self) -> Result<(), PublishError> {
        self.emitter.listen()?;
        self.write()
    }

    /// Writes everything, however long that takes, and notes for how long the socket took nothing.
    fn write(&mut self) -> Result<(), PublishError> {
        let mut blocked_since = None;
        while !self.emitter.flush()? {
            blocked_since.get_or_insert_with(|| self.clock.now_ns());
            if self.status.is_stopped.load(Ordering::Relaxed) {
                self.emitter.drop_waiting();
                break;
            }
            sleep_ns(RETRY_NS);
        }
        if let Some(since_ns) = blocked_since {
            self.ready_ns = self.clock.now_ns();
            self.published.blocked_ns += self.ready_ns - since_ns;
        }
        Ok(())
    }
}

fn sleep_ns(ns: i64) {
    // This thread exists to wait.
    #[allow(clippy::disallowed_methods)]
    thread::sleep(Duration::from_nanos(ns.max(0) as u64));
}
