//! The publisher's thread: waits for slots and sends what is due.

use std::{
    io::{self, Write},
    sync::{Arc, atomic::Ordering, mpsc::Receiver},
    thread,
    time::Duration,
};

use tickcast_protocol::message::TimeNs;

use super::{Payload, Progress, PublishError, Published, Segment, link::Link};
use crate::{clock::Clock, latency::record, mqtt, process, stamp::Stamp, summary::OWN_SLIP_MAX_NS};

/// Longest sleep while a slot is far away, so that the end of the run and the server's pings are
/// noticed.
const SLEEP_MAX_NS: i64 = 50_000_000;

/// Below this the thread spins: what it takes to fall asleep and wake up again.
const SPIN_NS: i64 = 15_000;

/// Bytes gathered for one write while slots are late; more wait for the next.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// The thread's own state.
pub(super) struct Writer {
    link: Link,
    content: Payload,
    clock: Clock,
    progress: Arc<Progress>,
    payload: Vec<u8>,
    out: Vec<u8>,
    index: u64,
    ready_ns: TimeNs,
    heard_ns: TimeNs,
    published: Published,
}

impl Writer {
    pub(super) fn new(link: Link, content: Payload, clock: Clock, progress: Arc<Progress>) -> Self {
        Self {
            link,
            payload: vec![0; content.bytes],
            content,
            clock,
            progress,
            out: Vec::with_capacity(2 * WRITE_MAX_BYTES),
            index: 0,
            ready_ns: 0,
            heard_ns: 0,
            published: Published::default(),
        }
    }

    pub(super) fn run(&mut self, segments: &Receiver<Segment>) -> Result<Published, PublishError> {
        process::sleep_precisely();
        let thread_id = process::thread_id().unwrap_or(0);
        self.progress.thread_id.store(thread_id, Ordering::Relaxed);
        loop {
            let timeout = Duration::from_nanos(SLEEP_MAX_NS as u64);
            let segment = match segments.recv_timeout(timeout) {
                Ok(segment) => segment,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.listen()?;
                    continue;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            };
            self.publish(segment)?;
        }
        if !self.link.is_websocket {
            self.out.extend_from_slice(&mqtt::DISCONNECT);
        }
        self.write()?;
        self.published.updates = self.index;
        Ok(std::mem::take(&mut self.published))
    }

    fn publish(&mut self, segment: Segment) -> Result<(), PublishError> {
        let start_ns = segment.start_ns;
        let mut slots = segment
            .schedule
            .map(|offset_ns| start_ns + offset_ns as i64);
        let mut next = slots.next();
        while let Some(due_ns) = next {
            if !self.wait_until(due_ns)? {
                return Ok(());
            }
            let sent_ns = self.clock.now_ns();
            while let Some(due_ns) = next
                && due_ns <= sent_ns
                && self.out.len() < WRITE_MAX_BYTES
            {
                self.append(due_ns, sent_ns, segment.is_measured);
                next = slots.next();
            }
            self.write()?;
            self.progress.published.store(self.index, Ordering::Relaxed);
        }
        Ok(())
    }

    fn append(&mut self, due_ns: TimeNs, sent_ns: TimeNs, is_measured: bool) {
        let stamp = Stamp {
            run: self.content.run,
            index: self.index,
            due_ns,
            sent_ns,
        };
        stamp.write(&mut self.payload);
        let topics = &self.content.topics;
        let topic = &topics[(self.index % topics.len() as u64) as usize];
        self.link.append(topic, &self.payload, &mut self.out);
        self.index += 1;
        if is_measured {
            record(&mut self.published.slip, sent_ns - due_ns);
            let own_ns = sent_ns - due_ns.max(self.ready_ns);
            record(&mut self.published.own_slip, own_ns);
            if own_ns > OWN_SLIP_MAX_NS as i64 {
                self.progress.own_late.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits, with an ear to the other side if there is time. Says whether to go on.
    fn wait_until(&mut self, due_ns: TimeNs) -> Result<bool, PublishError> {
        loop {
            if self.progress.is_stopped.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let now_ns = self.clock.now_ns();
            let left_ns = due_ns - now_ns;
            if now_ns - self.heard_ns > SLEEP_MAX_NS {
                self.heard_ns = now_ns;
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
        self.link.listen(&mut self.out)?;
        self.write()
    }

    /// Writes everything, however long that takes; notes for how long the socket took nothing.
    fn write(&mut self) -> Result<(), PublishError> {
        /// How often a full socket is tried again. The time until then counts as the server's.
        const RETRY_NS: i64 = 50_000;

        let mut written = 0;
        let mut blocked_since = None;
        while written < self.out.len() {
            match self.link.stream.write(&self.out[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    blocked_since.get_or_insert_with(|| self.clock.now_ns());
                    if self.progress.is_stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    sleep_ns(RETRY_NS);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
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
