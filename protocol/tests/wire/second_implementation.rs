//! The bytes of the bincode encoding, read and written by another crate.
//!
//! bincode is no longer maintained. wincode, configured with variable integers, writes the same
//! format. As long as that holds, it can replace bincode without breaking the protocol. The types
//! in this file mirror the types of the crate, down to the output of `{:?}`.

use std::fmt;

use tickcast_protocol::{
    codec::{self, Encoding},
    decimal, error,
    message::TopicId,
};
use wincode::{SchemaRead, SchemaWrite, config::DefaultConfig};

use crate::samples;

#[derive(Debug, SchemaRead, SchemaWrite)]
enum ClientMessage {
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Publish(Publish),
    Time(TimeRequest),
    List(List),
    Change(Change),
    History(HistoryRequest),
    Candles(CandlesRequest),
    Authenticate(Authenticate),
    PublishOnce(PublishOnce),
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct PublishOnce {
    id: u32,
    publisher: u64,
    number: u64,
    updates: Vec<Publication>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Authenticate {
    id: u32,
    token: BearerToken,
}

#[derive(SchemaRead, SchemaWrite)]
struct BearerToken(String);

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Subscribe {
    id: u32,
    filters: Vec<FilterRequest>,
    mode: Mode,
    max_rate_hz: Option<f64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct FilterRequest {
    filter: String,
    resume: Option<Resume>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Resume {
    epoch: Epoch,
    position: u64,
    count: Option<u64>,
    snapshot: Option<u64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Epoch(u64);

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Mode {
    Every,
    Latest,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Unsubscribe {
    id: u32,
    channels: Vec<u32>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Publish {
    id: Option<u32>,
    updates: Vec<Publication>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Publication {
    topic: String,
    value: Value,
    source_time_ns: Option<i64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct TimeRequest {
    id: u32,
    client_time_ns: i64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct List {
    id: u32,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Change {
    id: u32,
    channel: u32,
    mode: Mode,
    max_rate_hz: Option<f64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct HistoryRequest {
    id: u32,
    topic: String,
    limit: Option<u32>,
    before: Option<u64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct CandlesRequest {
    id: u32,
    topic: String,
    interval: Interval,
    limit: Option<u32>,
    from_ns: Option<i64>,
    before_ns: Option<i64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Interval {
    Second,
    Seconds5,
    Seconds15,
    Minute,
    Minutes5,
    Minutes15,
    Hour,
    Hours4,
    Day,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Value {
    Reading(f64),
    Trade(Trade),
    Quote(Quote),
    Text(String),
    Bytes(Vec<u8>),
    Absent(String),
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Trade {
    price: Decimal,
    size: Decimal,
    side: Option<Side>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Side {
    Buy,
    Sell,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Quote {
    bid: Option<Decimal>,
    ask: Option<Decimal>,
    bid_size: Option<Decimal>,
    ask_size: Option<Decimal>,
}

#[derive(SchemaRead, SchemaWrite)]
struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::Decimal::new(self.mantissa, self.scale)
            .unwrap()
            .fmt(f)
    }
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum ServerMessage {
    Welcome(Welcome),
    Subscribed(Subscribed),
    Batch(Batch),
    Gap(Gap),
    Heartbeat(Heartbeat),
    Unsubscribed(Unsubscribed),
    Published(Published),
    Time(TimeAnswer),
    Error(ErrorMessage),
    Draining(Draining),
    Subscriptions(Subscriptions),
    Changed(Changed),
    Status(Statuses),
    History(History),
    Candles(Candles),
    Authenticated(Authenticated),
    Expiring(Expiring),
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Authenticated {
    id: Option<u32>,
    subject: String,
    role: String,
    expires_ns: Option<i64>,
    subscribe: Vec<String>,
    history: Vec<String>,
    publish: Vec<String>,
    max_rate_hz: Option<f64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Expiring {
    expires_ns: i64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Welcome {
    server: String,
    epoch: Epoch,
    position: u64,
    server_time_ns: i64,
    heartbeat_ms: u32,
    limits: Limits,
    continues: Vec<EndedEpoch>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct EndedEpoch {
    epoch: Epoch,
    last: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Limits {
    message_bytes: u32,
    topic_bytes: u32,
    subscriptions: u32,
    requests_per_s: u32,
    request_burst: u32,
    write_timeout_ms: u32,
    tape_bytes: u64,
    rate_min_hz: f64,
    rate_max_hz: f64,
    publish_updates_per_s: u32,
    publish_bytes_per_s: u32,
    new_topics_per_s: u32,
    new_topics_burst: u32,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Subscribed {
    id: u32,
    results: Vec<SubscribeResult>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum SubscribeResult {
    Accepted(Accepted),
    Refused(Refused),
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Accepted {
    filter: String,
    channel: u32,
    mode: Mode,
    max_rate_hz: Option<f64>,
    epoch: Epoch,
    position: u64,
    count: u64,
    snapshot: Option<u64>,
    start: Start,
    lost: Option<u64>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Start {
    Fresh,
    Resumed,
    EpochChanged,
    PositionAhead,
    Existing,
    Truncated,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Refused {
    filter: String,
    code: ErrorCode,
    reason: String,
}

#[derive(SchemaRead, SchemaWrite)]
struct ErrorCode(u16);

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error::ErrorCode::from_number(self.0).unwrap().fmt(f)
    }
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Batch {
    channel: u32,
    from: u64,
    to: u64,
    snapshot: bool,
    topics: Vec<TopicInfo>,
    updates: Vec<Update>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct TopicInfo {
    id: u32,
    topic: String,
    unit: Option<String>,
    name: Option<String>,
    state_class: Option<String>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Update {
    topic: u32,
    position: u64,
    seq: u64,
    source_time_ns: Option<i64>,
    ingest_time_ns: i64,
    quality: Quality,
    value: Value,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Quality {
    Live,
    Retained,
    Stale,
    Historical,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Gap {
    channel: u32,
    from: u64,
    to: u64,
    lost: Option<u64>,
    snapshot: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Heartbeat {
    server_time_ns: i64,
    position: u64,
    channels: Vec<ChannelPosition>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct ChannelPosition {
    channel: u32,
    position: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Unsubscribed {
    id: Option<u32>,
    channels: Vec<u32>,
    position: Option<u64>,
    reason: Option<String>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Published {
    id: u32,
    position: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct TimeAnswer {
    id: u32,
    client_time_ns: i64,
    receive_time_ns: i64,
    send_time_ns: i64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct ErrorMessage {
    id: Option<u32>,
    code: ErrorCode,
    reason: String,
    temporary: bool,
    retry_after_ms: Option<u32>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Draining {
    reconnect_within_ms: u32,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Subscriptions {
    id: u32,
    subscriptions: Vec<SubscriptionInfo>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct SubscriptionInfo {
    channel: u32,
    filter: String,
    mode: Mode,
    max_rate_hz: Option<f64>,
    position: u64,
    topics: u32,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Changed {
    id: u32,
    previous: u32,
    channel: u32,
    mode: Mode,
    max_rate_hz: Option<f64>,
    position: u64,
    count: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Statuses {
    channel: u32,
    topics: Vec<TopicInfo>,
    statuses: Vec<TopicStatus>,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct TopicStatus {
    topic: u32,
    status: Status,
    since_ns: i64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum Status {
    Live,
    Stale,
    Dead,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct History {
    id: u32,
    topics: Vec<TopicInfo>,
    updates: Vec<Update>,
    more: bool,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Candles {
    id: u32,
    topics: Vec<TopicInfo>,
    interval: Interval,
    position: u64,
    candles: Vec<Candle>,
    rows: Vec<Row>,
    more: bool,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Candle {
    start_ns: i64,
    state: CandleState,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    volume: Option<Decimal>,
    count: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
struct Row {
    start_ns: i64,
    state: CandleState,
    first: f64,
    max: f64,
    min: f64,
    last: f64,
    sum: f64,
    count: u64,
}

#[derive(Debug, SchemaRead, SchemaWrite)]
enum CandleState {
    Complete,
    Open,
    Incomplete,
}

/// The second implementation reads the bytes as the same message and writes the same bytes.
macro_rules! check {
    ($mirror:ty, $bytes:expr, $message:expr) => {{
        let config = const { DefaultConfig::default().with_varint_encoding() };
        let (bytes, message) = ($bytes, $message);
        let mirror: $mirror = wincode::config::deserialize_exact(&bytes, config).unwrap();
        assert_eq!(format!("{mirror:?}"), format!("{message:?}"));
        assert_eq!(wincode::config::serialize(&mirror, config).unwrap(), bytes);
    }};
}

pub(crate) fn check_client(message: &tickcast_protocol::message::ClientMessage) {
    let bytes = codec::encode_client(message, Encoding::Bincode);
    check!(ClientMessage, bytes, message);
}

pub(crate) fn check_server(message: &tickcast_protocol::message::ServerMessage<TopicId>) {
    let bytes = codec::encode_server_bincode(message);
    check!(ServerMessage, bytes, message);
}

#[test]
fn a_second_implementation_reads_and_writes_the_same_bytes() {
    for (_, message) in samples::client_messages() {
        check_client(&message);
    }
    for (_, message) in samples::server_messages() {
        check_server(&message);
    }
}
