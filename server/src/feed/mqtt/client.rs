//! The connection to the broker. Only this file names rumqttc.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use rumqttc::{self as v4, v5};
use tokio::time::sleep;

use super::settings::{MqttSettings, MqttVersion};
use crate::{
    clock::wall_ns,
    feed::sparkplug::{HostState, state_topic},
};

/// A message to publish.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    /// Whether it is the state of a host: retained, and with quality of service 1.
    pub(super) is_state: bool,
}

/// A packet from the broker.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The connection is established. Without a session there are no subscriptions.
    Connected { has_session: bool },
    /// The answer to [`MqttClient::subscribe`], for each filter.
    Subscribed(Vec<Result<(), String>>),
    /// A message.
    Message {
        topic: String,
        payload: Bytes,
        is_retained: bool,
    },
    /// A packet that needs no action.
    Other,
}

/// The reason why there is no connection.
#[derive(Debug)]
pub(super) struct ClientError {
    pub(super) reason: String,
    /// Length of the packet if the reason is that it was longer than allowed.
    pub(super) too_long_bytes: Option<usize>,
}

/// A client that reconnects whenever the next packet is requested.
pub(super) struct MqttClient {
    inner: Versioned,
    filters: Vec<String>,
    qos: u8,
    /// Where the broker publishes that the server is gone.
    will_topic: Option<String>,
    /// The time in the will of the connection, in ms.
    will_ms: i64,
    is_connected: bool,
}

/// Publishes at the broker, beside the task that receives.
pub(super) enum Publisher {
    V4(v4::AsyncClient),
    V5(v5::AsyncClient),
}

/// rumqttc has separate types for the two versions.
enum Versioned {
    V4(v4::AsyncClient, Box<v4::EventLoop>),
    V5(v5::AsyncClient, Box<v5::EventLoop>),
}

/// Time between pings. A vanished broker is noticed after two of them.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Maximum number of pending requests to the event loop: a subscription, a disconnect, and what a
/// host of Sparkplug publishes. The rest of that waits.
const REQUESTS_MAX: usize = 4;

/// Longest packet that the feed sends. A subscription to the maximum number of filters fits.
const OUTGOING_PACKET_MAX_BYTES: usize = 512 * 1024;

impl MqttClient {
    /// Creates a client without connecting. The settings must have been checked.
    pub(super) fn new(settings: &MqttSettings) -> Self {
        let inner = match settings.version {
            MqttVersion::V3 => {
                let (client, mut events) = v4::AsyncClient::new(v4_options(settings), REQUESTS_MAX);
                let mut network = events.network_options();
                network.set_tcp_nodelay(true);
                events.set_network_options(network);
                Versioned::V4(client, Box::new(events))
            }
            MqttVersion::V5 => {
                let (client, events) = v5::AsyncClient::new(v5_options(settings), REQUESTS_MAX);
                Versioned::V5(client, Box::new(events))
            }
        };
        Self {
            inner,
            filters: settings.subscriptions(),
            qos: settings.qos,
            will_topic: settings.sparkplug.as_deref().map(state_topic),
            will_ms: 0,
            is_connected: false,
        }
    }

    /// Waits, connects if there is no connection, and receives a packet. Not cancel-safe: an
    /// acknowledgement or a half-open connection could be lost.
    pub(super) async fn next(&mut self, wait: Duration) -> Result<Incoming, ClientError> {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        if !self.is_connected {
            self.set_will();
        }
        let incoming = match &mut self.inner {
            Versioned::V4(_, events) => match events.poll().await {
                Ok(event) => Ok(v4_incoming(event)),
                Err(error) => Err(v4_error(&error)),
            },
            Versioned::V5(_, events) => match events.poll().await {
                Ok(event) => Ok(v5_incoming(event)),
                Err(error) => Err(v5_error(&error)),
            },
        };
        match incoming {
            Ok(Incoming::Connected { .. }) => self.is_connected = true,
            Ok(_) => {}
            Err(_) => self.is_connected = false,
        }
        incoming
    }

    /// Sets the will of the next connection: that this host of Sparkplug is not online, with the
    /// time of the connection (Sparkplug 3.0.0, section 5.13).
    fn set_will(&mut self) {
        let Some(topic) = &self.will_topic else {
            return;
        };
        self.will_ms = wall_ns() / 1_000_000;
        let state = HostState {
            online: false,
            timestamp: self.will_ms,
        };
        let payload = state.to_json();
        match &mut self.inner {
            Versioned::V4(_, events) => {
                let will = v4::LastWill::new(topic, payload, v4::QoS::AtLeastOnce, true);
                events.mqtt_options.set_last_will(will);
            }
            Versioned::V5(_, events) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                let will = v5::mqttbytes::v5::LastWill::new(topic, payload, qos, true, None);
                events.options.set_last_will(will);
            }
        }
    }

    /// The time in the will of the connection, in ms since the Unix epoch.
    pub(super) fn will_ms(&self) -> i64 {
        self.will_ms
    }

    /// Publishes by this client.
    pub(super) fn publisher(&self) -> Publisher {
        match &self.inner {
            Versioned::V4(client, _) => Publisher::V4(client.clone()),
            Versioned::V5(client, _) => Publisher::V5(client.clone()),
        }
    }

    /// Returns a packet that has already been received. Bounded: rumqttc reads about ten packets at
    /// once.
    pub(super) fn buffered(&mut self) -> Option<Incoming> {
        match &mut self.inner {
            Versioned::V4(_, events) => events.state.events.pop_front().map(v4_incoming),
            Versioned::V5(_, events) => events.state.events.pop_front().map(v5_incoming),
        }
    }

    /// Whether a ping is not answered yet.
    pub(super) fn is_pinging(&self) -> bool {
        match &self.inner {
            Versioned::V4(_, events) => events.state.await_pingresp,
            Versioned::V5(_, events) => events.state.await_pingresp,
        }
    }

    /// Subscribes to all filters in one packet, so that there is one answer.
    pub(super) fn subscribe(&self) {
        let filters = self.filters.iter().cloned();
        // It fails only if requests pile up, and then a subscription is already among them.
        match &self.inner {
            Versioned::V4(client, _) => {
                let qos = v4::qos(self.qos).unwrap_or(v4::QoS::AtMostOnce);
                let filters = filters.map(|path| v4::SubscribeFilter::new(path, qos));
                let _ = client.try_subscribe_many(filters);
            }
            Versioned::V5(client, _) => {
                let qos = v5::mqttbytes::qos(self.qos).unwrap_or(v5::mqttbytes::QoS::AtMostOnce);
                let filters = filters.map(|path| v5::mqttbytes::v5::Filter::new(path, qos));
                let _ = client.try_subscribe_many(filters);
            }
        }
    }

    /// Requests a clean disconnect. Packets that were sent before still come; then [`Self::next`]
    /// fails.
    pub(super) fn disconnect(&self) -> bool {
        match &self.inner {
            Versioned::V4(client, _) => client.try_disconnect().is_ok(),
            Versioned::V5(client, _) => client.try_disconnect().is_ok(),
        }
    }
}

impl Publisher {
    /// Requests to publish a message. Returns `false` if too many requests wait.
    pub(super) fn publish(&self, message: &Outgoing) -> bool {
        let Outgoing {
            topic,
            payload,
            is_state,
        } = message;
        match self {
            Self::V4(client) => {
                let qos = match is_state {
                    true => v4::QoS::AtLeastOnce,
                    false => v4::QoS::AtMostOnce,
                };
                let sent = client.try_publish(topic, qos, *is_state, payload.to_vec());
                sent.is_ok()
            }
            Self::V5(client) => {
                let qos = match is_state {
                    true => v5::mqttbytes::QoS::AtLeastOnce,
                    false => v5::mqttbytes::QoS::AtMostOnce,
                };
                let sent = client.try_publish(topic, qos, *is_state, payload.clone());
                sent.is_ok()
            }
        }
    }
}

fn login(settings: &MqttSettings) -> Option<(String, String)> {
    let user = settings.user.as_ref().or(settings.url.user.as_ref())?;
    let password = settings
        .password
        .as_ref()
        .or(settings.url.password.as_ref());
    let password = password.map(|secret| secret.0.clone());
    Some((user.clone(), password.unwrap_or_default()))
}

fn client_id(settings: &MqttSettings) -> String {
    // MQTT 3.1.1, section 3.1.3.1: every broker accepts up to 23 letters and digits.
    let random = || format!("tickcast{:012x}", rand::rng().random::<u64>() >> 16);
    settings.client_id.clone().unwrap_or_else(random)
}

fn v4_options(settings: &MqttSettings) -> v4::MqttOptions {
    let url = &settings.url;
    let mut options = v4::MqttOptions::new(client_id(settings), url.host.clone(), url.port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_clean_session(settings.session_expiry.is_zero());
    options.set_max_packet_size(settings.max_packet_bytes, OUTGOING_PACKET_MAX_BYTES);
    if let Some((user, password)) = login(settings) {
        options.set_credentials(user, password);
    }
    options
}

fn v5_options(settings: &MqttSettings) -> v5::MqttOptions {
    let url = &settings.url;
    let mut options = v5::MqttOptions::new(client_id(settings), url.host.clone(), url.port);
    options.set_keep_alive(KEEP_ALIVE);
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let whole_u32 = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    options.set_max_packet_size(Some(whole_u32(settings.max_packet_bytes as u64)));
    if !settings.session_expiry.is_zero() {
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(whole_u32(settings.session_expiry.as_secs())));
    }
    if let Some((user, password)) = login(settings) {
        options.set_credentials(user, password);
    }
    options
}

fn v4_incoming(event: v4::Event) -> Incoming {
    match event {
        v4::Event::Incoming(v4::Packet::Publish(message)) => Incoming::Message {
            topic: message.topic,
            payload: message.payload,
            is_retained: message.retain,
        },
        v4::Event::Incoming(v4::Packet::ConnAck(answer)) => Incoming::Connected {
            has_session: answer.session_present,
        },
        v4::Event::Incoming(v4::Packet::SubAck(answer)) => {
            let read = |code: &v4::SubscribeReasonCode| match code {
                v4::SubscribeReasonCode::Success(_) => Ok(()),
                v4::SubscribeReasonCode::Failure => Err("failure".into()),
            };
            Incoming::Subscribed(answer.return_codes.iter().map(read).collect())
        }
        _ => Incoming::Other,
    }
}

fn v5_incoming(event: v5::Event) -> Incoming {
    use v5::mqttbytes::v5::{Packet, SubscribeReasonCode};

    match event {
        v5::Event::Incoming(Packet::Publish(message)) => Incoming::Message {
            // The decoder refuses a topic that is not UTF-8.
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            payload: message.payload,
            is_retained: message.retain,
        },
        v5::Event::Incoming(Packet::ConnAck(answer)) => Incoming::Connected {
            has_session: answer.session_present,
        },
        v5::Event::Incoming(Packet::SubAck(answer)) => {
            let read = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(_) => Ok(()),
                code => Err(format!("{code:?}")),
            };
            Incoming::Subscribed(answer.return_codes.iter().map(read).collect())
        }
        _ => Incoming::Other,
    }
}

fn v4_error(error: &v4::ConnectionError) -> ClientError {
    use v4::{ConnectionError, Error, StateError};

    let too_long_bytes = match error {
        ConnectionError::MqttState(StateError::Deserialization(
            Error::PayloadSizeLimitExceeded(bytes),
        )) => Some(*bytes),
        _ => None,
    };
    ClientError {
        reason: error.to_string(),
        too_long_bytes,
    }
}

fn v5_error(error: &v5::ConnectionError) -> ClientError {
    use v5::{ConnectionError, StateError, mqttbytes::Error};

    let too_long_bytes = match error {
        ConnectionError::MqttState(StateError::Deserialization(
            Error::PayloadSizeLimitExceeded { pkt_size, .. },
        )) => Some(*pkt_size),
        _ => None,
    };
    ClientError {
        reason: error.to_string(),
        too_long_bytes,
    }
}
