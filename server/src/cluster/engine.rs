//! The connection to JetStream and its stream.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, Event, Message, Subscriber,
    header::NATS_SEQUENCE,
    jetstream::{
        self, Context,
        stream::{self, DirectGetErrorKind, RawMessageErrorKind, Stream},
    },
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tickcast_cluster::{MESSAGE_MAX_BYTES, Mark, Sequence};
use tokio::sync::watch;

use super::{
    checkpoint_due::CheckpointDue, link::StreamMessage, promises, settings::ClusterSettings,
};

/// How long an answer of the engine may take. Without a leader there is none.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two pings of the connection: after two without an answer it is lost.
const PING_EVERY: Duration = Duration::from_secs(2);

/// Longest wait before the next attempt to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoStream {
    /// It may be there soon: a server starts, or a leader is chosen.
    Yet(String),
    /// The servers say that there is none of this name.
    Absent,
    /// Something must be changed.
    Unusable(String),
}

/// Whether the stream is the one that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// It is.
    Same {
        /// Its last message.
        end: Sequence,
    },
    /// Why it is another one.
    Other(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    client: Client,
    context: Context,
    /// The stream, with what it said of itself when it was opened.
    stream: Stream,
    subject: String,
    is_connected: watch::Receiver<bool>,
}

impl Engine {
    /// Connects to one of the servers, by its index, or to the next one that is there. Makes the
    /// stream if there is none.
    pub(super) async fn connect_or_make(
        settings: &ClusterSettings,
        server: usize,
    ) -> Result<Self, NoStream> {
        match Self::connect(settings, server).await {
            Err(NoStream::Absent) => {
                let (client, _) = connect(settings, server).await?;
                make_stream(&context(&client), settings).await?;
                Self::connect(settings, server).await
            }
            connected => connected,
        }
    }

    /// The same, if the stream is there.
    pub(super) async fn connect(
        settings: &ClusterSettings,
        server: usize,
    ) -> Result<Self, NoStream> {
        let (client, is_connected) = connect(settings, server).await?;
        let context = context(&client);
        let subject = subject(settings);
        let name = &settings.stream;
        let stream = match context.get_stream(name).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error.to_string()) => return Err(NoStream::Absent),
            Err(error) => return Err(no_stream(name, error)),
        };
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
            is_connected,
        })
    }

    /// Connects to all servers at once, and takes the first one whose stream reaches this message.
    pub(super) async fn elsewhere(settings: &ClusterSettings, reaches: Sequence) -> Option<Self> {
        let servers = 0..settings.servers.len();
        let connecting = servers.map(|server| Self::connect(settings, server));
        let mut connecting: FuturesUnordered<_> = connecting.collect();
        while let Some(connected) = connecting.next().await {
            if let Ok(engine) = connected
                && engine.stream.cached_info().state.last_sequence >= reaches
            {
                return Some(engine);
            }
        }
        None
    }

    /// The name of the server that is used.
    pub(super) fn server(&self) -> String {
        self.client.server_info().server_name
    }

    /// What the engine promises, in sentences.
    pub(super) fn promises(&self) -> Vec<String> {
        promises::sentences(&self.client.server_info(), self.stream.cached_info())
    }

    /// What else is asked of JetStream.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The first message that the stream had when it was opened.
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

    /// Compares the stream with the last message that was read of it, if one was. An error means
    /// that it gives no answer now.
    pub(super) async fn compare(&self, read: Option<Mark>) -> Result<Compared, String> {
        let info = self.stream.get_info().await;
        let state = match info {
            Ok(info) => info.state,
            Err(error) if is_absent(&error.to_string()) => {
                return Ok(Compared::Other("the stream was deleted".to_owned()));
            }
            Err(error) => return Err(error.to_string()),
        };
        let end = state.last_sequence;
        let Some(read) = read else {
            return Ok(Compared::Same { end });
        };
        let sequence = read.sequence;
        if end < sequence {
            return Ok(Compared::Other(format!(
                "it ends with message {end}, and {sequence} was read"
            )));
        }
        if state.first_sequence > sequence {
            return Ok(Compared::Other(format!(
                "it begins with message {}, and only {sequence} was read",
                state.first_sequence
            )));
        }
        let message = self.message(sequence).await?;
        Ok(match message {
            Some(message) if message.delivered().mark() == read => Compared::Same { end },
            Some(_) => Compared::Other(format!("its message {sequence} is another one")),
            None => Compared::Other(format!("it has no message {sequence}")),
        })
    }

    /// A message; `None` if the stream does not have it.
    pub(super) async fn message(
        &self,
        sequence: Sequence,
    ) -> Result<Option<StreamMessage>, String> {
        match self.stream.get_raw_message(sequence).await {
            Ok(found) => Ok(Some(stored(found))),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            // The leader of all streams is not there, which that of this one does not need.
            Err(error) if is_leaderless(&error.to_string()) => self.replicated(sequence).await,
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same, of any server that keeps the stream.
    async fn replicated(&self, sequence: Sequence) -> Result<Option<StreamMessage>, String> {
        match self.stream.direct_get(sequence).await {
            Ok(found) => Ok(Some(stored(found))),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What tells of each message that the stream takes. Some may be lost.
    pub(super) async fn told(&self) -> Result<Subscriber, String> {
        let subscriber = self.client.subscribe(promises::told(&self.subject)).await;
        subscriber.map_err(|error| error.to_string())
    }

    /// Writes a message, once a server is reached: what is written while none is would heap up, and
    /// come late. Whether it is in the stream, a reader knows.
    pub(super) async fn write(&self, bytes: Vec<u8>) {
        let mut is_connected = self.is_connected.clone();
        if is_connected
            .wait_for(|is_connected| *is_connected)
            .await
            .is_err()
        {
            return;
        }
        let written = self
            .client
            .publish(self.subject.clone(), bytes.into())
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "a message was not written; it is written again");
        }
    }

    /// Completes when no server is reached.
    pub(super) async fn unreached(&self) {
        let mut is_connected = self.is_connected.clone();
        // An error means that the connection is over.
        let _ = is_connected.wait_for(|is_connected| !is_connected).await;
    }

    /// Completes when everything that was written is on its way, if a server is reached.
    pub(super) async fn flush(&self) {
        if *self.is_connected.borrow() {
            // An error means that none is reached any more.
            let _ = self.client.flush().await;
        }
    }
}

/// The message that a subscriber is told of.
pub(super) fn told_sequence(message: &Message) -> Option<Sequence> {
    let headers = message.headers.as_ref()?;
    headers.get(NATS_SEQUENCE)?.as_str().parse().ok()
}

/// A message of the stream, as a server gives it.
fn stored(message: async_nats::jetstream::message::StreamMessage) -> StreamMessage {
    // In ns since the Unix epoch.
    let time_ns = i64::try_from(message.time.unix_timestamp_nanos());
    StreamMessage {
        sequence: message.sequence,
        time_ns: time_ns.unwrap_or(0),
        bytes: message.payload,
    }
}

/// The subject of the stream.
fn subject(settings: &ClusterSettings) -> String {
    format!("tickcast.{}", settings.stream)
}

fn context(client: &Client) -> Context {
    let mut context = jetstream::new(client.clone());
    context.set_timeout(ANSWER_TIMEOUT);
    context
}

async fn connect(
    settings: &ClusterSettings,
    server: usize,
) -> Result<(Client, watch::Receiver<bool>), NoStream> {
    let (connected, is_connected) = watch::channel(true);
    let mut options = ConnectOptions::new()
        .name(format!("tickcast {}", settings.node()))
        .connection_timeout(ANSWER_TIMEOUT)
        .request_timeout(Some(ANSWER_TIMEOUT))
        .ping_interval(PING_EVERY)
        .max_reconnects(None)
        .retain_servers_order()
        .reconnect_delay_callback(|attempt| {
            let wait = Duration::from_millis(100).saturating_mul(attempt as u32);
            wait.min(RECONNECT_MAX)
        })
        .event_callback(move |event| {
            match &event {
                Event::Connected => {
                    connected.send_replace(true);
                    tracing::debug!("a server of NATS is reached");
                }
                Event::Disconnected | Event::Closed => {
                    connected.send_replace(false);
                    tracing::debug!("the connection to a server of NATS has ended");
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
    let mut servers: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
    servers.rotate_left(server);
    let client = options.connect(&servers[..]).await;
    let client = client.map_err(|error| {
        NoStream::Yet(format!(
            "no server of {} answers: {error}",
            servers.join(", ")
        ))
    })?;
    Ok((client, is_connected))
}

/// Whether an error of the engine says that a leader is being chosen.
pub(super) fn is_leaderless(error: &str) -> bool {
    error.contains("10008")
}

/// Whether an error of the engine says that there is no such stream.
fn is_absent(error: &str) -> bool {
    error.contains("stream not found") || error.contains("10059")
}

fn no_stream(name: &str, error: impl std::fmt::Display) -> NoStream {
    NoStream::Yet(format!(
        "the stream {name}: {error} (JetStream must be on: `jetstream {{}}` in the file of \
         nats-server, or -js)"
    ))
}

async fn make_stream(context: &Context, settings: &ClusterSettings) -> Result<(), NoStream> {
    let (name, subject) = (&settings.stream, subject(settings));
    let config = stream::Config {
        name: name.clone(),
        description: Some("What the nodes of a cluster of Tickcast share".to_owned()),
        subjects: vec![subject.clone()],
        max_bytes: settings.bytes as i64,
        max_message_size: MESSAGE_MAX_BYTES as i32,
        storage: stream::StorageType::File,
        num_replicas: settings.replicas,
        deny_delete: true,
        deny_purge: true,
        republish: Some(promises::republished(&subject)),
        allow_direct: true,
        ..stream::Config::default()
    };
    let made = context.create_stream(config).await;
    made.map_err(|error| no_stream(name, error))?;
    tracing::info!(stream = name, "the stream of the cluster is made");
    Ok(())
}
