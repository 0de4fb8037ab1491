//! The connection to JetStream and its stream.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, Event,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream::{self, Stream},
    },
};
use tickcast_cluster::{Delivered, MESSAGE_MAX_BYTES, Mark, Sequence};
use tokio::sync::watch;

use super::{checkpoint_due::CheckpointDue, promises, settings::ClusterSettings};

/// How long an answer of the engine may take. Without a leader there is none.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two pings of the connection: after two without an answer it is lost.
const PING_EVERY: Duration = Duration::from_secs(2);

/// Longest wait before the next attempt to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// Time between two signs of life of a reader: after two without one it is made again.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a request of a reader for messages waits for them.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);

/// Number of messages that a reader asks for at once.
const REQUEST_MESSAGES: usize = 256;

/// A reader that asks for nothing is forgotten after this time.
const READER_FORGOTTEN: Duration = Duration::from_secs(30);

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoStream {
    /// It may be there soon: a server starts, or a leader is chosen.
    Yet(String),
    /// Something must be changed.
    Unusable(String),
}

/// Whether the stream is the one that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Same,
    /// Why it is another one.
    Other(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    client: Client,
    context: Context,
    /// The stream, with what it said of itself at the start.
    stream: Stream,
    subject: String,
}

impl Engine {
    /// Connects, and makes the stream if there is none. `is_connected` says from then on whether a
    /// server is reached.
    pub(super) async fn connect(
        settings: &ClusterSettings,
        is_connected: watch::Sender<bool>,
    ) -> Result<Self, NoStream> {
        let client = connect(settings, is_connected).await?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ANSWER_TIMEOUT);
        let subject = format!("tickcast.{}", settings.stream);
        let stream = open_stream(&context, settings, &subject).await?;
        promises::check(&stream.cached_info().config, &subject).map_err(NoStream::Unusable)?;
        let server = client.server_info();
        if server.max_payload < MESSAGE_MAX_BYTES {
            return Err(NoStream::Unusable(format!(
                "the servers of NATS take messages of {} bytes, and {MESSAGE_MAX_BYTES} are needed: \
                 set max_payload",
                server.max_payload
            )));
        }
        Ok(Self {
            client,
            context,
            stream,
            subject,
        })
    }

    /// What the engine promises, in sentences.
    pub(super) fn promises(&self) -> Vec<String> {
        promises::sentences(&self.client.server_info(), self.stream.cached_info())
    }

    /// What else is asked of JetStream.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The first message that the stream had at the start.
    pub(super) fn first(&self) -> Sequence {
        self.stream.cached_info().state.first_sequence
    }

    /// When checkpoints are due.
    pub(super) fn checkpoint_due(&self) -> CheckpointDue {
        let config = &self.stream.cached_info().config;
        let bytes_max = u64::try_from(config.max_bytes).ok();
        CheckpointDue::new(
            bytes_max.filter(|max| *max > 0),
            Some(config.max_age).filter(|max| !max.is_zero()),
        )
    }

    /// Compares the stream with the last message that was read of it. An error means that it gives
    /// no answer now.
    pub(super) async fn compare(&self, read: Mark) -> Result<Compared, String> {
        let info = self.stream.get_info().await;
        let state = match info {
            Ok(info) => info.state,
            Err(error) if is_absent(&error.to_string()) => {
                return Ok(Compared::Other("the stream was deleted".to_owned()));
            }
            Err(error) => return Err(error.to_string()),
        };
        let sequence = read.sequence;
        if state.last_sequence < sequence {
            return Ok(Compared::Other(format!(
                "it ends with message {}, and {sequence} was read",
                state.last_sequence
            )));
        }
        if state.first_sequence > sequence {
            return Ok(Compared::Other(format!(
                "it begins with message {}, and only {sequence} was read",
                state.first_sequence
            )));
        }
        let message = self.stream.get_raw_message(sequence).await;
        let message = message.map_err(|error| error.to_string())?;
        let found = Delivered {
            sequence,
            time_ns: nanos(message.time),
            bytes: &message.payload,
        };
        Ok(match found.mark() == read {
            true => Compared::Same,
            false => Compared::Other(format!("its message {sequence} is another one")),
        })
    }

    /// Reads the messages after one, and says how many are there already.
    pub(super) async fn read_after(
        &self,
        sequence: Sequence,
    ) -> Result<(pull::Stream, u64), String> {
        let start_sequence = sequence + 1;
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::None,
            inactive_threshold: READER_FORGOTTEN,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.stream.create_consumer(config).await;
        let consumer = consumer.map_err(|error| error.to_string())?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer
            .stream()
            .max_messages_per_batch(REQUEST_MESSAGES)
            .heartbeat(HEARTBEAT)
            .expires(REQUEST_EXPIRES)
            .messages();
        let messages = messages.await.map_err(|error| error.to_string())?;
        Ok((messages, pending))
    }

    /// What publishes messages, and the subject of the stream.
    pub(super) fn writer(&self) -> (Client, String) {
        (self.client.clone(), self.subject.clone())
    }
}

/// The time of a message, in ns since the Unix epoch.
pub(super) fn nanos(time: async_nats::datetime::DateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos()).unwrap_or(0)
}

async fn connect(
    settings: &ClusterSettings,
    is_connected: watch::Sender<bool>,
) -> Result<Client, NoStream> {
    let connected = is_connected.clone();
    let mut options = ConnectOptions::new()
        .name(format!("tickcast {}", settings.node()))
        .connection_timeout(ANSWER_TIMEOUT)
        .request_timeout(Some(ANSWER_TIMEOUT))
        .ping_interval(PING_EVERY)
        .max_reconnects(None)
        .reconnect_delay_callback(|attempt| {
            let wait = Duration::from_millis(100).saturating_mul(attempt as u32);
            wait.min(RECONNECT_MAX)
        })
        .event_callback(move |event| {
            match &event {
                Event::Connected => {
                    connected.send_replace(true);
                    tracing::info!("a server of NATS is reached");
                }
                Event::Disconnected | Event::Closed => {
                    connected.send_replace(false);
                    tracing::warn!("no server of NATS is reached: updates wait");
                }
                other => tracing::debug!(%other, "NATS"),
            }
            std::future::ready(())
        });
    if let Some(path) = &settings.credentials {
        let file = path.display();
        let read = options.credentials_file(path).await;
        options = read
            .map_err(|error| NoStream::Unusable(format!("cluster_credentials {file}: {error}")))?;
    }
    if let Some(path) = &settings.ca {
        options = options.add_root_certificates(path.clone());
    }
    let servers: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
    let client = options.connect(&servers[..]).await;
    let client = client.map_err(|error| {
        NoStream::Yet(format!(
            "no server of {} answers: {error}",
            servers.join(", ")
        ))
    })?;
    is_connected.send_replace(true);
    Ok(client)
}

/// Whether an error of the engine says that there is no such stream.
fn is_absent(error: &str) -> bool {
    error.contains("stream not found") || error.contains("10059")
}

async fn open_stream(
    context: &Context,
    settings: &ClusterSettings,
    subject: &str,
) -> Result<Stream, NoStream> {
    let name = &settings.stream;
    let failed = |error: String| {
        NoStream::Yet(format!(
            "the stream {name}: {error} (JetStream must be on: `jetstream {{}}` in the file of \
             nats-server, or -js)"
        ))
    };
    let config = stream::Config {
        name: name.clone(),
        description: Some("What the nodes of a cluster of Tickcast share".to_owned()),
        subjects: vec![subject.to_owned()],
        max_bytes: settings.bytes as i64,
        max_message_size: MESSAGE_MAX_BYTES as i32,
        storage: stream::StorageType::File,
        num_replicas: settings.replicas,
        deny_delete: true,
        deny_purge: true,
        ..stream::Config::default()
    };
    match context.get_stream(name).await {
        Ok(stream) => Ok(stream),
        Err(error) if is_absent(&error.to_string()) => {
            let made = context.create_stream(config).await;
            let made = made.map_err(|error| failed(error.to_string()))?;
            tracing::info!(stream = name, "the stream of the cluster is made");
            Ok(made)
        }
        Err(error) => Err(failed(error.to_string())),
    }
}
