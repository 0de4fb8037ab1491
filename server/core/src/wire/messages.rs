//! Messages other than batches, as bytes for one connection or for all subscribers of a channel.

use bytes::Bytes;
use tickcast_protocol::{
    codec::{self, EncodedUpdates, Encoding, HistoryHead},
    message::{
        ChannelId, RequestId, Resume, ServerMessage, Status, Statuses, SubscribeResult, TimeNs,
        TopicId, TopicInfo, TopicStatus,
    },
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
        (Wire::Events, ServerMessage::Subscribed(subscribed)) => {
            let accepted = subscribed.results.iter().find_map(|result| match result {
                SubscribeResult::Accepted(accepted) => Some(accepted),
                SubscribeResult::Refused(_) => None,
            });
            let resume = accepted.map(|accepted| Resume {
                epoch: accepted.epoch,
                position: accepted.position,
                count: Some(accepted.count),
                snapshot: accepted.snapshot,
            });
            event(&payload, resume.as_ref())
        }
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

/// A stretch of a topic's past, as the answer to a request.
pub fn history(id: RequestId, topic: Option<&TopicInfo>, stretch: &Stretch, wire: Wire) -> Bytes {
    let encoding = wire.encoding();
    let mut json = Vec::new();
    if let (Encoding::Json, Some(info)) = (encoding, topic) {
        for update in stretch.updates() {
            if !json.is_empty() {
                json.push(b',');
            }
            append_as_json(update, &info.topic, &mut json);
        }
    }
    let updates = EncodedUpdates {
        count: stretch.ends.len(),
        bytes: match encoding {
            Encoding::Bincode => &stretch.bincode,
            Encoding::Json => &json,
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
