//! The messages of both directions. `docs/protocol.md` describes how they are used.
//!
//! Messages are the same in both encodings, with one exception: bincode names a topic by its
//! [`TopicId`], JSON by its [`Topic`](crate::topic::Topic). The types that hold updates are generic
//! over that name.
//!
//! New enum variants are only ever appended, because bincode numbers them by order. The fields of a
//! struct never change: bincode cannot skip a field that a client does not know, so a new field
//! needs a new subprotocol.
//!
//! Times are integer nanoseconds since 1970-01-01T00:00:00Z. In JSON, times and all other integers
//! that may exceed 2^53 are strings. Positions, seqs and counts are numbers, because they start at
//! 1 with an epoch, or continue those of the epoch before.

mod epoch;
mod ids;

mod lineage;

mod client;
mod server;

mod welcome;

mod subscribe;
mod subscriptions;

mod batch;
mod status;
mod update;

mod candles;
mod history;
mod identity;
mod publish;

mod notices;
mod time;

pub use batch::{Batch, Gap};
pub use candles::{Candle, CandleState, Candles, CandlesRequest, Interval, Row};
pub use client::ClientMessage;
pub use epoch::{Epoch, EpochError};
pub use history::{History, HistoryRequest};
pub use identity::{Authenticate, Authenticated, BearerToken, Expiring};
pub use ids::{
    ChannelId, PUBLISHER_WINDOW, Position, PublishNumber, PublisherId, RequestId, Seq, TimeNs,
    TopicId,
};
pub use lineage::{EndedEpoch, Lineage};
pub use notices::{ChannelPosition, Draining, ErrorMessage, Heartbeat};
pub use publish::{Publication, Publish, PublishOnce, Published};
pub use server::ServerMessage;
pub use status::{Status, Statuses, TopicStatus};
pub use subscribe::{
    Accepted, FilterRequest, Mode, RATE_MIN_HZ, Refused, Resume, Start, Subscribe, SubscribeResult,
    Subscribed,
};
pub use subscriptions::{
    Change, Changed, List, SubscriptionInfo, Subscriptions, Unsubscribe, Unsubscribed,
};
pub use time::{TimeAnswer, TimeRequest};
pub use update::{Quality, TopicInfo, Update};
pub use welcome::{Limits, Welcome};
