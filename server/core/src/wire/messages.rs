//! Messages other than batches, as bytes for one connection or for all subscribers of a channel.

use bytes::Bytes;
use tickcast_protocol::{
    codec::{self, EncodedUpdates, Encoding, HistoryHead},
    message::{
        Accepted, ChannelId, RequestId, Resume, ServerMessage, Status, Statuses, TimeNs, TopicId,
        TopicInfo, TopicStatus,
    },
    topic::Topic,
};

use super::{Wire, event::event, frame::framed};
use crate::tape::{Stretch, append_as_json};

/// Encodes a message.
pub fn message(message: &ServerMessage<TopicId>, wire: Wire) -> Bytes {
    let payload = codec::encode_server(message, wire.encoding());
    match (wire, message) {
        (Wire::Frames(encoding), _) => framed(encoding.into(), &payload),
        // A comment keeps the connection alive without waking the client's program.
        (Wire::Events, ServerMessage::Heartbeat(_)) => [b": ", &*payload, b"\n\n"].concat().into(),
        (Wire::Events, _) => event(&payload, None),
    }
}

/// Encodes a message that moves the client: after it, the client resumes at `resume`.
pub fn message_at(message: &ServerMessage<TopicId>, resume: &Resume, wire: Wire) -> Bytes {
    match wire {
        Wire::Frames(_) => self::message(message, wire),
        Wire::Events => event(
            &codec::encode_server(message, wire.encoding()),
            Some(resume),
        ),
    }
}

/// The answer to a request to subscribe, whose results were encoded earlier. `accepted` is one of
/// the subscriptions: an event stream has only one.
pub fn subscribed<'a>(
    id: RequestId,
    results: impl ExactSizeIterator<Item = &'a [u8]>,
    accepted: Option<&Accepted>,
    wire: Wire,
) -> Bytes {
    let mut payload = Vec::new();
    codec::append_subscribed(id, results, wire.encoding(), &mut payload);
    let resume = accepted.map(|accepted| Resume {
        epoch: accepted.epoch,
        position: accepted.position,
        count: Some(accepted.count),
        snapshot: accepted.snapshot,
    });
    match wire {
        Wire::Frames(encoding) => framed(encoding.into(), &payload),
        Wire::Events => event(&payload, resume.as_ref()),
    }
}

/// A topic, its status, and the time of that status's start (ns since the Unix epoch).
pub type StatusRow<'a> = (&'a TopicInfo, Status, TimeNs);

/// The status of topics, as one message. In bincode it introduces all of them, because it may be
/// sent before the batch that would. In JSON the topics are named in full.
pub fn statuses(channel: ChannelId, topics: &[StatusRow<'_>], wire: Wire) -> Bytes {
    match wire.encoding() {
        Encoding::Bincode => {
            let statuses = topics.iter().map(|&(info, status, since_ns)| TopicStatus {
                topic: info.id,
                status,
                since_ns,
            });
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: topics.iter().map(|&(info, ..)| info.clone()).collect(),
                statuses: statuses.collect(),
            });
            framed(
                Encoding::Bincode.into(),
                &codec::encode_server_bincode(&message),
            )
        }
        Encoding::Json => {
            let statuses = topics.iter().map(|&(info, status, since_ns)| TopicStatus {
                topic: info.topic.clone(),
                status,
                since_ns,
            });
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: Vec::new(),
                statuses: statuses.collect(),
            });
            let payload = codec::encode_server_json(&message);
            match wire {
                Wire::Frames(_) => framed(Encoding::Json.into(), &payload),
                Wire::Events => event(&payload, None),
            }
        }
    }
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
    match wire {
        Wire::Frames(encoding) => framed(encoding.into(), &payload),
        Wire::Events => event(&payload, None),
    }
}
