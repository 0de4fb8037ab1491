//! Encodes and decodes messages, in both encodings.

mod encoding;
mod error;
mod limits;

mod tagged;

mod bincode;
mod json;

mod explain;
mod posted;
mod splice;

pub use encoding::{Encoding, SUBPROTOCOL_BINCODE, SUBPROTOCOL_JSON};
pub use error::CodecError;
pub(crate) use explain::explain_recorded;
pub use explain::{Unreadable, explain_form, explain_json, explain_request, explain_value};
pub use limits::{CLIENT_MESSAGE_MAX_BYTES, SERVER_MESSAGE_MAX_BYTES};
pub use posted::{Posted, decode_posted, decode_posted_update};
pub use splice::{
    BatchHead, CandlesHead, EncodedIntervals, EncodedUpdates, HistoryHead, append_batch,
    append_batch_count, append_batch_head, append_batch_start, append_batch_topic, append_candle,
    append_candles, append_candles_json, append_history, append_known_json, append_result,
    append_row, append_subscribed, batch_tail,
};

use crate::{
    message::{
        ClientMessage, Position, Quality, Seq, ServerMessage, TimeNs, TopicId, TopicInfo, Update,
    },
    topic::Topic,
};

/// Encodes a message of a client.
pub fn encode_client(message: &ClientMessage, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Bincode => bincode::encode(message, &mut out),
        Encoding::Json => json::encode(message, &mut out),
    }
    out
}

/// Decodes a message of a client. [`explain_request`] says what is wrong with one that cannot be
/// decoded. Arbitrary bytes take no more memory than a bounded multiple of
/// their length.
pub fn decode_client(bytes: &[u8], encoding: Encoding) -> Result<ClientMessage, CodecError> {
    match encoding {
        Encoding::Bincode => bincode::decode_message(bytes),
        Encoding::Json => json::decode_message(bytes),
    }
}

/// Encodes a message of the server in bincode.
pub fn encode_server_bincode(message: &ServerMessage<TopicId>) -> Vec<u8> {
    let mut out = Vec::new();
    bincode::encode(message, &mut out);
    out
}

/// Encodes a message of the server in JSON.
pub fn encode_server_json(message: &ServerMessage<Topic>) -> Vec<u8> {
    let mut out = Vec::new();
    json::encode(message, &mut out);
    out
}

/// Encodes a message of the server other than a batch, statuses or a history. Only these three name
/// topics by id, so the others can be encoded in both encodings.
pub fn encode_server(message: &ServerMessage<TopicId>, encoding: Encoding) -> Vec<u8> {
    debug_assert!(!matches!(
        message,
        ServerMessage::Batch(_) | ServerMessage::Status(_) | ServerMessage::History(_)
    ));
    let mut out = Vec::new();
    match encoding {
        Encoding::Bincode => bincode::encode(message, &mut out),
        Encoding::Json => json::encode(message, &mut out),
    }
    out
}

/// Decodes a message of the server in bincode.
pub fn decode_server_bincode(bytes: &[u8]) -> Result<ServerMessage<TopicId>, CodecError> {
    bincode::decode_message(bytes)
}

/// Decodes a message of the server in JSON.
pub fn decode_server_json(bytes: &[u8]) -> Result<ServerMessage<Topic>, CodecError> {
    json::decode_message(bytes)
}

/// Appends one update in bincode, as it is inside a batch.
pub fn append_update_bincode(update: &Update<TopicId>, out: &mut Vec<u8>) {
    bincode::encode(update, out);
}

/// Appends one update in JSON, as it is inside a batch, without the comma.
pub fn append_update_json(update: &Update<Topic>, out: &mut Vec<u8>) {
    json::encode(update, out);
}

/// Decodes one update that [`append_update_bincode`] wrote.
pub fn decode_update_bincode(bytes: &[u8]) -> Result<Update<TopicId>, CodecError> {
    bincode::decode(bytes)
}

/// The fields of an update that stand before its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateHead {
    /// The topic.
    pub topic: TopicId,
    /// Its place on the tape.
    pub position: Position,
    /// Sequence number within its topic.
    pub seq: Seq,
    /// When it was put on the tape.
    pub ingest_time_ns: TimeNs,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// Decodes an update that [`append_update_bincode`] wrote, except for its value.
pub fn decode_update_head_bincode(bytes: &[u8]) -> Result<UpdateHead, CodecError> {
    // The fields of Update in their order.
    type Head = (TopicId, Position, Seq, Option<TimeNs>, TimeNs, Quality);
    let head: Head = bincode::decode_start(bytes)?;
    let (topic, position, seq, _, ingest_time_ns, quality) = head;
    Ok(UpdateHead {
        topic,
        position,
        seq,
        ingest_time_ns,
        quality,
    })
}

/// Decodes the topic alone of an update that [`append_update_bincode`] wrote.
pub fn decode_update_topic_bincode(bytes: &[u8]) -> Result<TopicId, CodecError> {
    bincode::decode_start(bytes)
}

/// Appends the introduction of a topic in bincode, as it is inside a batch.
pub fn append_topic_bincode(topic: &TopicInfo, out: &mut Vec<u8>) {
    bincode::encode(topic, out);
}

/// Decodes the introduction of a topic that [`append_topic_bincode`] wrote.
pub fn decode_topic_bincode(bytes: &[u8]) -> Result<TopicInfo, CodecError> {
    bincode::decode(bytes)
}

#[cfg(test)]
mod tests;
