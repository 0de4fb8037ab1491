//! What the ingest thread and the stream's thread hand each other.

use std::time::Duration;

use bytes::Bytes;
use tickcast_cluster::{Delivered, Node, Sequence, WINDOW_MAX};
use tickcast_protocol::message::TimeNs;
use tokio::sync::mpsc;

use super::checkpoint_due::CheckpointDue;

/// How often the node does what is due without a cause.
pub(super) const POLL_EVERY: Duration = Duration::from_millis(100);

/// Maximum number of messages that wait for the node: 16 MiB of the longest ones.
const INCOMING_MAX: usize = 32;

/// Maximum number of messages that wait to be written: what a node writes at once, and its beats.
const OUTGOING_MAX: usize = WINDOW_MAX + 4;

/// A message of the stream.
#[derive(Debug)]
pub(super) struct StreamMessage {
    pub(super) sequence: Sequence,
    pub(super) time_ns: TimeNs,
    pub(super) bytes: Bytes,
}

impl StreamMessage {
    pub(super) fn delivered(&self) -> Delivered<'_> {
        Delivered {
            sequence: self.sequence,
            time_ns: self.time_ns,
            bytes: &self.bytes,
        }
    }
}

/// What comes from the stream.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The stream is there, and is what it must be. The node begins with this checkpoint.
    Begins(Option<Vec<u8>>, CheckpointDue),
    /// There is no stream, for this reason.
    Failed(String),
    /// The next message.
    Message {
        message: StreamMessage,
        /// Whether no more are there at present. Telling that by itself would wake the node twice
        /// for each message.
        is_last: bool,
    },
    /// No more messages are there at present.
    AtEnd,
    /// Another server of NATS is used from now on: what was on its way may be lost.
    Moved,
    /// The stream is not the one that was read, or its next message is gone.
    Other(String),
}

/// The ingest thread's end.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) incoming: mpsc::Receiver<Incoming>,
    pub(super) outgoing: mpsc::Sender<Vec<u8>>,
    pub(super) checkpoints: mpsc::Sender<Vec<u8>>,
}

impl Link {
    /// Writes what the stream's thread has room for.
    pub(super) fn write(&self, node: &mut Node, now: Duration) {
        while let Ok(place) = self.outgoing.try_reserve() {
            match node.take(now) {
                Some(bytes) => place.send(bytes),
                None => return,
            }
        }
    }
}

/// The end of the stream's thread.
#[derive(Debug)]
pub(super) struct StreamEnd {
    pub(super) incoming: mpsc::Sender<Incoming>,
    pub(super) outgoing: mpsc::Receiver<Vec<u8>>,
    pub(super) checkpoints: mpsc::Receiver<Vec<u8>>,
}

/// Both ends.
pub(super) fn link() -> (Link, StreamEnd) {
    let (to_node, from_stream) = mpsc::channel(INCOMING_MAX);
    let (to_stream, from_node) = mpsc::channel(OUTGOING_MAX);
    // A checkpoint is made when the last one is written.
    let (checkpoint, checkpoints) = mpsc::channel(1);
    let link = Link {
        incoming: from_stream,
        outgoing: to_stream,
        checkpoints: checkpoint,
    };
    let end = StreamEnd {
        incoming: to_node,
        outgoing: from_node,
        checkpoints,
    };
    (link, end)
}
