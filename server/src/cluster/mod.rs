//! Several servers as nodes of a cluster, which share a stream of NATS JetStream.
//!
//! ```text
//!  feeds, clients ──> queue ──> ingest thread: node ──> outgoing ──> stream's thread ──> JetStream
//!                                    ^    │                               │
//!                                    │    └──> strips ──> shards          │
//!                                    └────────── incoming <───────────────┘
//! ```
//!
//! The files in reading order:
//!
//! * `settings`: what is set
//! * `link`: what the two threads hand each other
//! * `engine`: the connection to JetStream and its stream
//! * `checkpoints`: the checkpoints of the nodes, as its objects
//! * `checkpoint_due`: when the next checkpoint is due
//! * `promises`: what the engine promises, in sentences
//! * `tail`: follows the end of the stream, at a server that sees it
//! * `stream_thread`: connects, and writes what the node writes
//! * `opening`: reads up to the end of the stream and joins, before the server accepts clients
//! * `feeds`: starts and stops the feeds that the node has
//! * `orders`: what operators order, for all nodes
//! * `thread`: the ingest thread of a node
//! * `status`: what operators are told
//!
//! The crate `tickcast-cluster` decides everything; see there. This room gives it a connection, a
//! clock and threads. It knows ingest, and no shard, no client and no feed but by closures.

mod checkpoint_due;
mod checkpoints;
mod engine;
mod feeds;
mod link;
mod opening;
mod orders;
mod promises;
pub(crate) mod settings;
mod status;
mod stream_thread;
mod tail;
mod thread;

pub(crate) use feeds::StartFeed;
pub(crate) use opening::{Opened, Opening, StreamBody};
pub(crate) use orders::{Obey, OrderQueue, Orders, orders};
pub use settings::ClusterSettings;
pub(crate) use thread::{ClusterThread, Outdated};
