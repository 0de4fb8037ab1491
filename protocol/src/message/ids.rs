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

/// Tells the publishers of [`PublishOnce`](super::PublishOnce) apart. Each instance of a client
/// draws one at random. In JSON it is 16 hexadecimal digits.
pub type PublisherId = u64;

/// The number of a publish of one publisher, from 1.
pub type PublishNumber = u64;

/// A server knows the last this many publishes of a publisher. A client waits for the answer to the
/// oldest one before it sends more, so that it can repeat all that are not answered.
pub const PUBLISHER_WINDOW: PublishNumber = 64;

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type TimeNs = i64;
