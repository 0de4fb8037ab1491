//! Numbers that messages carry.

/// A place on the tape: the first update of an epoch has position 1, the next one 2, and so on.
pub type Position = u64;

/// Sequence number of an update within its topic, from 1 in each epoch.
pub type Seq = u64;

/// The server's number for a topic, valid for one epoch.
pub type TopicId = u32;

/// The server's number for a filter in a mode, a rate and an encoding. All subscribers of these
/// share it. On one connection it identifies one subscription.
pub type ChannelId = u32;

/// A number that the client chooses for a request. The answer repeats it.
pub type RequestId = u32;

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type TimeNs = i64;
