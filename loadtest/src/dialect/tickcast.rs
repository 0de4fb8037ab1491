//! Tickcast's own protocol: requests as frames, and the stamps in its messages.

use tickcast_protocol::{
    codec::{self, CodecError, Encoding},
    message::{
        ClientMessage, FilterRequest, Mode, Publication, Publish, ServerMessage, Subscribe,
        SubscribeResult, TopicId,
    },
    value::Value,
};

use super::{
    incoming::Incoming,
    selection::{TopicSelection, topic_name},
};
use crate::{
    scan::{self, BatchHead, BatchSink, Facts, ScanError},
    schedule::Stamp,
    wire::websocket::{self, Opcode},
};

/// The number of a connection's only request.
pub const SUBSCRIBE_ID: u32 = 1;

/// Bytes that an error shows of a message that cannot be decoded.
const SHOWN_BYTES: usize = 200;

/// How subscribers ask Tickcast for updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubscribeParams {
    /// The encoding of messages.
    pub encoding: Encoding,
    /// Every update, or the latest values.
    pub mode: Mode,
    /// In mode `latest`: at most this many batches per second.
    pub max_rate_hz: Option<f64>,
}

/// Appends a client's message as a frame.
pub fn append_message(message: &ClientMessage, encoding: Encoding, out: &mut Vec<u8>) {
    let opcode = match encoding {
        Encoding::Bincode => Opcode::Binary,
        Encoding::Json => Opcode::Text,
    };
    websocket::append_frame(opcode, &codec::encode_client(message, encoding), out);
}

/// Appends the frame that publishes one update, in bincode.
pub(super) fn append_publication(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let message = ClientMessage::Publish(Publish {
        id: None,
        updates: vec![Publication {
            topic: topic.to_owned(),
            value: Value::Bytes(payload.to_vec()),
            source_time_ns: None,
        }],
    });
    append_message(&message, Encoding::Bincode, out);
}

/// The request for some topics.
pub(super) fn subscription(topics: TopicSelection, params: &SubscribeParams) -> ClientMessage {
    let filter = |filter| FilterRequest {
        filter,
        resume: None,
    };
    let filters = if topics.is_all() && topics.topics > 1 {
        vec![filter("#".into())]
    } else {
        topics
            .iter()
            .map(|topic| filter(topic_name(topic, '/')))
            .collect()
    };
    ClientMessage::Subscribe(Subscribe {
        id: SUBSCRIBE_ID,
        filters,
        mode: params.mode,
        max_rate_hz: params.max_rate_hz,
    })
}

/// Hands out the stamps of a batch, or what another message means.
pub(super) fn read_message(
    encoding: Encoding,
    message: &[u8],
    mut incoming: impl FnMut(Incoming<'_>),
) -> Result<(), ScanError> {
    let scanned = match encoding {
        Encoding::Bincode => {
            let mut stamps = Stamps {
                incoming: &mut incoming,
                is_snapshot: false,
            };
            scan::scan_bincode(message, &mut stamps)
        }
        Encoding::Json => {
            let is_snapshot = scan::is_json_snapshot(message)?;
            scan::stamps_in_json(message, |stamp| incoming(update(stamp, is_snapshot)))
        }
    };
    if scanned != Err(ScanError::OtherMessage) {
        return scanned;
    }
    match encoding {
        Encoding::Bincode => control(codec::decode_server_bincode(message), message, incoming),
        Encoding::Json => control(codec::decode_server_json(message), message, incoming),
    }
    Ok(())
}

fn control<T>(
    message: Result<ServerMessage<T>, CodecError>,
    bytes: &[u8],
    mut incoming: impl FnMut(Incoming<'_>),
) {
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            let start = bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii();
            return incoming(Incoming::Error(&format!("{error}: {start}")));
        }
    };
    match message {
        ServerMessage::Gap(gap) => incoming(Incoming::Lost(gap.lost.unwrap_or(0))),
        ServerMessage::Error(error) => incoming(Incoming::Error(&error.reason)),
        ServerMessage::Subscribed(subscribed) => {
            let mut results = subscribed.results.iter();
            match results.find_map(|result| match result {
                SubscribeResult::Refused(refused) => Some(&refused.reason),
                SubscribeResult::Accepted(_) => None,
            }) {
                Some(reason) => incoming(Incoming::Error(reason)),
                None => incoming(Incoming::Subscribed),
            }
        }
        _ => {}
    }
}

fn update(stamp: Stamp, is_snapshot: bool) -> Incoming<'static> {
    if is_snapshot {
        Incoming::Snapshot(stamp)
    } else {
        Incoming::Update(stamp)
    }
}

/// Takes only the stamps of a batch.
struct Stamps<'a, F> {
    incoming: &'a mut F,
    is_snapshot: bool,
}

impl<F: FnMut(Incoming<'_>)> BatchSink<TopicId> for Stamps<'_, F> {
    fn head(&mut self, head: BatchHead) {
        self.is_snapshot = head.snapshot;
    }

    fn topic(&mut self, _: TopicId, _: &str) {}

    fn update(&mut self, _: TopicId, facts: &Facts) {
        if let Some(stamp) = facts.stamp {
            (self.incoming)(update(stamp, self.is_snapshot));
        }
    }
}
