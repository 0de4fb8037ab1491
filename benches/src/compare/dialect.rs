//! How the load speaks to each kind of contender. All speak WebSocket; what differs is in the
//! messages. Pure.

use tickcast_loadtest::{
    publisher::append_publication,
    scan::{self, BatchSink, Facts, Head, ScanError},
    stamp::Stamp,
    websocket::{self, Opcode},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{ClientMessage, FilterRequest, ServerMessage, Subscribe, SubscribeResult, TopicId},
};

use super::{
    nats,
    workload::{Selection, Workload, topic_name},
};

/// The only request of a connection.
const SUBSCRIBE_ID: u32 = 1;

/// Of a message that cannot be understood so much is shown.
const SHOWN_BYTES: usize = 200;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One message is one update. What to get is in the path.
    Plain,
    /// Tickcast's protocol.
    Tickcast(Encoding),
    /// NATS' protocol inside of binary messages.
    Nats,
}

/// Who connects.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// The one who publishes.
    Publisher,
    /// One who subscribes to these topics.
    Subscriber(Selection),
}

/// What a subscriber reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// An update of ours.
    Update(Stamp),
    /// An update of ours in a snapshot.
    Snapshot(Stamp),
    /// So many updates are lost, says the contender.
    Lost(u64),
    /// The subscription stands.
    Subscribed,
    /// To be answered with [`nats_pong`].
    NatsPing,
    /// The contender complains.
    Complaint(&'a str),
}

impl Dialect {
    /// What the publisher of this dialect speaks: publishing is the same in all encodings.
    pub fn of_publisher(self) -> Self {
        match self {
            Self::Tickcast(_) => Self::Tickcast(Encoding::Bincode),
            other => other,
        }
    }

    /// Where to connect to.
    pub fn path(self, who: Who) -> String {
        match (self, who) {
            (Self::Plain, Who::Publisher) => "/publish".into(),
            (Self::Plain, Who::Subscriber(topics)) if topics.is_all() => "/subscribe".into(),
            (Self::Plain, Who::Subscriber(topics)) => {
                format!("/subscribe/{}/{}", topics.first, topics.count)
            }
            (Self::Tickcast(_), _) => "/ws".into(),
            (Self::Nats, _) => "/".into(),
        }
    }

    /// The subprotocol to ask for.
    pub fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Tickcast(encoding) => Some(encoding.subprotocol()),
            Self::Plain | Self::Nats => None,
        }
    }

    /// Frames to send after the handshake.
    pub fn greeting(self, who: Who, workload: &Workload) -> Vec<u8> {
        let mut frames = Vec::new();
        match (self, who) {
            (Self::Plain, _) | (Self::Tickcast(_), Who::Publisher) => {}
            (Self::Tickcast(encoding), Who::Subscriber(topics)) => {
                let message = codec::encode_client(&subscription(topics, workload), encoding);
                let opcode = match encoding {
                    Encoding::Bincode => Opcode::Binary,
                    Encoding::Json => Opcode::Text,
                };
                websocket::append_frame(opcode, &message, &mut frames);
            }
            (Self::Nats, who) => {
                let mut lines = String::from("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
                if let Who::Subscriber(topics) = who {
                    for topic in topics.iter() {
                        lines += &format!("SUB {} {}\r\n", topic_name(topic, '.'), topic + 1);
                    }
                }
                // The pong tells that all before it was understood.
                lines += "PING\r\n";
                websocket::append_frame(Opcode::Binary, lines.as_bytes(), &mut frames);
            }
        }
        frames
    }

    /// Whether the contender says when a subscription stands.
    pub fn confirms(self) -> bool {
        self != Self::Plain
    }

    /// Appends the frame that publishes an update.
    pub fn append_update(self, topic: u64, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => websocket::append_frame(Opcode::Binary, payload, out),
            Self::Tickcast(_) => append_publication(&topic_name(topic, '/'), payload, out),
            Self::Nats => {
                let line = format!("PUB {} {}\r\n", topic_name(topic, '.'), payload.len());
                let message = [line.as_bytes(), payload, b"\r\n"].concat();
                websocket::append_frame(Opcode::Binary, &message, out);
            }
        }
    }

    /// Takes a whole WebSocket message apart. `rest` is what earlier ones left unfinished.
    pub fn hear(
        self,
        message: &[u8],
        rest: &mut Vec<u8>,
        mut heard: impl FnMut(Heard<'_>),
    ) -> Result<(), ScanError> {
        match self {
            Self::Plain => {
                let stamp = Stamp::read(message).ok_or(ScanError::Malformed)?;
                heard(Heard::Update(stamp));
                Ok(())
            }
            Self::Tickcast(encoding) => hear_tickcast(encoding, message, heard),
            Self::Nats if rest.is_empty() => {
                let used = hear_nats(message, &mut heard)?;
                rest.extend_from_slice(&message[used..]);
                Ok(())
            }
            Self::Nats => {
                rest.extend_from_slice(message);
                let used = hear_nats(rest, &mut heard)?;
                rest.drain(..used);
                Ok(())
            }
        }
    }
}

/// The frame that answers [`Heard::NatsPing`].
pub fn nats_pong() -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::append_frame(Opcode::Binary, b"PONG\r\n", &mut frame);
    frame
}

fn subscription(topics: Selection, workload: &Workload) -> ClientMessage {
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
        mode: workload.mode,
        max_rate_hz: workload.max_rate_hz,
    })
}

fn hear_nats(bytes: &[u8], heard: &mut impl FnMut(Heard<'_>)) -> Result<usize, ScanError> {
    let mut used = 0;
    while let Some((line, len)) = nats::next(&bytes[used..]) {
        used += len;
        match line {
            nats::Line::Message(payload) => {
                heard(Heard::Update(
                    Stamp::read(payload).ok_or(ScanError::Malformed)?,
                ));
            }
            nats::Line::Ping => heard(Heard::NatsPing),
            nats::Line::Pong => heard(Heard::Subscribed),
            nats::Line::Error(text) => heard(Heard::Complaint(text)),
            nats::Line::Other => {}
        }
    }
    Ok(used)
}

fn hear_tickcast(
    encoding: Encoding,
    message: &[u8],
    mut heard: impl FnMut(Heard<'_>),
) -> Result<(), ScanError> {
    let scanned = match encoding {
        Encoding::Bincode => {
            let mut stamps = Stamps {
                heard: &mut heard,
                is_snapshot: false,
            };
            scan::scan_bincode(message, &mut stamps)
        }
        Encoding::Json => {
            let is_snapshot = scan::is_json_snapshot(message)?;
            scan::stamps_in_json(message, |stamp| heard(update(stamp, is_snapshot)))
        }
    };
    if scanned != Err(ScanError::OtherMessage) {
        return scanned;
    }
    match encoding {
        Encoding::Bincode => control(codec::decode_server_bincode(message), message, heard),
        Encoding::Json => control(codec::decode_server_json(message), message, heard),
    }
    Ok(())
}

fn control<T>(
    message: Result<ServerMessage<T>, codec::CodecError>,
    bytes: &[u8],
    mut heard: impl FnMut(Heard<'_>),
) {
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            let start = bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii();
            return heard(Heard::Complaint(&format!("{error}: {start}")));
        }
    };
    match message {
        ServerMessage::Gap(gap) => heard(Heard::Lost(gap.lost.unwrap_or(0))),
        ServerMessage::Error(error) => heard(Heard::Complaint(&error.reason)),
        ServerMessage::Subscribed(subscribed) => {
            let mut results = subscribed.results.iter();
            match results.find_map(|result| match result {
                SubscribeResult::Refused(refused) => Some(&refused.reason),
                SubscribeResult::Accepted(_) => None,
            }) {
                Some(reason) => heard(Heard::Complaint(reason)),
                None => heard(Heard::Subscribed),
            }
        }
        _ => {}
    }
}

fn update(stamp: Stamp, is_snapshot: bool) -> Heard<'static> {
    if is_snapshot {
        Heard::Snapshot(stamp)
    } else {
        Heard::Update(stamp)
    }
}

/// Looks for nothing but stamps.
struct Stamps<'a, F> {
    heard: &'a mut F,
    is_snapshot: bool,
}

impl<F: FnMut(Heard<'_>)> BatchSink<TopicId> for Stamps<'_, F> {
    fn head(&mut self, head: Head) {
        self.is_snapshot = head.snapshot;
    }

    fn topic(&mut self, _: TopicId, _: &str) {}

    fn update(&mut self, _: TopicId, facts: &Facts) {
        if let Some(stamp) = facts.stamp {
            (self.heard)(update(stamp, self.is_snapshot));
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::message::{Gap, Mode};

    use super::*;
    use crate::compare::workload::ALL;

    const STAMP: Stamp = Stamp {
        run: 1,
        index: 2,
        due_ns: 3,
        sent_ns: 4,
    };

    fn payload() -> Vec<u8> {
        let mut payload = vec![0; 64];
        STAMP.write(&mut payload);
        payload
    }

    fn hear(dialect: Dialect, messages: &[&[u8]]) -> Vec<String> {
        let mut all = Vec::new();
        let mut rest = Vec::new();
        for message in messages {
            dialect
                .hear(message, &mut rest, |heard| all.push(format!("{heard:?}")))
                .unwrap();
        }
        all
    }

    #[test]
    fn an_update_is_heard_through_every_envelope() {
        let update = format!("{:?}", Heard::Update(STAMP));
        assert_eq!(hear(Dialect::Plain, &[&payload()]), [update.as_str()]);
        let message = [b"PING\r\nMSG bench.0 1 64\r\n", &payload()[..], b"\r\n"].concat();
        for cut in 0..message.len() {
            let (start, end) = message.split_at(cut);
            let heard = hear(Dialect::Nats, &[start, end]);
            assert_eq!(heard, ["NatsPing", &update]);
        }
    }

    #[test]
    fn a_gap_is_heard_in_both_encodings_and_nonsense_is_an_error() {
        let gap = Gap {
            channel: 1,
            from: 2,
            to: 9,
            lost: Some(7),
            snapshot: 2,
        };
        let bytes = codec::encode_server_bincode(&ServerMessage::<TopicId>::Gap(gap));
        assert_eq!(
            hear(Dialect::Tickcast(Encoding::Bincode), &[&bytes]),
            ["Lost(7)"]
        );
        let bytes = codec::encode_server_json(&ServerMessage::Gap(gap));
        assert_eq!(
            hear(Dialect::Tickcast(Encoding::Json), &[&bytes]),
            ["Lost(7)"]
        );
        let nonsense = Dialect::Plain.hear(b"x", &mut Vec::new(), |_| {});
        assert_eq!(nonsense, Err(ScanError::Malformed));
    }

    #[test]
    fn subscribers_ask_for_their_topics() {
        let workload = ALL.iter().find(|workload| workload.letter == "e").unwrap();
        let who = Who::Subscriber(workload.selection(3));
        assert_eq!(Dialect::Plain.path(who), "/subscribe/15/50");
        let ClientMessage::Subscribe(subscribe) = subscription(workload.selection(3), workload)
        else {
            panic!("another message");
        };
        assert_eq!(subscribe.mode, Mode::Every);
        assert_eq!(subscribe.filters.len(), 50);
        assert_eq!(subscribe.filters[0].filter, "bench/15");
        let greeting = Dialect::Nats.greeting(who, workload);
        let text = String::from_utf8_lossy(&greeting);
        assert!(text.contains("SUB bench.64 65\r\nPING\r\n"), "{text}");
    }
}
