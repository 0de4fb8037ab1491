//! What a scanner hands out.

use tickcast_protocol::message::{ChannelId, Position, Seq, TimeNs, TopicId};

use crate::schedule::Stamp;

/// A batch without its topics and updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHead {
    /// The subscription's channel.
    pub channel: ChannelId,
    /// The position that the client must have reached.
    pub from: Position,
    /// The client's position after the batch.
    pub to: Position,
    /// Whether the batch is part of a snapshot.
    pub snapshot: bool,
}

/// What a receiver checks of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its position on the tape.
    pub position: Position,
    /// Its sequence number within its topic, from 1.
    pub seq: Seq,
    /// When the server put it on the tape.
    pub ingest_time_ns: TimeNs,
    /// The publisher's stamp, if a load generator published the update.
    pub stamp: Option<Stamp>,
}

/// Takes the parts of a batch in their order. `T` identifies a topic: by id in bincode, by name in
/// JSON.
pub trait BatchSink<T> {
    /// The batch begins.
    fn head(&mut self, head: BatchHead);
    /// A topic is introduced: its first updates follow. Only bincode introduces topics.
    fn topic(&mut self, id: TopicId, name: &str);
    /// One update.
    fn update(&mut self, topic: T, facts: &Facts);
}

/// Why bytes could not be read as a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Another kind of message, which is not an error.
    #[error("not a batch")]
    OtherMessage,
    /// A kind of value that the scanner does not know.
    #[error("the batch has a kind of value that this load tester does not know")]
    UnknownValue,
    /// The bytes do not follow the encoding.
    #[error("malformed batch")]
    Malformed,
}
