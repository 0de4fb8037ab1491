//! The protocols that the generator speaks to servers over WebSocket. They differ only in the
//! messages: connecting, framing, schedule and ledger are the same for all. Pure.
//!
//! [`Dialect`] is a closed enum and not a trait object: reading a message is the hottest code of
//! the comparison, and the compiler inlines it for each dialect.
//!
//! Of Tickcast's messages a dialect reads only the stamps, as it does with every server. The load
//! tester checks more (positions, seqs, gaps, resuming); that is its
//! `SubscriberSession`, among its receiver threads.

mod batch_cache;
mod incoming;
mod nats;
mod selection;
mod socket_io;
mod tickcast;

use tickcast_protocol::codec::Encoding;

pub use batch_cache::BatchCache;
pub use incoming::{ClientRole, Incoming};
pub use selection::TopicSelection;
pub use tickcast::{SUBSCRIBE_ID, SubscribeParams, append_message};

use selection::topic_name;

use crate::{
    scan::ScanError,
    schedule::Stamp,
    wire::websocket::{self, Opcode},
};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dialect {
    /// One message is one update. The path says which topics to send.
    Plain,
    /// Tickcast's protocol.
    Tickcast(SubscribeParams),
    /// Tickcast's form for clients of Socket.IO, always in JSON.
    SocketIo(SubscribeParams),
    /// NATS' protocol inside of binary messages.
    Nats,
}

impl Dialect {
    /// The dialect of this dialect's publisher: it always publishes in bincode.
    pub fn of_publisher(self) -> Self {
        match self {
            Self::Tickcast(params) | Self::SocketIo(params) => Self::Tickcast(SubscribeParams {
                encoding: Encoding::Bincode,
                ..params
            }),
            other => other,
        }
    }

    /// The path to connect to.
    pub fn path(self, role: ClientRole) -> String {
        match (self, role) {
            (Self::Plain, ClientRole::Publisher) => "/publish".into(),
            (Self::Plain, ClientRole::Subscriber(topics)) if topics.is_all() => "/subscribe".into(),
            (Self::Plain, ClientRole::Subscriber(topics)) => {
                format!("/subscribe/{}/{}", topics.first, topics.count)
            }
            (Self::Tickcast(_), _) => "/ws".into(),
            (Self::SocketIo(_), _) => socket_io::PATH.into(),
            (Self::Nats, _) => "/".into(),
        }
    }

    /// The subprotocol to ask for.
    pub fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Tickcast(params) => Some(params.encoding.subprotocol()),
            Self::Plain | Self::Nats | Self::SocketIo(_) => None,
        }
    }

    /// The frames to send after the handshake.
    pub fn greeting(self, role: ClientRole) -> Vec<u8> {
        let mut frames = Vec::new();
        match (self, role) {
            (Self::Plain, _) | (Self::Tickcast(_) | Self::SocketIo(_), ClientRole::Publisher) => {}
            (Self::SocketIo(params), ClientRole::Subscriber(topics)) => {
                socket_io::append_greeting(topics, &params, &mut frames);
            }
            (Self::Tickcast(params), ClientRole::Subscriber(topics)) => {
                let message = tickcast::subscription(topics, &params);
                append_message(&message, params.encoding, &mut frames);
            }
            (Self::Nats, role) => nats::append_greeting(role, &mut frames),
        }
        frames
    }

    /// Whether the server answers a greeting with [`Incoming::Subscribed`].
    pub fn confirms(self) -> bool {
        self != Self::Plain
    }

    /// The name of a topic by its number.
    pub fn topic_name(self, topic: u64) -> String {
        match self {
            Self::Plain | Self::Tickcast(_) | Self::SocketIo(_) => topic_name(topic, '/'),
            Self::Nats => topic_name(topic, nats::SEPARATOR),
        }
    }

    /// Appends the frame that publishes an update.
    pub fn append_update(&self, topic: &str, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => websocket::append_frame(Opcode::Binary, payload, out),
            Self::Tickcast(_) | Self::SocketIo(_) => {
                tickcast::append_publication(topic, payload, out);
            }
            Self::Nats => nats::append_publication(topic, payload, out),
        }
    }

    /// Appends the frame that answers [`Incoming::Ping`].
    pub fn append_pong(self, out: &mut Vec<u8>) {
        match self {
            Self::Nats => nats::append_pong(out),
            Self::SocketIo(_) => socket_io::append_pong(out),
            // Their pings are WebSocket's own.
            Self::Plain | Self::Tickcast(_) => {}
        }
    }

    /// Hands out the parts of a whole WebSocket message. `rest` holds bytes that earlier messages
    /// left unfinished.
    pub fn read_message(
        &self,
        message: &[u8],
        rest: &mut Vec<u8>,
        mut incoming: impl FnMut(Incoming<'_>),
    ) -> Result<(), ScanError> {
        match self {
            Self::Plain => {
                let stamp = Stamp::read(message).ok_or(ScanError::Malformed)?;
                incoming(Incoming::Update(stamp));
                Ok(())
            }
            Self::Tickcast(params) => tickcast::read_message(params.encoding, message, incoming),
            Self::SocketIo(_) => socket_io::read_message(message, incoming),
            Self::Nats if rest.is_empty() => {
                let used = nats::read_lines(message, &mut incoming)?;
                rest.extend_from_slice(&message[used..]);
                Ok(())
            }
            Self::Nats => {
                rest.extend_from_slice(message);
                let used = nats::read_lines(rest, &mut incoming)?;
                rest.drain(..used);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        codec,
        message::{ClientMessage, Gap, Mode, ServerMessage, TopicId},
    };

    use super::*;

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

    fn params(encoding: Encoding) -> SubscribeParams {
        SubscribeParams {
            encoding,
            mode: Mode::Every,
            max_rate_hz: None,
        }
    }

    fn read(dialect: Dialect, messages: &[&[u8]]) -> Vec<String> {
        let mut all = Vec::new();
        let mut rest = Vec::new();
        for message in messages {
            dialect
                .read_message(message, &mut rest, |part| all.push(format!("{part:?}")))
                .unwrap();
        }
        all
    }

    #[test]
    fn an_update_is_read_in_every_envelope() {
        let update = format!("{:?}", Incoming::Update(STAMP));
        assert_eq!(read(Dialect::Plain, &[&payload()]), [update.as_str()]);
        let message = [b"PING\r\nMSG bench.0 1 64\r\n", &payload()[..], b"\r\n"].concat();
        for cut in 0..message.len() {
            let (start, end) = message.split_at(cut);
            assert_eq!(read(Dialect::Nats, &[start, end]), ["Ping", &update]);
        }
    }

    #[test]
    fn a_gap_is_read_in_both_encodings_and_nonsense_is_an_error() {
        let gap = Gap {
            channel: 1,
            from: 2,
            to: 9,
            lost: Some(7),
            snapshot: 2,
        };
        let bytes = codec::encode_server_bincode(&ServerMessage::<TopicId>::Gap(gap));
        let bincode = Dialect::Tickcast(params(Encoding::Bincode));
        assert_eq!(read(bincode, &[&bytes]), ["Lost(7)"]);
        let bytes = codec::encode_server_json(&ServerMessage::Gap(gap));
        let json = Dialect::Tickcast(params(Encoding::Json));
        assert_eq!(read(json, &[&bytes]), ["Lost(7)"]);
        let nonsense = Dialect::Plain.read_message(b"x", &mut Vec::new(), |_| {});
        assert_eq!(nonsense, Err(ScanError::Malformed));
    }

    #[test]
    fn subscribers_ask_for_their_topics() {
        let topics = TopicSelection {
            first: 15,
            count: 50,
            topics: 1_000,
        };
        let role = ClientRole::Subscriber(topics);
        assert_eq!(Dialect::Plain.path(role), "/subscribe/15/50");
        let message = tickcast::subscription(topics, &params(Encoding::Bincode));
        let ClientMessage::Subscribe(subscribe) = message else {
            panic!("another message");
        };
        assert_eq!(subscribe.mode, Mode::Every);
        assert_eq!(subscribe.filters.len(), 50);
        assert_eq!(subscribe.filters[0].filter, "bench/15");
        let greeting = Dialect::Nats.greeting(role);
        let text = String::from_utf8_lossy(&greeting);
        assert!(text.contains("SUB bench.64 65\r\nPING\r\n"), "{text}");
    }

    #[test]
    fn a_publication_has_the_name_that_its_server_uses() {
        let frame = |dialect: Dialect| {
            let mut frame = Vec::new();
            let topic = dialect.topic_name(3);
            dialect.append_update(&topic, b"0123", &mut frame);
            String::from_utf8_lossy(&frame).into_owned()
        };
        assert!(frame(Dialect::Nats).ends_with("PUB bench.3 4\r\n0123\r\n"));
        let tickcast = frame(Dialect::Tickcast(params(Encoding::Json)).of_publisher());
        assert!(tickcast.contains("bench/3") && tickcast.contains("0123"));
        assert!(frame(Dialect::Plain).ends_with("0123"));
    }
}
