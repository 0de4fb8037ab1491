//! Messages whose parts were encoded earlier.
//!
//! The server encodes each update once and then copies its bytes into every message that holds it.
//! It encodes the results of a long request while it carries the request out.

use super::{bincode, encoding::Encoding, json};
use crate::message::{
    Candle, ChannelId, Interval, Position, RequestId, Row, SubscribeResult, TopicInfo,
};

/// The number of [`ServerMessage::Subscribed`](crate::message::ServerMessage::Subscribed).
const SUBSCRIBED_TAG: u32 = 1;

/// The number of [`ServerMessage::Batch`](crate::message::ServerMessage::Batch).
const BATCH_TAG: u32 = 2;

/// The number of [`ServerMessage::History`](crate::message::ServerMessage::History).
const HISTORY_TAG: u32 = 13;

/// The number of [`ServerMessage::Candles`](crate::message::ServerMessage::Candles).
const CANDLES_TAG: u32 = 14;

/// A batch without its updates.
#[derive(Debug, Clone, Copy)]
pub struct BatchHead<'a> {
    /// The subscription.
    pub channel: ChannelId,
    /// Where the client must already be.
    pub from: Position,
    /// Where the client is after the batch.
    pub to: Position,
    /// Whether the batch is part of a snapshot.
    pub snapshot: bool,
    /// Topics to introduce.
    pub topics: &'a [TopicInfo],
}

/// A history without its updates.
#[derive(Debug, Clone, Copy)]
pub struct HistoryHead<'a> {
    /// From the request.
    pub id: RequestId,
    /// Introduces the topic, or empty.
    pub topics: &'a [TopicInfo],
    /// Whether there are older updates.
    pub more: bool,
}

/// Candles without their intervals.
#[derive(Debug, Clone, Copy)]
pub struct CandlesHead<'a> {
    /// From the request.
    pub id: RequestId,
    /// Introduces the topic, or empty.
    pub topics: &'a [TopicInfo],
    /// From the request.
    pub interval: Interval,
    /// Updates up to this position are counted.
    pub position: Position,
    /// Whether there are older intervals.
    pub more: bool,
}

/// Intervals of one topic that were encoded earlier, one after the other. In JSON with commas
/// between them.
#[derive(Debug, Clone, Copy)]
pub struct EncodedIntervals<'a> {
    /// Whether they are candles; else they are rows.
    pub are_candles: bool,
    /// Their number.
    pub count: usize,
    /// Their bytes.
    pub bytes: &'a [u8],
}

/// Updates that were encoded earlier, one after the other. In JSON with commas between them.
#[derive(Debug, Clone, Copy)]
pub struct EncodedUpdates<'a> {
    /// Number of updates.
    pub count: usize,
    /// Their bytes.
    pub bytes: &'a [u8],
}

/// Appends a [`ServerMessage::Batch`](crate::message::ServerMessage::Batch) whose updates were
/// encoded earlier: the same bytes as if the whole message were encoded now, for the cost of a
/// copy.
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

/// Appends the part of a batch before its `count` updates.
pub fn append_batch_head(
    head: &BatchHead<'_>,
    count: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let topics = head.topics.len();
    append_batch_start(head, topics, encoding, out);
    for (nth, topic) in head.topics.iter().enumerate() {
        append_batch_topic(topic, nth, encoding, out);
    }
    append_batch_count(topics, count, encoding, out);
}

/// Appends the part of a batch before the `topics` topics that it introduces, in place of those of
/// its head. They follow one by one with [`append_batch_topic`], and then
/// [`append_batch_count`]. So a long batch can be built in pieces.
pub fn append_batch_start(
    head: &BatchHead<'_>,
    topics: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Bincode => {
            // The fields of Batch in their order.
            bincode::encode(
                &(BATCH_TAG, head.channel, head.from, head.to, head.snapshot),
                out,
            );
            bincode::encode(&(topics as u64), out);
        }
        Encoding::Json => {
            out.extend_from_slice(
                format!(
                    r#"{{"type":"batch","channel":{},"from":{},"to":{},"snapshot":{},"#,
                    head.channel, head.from, head.to, head.snapshot
                )
                .as_bytes(),
            );
            if topics > 0 {
                out.extend_from_slice(br#""topics":["#);
            }
        }
    }
}

/// Appends the topic with this number among those that a batch introduces, from 0.
pub fn append_batch_topic(topic: &TopicInfo, nth: usize, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Bincode => bincode::encode(topic, out),
        Encoding::Json => {
            if nth > 0 {
                out.push(b',');
            }
            json::encode(topic, out);
        }
    }
}

/// Appends the part of a batch between its `topics` topics and its `count` updates.
pub fn append_batch_count(topics: usize, count: usize, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Bincode => bincode::encode(&(count as u64), out),
        Encoding::Json => {
            if topics > 0 {
                out.extend_from_slice(b"],");
            }
            out.extend_from_slice(br#""updates":["#);
        }
    }
}

/// The part of a batch after its updates.
pub fn batch_tail(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Bincode => b"",
        Encoding::Json => b"]}",
    }
}

/// Appends a [`ServerMessage::History`](crate::message::ServerMessage::History) whose updates were
/// encoded earlier: the same bytes as if the whole message were encoded now.
pub fn append_history(
    head: &HistoryHead<'_>,
    updates: EncodedUpdates<'_>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Bincode => {
            // The fields of History in their order.
            bincode::encode(&(HISTORY_TAG, head.id), out);
            bincode::encode_list(head.topics, out);
            bincode::encode(&(updates.count as u64), out);
            out.extend_from_slice(updates.bytes);
            bincode::encode(&head.more, out);
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

/// Appends one candle, for [`append_candles`].
pub fn append_candle(candle: &Candle, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Bincode => bincode::encode(candle, out),
        Encoding::Json => json::encode(candle, out),
    }
}

/// Appends one row, for [`append_candles`].
pub fn append_row(row: &Row, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Bincode => bincode::encode(row, out),
        Encoding::Json => json::encode(row, out),
    }
}

/// Appends a [`ServerMessage::Candles`](crate::message::ServerMessage::Candles) whose intervals
/// were encoded earlier: the same bytes as if the whole message were encoded now.
pub fn append_candles(
    head: &CandlesHead<'_>,
    intervals: EncodedIntervals<'_>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let EncodedIntervals {
        are_candles,
        count,
        bytes,
    } = intervals;
    match encoding {
        Encoding::Bincode => {
            // The fields of Candles in their order, of which one list is empty.
            bincode::encode(&(CANDLES_TAG, head.id), out);
            bincode::encode_list(head.topics, out);
            bincode::encode(&(head.interval, head.position), out);
            for is_this_list in [are_candles, !are_candles] {
                bincode::encode(&(if is_this_list { count as u64 } else { 0 }), out);
                out.extend_from_slice(if is_this_list { bytes } else { &[] });
            }
            bincode::encode(&head.more, out);
        }
        Encoding::Json => {
            out.extend_from_slice(format!(r#"{{"type":"candles","id":{},"#, head.id).as_bytes());
            append_candles_json(head, intervals, out);
        }
    }
}

/// Appends the members of an answer in JSON that a request over HTTP has as well, and the end of
/// the object.
pub fn append_candles_json(
    head: &CandlesHead<'_>,
    intervals: EncodedIntervals<'_>,
    out: &mut Vec<u8>,
) {
    append_topics_json(head.topics, out);
    let (interval, position) = (head.interval.as_str(), head.position);
    out.extend_from_slice(format!(r#""interval":"{interval}","position":{position},"#).as_bytes());
    if intervals.count > 0 {
        let list = if intervals.are_candles {
            "candles"
        } else {
            "rows"
        };
        out.extend_from_slice(format!(r#""{list}":["#).as_bytes());
        out.extend_from_slice(intervals.bytes);
        out.extend_from_slice(b"],");
    }
    out.extend_from_slice(format!(r#""more":{}}}"#, head.more).as_bytes());
}

/// Appends a result, for [`append_subscribed`].
pub fn append_result(result: &SubscribeResult, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Bincode => bincode::encode(result, out),
        Encoding::Json => json::encode(result, out),
    }
}

/// Appends a [`ServerMessage::Subscribed`](crate::message::ServerMessage::Subscribed) whose results
/// were encoded earlier: the same bytes as if the whole message were encoded now.
pub fn append_subscribed<'a>(
    id: RequestId,
    results: impl ExactSizeIterator<Item = &'a [u8]>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Bincode => {
            // The fields of Subscribed in their order.
            bincode::encode(&(SUBSCRIBED_TAG, id, results.len() as u64), out);
            results.for_each(|result| out.extend_from_slice(result));
        }
        Encoding::Json => {
            let head = format!(r#"{{"type":"subscribed","id":{id},"results":["#);
            out.extend_from_slice(head.as_bytes());
            for (nth, result) in results.enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(result);
            }
            out.extend_from_slice(b"]}");
        }
    }
}

/// Adds what is known about a topic to an encoded update, as further members of its object.
pub fn append_known_json(info: &TopicInfo, update: &mut Vec<u8>) {
    let known = [
        ("unit", &info.unit),
        ("name", &info.name),
        ("state_class", &info.state_class),
    ];
    for (member, text) in known {
        if let Some(text) = text {
            update.pop();
            update.extend_from_slice(format!(r#","{member}":"#).as_bytes());
            json::encode(text, update);
            update.push(b'}');
        }
    }
}

fn append_topics_json(topics: &[TopicInfo], out: &mut Vec<u8>) {
    if !topics.is_empty() {
        out.extend_from_slice(br#""topics":"#);
        json::encode(&topics, out);
        out.push(b',');
    }
}
