//! The bounds of a host. Whatever exceeds one is counted.

use std::time::Duration;

/// Nodes that a host follows, at most: those of a large plant. Any client that may
/// publish at the broker can invent nodes.
pub(super) const NODES_MAX: usize = 10_000;

/// Devices of one node, at most.
pub(super) const DEVICES_PER_NODE_MAX: usize = 1_024;

/// Metrics of one node with its devices, at most, in all its births. A large controller has some
/// thousands.
pub(super) const METRICS_PER_NODE_MAX: usize = 16_384;

/// Metrics of all nodes, at most. Each costs some hundred bytes here, and as much in every shard.
pub(super) const METRICS_MAX: usize = 1_000_000;

/// Metrics of one message that cannot be read and say why, at most. The others are counted only:
/// two bytes make one, and its reason has a hundred.
pub(super) const ERRORS_PER_MESSAGE_MAX: usize = 256;

/// Metrics of one node whose names differ in characters only that a topic cannot have, at most.
pub(super) const NAMESAKES_MAX: usize = 64;

/// Time for a missing message to come after a later one. Brokers in a cluster reorder messages by
/// some milliseconds; Tahu waits 5 s.
pub(super) const REORDER_WINDOW: Duration = Duration::from_secs(3);

/// Messages of one node that wait for a missing one, at most: a quarter of all sequence numbers.
pub(super) const HELD_PER_NODE_MAX: usize = 64;

/// Bytes of all messages that wait for missing ones, at most.
pub(super) const HELD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Time for the devices of a node to be born after the node. Until then their topics keep their
/// status.
pub(super) const DEVICES_BIRTH_WAIT: Duration = Duration::from_secs(10);

/// Shortest time between two requests for a birth, over all nodes: a server that starts would
/// otherwise ask thousands of nodes at once, whose births are all of their metrics.
pub(super) const REBIRTH_INTERVAL: Duration = Duration::from_millis(20);
