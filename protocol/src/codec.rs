//! Bytes to messages and back, in both encodings. The one place that names bincode's functions.

use bincode::{
    Decode, Encode,
    config::{Configuration, Limit, LittleEndian, Varint},
};

use crate::{
    message::{
        ChannelId, ChannelPosition, ClientMessage, FilterRequest, Position, Publication, RequestId,
        ServerMessage, SubscribeResult, SubscriptionInfo, TopicId, TopicInfo, TopicStatus, Update,
    },
    topic::Topic,
};

/// Longest message that a client may send, in bytes of payload.
pub const CLIENT_MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// Longest message that a server sends, in bytes of payload: a batch of one round may hold all of
/// what a burst of updates brought. A client should accept as much.
pub const SERVER_MESSAGE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A decoded element takes at most so many times the bytes that it has on the wire.
const DECODE_LIMIT_FACTOR: usize = 48;

/// Elements of lists, and the fewest bytes that one can have on the wire.
const _: () = {
    const fn check<T>(wire_bytes: usize) {
        assert!(size_of::<T>() <= wire_bytes * DECODE_LIMIT_FACTOR);
    }
    check::<FilterRequest>(2);
    check::<Publication>(4);
    check::<ChannelId>(1);
    check::<SubscribeResult>(4);
    check::<TopicInfo>(4);
    check::<Update<TopicId>>(8);
    check::<ChannelPosition>(2);
    check::<SubscriptionInfo>(6);
    check::<TopicStatus<TopicId>>(3);
};

type Limited<const BYTES: usize> = Configuration<LittleEndian, Varint, Limit<BYTES>>;

/// The WebSocket subprotocol of bincode in binary frames.
pub const SUBPROTOCOL_BINCODE: &str = "tickcast.v1.bincode";

/// The WebSocket subprotocol of JSON in text frames.
pub const SUBPROTOCOL_JSON: &str = "tickcast.v1.json";

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// bincode 2, standard configuration, in binary frames.
    Bincode,
    /// JSON in text frames.
    Json,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not follow the encoding.
    #[error("{0}")]
    Malformed(String),
    /// The type of message is not known.
    #[error("unknown message type {0}")]
    UnknownMessage(String),
    /// There is something behind the message.
    #[error("{0} bytes behind the message")]
    TrailingBytes(usize),
    /// Longer than any message may be.
    #[error("{actual} bytes, {limit} are allowed")]
    TooLong {
        /// Bytes there were.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

impl Encoding {
    /// The name to negotiate it by.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Bincode => SUBPROTOCOL_BINCODE,
            Self::Json => SUBPROTOCOL_JSON,
        }
    }

    /// The encoding of a subprotocol.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Self::Bincode, Self::Json]
            .into_iter()
            .find(|encoding| encoding.subprotocol() == name)
    }
}

fn to_bincode<T: Encode>(message: &T, out: &mut Vec<u8>) {
    // Our own types have no map, no RefCell and no Mutex, and memory has no end: nothing is left
    // that can fail.
    bincode::encode_into_std_write(message, out, bincode::config::standard())
        .expect("a message can always be encoded");
}

/// bincode reserves what a declared length asks for, up to its limit. Limits are types, so there is
/// one for every magnitude of input: memory stays in proportion to the bytes that came.
fn from_bincode<T: Decode<()>>(bytes: &[u8], max: usize) -> Result<T, CodecError> {
    const SHORT: usize = 1024;
    const MEDIUM: usize = CLIENT_MESSAGE_MAX_BYTES;
    const LONG: usize = 1024 * 1024;

    if bytes.len() > max {
        return Err(CodecError::TooLong {
            actual: bytes.len(),
            limit: max,
        });
    }
    let len = bytes.len();
    if len <= SHORT {
        from_limited::<T, { SHORT * DECODE_LIMIT_FACTOR }>(bytes)
    } else if len <= MEDIUM {
        from_limited::<T, { MEDIUM * DECODE_LIMIT_FACTOR }>(bytes)
    } else if len <= LONG {
        from_limited::<T, { LONG * DECODE_LIMIT_FACTOR }>(bytes)
    } else {
        from_limited::<T, { SERVER_MESSAGE_MAX_BYTES * DECODE_LIMIT_FACTOR }>(bytes)
    }
}

fn from_limited<T: Decode<()>, const BYTES: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    use bincode::error::DecodeError;

    let limit: Limited<BYTES> = bincode::config::standard().with_limit();
    match bincode::decode_from_slice(bytes, limit) {
        Ok((message, used)) if used == bytes.len() => Ok(message),
        Ok((_, used)) => Err(CodecError::TrailingBytes(bytes.len() - used)),
        Err(DecodeError::UnexpectedVariant {
            type_name, found, ..
        }) if type_name.contains("Message") => Err(CodecError::UnknownMessage(found.to_string())),
        Err(error) => Err(CodecError::Malformed(error.to_string())),
    }
}

fn to_json<T: serde::Serialize>(message: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, message).expect("a message can always be encoded");
}

fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, CodecError> {
    #[derive(serde::Deserialize)]
    struct Tagged<'a> {
        #[serde(borrow, rename = "type")]
        tag: std::borrow::Cow<'a, str>,
    }

    if bytes.len() > max {
        return Err(CodecError::TooLong {
            actual: bytes.len(),
            limit: max,
        });
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        match serde_json::from_slice::<Tagged<'_>>(bytes) {
            Ok(Tagged { tag }) if text.starts_with("unknown variant `") && text.contains(&*tag) => {
                CodecError::UnknownMessage(format!("{tag:?}"))
            }
            _ => CodecError::Malformed(text),
        }
    })
}

/// Encodes what a client sends.
pub fn encode_client(message: &ClientMessage, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Bincode => to_bincode(message, &mut out),
        Encoding::Json => to_json(message, &mut out),
    }
    out
}

/// Decodes what a client sent. Arbitrary bytes cost no more memory than a bounded multiple of their
/// length.
pub fn decode_client(bytes: &[u8], encoding: Encoding) -> Result<ClientMessage, CodecError> {
    match encoding {
        Encoding::Bincode => from_bincode(bytes, CLIENT_MESSAGE_MAX_BYTES),
        Encoding::Json => from_json(bytes, CLIENT_MESSAGE_MAX_BYTES),
    }
}

/// Encodes what a server sends, in bincode.
pub fn encode_server_bincode(message: &ServerMessage<TopicId>) -> Vec<u8> {
    let mut out = Vec::new();
    to_bincode(message, &mut out);
    out
}

/// Encodes what a server sends, in JSON.
pub fn encode_server_json(message: &ServerMessage<Topic>) -> Vec<u8> {
    let mut out = Vec::new();
    to_json(message, &mut out);
    out
}

/// Encodes, in either encoding, what a server sends besides batches, statuses and history: such
/// messages name no topic by its id.
pub fn encode_server(message: &ServerMessage<TopicId>, encoding: Encoding) -> Vec<u8> {
    debug_assert!(!matches!(
        message,
        ServerMessage::Batch(_) | ServerMessage::Status(_) | ServerMessage::History(_)
    ));
    let mut out = Vec::new();
    match encoding {
        Encoding::Bincode => to_bincode(message, &mut out),
        Encoding::Json => to_json(message, &mut out),
    }
    out
}

/// Decodes what a server sent, in bincode.
pub fn decode_server_bincode(bytes: &[u8]) -> Result<ServerMessage<TopicId>, CodecError> {
    from_bincode(bytes, SERVER_MESSAGE_MAX_BYTES)
}

/// Decodes what a server sent, in JSON.
pub fn decode_server_json(bytes: &[u8]) -> Result<ServerMessage<Topic>, CodecError> {
    from_json(bytes, SERVER_MESSAGE_MAX_BYTES)
}

/// Appends one update in bincode, as it stands inside a batch.
pub fn append_update_bincode(update: &Update<TopicId>, out: &mut Vec<u8>) {
    to_bincode(update, out);
}

/// Appends one update in JSON, as it stands inside a batch (without the comma).
pub fn append_update_json(update: &Update<Topic>, out: &mut Vec<u8>) {
    to_json(update, out);
}

/// Decodes one update that [`append_update_bincode`] wrote.
pub fn decode_update_bincode(bytes: &[u8]) -> Result<Update<TopicId>, CodecError> {
    from_bincode(bytes, SERVER_MESSAGE_MAX_BYTES)
}

/// Everything of a batch but its updates.
#[derive(Debug, Clone, Copy)]
pub struct BatchHead<'a> {
    /// Which subscription.
    pub channel: ChannelId,
    /// Where the client is.
    pub from: Position,
    /// Where it is afterwards.
    pub to: Position,
    /// Whether this belongs to a snapshot.
    pub snapshot: bool,
    /// Topics to introduce.
    pub topics: &'a [TopicInfo],
}

/// Updates that were encoded earlier, one after the other; in JSON with commas between them.
#[derive(Debug, Clone, Copy)]
pub struct EncodedUpdates<'a> {
    /// How many they are.
    pub count: usize,
    /// Their bytes.
    pub bytes: &'a [u8],
}

/// Appends a [`ServerMessage::Batch`] whose updates were encoded earlier: the same bytes as if the
/// whole message were encoded now, for the price of a copy.
pub fn append_batch(
    head: &BatchHead<'_>,
    updates: EncodedUpdates<'_>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    append_batch_head(head, updates.count, encoding, out);
    out.extend_from_slice(updates.bytes);
    out.extend_from_slice(batch_tail(encoding));
}

/// Appends what stands in front of a batch's `count` updates.
pub fn append_batch_head(
    head: &BatchHead<'_>,
    count: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Bincode => {
            // ServerMessage::Batch is variant 2; the fields of Batch follow in their order.
            const TAG: u32 = 2;
            to_bincode(&(TAG, head.channel, head.from, head.to, head.snapshot), out);
            append_list_bincode(head.topics, out);
            to_bincode(&(count as u64), out);
        }
        Encoding::Json => {
            out.extend_from_slice(
                format!(
                    r#"{{"type":"batch","channel":{},"from":{},"to":{},"snapshot":{},"#,
                    head.channel, head.from, head.to, head.snapshot
                )
                .as_bytes(),
            );
            append_topics_json(head.topics, out);
            out.extend_from_slice(br#""updates":["#);
        }
    }
}

fn append_list_bincode<T: Encode>(list: &[T], out: &mut Vec<u8>) {
    to_bincode(&(list.len() as u64), out);
    for element in list {
        to_bincode(element, out);
    }
}

fn append_topics_json(topics: &[TopicInfo], out: &mut Vec<u8>) {
    if !topics.is_empty() {
        out.extend_from_slice(br#""topics":"#);
        to_json(&topics, out);
        out.push(b',');
    }
}

/// Everything of a history but its updates.
#[derive(Debug, Clone, Copy)]
pub struct HistoryHead<'a> {
    /// From the request.
    pub id: RequestId,
    /// The topic's introduction, or none.
    pub topics: &'a [TopicInfo],
    /// Whether there are older updates.
    pub more: bool,
}

/// Appends a [`ServerMessage::History`] whose updates were encoded earlier: the same bytes as if the
/// whole message were encoded now.
pub fn append_history(
    head: &HistoryHead<'_>,
    updates: EncodedUpdates<'_>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Bincode => {
            // ServerMessage::History is variant 13; the fields of History follow in their order.
            const TAG: u32 = 13;
            to_bincode(&(TAG, head.id), out);
            append_list_bincode(head.topics, out);
            to_bincode(&(updates.count as u64), out);
            out.extend_from_slice(updates.bytes);
            to_bincode(&head.more, out);
        }
        Encoding::Json => {
            out.extend_from_slice(format!(r#"{{"type":"history","id":{},"#, head.id).as_bytes());
            append_topics_json(head.topics, out);
            out.extend_from_slice(br#""updates":["#);
            out.extend_from_slice(updates.bytes);
            out.extend_from_slice(format!(r#"],"more":{}}}"#, head.more).as_bytes());
        }
    }
}

/// What stands behind a batch's updates.
pub fn batch_tail(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Bincode => b"",
        Encoding::Json => b"]}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Batch, History, Quality},
        value::{Side, Trade, Value},
    };

    fn update<T>(topic: T) -> Update<T> {
        Update {
            topic,
            position: 4709,
            seq: 88,
            source_time_ns: Some(1_610_064_000_278_000_000),
            ingest_time_ns: 1_795_222_000_000_000_001,
            quality: Quality::Live,
            value: Value::Trade(Trade {
                price: "39432.48".parse().unwrap(),
                size: "0.000263".parse().unwrap(),
                side: Some(Side::Sell),
            }),
        }
    }

    #[test]
    fn a_spliced_batch_is_the_same_as_one_encoded_whole() {
        let topic = Topic::new("market/BTC-USDT/trade").unwrap();
        for topics in [
            vec![],
            vec![TopicInfo {
                id: 7,
                topic: topic.clone(),
                unit: Some("USDT".into()),
            }],
        ] {
            let head = BatchHead {
                channel: 3,
                from: 300,
                to: 70_000,
                snapshot: false,
                topics: &topics,
            };
            let mut bytes = Vec::new();
            append_update_bincode(&update(7), &mut bytes);
            append_update_bincode(&update(300), &mut bytes);
            let mut spliced = Vec::new();
            let updates = EncodedUpdates {
                count: 2,
                bytes: &bytes,
            };
            append_batch(&head, updates, Encoding::Bincode, &mut spliced);
            let whole = Batch {
                channel: 3,
                from: 300,
                to: 70_000,
                snapshot: false,
                topics: topics.clone(),
                updates: vec![update(7), update(300)],
            };
            assert_eq!(spliced, encode_server_bincode(&ServerMessage::Batch(whole)));

            let mut bytes = Vec::new();
            append_update_json(&update(topic.clone()), &mut bytes);
            bytes.push(b',');
            append_update_json(&update(topic.clone()), &mut bytes);
            let mut spliced = Vec::new();
            let updates = EncodedUpdates {
                count: 2,
                bytes: &bytes,
            };
            append_batch(&head, updates, Encoding::Json, &mut spliced);
            let whole = Batch {
                channel: 3,
                from: 300,
                to: 70_000,
                snapshot: false,
                topics,
                updates: vec![update(topic.clone()), update(topic.clone())],
            };
            assert_eq!(
                String::from_utf8(spliced).unwrap(),
                String::from_utf8(encode_server_json(&ServerMessage::Batch(whole))).unwrap()
            );
        }
    }

    #[test]
    fn a_spliced_history_is_the_same_as_one_encoded_whole() {
        let topic = Topic::new("market/BTC-USDT/trade").unwrap();
        let info = TopicInfo {
            id: 300,
            topic: topic.clone(),
            unit: None,
        };
        for (topics, count, more) in [(vec![], 0, false), (vec![info], 2, true)] {
            let head = HistoryHead {
                id: 70_000,
                topics: &topics,
                more,
            };
            let mut bytes = Vec::new();
            (0..count).for_each(|_| append_update_bincode(&update(300), &mut bytes));
            let updates = EncodedUpdates {
                count,
                bytes: &bytes,
            };
            let mut spliced = Vec::new();
            append_history(&head, updates, Encoding::Bincode, &mut spliced);
            let whole = History {
                id: 70_000,
                topics: topics.clone(),
                updates: vec![update(300); count],
                more,
            };
            assert_eq!(
                spliced,
                encode_server_bincode(&ServerMessage::History(whole))
            );

            let mut bytes = Vec::new();
            for i in 0..count {
                if i > 0 {
                    bytes.push(b',');
                }
                append_update_json(&update(topic.clone()), &mut bytes);
            }
            let updates = EncodedUpdates {
                count,
                bytes: &bytes,
            };
            let mut spliced = Vec::new();
            append_history(&head, updates, Encoding::Json, &mut spliced);
            let whole = History {
                id: 70_000,
                topics: topics.clone(),
                updates: vec![update(topic.clone()); count],
                more,
            };
            assert_eq!(
                String::from_utf8(spliced).unwrap(),
                String::from_utf8(encode_server_json(&ServerMessage::History(whole))).unwrap()
            );
        }
    }

    #[test]
    fn bytes_behind_a_message_and_unknown_messages_are_refused() {
        let message = ClientMessage::List(crate::message::List { id: 1 });
        let mut bytes = encode_client(&message, Encoding::Bincode);
        bytes.push(0);
        assert_eq!(
            decode_client(&bytes, Encoding::Bincode),
            Err(CodecError::TrailingBytes(1))
        );
        assert_eq!(
            decode_client(&[99], Encoding::Bincode),
            Err(CodecError::UnknownMessage("99".into()))
        );
        assert_eq!(
            decode_client(br#"{"type":"dance","id":1}"#, Encoding::Json),
            Err(CodecError::UnknownMessage("\"dance\"".into()))
        );
        assert!(matches!(
            decode_client(br#"{"type":"list"} x"#, Encoding::Json),
            Err(CodecError::Malformed(_))
        ));
    }

    #[test]
    fn a_declared_length_without_bytes_behind_it_allocates_nothing() {
        // Subscribe with 2^60 filters in 12 bytes.
        let mut bytes = vec![0, 1, 253];
        bytes.extend_from_slice(&(1u64 << 60).to_le_bytes());
        assert!(matches!(
            decode_client(&bytes, Encoding::Bincode),
            Err(CodecError::Malformed(_))
        ));
    }
}
