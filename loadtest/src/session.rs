//! What one subscriber says and understands: messages in, facts out. Pure.

use serde::{Deserialize, Serialize};
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Accepted, ChannelId, ClientMessage, FilterRequest, Limits, Mode, Position, Seq,
        ServerMessage, Start, Subscribe, SubscribeResult, TimeNs, TopicId,
    },
    topic::Filter,
};

use crate::{
    integrity::{Baseline, Receiver, Tally, TopicKey},
    recorder::Recorder,
    scan::{self, BatchSink, Facts, Head, ScanError},
    topics::{EpochSlot, TopicTable},
};

/// What all subscribers ask for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// How messages are written.
    pub encoding: Encoding,
    /// Every update or the newest values.
    pub mode: Mode,
    /// In mode `latest`: at most so many batches per second.
    pub max_rate_hz: Option<f64>,
}

/// What subscribers of one worker share.
#[derive(Debug, Default)]
pub struct Shared {
    /// The topics they have met.
    pub topics: TopicTable,
    /// Latencies.
    pub recorder: Recorder,
    /// What receivers saw that are timed.
    pub healthy: Tally,
    /// What receivers saw that are slow on purpose.
    pub hindered: Tally,
    /// The furthest position that anybody was told.
    pub position: Position,
    /// What the server says of itself.
    pub server: Option<ServerInfo>,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Name and version.
    pub name: String,
    /// A heartbeat comes at least this often.
    pub heartbeat_ms: u32,
    /// What a connection may do.
    pub limits: Limits,
}

impl Shared {
    fn tally(&mut self, timing: ReceiverTiming) -> &mut Tally {
        match timing {
            ReceiverTiming::Probe | ReceiverTiming::Sample => &mut self.healthy,
            ReceiverTiming::None => &mut self.hindered,
        }
    }
}

/// One message, and what is known besides.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its payload.
    pub payload: &'a [u8],
    /// When it was read from the socket.
    pub received_ns: TimeNs,
    /// How its updates are timed.
    pub timing: ReceiverTiming,
}

/// How a receiver's updates are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverTiming {
    /// All of them.
    Probe,
    /// A sample.
    Sample,
    /// None: the receiver is slow on purpose.
    None,
}

/// What a message means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    None,
    /// All subscriptions stand.
    Subscribed {
        /// How many of them go on where they ended.
        resumed: usize,
    },
}

/// Why a session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A subscription was refused.
    #[error("filter {filter} was refused: {reason}")]
    Refused {
        /// Which.
        filter: String,
        /// Why.
        reason: String,
    },
    /// A message that cannot be read.
    #[error("unreadable message: {0}")]
    Unreadable(String),
    /// The server reports an error.
    #[error("the server says: {reason} ({code})")]
    Server {
        /// Of the registry.
        code: u16,
        /// For people.
        reason: String,
    },
}

#[derive(Debug)]
struct Subscription {
    filter: Filter,
    channel: ChannelId,
    receiver: Receiver,
}

/// See the module.
///
/// Call [`subscribe`](Self::subscribe) for what to send when a connection is open, and
/// [`message`](Self::message) for what comes; it survives reconnects.
#[derive(Debug, Default)]
pub struct Session {
    /// In the order of the request; empty before the first answer.
    subscriptions: Vec<Subscription>,
    epoch: Option<EpochSlot>,
    /// By topic key; of one epoch.
    introduced: Vec<u64>,
}

/// The number of the only request a session makes per connection.
const SUBSCRIBE_ID: u32 = 1;

impl Session {
    /// The message that asks for `filters`, with tokens to resume where there is something.
    pub fn subscribe(&self, filters: &[Filter], wish: &Wish) -> Vec<u8> {
        let filters = filters.iter().enumerate().map(|(i, filter)| FilterRequest {
            filter: filter.to_string(),
            resume: self.subscriptions.get(i).map(|s| s.receiver.resume()),
        });
        let message = ClientMessage::Subscribe(Subscribe {
            id: SUBSCRIBE_ID,
            filters: filters.collect(),
            mode: wish.mode,
            max_rate_hz: wish.max_rate_hz,
        });
        codec::encode_client(&message, wish.encoding)
    }

    /// A whole message came.
    pub fn message(
        &mut self,
        arrival: Arrival<'_>,
        wish: &Wish,
        baseline: Baseline,
        shared: &mut Shared,
    ) -> Result<Event, SessionError> {
        let mut sink = Sink {
            session: self,
            shared,
            arrival,
            current: None,
            is_snapshot: false,
        };
        let scanned = match wish.encoding {
            Encoding::Bincode => scan::scan_bincode(arrival.payload, &mut sink),
            Encoding::Json => scan::scan_json(arrival.payload, &mut sink),
        };
        match scanned {
            Ok(()) => Ok(Event::None),
            Err(ScanError::OtherMessage) => self.other(arrival, wish, baseline, shared),
            Err(error) => Err(SessionError::Unreadable(error.to_string())),
        }
    }

    /// Everything but batches; the type of the topic does not matter here.
    fn other(
        &mut self,
        arrival: Arrival<'_>,
        wish: &Wish,
        baseline: Baseline,
        shared: &mut Shared,
    ) -> Result<Event, SessionError> {
        let unreadable = |error: codec::CodecError| SessionError::Unreadable(error.to_string());
        match wish.encoding {
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
        shared: &mut Shared,
    ) -> Result<Event, SessionError> {
        match message {
            ServerMessage::Welcome(welcome) => {
                shared.position = shared.position.max(welcome.position);
                shared.server.get_or_insert(ServerInfo {
                    name: welcome.server,
                    heartbeat_ms: welcome.heartbeat_ms,
                    limits: welcome.limits,
                });
                let epoch = shared.topics.epoch(welcome.epoch);
                if self.epoch != Some(epoch) {
                    self.introduced.clear();
                    self.epoch = Some(epoch);
                }
            }
            ServerMessage::Subscribed(subscribed) => {
                return self.subscribed(subscribed.results, baseline, shared.tally(timing));
            }
            ServerMessage::Gap(gap) => match self.find(gap.channel) {
                Some(at) => {
                    let receiver = &mut self.subscriptions[at].receiver;
                    receiver.gap(&gap, shared.tally(timing));
                }
                None => shared.tally(timing).chain_breaks += 1,
            },
            ServerMessage::Heartbeat(heartbeat) => {
                for channel in &heartbeat.channels {
                    if let Some(at) = self.find(channel.channel) {
                        let receiver = &mut self.subscriptions[at].receiver;
                        receiver.heartbeat(channel.position, shared.tally(timing));
                    }
                }
            }
            ServerMessage::Error(error) => {
                return Err(SessionError::Server {
                    code: error.code.number(),
                    reason: error.reason,
                });
            }
            _ => {}
        }
        Ok(Event::None)
    }

    fn subscribed(
        &mut self,
        results: Vec<SubscribeResult>,
        baseline: Baseline,
        tally: &mut Tally,
    ) -> Result<Event, SessionError> {
        let mut resumed = 0;
        for (at, result) in results.into_iter().enumerate() {
            let accepted = match result {
                SubscribeResult::Accepted(accepted) => accepted,
                SubscribeResult::Refused(refused) => {
                    return Err(SessionError::Refused {
                        filter: refused.filter,
                        reason: refused.reason,
                    });
                }
            };
            resumed += usize::from(accepted.start == Start::Resumed);
            self.accepted(at, &accepted, baseline, tally)?;
        }
        Ok(Event::Subscribed { resumed })
    }

    fn accepted(
        &mut self,
        at: usize,
        accepted: &Accepted,
        baseline: Baseline,
        tally: &mut Tally,
    ) -> Result<(), SessionError> {
        if at == self.subscriptions.len() {
            let filter = Filter::new(&accepted.filter)
                .map_err(|error| SessionError::Unreadable(error.to_string()))?;
            self.subscriptions.push(Subscription {
                filter,
                channel: accepted.channel,
                receiver: Receiver::new(accepted.mode),
            });
        }
        let subscription = &mut self.subscriptions[at];
        subscription.channel = accepted.channel;
        subscription.receiver.accepted(accepted, baseline, tally);
        Ok(())
    }

    fn find(&self, channel: ChannelId) -> Option<usize> {
        let mut subscriptions = self.subscriptions.iter();
        subscriptions.position(|subscription| subscription.channel == channel)
    }

    /// The place of the subscription that is furthest behind.
    pub fn position(&self) -> Option<Position> {
        let receivers = self.subscriptions.iter().map(|s| &s.receiver);
        receivers.map(Receiver::position).min()
    }

    /// How many updates of these topics, given with their newest seq, have not come yet.
    pub fn behind(&self, newest: &[(TopicKey, &str, Seq)]) -> u64 {
        self.of_newest(newest)
            .map(|(receiver, key, seq)| seq.saturating_sub(receiver.newest(key).unwrap_or(0)))
            .sum()
    }

    /// Counts what never came as missing.
    pub fn finish(&mut self, newest: &[(TopicKey, &str, Seq)], tally: &mut Tally) {
        for subscription in &mut self.subscriptions {
            for &(key, name, seq) in newest {
                let receiver = &mut subscription.receiver;
                if receiver.newest(key).is_some() || subscription.filter.matches(name) {
                    receiver.finish(key, seq, tally);
                }
            }
        }
    }

    /// The newest seq of a topic that any of the subscriptions got.
    pub fn newest(&self, topic: TopicKey) -> Option<Seq> {
        let receivers = self.subscriptions.iter().map(|s| &s.receiver);
        receivers
            .filter_map(|receiver| receiver.newest(topic))
            .max()
    }

    fn of_newest<'a>(
        &'a self,
        newest: &'a [(TopicKey, &'a str, Seq)],
    ) -> impl Iterator<Item = (&'a Receiver, TopicKey, Seq)> {
        self.subscriptions.iter().flat_map(move |subscription| {
            let receiver = &subscription.receiver;
            newest.iter().filter_map(move |&(key, name, seq)| {
                let concerns = receiver.newest(key).is_some() || subscription.filter.matches(name);
                concerns.then_some((receiver, key, seq))
            })
        })
    }

    fn is_introduced(&self, topic: TopicKey) -> bool {
        let word = self.introduced.get(topic as usize / 64);
        word.is_some_and(|word| word >> (topic % 64) & 1 == 1)
    }

    fn introduce(&mut self, topic: TopicKey) {
        let index = topic as usize / 64;
        if self.introduced.len() <= index {
            self.introduced.resize(index + 1, 0);
        }
        self.introduced[index] |= 1 << (topic % 64);
    }
}

/// Takes a batch apart for its subscription.
struct Sink<'a> {
    session: &'a mut Session,
    shared: &'a mut Shared,
    arrival: Arrival<'a>,
    /// The index of the subscription, if the batch belongs to one.
    current: Option<usize>,
    is_snapshot: bool,
}

impl Sink<'_> {
    fn begin(&mut self, head: Head) {
        self.shared.position = self.shared.position.max(head.to);
        let tally = self.shared.tally(self.arrival.timing);
        self.current = self.session.find(head.channel);
        self.is_snapshot = head.snapshot;
        match self.current {
            Some(at) => self.session.subscriptions[at].receiver.batch(head, tally),
            None => tally.chain_breaks += 1,
        }
    }

    fn got(&mut self, key: TopicKey, facts: &Facts) {
        let timing = self.arrival.timing;
        if let Some(at) = self.current {
            let receiver = &mut self.session.subscriptions[at].receiver;
            let tally = self.shared.tally(timing);
            receiver.update(key, facts.position, facts.seq, tally);
        }
        if !self.is_snapshot && timing != ReceiverTiming::None {
            let is_probe = timing == ReceiverTiming::Probe;
            let recorder = &mut self.shared.recorder;
            recorder.arrived(facts, is_probe, self.arrival.received_ns);
        }
    }

    fn stranger(&mut self) {
        self.shared.tally(self.arrival.timing).not_introduced += 1;
    }
}

impl BatchSink<TopicId> for Sink<'_> {
    fn head(&mut self, head: Head) {
        self.begin(head);
    }

    fn topic(&mut self, id: TopicId, name: &str) {
        if let Some(epoch) = self.session.epoch
            && let Some(key) = self.shared.topics.introduce(epoch, id, name)
        {
            self.session.introduce(key);
        }
    }

    fn update(&mut self, id: TopicId, facts: &Facts) {
        let epoch = self.session.epoch;
        let key = epoch.and_then(|epoch| self.shared.topics.by_id(epoch, id));
        match key {
            Some(key) => {
                if !self.session.is_introduced(key) {
                    self.stranger();
                }
                self.got(key, facts);
            }
            None => self.stranger(),
        }
    }
}

impl BatchSink<&str> for Sink<'_> {
    fn head(&mut self, head: Head) {
        self.begin(head);
    }

    fn topic(&mut self, _: TopicId, _: &str) {}

    fn update(&mut self, name: &str, facts: &Facts) {
        let key = self.shared.topics.key(name);
        self.got(key, facts);
    }
}
