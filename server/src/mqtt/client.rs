//! A client of one broker: connects, subscribes, publishes, answers, and receives packets.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use bytes::BytesMut;
use tokio::time::{Instant, sleep, timeout};

use super::{
    link::{KEEP_ALIVE, Link},
    packet::{
        Ack, Connect, Frame, Goodbye, Outgoing, Packet, Publish, Skipped, Subscribe,
        write_disconnect,
    },
    publishing::{Again, Publishing},
    settings::ClientSettings,
    transport::{Dialer, is_closed},
    version::MqttVersion,
};

/// What came from the broker.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The connection is established. Without a session there are no subscriptions.
    Connected {
        has_session: bool,
        has_identifiers: bool,
    },
    /// The answer to a subscription: its number, and the granted quality of service.
    Subscribed {
        number: usize,
        answer: Result<u8, String>,
    },
    /// The answer to an unsubscription: the filters that the broker says it has removed.
    Unsubscribed(Vec<String>),
    /// A message.
    Message(Publish),
    /// A message that was longer than allowed. It is acknowledged.
    TooLong(Skipped),
    /// The broker has refused a message that was published.
    Refused,
}

/// The reason why there is no connection.
#[derive(Debug)]
pub(crate) struct ClientError {
    pub(crate) reason: String,
    /// Whether the broker says that another client has the same id.
    pub(crate) is_taken_over: bool,
    /// Whether the broker ended a connection that it had accepted, without a reason.
    pub(crate) is_unexplained: bool,
    /// What is wrong besides.
    pub(crate) warning: Option<String>,
}

/// A client that reconnects whenever the next packet is requested.
pub(crate) struct MqttClient {
    version: MqttVersion,
    connect: Connect,
    dialer: Dialer,
    packet_max_bytes: usize,
    qos: u8,
    link: Option<Link>,
    received: VecDeque<Incoming>,
    /// Messages of quality of service 2 that have come, until the broker releases them.
    unreleased: HashSet<u16>,
    /// What was asked to be removed, by packet identifier.
    unsubscribing: HashMap<u16, Vec<String>>,
    warning: Option<String>,
    pub(crate) publishing: Publishing,
}

/// Maximum time for a connection: name, TCP, TLS, WebSocket and the broker's answer.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Why a server may not answer.
const OTHER_PORT: &str =
    "this port may be one without TLS, without WebSocket, or of another server";

/// Unsubscriptions in one packet: AWS IoT ends a connection with more.
const UNSUBSCRIBED_AT_ONCE: usize = 8;

/// Packet identifiers of unsubscriptions begin here. Those of subscriptions are below.
const UNSUBSCRIBE_IDS: u16 = 0x8000;

impl MqttClient {
    /// Creates a client without connecting. The settings must have been checked.
    pub(crate) fn new(settings: ClientSettings) -> Self {
        let max_bytes = settings.packet_max_bytes;
        Self {
            version: settings.version,
            connect: Connect {
                login: settings.login(),
                client_id: settings.client_id.unwrap_or_else(ClientSettings::random_id),
                keep_alive: KEEP_ALIVE,
                session_expiry: settings.session_expiry,
                is_new: settings.keeps_outgoing,
                will: None,
                packet_max_bytes: u32::try_from(max_bytes).unwrap_or(u32::MAX),
            },
            dialer: Dialer::new(settings.url, settings.tls),
            packet_max_bytes: max_bytes,
            qos: settings.qos,
            link: None,
            received: VecDeque::new(),
            unreleased: HashSet::new(),
            unsubscribing: HashMap::new(),
            warning: None,
            publishing: Publishing::new(settings.make_will, settings.keeps_outgoing),
        }
    }

    /// The name of this client at the broker.
    pub(crate) fn id(&self) -> &str {
        &self.connect.client_id
    }

    /// Waits, connects if there is no connection, and receives a packet. Not cancel-safe: a
    /// half-open connection could be lost.
    pub(crate) async fn next(&mut self, wait: Duration) -> Result<Incoming, ClientError> {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        loop {
            if let Some(incoming) = self.received.pop_front() {
                return Ok(incoming);
            }
            let result = match &mut self.link {
                Some(_) => self.turn().await,
                None => match timeout(CONNECT_MAX, self.open()).await {
                    Ok(result) => result,
                    Err(_) => Err(format!(
                        "the broker did not answer within {CONNECT_MAX:?}: {OTHER_PORT}"
                    )
                    .into()),
                },
            };
            if let Err(error) = result {
                return Err(self.close(error));
            }
        }
    }

    /// Returns what has already been received.
    pub(crate) fn buffered(&mut self) -> Option<Incoming> {
        self.received.pop_front()
    }

    /// Whether a ping is not answered yet.
    pub(crate) fn is_pinging(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_pinging)
    }

    /// Subscribes to a filter. The answer has the same number, which is below the maximum number of
    /// filters. With each filter in a packet of its own, brokers that allow few in one accept all.
    pub(crate) fn subscribe(&mut self, number: usize, filter: &str, identifier: Option<u32>) {
        let (Some(link), Ok(number)) = (&mut self.link, u16::try_from(number)) else {
            return;
        };
        let subscribe = Subscribe {
            id: number + 1,
            filter,
            qos: self.qos,
            identifier,
        };
        self.version.write_subscribe(subscribe, &mut link.out);
    }

    /// Removes subscriptions, whether they exist or not.
    pub(crate) fn unsubscribe(&mut self, filters: &[String]) {
        let Some(link) = &mut self.link else {
            return;
        };
        for (index, filters) in (0..).zip(filters.chunks(UNSUBSCRIBED_AT_ONCE)) {
            let id = UNSUBSCRIBE_IDS + index;
            self.unsubscribing.insert(id, filters.to_vec());
            self.version
                .write_unsubscribe(id, filters.to_vec(), &mut link.out);
        }
    }

    /// Whether an unsubscription is not answered yet.
    pub(crate) fn is_unsubscribing(&self) -> bool {
        !self.unsubscribing.is_empty()
    }

    /// Requests a clean disconnect. Packets that were sent before still come; then [`Self::next`]
    /// fails.
    pub(crate) fn disconnect(&mut self) -> bool {
        while let Some(message) = self.publishing.try_next() {
            self.publish(message);
        }
        let ends_session = self.publishing.keeps() && !self.connect.session_expiry.is_zero();
        let link = self.link.as_mut();
        link.is_some_and(|link| {
            write_disconnect(self.version, ends_session, &mut link.out);
            true
        })
    }

    fn publish(&mut self, message: Outgoing) {
        let Some(link) = &mut self.link else {
            return;
        };
        let (version, out) = (self.version, &mut link.out);
        let write = |id, message: &Outgoing| version.write_publish(message, id, false, out);
        self.publishing.begin(message, write);
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        let warning = &mut self.warning;
        let stream = self.dialer.dial(|reason| *warning = Some(reason)).await?;
        self.connect.will = self.publishing.will();
        let mut out = BytesMut::new();
        self.version.write_connect(&self.connect, &mut out);
        self.link = Some(Link::new(stream, self.packet_max_bytes, out));
        while self.received.is_empty() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Sends and receives once.
    async fn turn(&mut self) -> Result<(), ClientError> {
        let link = self.link.as_mut().expect("the caller has connected");
        let turned = match link.turn(&mut self.publishing).await {
            Ok(Some(message)) => {
                self.publish(message);
                return Ok(());
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let link = self.link.as_mut().expect("the caller has connected");
        if let Err(error) = turned {
            let unexplained = link.is_accepted && is_closed(&error);
            let reason = match link.is_accepted {
                true => self.dialer.ended(&error),
                false => self.dialer.refused(&error),
            };
            return Err(ClientError {
                is_unexplained: unexplained,
                ..reason.into()
            });
        }
        while let Some(link) = &mut self.link {
            if !link.is_accepted
                && let Some(reason) = self.dialer.strange(link.frames.rest())
            {
                return Err(reason.into());
            }
            match link.frames.next()? {
                None => break,
                Some(frame) => self.take(frame)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame) -> Result<(), ClientError> {
        match frame {
            Frame::Message {
                packet,
                header_bytes,
            } => {
                let message = Publish::read(self.version, packet, header_bytes)?;
                if self.acknowledge(&message) {
                    self.received.push_back(Incoming::Message(message));
                }
            }
            Frame::TooLong(skipped) => {
                if self.acknowledge(&skipped.head) {
                    self.received.push_back(Incoming::TooLong(skipped));
                }
            }
            Frame::Other(packet) => {
                let packet = self.version.read(packet)?;
                self.take_packet(packet)?;
            }
        }
        Ok(())
    }

    /// Acknowledges a message. Returns whether it is new.
    fn acknowledge(&mut self, message: &Publish) -> bool {
        let Some(link) = &mut self.link else {
            return true;
        };
        match message.qos {
            0 => true,
            1 => {
                Ack::Received.write(message.id, &mut link.out);
                true
            }
            _ => {
                Ack::Stored.write(message.id, &mut link.out);
                self.unreleased.insert(message.id)
            }
        }
    }

    fn take_packet(&mut self, packet: Packet) -> Result<(), ClientError> {
        let link = self.link.as_mut().expect("the packet has come through it");
        if !link.is_accepted && !matches!(packet, Packet::ConnAck(_) | Packet::Disconnect(_)) {
            return Err(String::from("the server's first packet is no answer to CONNECT").into());
        }
        let incoming = match packet {
            Packet::ConnAck(answer) => {
                if let Some(reason) = answer.refusal {
                    return Err(format!("the broker refuses the connection: {reason}").into());
                }
                link.is_accepted = true;
                // A broker may demand pings more often, or none at all.
                let keep_alive = answer.keep_alive.filter(|time| !time.is_zero());
                link.keep_alive = keep_alive.unwrap_or(KEEP_ALIVE).min(KEEP_ALIVE);
                link.ping_at = Instant::now() + link.keep_alive;
                if !answer.has_session {
                    self.unreleased.clear();
                }
                self.connect.is_new = false;
                for again in self.publishing.again(answer.has_session) {
                    match again {
                        Again::Release(id) => Ack::Release.write(id, &mut link.out),
                        Again::Publish(id, message) => {
                            let is_again = answer.has_session;
                            let out = &mut link.out;
                            self.version.write_publish(message, id, is_again, out);
                        }
                    }
                }
                Incoming::Connected {
                    has_session: answer.has_session,
                    has_identifiers: answer.has_identifiers,
                }
            }
            Packet::SubAck { id, answer } => Incoming::Subscribed {
                number: usize::from(id.saturating_sub(1)),
                answer,
            },
            Packet::UnsubAck { id, existed } => {
                let filters = self.unsubscribing.remove(&id).unwrap_or_default();
                let filters = filters.into_iter().zip(existed);
                let removed = filters.filter(|(_, existed)| *existed);
                Incoming::Unsubscribed(removed.map(|(filter, _)| filter).collect())
            }
            Packet::PubAck { id, is_refused } => {
                self.publishing.done(id);
                match is_refused {
                    true => Incoming::Refused,
                    false => return Ok(()),
                }
            }
            Packet::PubRec { id, is_refused } => match is_refused {
                true => {
                    self.publishing.done(id);
                    Incoming::Refused
                }
                false => {
                    self.publishing.stored(id);
                    // Also if the message is not known any more: the broker would wait for ever.
                    Ack::Release.write(id, &mut link.out);
                    return Ok(());
                }
            },
            Packet::PubComp(id) => {
                self.publishing.done(id);
                return Ok(());
            }
            Packet::PubRel(id) => {
                // Also if the message is not known any more: the broker would ask again for ever.
                self.unreleased.remove(&id);
                Ack::Released.write(id, &mut link.out);
                return Ok(());
            }
            Packet::PingResp => {
                link.is_pinging = false;
                return Ok(());
            }
            Packet::Disconnect(Goodbye {
                reason,
                is_taken_over,
            }) => {
                return Err(ClientError {
                    is_taken_over,
                    ..format!("the broker ended the connection: {reason}").into()
                });
            }
        };
        self.received.push_back(incoming);
        Ok(())
    }

    fn close(&mut self, error: ClientError) -> ClientError {
        self.link = None;
        self.unsubscribing.clear();
        ClientError {
            warning: self.warning.take(),
            ..error
        }
    }
}

impl From<String> for ClientError {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_taken_over: false,
            is_unexplained: false,
            warning: None,
        }
    }
}
