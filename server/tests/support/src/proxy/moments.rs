//! Which moments of a connection a message of the server is.

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{Batch, ServerMessage, Start, SubscribeResult, TopicId},
};

use super::plan::Moment;

/// After this many live batches of all subscriptions together, each of them has received some.
const MORE_LIVE_BATCHES: u32 = 40;

/// What the proxy needs to know of a message.
pub(super) enum Kind {
    Welcome,
    Accepted(Start),
    Batch { snapshot: bool },
    Gap,
    Heartbeat,
    Published,
    Draining,
    Other,
}

impl Kind {
    pub(super) fn decode(encoding: Encoding, payload: &[u8]) -> Self {
        match encoding {
            Encoding::Bincode => {
                let message = codec::decode_server_bincode(payload);
                Self::of::<TopicId>(&message.expect("a message"))
            }
            Encoding::Json => {
                let message = codec::decode_server_json(payload);
                Self::of(&message.expect("a message"))
            }
        }
    }

    fn of<T>(message: &ServerMessage<T>) -> Self {
        match message {
            ServerMessage::Welcome(_) => Self::Welcome,
            ServerMessage::Subscribed(subscribed) => match subscribed.results.first() {
                Some(SubscribeResult::Accepted(accepted)) => Self::Accepted(accepted.start),
                _ => Self::Other,
            },
            ServerMessage::Batch(Batch { snapshot, .. }) => Self::Batch {
                snapshot: *snapshot,
            },
            ServerMessage::Gap(_) => Self::Gap,
            ServerMessage::Heartbeat(_) => Self::Heartbeat,
            ServerMessage::Published(_) => Self::Published,
            ServerMessage::Draining(_) => Self::Draining,
            _ => Self::Other,
        }
    }
}

/// What has passed on a connection so far.
#[derive(Default)]
pub(super) struct Progress {
    has_snapshot: bool,
    has_resumed: bool,
    live_batches: u32,
    has_gap: bool,
}

impl Progress {
    /// The moments at which a message passes.
    pub(super) fn moments(&mut self, kind: Kind) -> Vec<Moment> {
        match kind {
            Kind::Welcome => vec![Moment::Welcome],
            Kind::Accepted(Start::Resumed) => {
                self.has_resumed = true;
                vec![Moment::Resumed]
            }
            Kind::Accepted(_) => vec![Moment::Accepted],
            Kind::Batch { snapshot: true } if self.has_gap => vec![Moment::GapSnapshot],
            Kind::Batch { snapshot: true } => {
                let is_first = !std::mem::replace(&mut self.has_snapshot, true);
                vec![match is_first {
                    true => Moment::Snapshot,
                    false => Moment::MoreSnapshot,
                }]
            }
            Kind::Batch { snapshot: false } => {
                self.live_batches += 1;
                let mut moments = vec![Moment::Live];
                if self.live_batches == 1 && self.has_resumed {
                    moments.push(Moment::CatchUp);
                }
                if self.live_batches >= MORE_LIVE_BATCHES {
                    moments.push(Moment::MoreLive);
                }
                moments
            }
            Kind::Gap => {
                self.has_gap = true;
                vec![Moment::Gap]
            }
            Kind::Heartbeat => vec![Moment::Heartbeat],
            Kind::Published => vec![Moment::Published],
            Kind::Draining => vec![Moment::Draining],
            Kind::Other => vec![],
        }
    }
}
