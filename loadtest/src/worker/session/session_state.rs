//! The session of one subscriber. It survives reconnects.

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Accepted, ClientMessage, FilterRequest, Position, Seq, ServerMessage, Start, Subscribe,
        SubscribeResult,
    },
    topic::Filter,
};

use super::{
    batch::BatchReader,
    followed::{Followed, FollowedFilter},
    shared::{ServerInfo, WorkerShared},
    types::{Arrival, ReceiverTiming, SessionEvent, SubscriberError},
};
use crate::{
    dialect::{SUBSCRIBE_ID, SubscribeParams, append_message},
    ledger::{Baseline, Receiver, Tally, TopicKey},
    scan::{self, ScanError},
};

/// See the module.
///
/// Call [`subscribe`](Self::subscribe) for the frame to send when a connection is open, and
/// [`message`](Self::message) for each message that arrives.
#[derive(Debug, Default)]
pub(crate) struct SubscriberSession {
    followed: Followed,
}

impl SubscriberSession {
    /// The frame that asks for `filters`, with tokens to resume where possible.
    pub(crate) fn subscribe(&self, filters: &[Filter], params: &SubscribeParams) -> Vec<u8> {
        let followed = &self.followed.filters;
        let filters = filters.iter().enumerate().map(|(i, filter)| FilterRequest {
            filter: filter.to_string(),
            resume: followed.get(i).map(|followed| followed.receiver.resume()),
        });
        let message = ClientMessage::Subscribe(Subscribe {
            id: SUBSCRIBE_ID,
            filters: filters.collect(),
            mode: params.mode,
            max_rate_hz: params.max_rate_hz,
        });
        let mut frame = Vec::new();
        append_message(&message, params.encoding, &mut frame);
        frame
    }

    /// A whole message arrived.
    pub(crate) fn message(
        &mut self,
        arrival: Arrival<'_>,
        encoding: Encoding,
        baseline: Baseline,
        shared: &mut WorkerShared,
    ) -> Result<SessionEvent, SubscriberError> {
        let mut batch = BatchReader::new(&mut self.followed, shared, arrival);
        let scanned = match encoding {
            Encoding::Bincode => scan::scan_bincode(arrival.payload, &mut batch),
            Encoding::Json => scan::scan_json(arrival.payload, &mut batch),
        };
        match scanned {
            Ok(()) => Ok(SessionEvent::None),
            Err(ScanError::OtherMessage) => self.other(arrival, encoding, baseline, shared),
            Err(error) => Err(SubscriberError::Unreadable(error.to_string())),
        }
    }

    /// A message that is not a batch. The type that identifies topics does not matter here.
    fn other(
        &mut self,
        arrival: Arrival<'_>,
        encoding: Encoding,
        baseline: Baseline,
        shared: &mut WorkerShared,
    ) -> Result<SessionEvent, SubscriberError> {
        let unreadable = |error: codec::CodecError| SubscriberError::Unreadable(error.to_string());
        match encoding {
            Encoding::Bincode => {
                let message = codec::decode_server_bincode(arrival.payload).map_err(unreadable)?;
                self.control(message, arrival.timing, baseline, shared)
            }
            Encoding::Json => {
                let message = codec::decode_server_json(arrival.payload).map_err(unreadable)?;
                self.control(message, arrival.timing, baseline, shared)
            }
        }
    }

    fn control<T>(
        &mut self,
        message: ServerMessage<T>,
        timing: ReceiverTiming,
        baseline: Baseline,
        shared: &mut WorkerShared,
    ) -> Result<SessionEvent, SubscriberError> {
        match message {
            ServerMessage::Welcome(welcome) => {
                shared.position = shared.position.max(welcome.position);
                shared.server.get_or_insert(ServerInfo {
                    name: welcome.server,
                    heartbeat_ms: welcome.heartbeat_ms,
                    limits: welcome.limits,
                });
                self.followed.set_epoch(shared.topics.epoch(welcome.epoch));
            }
            ServerMessage::Subscribed(subscribed) => {
                return self.subscribed(subscribed.results, baseline, shared.tally(timing));
            }
            ServerMessage::Gap(gap) => match self.followed.find(gap.channel) {
                Some(at) => {
                    let receiver = &mut self.followed.filters[at].receiver;
                    receiver.gap(&gap, shared.tally(timing));
                }
                None => shared.tally(timing).chain_breaks += 1,
            },
            ServerMessage::Heartbeat(heartbeat) => {
                for channel in &heartbeat.channels {
                    if let Some(at) = self.followed.find(channel.channel) {
                        let receiver = &mut self.followed.filters[at].receiver;
                        receiver.heartbeat(channel.position, shared.tally(timing));
                    }
                }
            }
            ServerMessage::Error(error) => {
                return Err(SubscriberError::Server {
                    code: error.code.number(),
                    reason: error.reason,
                });
            }
            _ => {}
        }
        Ok(SessionEvent::None)
    }

    fn subscribed(
        &mut self,
        results: Vec<SubscribeResult>,
        baseline: Baseline,
        tally: &mut Tally,
    ) -> Result<SessionEvent, SubscriberError> {
        let mut resumed = 0;
        for (at, result) in results.into_iter().enumerate() {
            let accepted = match result {
                SubscribeResult::Accepted(accepted) => accepted,
                SubscribeResult::Refused(refused) => {
                    return Err(SubscriberError::Refused {
                        filter: refused.filter,
                        reason: refused.reason,
                    });
                }
            };
            resumed += usize::from(accepted.start == Start::Resumed);
            self.accepted(at, &accepted, baseline, tally)?;
        }
        Ok(SessionEvent::Subscribed { resumed })
    }

    fn accepted(
        &mut self,
        at: usize,
        accepted: &Accepted,
        baseline: Baseline,
        tally: &mut Tally,
    ) -> Result<(), SubscriberError> {
        let filters = &mut self.followed.filters;
        if at == filters.len() {
            let filter = Filter::new(&accepted.filter)
                .map_err(|error| SubscriberError::Unreadable(error.to_string()))?;
            filters.push(FollowedFilter {
                filter,
                channel: accepted.channel,
                receiver: Receiver::new(accepted.mode),
            });
        }
        let followed = &mut filters[at];
        followed.channel = accepted.channel;
        followed.receiver.accepted(accepted, baseline, tally);
        Ok(())
    }

    /// The position of the subscription that is furthest behind.
    pub(crate) fn position(&self) -> Option<Position> {
        let receivers = self.followed.filters.iter().map(|f| &f.receiver);
        receivers.map(Receiver::position).min()
    }

    /// How many updates of these topics, given with their newest seq, have not come yet.
    pub(crate) fn behind(&self, newest: &[(TopicKey, &str, Seq)]) -> u64 {
        self.followed
            .of_newest(newest)
            .map(|(receiver, key, seq)| seq.saturating_sub(receiver.newest(key).unwrap_or(0)))
            .sum()
    }

    /// Counts updates that never came as missing.
    pub(crate) fn finish(&mut self, newest: &[(TopicKey, &str, Seq)], tally: &mut Tally) {
        for followed in &mut self.followed.filters {
            for &(key, name, seq) in newest {
                let receiver = &mut followed.receiver;
                if receiver.newest(key).is_some() || followed.filter.matches(name) {
                    receiver.finish(key, seq, tally);
                }
            }
        }
    }

    /// The newest seq of a topic that any of the subscriptions got.
    pub(crate) fn newest(&self, topic: TopicKey) -> Option<Seq> {
        let receivers = self.followed.filters.iter().map(|f| &f.receiver);
        receivers
            .filter_map(|receiver| receiver.newest(topic))
            .max()
    }
}
