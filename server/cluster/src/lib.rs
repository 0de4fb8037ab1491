//! # Several nodes as one
//!
//! Nodes share one ordered stream, which an engine such as NATS JetStream keeps. No node gives
//! positions by itself: each writes what came in at it to the stream, each reads the whole stream,
//! and each makes the same strips of it with its own sequencer. So a position means the same on all
//! nodes, and a client resumes on any of them.
//!
//! ```text
//!  node A: work --> outbox --+                      +--> node A: replica --> strips --> shards
//!                            +--> one stream of --> |
//!  node B: work --> outbox --+    messages          +--> node B: replica --> strips --> shards
//! ```
//!
//! This is a replicated state machine (Schneider, "Implementing fault-tolerant services using the
//! state machine approach", 1990). Everything that decides is a function of the messages so far and
//! of the times that the stream gave them: the epoch, which nodes are members, which of them has a
//! feed, which messages count. So no decision needs a lock or a second store, and a clock that is
//! wrong can make the cluster slow and not wrong.
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `ids` | sequences of the stream, and names of members |
//! | `message` | what a node writes to the stream, as bytes and back |
//! | `delivered` | a message as the stream delivers it, and what identifies it |
//! | `item` | work for the sequencer, as a message carries it |
//! | `chain` | the checksum of everything read, and how far two nodes agree |
//! | `feeds` | which member has each feed |
//! | `book` | members, feeds and the epoch: which messages count |
//! | `orders` | what operators order at one node, for all of them |
//! | `newest` | the newest value of each topic, for a node that begins with a checkpoint |
//! | `checkpoint` | what a replica is after a message, as bytes and back |
//! | `replica` | the book with the sequencer: one message in, strips out |
//! | `outbox` | what a node has to write, until it reads it in the stream |
//! | `beats` | when a node beats, and how long it waits for members that are silent |
//! | `comparing` | how far the stream is what an earlier life of the node has read |
//! | `events` | what a node tells the server around it |
//! | `witnesses` | which nodes have read the same, if an engine has come apart |
//! | `node` | a node: joins, beats, writes, and notices members that are gone |
//!
//! The crate does no I/O and has no clock: the time is passed in. The server gives it a connection.

mod beats;
mod book;
mod chain;
mod checkpoint;
mod comparing;
mod delivered;
mod events;
mod feeds;
mod ids;
mod item;
mod message;
mod newest;
mod node;
mod orders;
mod outbox;
mod replica;
mod witnesses;

pub use beats::{BEAT_EVERY, PATIENCE_BEATS};
pub use book::{Book, Change, Ignored, MEMBERS_MAX, Member, Refusal};
pub use chain::{AGREEMENT_MAX, Chain, Digest, Proof};
pub use checkpoint::{CHECKPOINT_MAX_BYTES, Checkpoint, followed};
pub use comparing::Known;
pub use delivered::{Delivered, Mark, checksum};
pub use events::{Event, Read, ReadError};
pub use feeds::{FEEDS_MAX, Feeds};
pub use ids::{MemberId, Sequence};
pub use message::{Begins, Body, Join, MESSAGE_MAX_BYTES, Message, MessageError, NAME_MAX_BYTES};
pub use newest::Newest;
pub use node::{Node, NodeSettings};
pub use orders::{LastWords, Order};
pub use outbox::{Offered, RESEND_AFTER, WAITING_MAX_BYTES, WINDOW_MAX};
pub use replica::{Applied, Replica};

#[cfg(test)]
mod tests;
