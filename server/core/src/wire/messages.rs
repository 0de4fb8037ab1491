//! Messages other than batches, as bytes for one connection or for all subscribers of a channel.

use bytes::Bytes;
use tickcast_protocol::{
    codec::{self, CandlesHead, EncodedIntervals, EncodedUpdates, Encoding, HistoryHead},
    message::{
        ChannelId, RequestId, ServerMessage, Status, Statuses, TimeNs, TopicId, TopicInfo,
        TopicStatus,
    },
    topic::Topic,
};

use super::{
    Wire,
    event::event,
    frame::framed,
    place::Place,
    socket_io::{answer_at, packet},
};
use crate::{
    candles::Intervals,
    tape::{Stretch, append_as_json},
};

/// Encodes a message.
pub fn message(message: &ServerMessage<TopicId>, wire: Wire) -> Bytes {
    let payload = codec::encode_server(message, wire.encoding());
    match (wire, message) {
        // A comment keeps the connection alive without waking the client's program.
        (Wire::Events, ServerMessage::Heartbeat(_)) => [b": ", &*payload, b"\n\n"].concat().into(),
        _ => carried(&payload, None, wire),
    }
}

/// An encoded message as a frame, an event or a packet, after which the client resumes at `place`.
fn carried(payload: &[u8], place: Option<&Place>, wire: Wire) -> Bytes {
    match wire {
        Wire::Frames(encoding) => framed(encoding.into(), payload),
        Wire::Events => event(payload, place.map(|place| &place.resume)),
        Wire::SocketIo => packet(payload, place),
    }
}

/// Encodes a message that moves the client: after it, the client resumes at `place`.
pub fn message_at(message: &ServerMessage<TopicId>, place: &Place, wire: Wire) -> Bytes {
    carried(
        &codec::encode_server(message, wire.encoding()),
        Some(place),
        wire,
    )
}

/// Encodes a message that changes what a client of Socket.IO is subscribed to. `offset` says where
/// it is afterwards.
pub fn message_with_offset(message: &ServerMessage<TopicId>, offset: &str) -> Bytes {
    answer_at(&codec::encode_server(message, Encoding::Json), offset)
}

/// The answer to a request to subscribe, whose results were encoded earlier. `place` is where one
/// of the subscriptions begins: an event stream has only one. `offset` is that of a client of
/// Socket.IO, with all of them.
pub fn subscribed<'a>(
    id: RequestId,
    results: impl ExactSizeIterator<Item = &'a [u8]>,
    place: Option<&Place>,
    offset: Option<&str>,
    wire: Wire,
) -> Bytes {
    let mut payload = Vec::new();
    codec::append_subscribed(id, results, wire.encoding(), &mut payload);
    match offset {
        Some(offset) => answer_at(&payload, offset),
        None => carried(&payload, place, wire),
    }
}

/// What a message about statuses says about one topic.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// What is known about the topic.
    pub info: &'a TopicInfo,
    /// Whether a client may know it otherwise.
    pub is_info_new: bool,
    /// Its status if that is to be said, and the time of the status's start, in ns since the Unix
    /// epoch.
    pub status: Option<(Status, TimeNs)>,
}

/// The status of topics, as one message. In bincode it introduces all of them, because it may be
/// sent before the batch that would. In JSON the topics are named in full, so only new infos are
/// needed.
pub fn statuses(channel: ChannelId, topics: &[News<'_>], wire: Wire) -> Bytes {
    match wire.encoding() {
        Encoding::Bincode => {
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: topics.iter().map(|news| news.info.clone()).collect(),
                statuses: rows(topics, |info| info.id),
            });
            framed(
                Encoding::Bincode.into(),
                &codec::encode_server_bincode(&message),
            )
        }
        Encoding::Json => {
            let new = topics.iter().filter(|news| news.is_info_new);
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: new.map(|news| news.info.clone()).collect(),
                statuses: rows(topics, |info| info.topic.clone()),
            });
            carried(&codec::encode_server_json(&message), None, wire)
        }
    }
}

fn rows<T>(topics: &[News<'_>], name: impl Fn(&TopicInfo) -> T) -> Vec<TopicStatus<T>> {
    let rows = topics.iter().filter_map(|news| {
        let (status, since_ns) = news.status?;
        Some(TopicStatus {
            topic: name(news.info),
            status,
            since_ns,
        })
    });
    rows.collect()
}

/// Appends an update of a topic's past to those before it, for [`history`] in JSON.
pub fn append_past(update: &[u8], topic: &Topic, json: &mut Vec<u8>) {
    if !json.is_empty() {
        json.push(b',');
    }
    append_as_json(update, topic, json);
}

/// A stretch of a topic's past, as the answer to a request. `json` has all its updates if the wire
/// is in JSON.
pub fn history(
    id: RequestId,
    topic: Option<&TopicInfo>,
    stretch: &Stretch,
    json: &[u8],
    wire: Wire,
) -> Bytes {
    let encoding = wire.encoding();
    let updates = EncodedUpdates {
        count: stretch.len(),
        bytes: match encoding {
            Encoding::Bincode => &stretch.bincode,
            Encoding::Json => json,
        },
    };
    let head = HistoryHead {
        id,
        topics: topic.map(std::slice::from_ref).unwrap_or_default(),
        more: stretch.more,
    };
    let mut payload = Vec::new();
    codec::append_history(&head, updates, encoding, &mut payload);
    carried(&payload, None, wire)
}

/// Appends intervals to those before them, for [`candles`].
pub fn append_intervals(intervals: &Intervals, encoding: Encoding, out: &mut Vec<u8>) {
    let comma = |out: &mut Vec<u8>| {
        if encoding == Encoding::Json && !out.is_empty() {
            out.push(b',');
        }
    };
    match intervals {
        Intervals::Candles(candles) => candles.iter().for_each(|candle| {
            comma(out);
            codec::append_candle(candle, encoding, out);
        }),
        Intervals::Rows(rows) => rows.iter().for_each(|row| {
            comma(out);
            codec::append_row(row, encoding, out);
        }),
    }
}

/// Candles or rows of a topic, as the answer to a request. The intervals are encoded already.
pub fn candles(head: &CandlesHead<'_>, intervals: EncodedIntervals<'_>, wire: Wire) -> Bytes {
    let mut payload = Vec::new();
    codec::append_candles(head, intervals, wire.encoding(), &mut payload);
    carried(&payload, None, wire)
}
