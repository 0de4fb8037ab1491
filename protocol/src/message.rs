//! The messages of both directions. `docs/protocol.md` tells how they are used.
//!
//! Messages are the same in both encodings but for one thing: bincode names a topic by its
//! [`TopicId`], JSON by its [`Topic`]. The types that hold updates are generic over that name.
//!
//! Enum variants are only ever appended, because bincode numbers them by order. A struct's fields stay
//! as they are: bincode has no place for one that a client does not know, so another field means
//! another subprotocol.
//!
//! Times are integer nanoseconds since 1970-01-01T00:00:00Z. In JSON they, and every other
//! integer that may exceed 2^53, are strings; positions, seqs and counts are numbers, because they
//! start at 1 with each epoch.

use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorCode,
    json::{decimal_string, opt_decimal_string},
    topic::Topic,
    value::Value,
};

/// A place on the tape: the first update of an epoch has position 1, the next 2, and so on.
pub type Position = u64;

/// Counts the updates of one topic: the first of an epoch has seq 1.
pub type Seq = u64;

/// The server's short name for a topic, valid for one epoch.
pub type TopicId = u32;

/// The server's short name for a filter in a mode and an encoding, shared by all its subscribers:
/// on one connection it names one subscription.
pub type ChannelId = u32;

/// Chosen by the client for a request, repeated in the answer.
pub type RequestId = u32;

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type TimeNs = i64;

/// One life of the tape. Positions of different epochs have nothing to do with each other. In JSON
/// 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Epoch(pub u64);

/// A text that is no epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 16 hexadecimal digits")]
pub struct EpochError;

impl FromStr for Epoch {
    type Err = EpochError;

    fn from_str(text: &str) -> Result<Self, EpochError> {
        let is_epoch = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(epoch) if is_epoch => Ok(Self(epoch)),
            _ => Err(EpochError),
        }
    }
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for the topics of some filters. Answered by [`ServerMessage::Subscribed`].
    Subscribe(Subscribe),
    /// Ends subscriptions. Answered by [`ServerMessage::Unsubscribed`].
    Unsubscribe(Unsubscribe),
    /// Puts updates on the tape. Answered by [`ServerMessage::Published`] if it has an id.
    Publish(Publish),
    /// Asks for the server's time. Answered by [`ServerMessage::Time`].
    Time(TimeRequest),
    /// Asks for a list of one's subscriptions. Answered by [`ServerMessage::Subscriptions`].
    List(List),
    /// Gives a subscription another mode or rate. Answered by [`ServerMessage::Changed`].
    Change(Change),
    /// Asks for a topic's earlier updates. Answered by [`ServerMessage::History`].
    History(HistoryRequest),
}

/// See [`ClientMessage::Subscribe`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// What to subscribe to. Each is answered by itself.
    pub filters: Vec<FilterRequest>,
    /// Every update or the newest values.
    #[serde(default)]
    pub mode: Mode,
    /// In mode `latest`: at most so many batches per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
}

/// One filter of a [`Subscribe`]. In JSON a plain string will do where there is nothing to resume.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct FilterRequest {
    /// The filter, not yet checked: a bad one is refused without harm to the others.
    pub filter: String,
    /// Where an earlier subscription to this filter ended.
    pub resume: Option<Resume>,
}

/// Where a subscription ended, to go on from there after a reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The epoch the other fields belong to.
    pub epoch: Epoch,
    /// `to` of the last live batch that was handled, or what [`Accepted`] or [`Gap`] set it to.
    pub position: Position,
    /// In mode `every`: how many updates of the channel are accounted for at `position`. With it
    /// the server can tell exactly how many were lost, even after it has forgotten them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// If a snapshot was under way: `to` of its last batch that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Position>,
}

/// What a subscription delivers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each update, in order; what cannot be delivered is counted in a [`Gap`].
    Every,
    /// The newest value of each topic, as fast as the client and its maximum rate allow.
    #[default]
    Latest,
}

/// See [`ClientMessage::Unsubscribe`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// Which subscriptions to end.
    pub channels: Vec<ChannelId>,
}

/// See [`ClientMessage::Publish`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Repeated in the answer; without one there is no answer unless something is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// What to put on the tape, in this order: all of it, or nothing if one is refused.
    pub updates: Vec<Publication>,
}

/// One update to publish.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The topic name, not yet checked.
    pub topic: String,
    /// What happened.
    pub value: Value,
    /// When it happened, by the source's clock.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_time_ns: Option<TimeNs>,
}

/// See [`ClientMessage::Time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRequest {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// The client's clock when it sent this.
    #[serde(with = "decimal_string")]
    pub client_time_ns: TimeNs,
}

/// See [`ClientMessage::List`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
}

/// See [`ClientMessage::Change`].
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// Which subscription.
    pub channel: ChannelId,
    /// Its mode from now on.
    pub mode: Mode,
    /// Its maximum rate from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
}

/// See [`ClientMessage::History`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// The topic name, not yet checked.
    pub topic: String,
    /// At most so many updates, the newest. The server may send fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only updates before this position: that of the first one of the answer before, to go on
    /// into the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Position>,
}

/// What the server sends. `T` is how updates name their topic: [`TopicId`] in bincode, [`Topic`]
/// in JSON.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<T> {
    /// The first message on every connection.
    Welcome(Welcome),
    /// Answer to [`ClientMessage::Subscribe`].
    Subscribed(Subscribed),
    /// Updates of one subscription.
    Batch(Batch<T>),
    /// Updates of one subscription that will never come.
    Gap(Gap),
    /// Sent when nothing else was for a while.
    Heartbeat(Heartbeat),
    /// Answer to [`ClientMessage::Unsubscribe`].
    Unsubscribed(Unsubscribed),
    /// Answer to [`ClientMessage::Publish`].
    Published(Published),
    /// Answer to [`ClientMessage::Time`].
    Time(TimeAnswer),
    /// A request that could not be carried out, or something that a client should know.
    Error(ErrorMessage),
    /// The server is about to close the connection: reconnect within the window.
    Draining(Draining),
    /// Answer to [`ClientMessage::List`].
    Subscriptions(Subscriptions),
    /// Answer to [`ClientMessage::Change`].
    Changed(Changed),
    /// Topics of one subscription whose source fell silent, died or came back.
    Status(Statuses<T>),
    /// Answer to [`ClientMessage::History`].
    History(History<T>),
}

/// See [`ServerMessage::Welcome`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Welcome {
    /// Name and version of the server, for people.
    pub server: String,
    /// The current epoch.
    pub epoch: Epoch,
    /// The position of the newest update.
    pub position: Position,
    /// The server's clock.
    #[serde(with = "decimal_string")]
    pub server_time_ns: TimeNs,
    /// A [`Heartbeat`] comes at least this often, if nothing else does.
    pub heartbeat_ms: u32,
    /// What this connection may do.
    pub limits: Limits,
}

/// The bounds of one connection. A limit of 0 means "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Limits {
    /// Longest message a client may send, in bytes of payload.
    pub message_bytes: u32,
    /// Longest topic name or filter, in bytes of UTF-8.
    pub topic_bytes: u32,
    /// Most subscriptions at a time.
    pub subscriptions: u32,
    /// Requests per second, publishes not counted.
    pub requests_per_s: u32,
    /// Requests that may come at once.
    pub request_burst: u32,
    /// A client that takes no byte for so long is disconnected.
    pub write_timeout_ms: u32,
    /// Memory of the tape, in bytes: how much a client can catch up on.
    #[serde(with = "decimal_string")]
    pub tape_bytes: u64,
}

/// See [`ServerMessage::Subscribed`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Subscribed {
    /// From the request.
    pub id: RequestId,
    /// One result per filter, in the order of the request.
    pub results: Vec<SubscribeResult>,
}

/// The fate of one filter.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SubscribeResult {
    /// The subscription stands.
    Accepted(Accepted),
    /// There is none.
    Refused(Refused),
}

/// A subscription that stands.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Accepted {
    /// From the request.
    pub filter: String,
    /// Names the subscription in all that follows.
    pub channel: ChannelId,
    /// As granted.
    pub mode: Mode,
    /// As granted, which may differ a little from what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// The current epoch.
    pub epoch: Epoch,
    /// Live batches start here: the first one has this as its `from`.
    ///
    /// After a resume it may lie before the token's position, if no update of the subscription lies
    /// between the two; never behind it.
    pub position: Position,
    /// How many updates the topics of this filter had up to `position` in this epoch.
    pub count: u64,
    /// If a snapshot comes first: `from` of its first batch. Its last batch has `position` as `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Position>,
    /// What became of the wish to resume.
    pub start: Start,
}

/// How a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Nothing was to be resumed: a snapshot, then live.
    Fresh,
    /// It goes on where it ended. What the tape no longer holds is told by a [`Gap`].
    Resumed,
    /// The position is of another epoch (the server was restarted, or is another one): a snapshot,
    /// then live. What happened in between is not known.
    EpochChanged,
    /// The position lies ahead of the tape, which cannot be: a snapshot, then live.
    PositionAhead,
    /// The client was subscribed already: nothing changed. The fields show the state of the
    /// existing subscription.
    Existing,
}

/// A filter that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Refused {
    /// From the request.
    pub filter: String,
    /// Why, as a number.
    pub code: ErrorCode,
    /// Why, for people.
    pub reason: String,
}

/// What happened on a channel in the range of positions (`from`, `to`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Batch<T> {
    /// Which subscription.
    pub channel: ChannelId,
    /// Where the client must be already. If it is not, something was lost.
    pub from: Position,
    /// Where the client is after this batch.
    pub to: Position,
    /// Whether this belongs to a snapshot: latest values, on a chain of their own that ends where
    /// the live one begins. See [`Accepted::snapshot`].
    pub snapshot: bool,
    /// Topics whose updates follow for the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// By position, ascending.
    pub updates: Vec<Update<T>>,
}

/// A topic's introduction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TopicInfo {
    /// Its short name in this epoch.
    pub id: TopicId,
    /// Its name.
    pub topic: Topic,
    /// The unit of its readings, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// One update of one topic.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Update<T> {
    /// Which topic.
    pub topic: T,
    /// Its place on the tape.
    pub position: Position,
    /// The how manieth of its topic it is.
    pub seq: Seq,
    /// When it happened, by the source's clock, if the source says so.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_time_ns: Option<TimeNs>,
    /// When it was put on the tape, by the server's clock.
    #[serde(with = "decimal_string")]
    pub ingest_time_ns: TimeNs,
    /// How far it can be trusted.
    pub quality: Quality,
    /// What happened.
    pub value: Value,
}

/// How far an update can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// It reached the server when it happened.
    Live,
    /// An MQTT retained value: nobody knows how old it is.
    Retained,
    /// The source itself says that it is old or in doubt.
    Stale,
}

/// The updates in (`from`, `to`] of a channel in mode `every` will not come one by one.
///
/// A snapshot of the topics that changed in that range follows, and live batches go on at `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Gap {
    /// Which subscription.
    pub channel: ChannelId,
    /// Where the client is.
    pub from: Position,
    /// Where live batches go on.
    pub to: Position,
    /// How many updates of the channel are in the range; unknown if the client resumed without
    /// its count.
    pub lost: Option<u64>,
    /// `from` of the first batch of the snapshot that follows; its last batch has `to` as `to`.
    pub snapshot: Position,
}

/// See [`ServerMessage::Heartbeat`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The server's clock.
    #[serde(with = "decimal_string")]
    pub server_time_ns: TimeNs,
    /// The position of the newest update on the tape.
    pub position: Position,
    /// Up to where each subscription has been sent to the client.
    pub channels: Vec<ChannelPosition>,
}

/// Up to where a subscription has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ChannelPosition {
    /// Which subscription.
    pub channel: ChannelId,
    /// `to` of its last live batch. A client that is elsewhere has lost something.
    pub position: Position,
}

/// See [`ServerMessage::Unsubscribed`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Unsubscribed {
    /// From the request.
    pub id: RequestId,
    /// Subscriptions that have ended. One that did not exist is missing here.
    pub channels: Vec<ChannelId>,
}

/// See [`ServerMessage::Published`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Published {
    /// From the request.
    pub id: RequestId,
    /// The position of its last update, which is now on the tape.
    pub position: Position,
}

/// See [`ServerMessage::Time`]. With the time of its arrival the four times of NTP (RFC 5905,
/// section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TimeAnswer {
    /// From the request.
    pub id: RequestId,
    /// From the request.
    #[serde(with = "decimal_string")]
    pub client_time_ns: TimeNs,
    /// The server's clock when it read the request.
    #[serde(with = "decimal_string")]
    pub receive_time_ns: TimeNs,
    /// The server's clock when it wrote this answer.
    #[serde(with = "decimal_string")]
    pub send_time_ns: TimeNs,
}

/// See [`ServerMessage::Error`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// The request, if it was one and it had an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// What went wrong, as a number.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub reason: String,
    /// Whether the same request may succeed later.
    pub temporary: bool,
    /// If so, not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
}

/// See [`ServerMessage::Draining`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Draining {
    /// Reconnect at a random time within this window.
    pub reconnect_within_ms: u32,
}

/// See [`ServerMessage::Subscriptions`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Subscriptions {
    /// From the request.
    pub id: RequestId,
    /// In no particular order.
    pub subscriptions: Vec<SubscriptionInfo>,
}

/// The state of one subscription.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SubscriptionInfo {
    /// Its short name.
    pub channel: ChannelId,
    /// Its filter.
    pub filter: String,
    /// As granted.
    pub mode: Mode,
    /// As granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// Up to where it has been sent.
    pub position: Position,
    /// How many topics it has.
    pub topics: u32,
}

/// See [`ServerMessage::Changed`]. The subscription goes on where it is.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Changed {
    /// From the request.
    pub id: RequestId,
    /// Its channel so far.
    pub previous: ChannelId,
    /// Its channel from now on.
    pub channel: ChannelId,
    /// As granted.
    pub mode: Mode,
    /// As granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// Live batches go on here. It may lie before where the client is, never behind it.
    pub position: Position,
    /// How many updates the topics of this filter had up to `position` in this epoch.
    pub count: u64,
}

/// See [`ServerMessage::Status`]. It is not part of the chain of batches.
///
/// A topic of a new or resumed subscription counts as live until a message like this says otherwise;
/// after that only such messages change it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Statuses<T> {
    /// Which subscription.
    pub channel: ChannelId,
    /// Introductions of topics, as in a [`Batch`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// Each topic at most once, in no particular order.
    pub statuses: Vec<TopicStatus<T>>,
}

/// The status of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TopicStatus<T> {
    /// Which topic.
    pub topic: T,
    /// Its status from now on.
    pub status: Status,
    /// Since when, by the server's clock.
    #[serde(with = "decimal_string")]
    pub since_ns: TimeNs,
}

/// Whether a topic's source is heard of. A topic that is merely quiet is live. In order of how bad
/// it is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Updates come as expected, or nothing is known against it.
    #[default]
    Live,
    /// Updates that were to be expected did not come, or the way to the source is broken.
    Stale,
    /// The source is gone: it said so itself, or its broker did, or it was silent for too long.
    Dead,
}

/// See [`ServerMessage::History`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct History<T> {
    /// From the request.
    pub id: RequestId,
    /// The topic's introduction, as in a [`Batch`]; none if the server does not know the topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// By position, ascending. Their seqs have no holes.
    pub updates: Vec<Update<T>>,
    /// Whether the server still holds older ones: ask for those before the first of `updates`.
    pub more: bool,
}

impl From<&str> for FilterRequest {
    fn from(filter: &str) -> Self {
        Self {
            filter: filter.to_owned(),
            resume: None,
        }
    }
}
