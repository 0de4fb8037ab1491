//! The publisher: a thread of its own that sends each update when it is due.
//!
//! It sleeps until a slot is due and sends all that are due in one write. What is late is sent at
//! once and never skipped. Three moments are told apart: *due*, when the schedule wants it; *ready*,
//! when the socket had taken everything before it; and *sent*. `sent - due` is the slip; of that,
//! `sent - max(due, ready)` is the generator's own fault, and the rest is whoever does not read.

mod link;
mod writer;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use tickcast_protocol::message::TimeNs;

use crate::{
    clock::Clock,
    latency::{Histogram, histogram},
    mqtt, process,
    schedule::Schedule,
    websocket,
};
pub use link::append_publication;

use link::Link;
use writer::Writer;

/// Where updates are published to.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// To the server itself, as a client.
    WebSocket {
        /// Its address.
        address: SocketAddr,
        /// Its name and port.
        host: String,
        /// The path.
        path: String,
    },
    /// To an MQTT broker that the server listens to, with QoS 0.
    Mqtt {
        /// Its address.
        address: SocketAddr,
        /// User and password.
        login: Option<(String, String)>,
    },
}

/// What is published.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The run's number, for stamps.
    pub run: u32,
    /// Topics, in turn.
    pub topics: Vec<String>,
    /// Bytes of each payload, at least a stamp's.
    pub bytes: usize,
}

/// A stretch of time with its own schedule.
#[derive(Debug)]
pub struct Segment {
    /// When the schedule's offset 0 is.
    pub start_ns: TimeNs,
    /// Its slots.
    pub schedule: Schedule,
    /// Whether to keep account of it.
    pub is_measured: bool,
}

/// What the publisher did, so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// Updates handed to the socket.
    pub published: AtomicU64,
    /// Of the measured ones, those that were late through the publisher's own fault.
    pub own_late: AtomicU64,
    /// The thread's id, 0 before it runs.
    thread_id: AtomicU32,
    is_stopped: AtomicBool,
}

/// What the publisher did.
#[derive(Debug)]
pub struct Published {
    /// Updates handed to the socket, in all.
    pub updates: u64,
    /// Sent - due, of what was measured.
    pub slip: Histogram,
    /// Sent - max(due, ready), of what was measured: the generator's own lateness.
    pub own_slip: Histogram,
    /// How long the socket took no more, in all of the run.
    pub blocked_ns: i64,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            updates: 0,
            slip: histogram(),
            own_slip: histogram(),
            blocked_ns: 0,
        }
    }
}

/// Why publishing ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The socket.
    #[error("publisher: {0}")]
    Io(#[from] io::Error),
    /// The handshake, or a frame that makes no sense.
    #[error("publisher: {0}")]
    WebSocket(#[from] websocket::WebSocketError),
    /// The broker's answer.
    #[error("publisher: {0}")]
    Mqtt(#[from] mqtt::ConnackError),
    /// The server refuses what is published.
    #[error("publisher: the server says: {0}")]
    Refused(String),
    /// The server closed the connection.
    #[error("publisher: the server closed the connection with code {0}")]
    Closed(u16),
    /// The thread is gone.
    #[error("publisher: its thread has ended")]
    Lost,
}

/// The other end of the publisher's thread.
#[derive(Debug)]
pub struct Publisher {
    segments: SyncSender<Segment>,
    /// What it did so far.
    pub progress: Arc<Progress>,
    thread: thread::JoinHandle<Result<Published, PublishError>>,
}

impl Publisher {
    /// Connects, and starts the thread. It publishes nothing yet.
    pub fn start(outlet: &Outlet, payload: Payload, clock: Clock) -> Result<Self, PublishError> {
        /// Segments that wait, at most: the rate search knows the next one only after the last.
        const SEGMENTS_MAX: usize = 4;

        let link = Link::connect(outlet)?;
        let progress = Arc::new(Progress::default());
        let (segments, receiver) = sync_channel(SEGMENTS_MAX);
        let mut writer = Writer::new(link, payload, clock, progress.clone());
        let thread = thread::Builder::new()
            .name("publisher".into())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            segments,
            progress,
            thread,
        })
    }

    /// Publishes a segment after those before it.
    pub fn publish(&self, segment: Segment) -> Result<(), PublishError> {
        let sent = self.segments.send(segment);
        sent.map_err(|_| PublishError::Lost)
    }

    /// CPU time of the thread, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        process::thread_cpu_ns(self.progress.thread_id.load(Ordering::Relaxed))
    }

    /// Whether the thread has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends in the middle of a segment.
    pub fn stop(&self) {
        self.progress.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Waits until all segments are published.
    pub fn finish(self) -> Result<Published, PublishError> {
        drop(self.segments);
        self.thread.join().unwrap_or(Err(PublishError::Lost))
    }
}
