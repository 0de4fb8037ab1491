//! The server's settings. Each field is one setting: its doc comment is the text in `--help`, in
//! `--print-config` and in docs/operations.md, its attribute says what is accepted and what the
//! default is. `config` reads the values from flags, environment variables and the file.
//!
//! The settings of a feed are with the feed.

pub(crate) mod data;
pub(crate) mod decode;
pub(crate) mod endpoint;
pub(crate) mod field;
pub(crate) mod kinds;
pub(crate) mod listen;
pub(crate) mod liveness;
mod log;
mod log_filter;
pub(crate) mod site;
pub(crate) mod values;

#[cfg(test)]
mod bounds;

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use clap::{ArgAction, Args, Parser, ValueEnum};
use tickcast_core::{
    candles::LongHistorySettings,
    permissions::Permissions,
    sequencer::{HistorySettings, NewTopicLimits, liveness::LivenessSettings},
    settings::CoreSettings,
    totals::TotalLimits,
};
use tickcast_protocol::topic::Filter;

use crate::{
    auth::check_file,
    cluster::ClusterSettings,
    feed::{FeedSettings, decode::DecodeRule},
    output::OutputSettings,
};
use data::DataSettings;
use endpoint::{Endpoint, endpoint};
use listen::{ListenSettings, TrustedProxy, trusted_proxy};
pub use log::LogSettings;
pub(crate) use log_filter::log_filter;
use site::{HostRule, OriginRule, host_rule, origin_rule};
use values::{address, defaults, filter, number, size, time};

/// Pushes live market and sensor data to many WebSocket subscribers.
#[derive(Debug, Parser)]
#[command(name = "tickcast-server", version, after_help = AFTER_HELP)]
pub(crate) struct General {
    /// A TOML file with settings. Precedence: flags, then environment variables, then the TOML
    /// file.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Where updates come from: simulated, mqtt, websocket, program, replay, stdin or none (then
    /// only clients publish). Several feeds run at the same time.
    #[arg(long, value_name = "KIND", default_value = "simulated")]
    feed: Vec<String>,
    /// How payloads of matching topics are read: auto, fields, number, text, bytes, skip, error or
    /// json with pointers, as in "market/+/trade=json,price=/p,size=/q,time=/T,time_unit=ms". The
    /// first match counts, or with when=... the first that the payload chooses.
    #[arg(long, value_name = "FILTER=FORMAT")]
    decode: Vec<String>,
    /// How often updates of matching topics are expected, as in "plant/#=5s,dead_after=10m": a
    /// topic is stale after three times as long without one. The time can be "learned" from each
    /// topic's own updates. The first match counts.
    #[arg(long, value_name = "FILTER=TIME")]
    liveness: Vec<String>,
    /// Read the settings, report what is wrong with them, and exit.
    #[arg(long)]
    pub(crate) check: bool,
    /// Print all settings with their effective values and where each comes from, and exit.
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Print what a payload would become, and by which rule, and exit.
    #[arg(long, num_args = 2, value_names = ["TOPIC", "PAYLOAD"], allow_hyphen_values = true)]
    pub(crate) try_decode: Option<Vec<OsString>>,
    /// Print a new token for the identities file, and exit.
    #[arg(long, num_args = 2, value_names = ["SUBJECT", "ROLE"])]
    pub(crate) make_token: Option<Vec<String>>,
}

const AFTER_HELP: &str = "\
Each setting can be given as a flag, as an environment variable or in the file.
With `log` as its first argument, the program reads a log on disk: see `log --help`.
With `config` it prints a file with all settings and their texts.

Examples:
  tickcast-server
  tickcast-server --listen :7400 --feed mqtt --mqtt-url broker.example --mqtt-filter 'plant/#'
  tickcast-server --feed replay --replay-file market/EUR-USD/quote=quotes.csv --replay-speed 20
  tickcast-server --feed none --publish-from anybody --publish-allow 'lab/#'
  TICKCAST_LISTEN=:7400 tickcast-server --config tickcast.toml --check
  tickcast-server --config tickcast.toml --print-config";

/// Shortest and longest waits: shorter ones would only keep the server busy, longer ones are
/// mistakes.
const WAIT: RangeInclusive<Duration> = Duration::from_millis(10)..=WAIT_MAX;
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Least and most memory: less would not hold a burst, more is a mistake.
const MEMORY: RangeInclusive<usize> = 64 << 10..=1 << 40;

/// Settings of everything but the feeds.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerSettings {
    /// Address for WebSocket and HTTP; `:7400` is all addresses of IPv4, a name stands for all its
    /// addresses at the start, and port 0 takes a free one. Or a Unix socket, as in
    /// `unix:/run/tickcast.sock`, or passed ones, as in `systemd` and `systemd:NAME`. Tables
    /// `[[listen]]` are further listeners, or replace the default.
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:7400", value_parser = endpoint)]
    pub listen: Endpoint,
    /// Address for operators: health, metrics (then only here) and slow clients. Keep strangers
    /// off it.
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub admin: Option<SocketAddr>,
    /// Proxies that are believed when they name their client's address, in a PROXY header or in
    /// `X-Forwarded-For`: addresses, networks such as `10.0.0.0/8`, or `unix`.
    #[arg(value_name = "NETWORK", value_parser = trusted_proxy)]
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Threads that serve connections [default: number of cores].
    #[arg(value_name = "NUMBER", default_value_t = cores(), hide_default_value = true)]
    #[arg(value_parser = number(1..=1_024_usize))]
    pub shards: usize,
    /// Threads for handshakes of TLS, PROXY headers, Unix sockets and passed sockets.
    #[arg(value_name = "NUMBER", default_value = "1", value_parser = number(1..=64_usize))]
    pub acceptors: usize,
    /// Handshakes of TLS and PROXY headers under way, at most. Further connections wait in the
    /// kernel. One address has a quarter of them; loopback is not counted.
    #[arg(value_name = "NUMBER", default_value = "1024", value_parser = number(1..=1_000_000_usize))]
    pub handshakes_max: usize,
    /// Write to several clients in one system call where the kernel offers it (Linux 5.6).
    #[arg(value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    pub io_uring: bool,
    /// Memory for recent updates: what a client can miss without loss.
    #[arg(id = "tape", value_name = "SIZE", default_value = "64MiB", value_parser = size(MEMORY))]
    pub tape_bytes: usize,
    /// Updates kept of each topic for charts; 0 keeps none.
    #[arg(value_name = "NUMBER", default_value = "2000", value_parser = number(0..=1_000_000_usize))]
    pub history_updates: usize,
    /// Memory for the history of all topics. When it is full, topics in turn forget the older half
    /// of theirs.
    #[arg(id = "history", value_name = "SIZE", default_value = "128MiB", value_parser = size(MEMORY))]
    pub history_bytes: usize,
    /// Memory for candles and for least, greatest and mean values of all topics, for charts of
    /// days; 0 keeps none. When it is full, the oldest of the finest are forgotten first.
    #[arg(value_name = "SIZE", default_value = "128MiB", value_parser = size(0..=1 << 40))]
    pub long_history_memory: usize,
    /// Topics, at most; each costs memory in every shard. Updates of further topics are refused and
    /// counted.
    #[arg(value_name = "NUMBER", default_value = "1000000")]
    #[arg(value_parser = number(1..=u32::MAX as usize))]
    pub topics_max: usize,
    /// Subscriptions of one connection, at most.
    #[arg(value_name = "NUMBER", default_value = "1024", value_parser = number(1..=1_000_000_usize))]
    pub subscriptions_max: usize,
    /// Connections from one address, at most; loopback is not counted. Further ones get 429.
    #[arg(value_name = "NUMBER", default_value = "256", value_parser = number(1..=10_000_000_usize))]
    pub connections_per_address_max: usize,
    /// Subscriptions of all connections from one address together, at most; 0 for no limit.
    /// Loopback is not counted.
    #[arg(value_name = "NUMBER", default_value = "0", value_parser = number(0..=1_000_000_000_u32))]
    pub subscriptions_per_address_max: u32,
    /// Requests of all connections from one address together per second, and as many at once; 0 for
    /// no limit. Handshakes and requests for values are counted, publishes and loopback are not.
    #[arg(value_name = "NUMBER", default_value = "0", value_parser = number(0..=1_000_000_u32))]
    pub requests_per_address_per_s: u32,
    /// Updates that all connections from one address together publish per second, and as many at
    /// once; 0 for no limit. Above it they are read more slowly. Loopback is not counted.
    #[arg(value_name = "NUMBER", default_value = "0", value_parser = number(0..=u32::MAX))]
    pub publish_updates_per_address_per_s: u32,
    /// Bytes that all connections from one address together publish per second, and as many at
    /// once; 0 for no limit. Above it they are read more slowly. Loopback is not counted.
    #[arg(value_name = "SIZE", default_value = "0")]
    #[arg(value_parser = size(0..=u32::MAX as usize))]
    pub publish_bytes_per_address_per_s: usize,
    /// Requests of one connection per second; publishes are not counted.
    #[arg(value_name = "NUMBER", default_value = "20", value_parser = number(1..=1_000_000_u32))]
    pub requests_per_s: u32,
    /// Requests that one connection may send at once.
    #[arg(value_name = "NUMBER", default_value = "100", value_parser = number(1..=1_000_000_u32))]
    pub request_burst: u32,
    /// Updates that one connection may publish per second, and as many at once; 0 for no limit.
    /// Above it the connection is read more slowly.
    #[arg(value_name = "NUMBER", default_value = "200000", value_parser = number(0..=u32::MAX))]
    pub publish_updates_per_s: u32,
    /// Bytes that one connection may publish per second, and as many at once; 0 for no limit. Above
    /// it the connection is read more slowly.
    #[arg(value_name = "SIZE", default_value = "64MiB")]
    #[arg(value_parser = size(0..=u32::MAX as usize))]
    pub publish_bytes_per_s: usize,
    /// Topics that one connection may introduce per second; 0 for no limit. Above it a publish is
    /// refused.
    #[arg(value_name = "NUMBER", default_value = "1000", value_parser = number(0..=u32::MAX))]
    pub new_topics_per_s: u32,
    /// Topics that one connection may introduce at once.
    #[arg(value_name = "NUMBER", default_value = "20000", value_parser = number(1..=u32::MAX))]
    pub new_topics_burst: u32,
    /// A connection gets a heartbeat at most this long after the last message.
    #[arg(value_name = "TIME", default_value = "10s", value_parser = time(WAIT))]
    pub heartbeat: Duration,
    /// A connection that sent nothing for this long gets a ping.
    #[arg(value_name = "TIME", default_value = "20s", value_parser = time(WAIT))]
    pub ping: Duration,
    /// A connection that does not answer a ping within this time is closed with 4001.
    #[arg(value_name = "TIME", default_value = "10s", value_parser = time(WAIT))]
    pub pong_timeout: Duration,
    /// A connection that takes no byte for this long is closed with 4000; an answer over HTTP is
    /// cut off after twice the time.
    #[arg(value_name = "TIME", default_value = "10s", value_parser = time(WAIT))]
    pub write_timeout: Duration,
    /// Time for a message of a client to be complete, from its first byte on. A connection whose
    /// message takes longer is closed with 1008. A client of /echo has to take it back within the
    /// same time.
    #[arg(value_name = "TIME", default_value = "60s", value_parser = time(WAIT))]
    pub message_timeout: Duration,
    /// Time for a client to send the header of its request, and before that for a handshake of TLS
    /// with its PROXY header.
    #[arg(value_name = "TIME", default_value = "5s", value_parser = time(WAIT))]
    pub handshake_timeout: Duration,
    /// Time over which connections are closed when the server ends.
    #[arg(value_name = "TIME", default_value = "2s", value_parser = time(Duration::ZERO..=WAIT_MAX))]
    pub drain: Duration,
    /// Whether /echo returns the messages of clients, for measuring the network and for
    /// conformance suites.
    #[arg(value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    pub echo: bool,
    /// Filters of the topics that clients may subscribe to and read.
    #[arg(value_name = "FILTER", default_value = "#", value_parser = filter)]
    pub subscribe_allow: Vec<Filter>,
    /// Filters of the topics that clients may publish to.
    #[arg(value_name = "FILTER", default_value = "#", value_parser = filter)]
    pub publish_allow: Vec<Filter>,
    /// The addresses from which clients may publish.
    #[arg(value_name = "WHERE", default_value = "loopback")]
    pub publish_from: PublishFrom,
    /// Origins of other web pages that may connect, such as `https://example.org`, or `*` for any.
    /// The server's own page always may.
    #[arg(value_name = "ORIGIN", value_parser = origin_rule)]
    pub origins: Vec<OriginRule>,
    /// Names that the server answers to besides `localhost` and IP addresses, such as
    /// `dash.example`, or `*` for any. Checked at loopback and private addresses, and everywhere
    /// once it is set.
    #[arg(value_name = "NAME", value_parser = host_rule)]
    pub hosts: Vec<HostRule>,
    /// TOML file with roles and tokens: then clients prove who they are, and may do what their role
    /// allows. SIGHUP reads it again.
    #[arg(value_name = "FILE")]
    pub identities: Option<PathBuf>,
    /// Time for a client to prove its identity, if clients without a token have no role.
    #[arg(value_name = "TIME", default_value = "5s", value_parser = time(WAIT))]
    pub authenticate_timeout: Duration,
    /// File of JSON lines: which clients were let in, which positions of which filter each of them
    /// got, what was refused, and what operators have done.
    #[arg(value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Longest audit file. A full one is renamed to `FILE.1`, which replaces the one before.
    #[arg(value_name = "SIZE", default_value = "256MiB", value_parser = size(MEMORY))]
    pub audit_max_bytes: usize,
    /// What happens when the sequencer or a shard has failed: the server drains and exits with 70,
    /// or stays and says so in /healthz and /readyz.
    #[arg(value_name = "WHAT", default_value = "exit")]
    pub on_failure: OnFailure,
}

/// What happens when a part of the server has failed that cannot be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// The process drains and ends.
    Exit,
    /// The process stays as it is.
    Stay,
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// The addresses that may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PublishFrom {
    /// No address.
    Nobody,
    /// This machine.
    Loopback,
    /// Every address.
    Anybody,
}

impl PublishFrom {
    /// Whether a client may publish that is on this machine, or is not.
    pub(crate) fn includes(self, is_local: bool) -> bool {
        match self {
            Self::Nobody => false,
            Self::Loopback => is_local,
            Self::Anybody => true,
        }
    }
}

impl ServerSettings {
    /// Checks settings against the listeners. An error has the key and the reason.
    pub(crate) fn check(&self, listeners: &[ListenSettings]) -> Result<(), (&'static str, String)> {
        let addresses = listeners.iter().flat_map(|one| one.endpoint.addresses());
        let overlapping = self.admin.and_then(|admin| {
            let mut addresses = addresses.filter(|listen| overlap(**listen, admin));
            Some((admin, addresses.next()?))
        });
        match overlapping {
            Some((admin, listen)) => Err((
                "admin",
                format!("{admin} has the same port as listen, {listen}: choose another port"),
            )),
            None => match &self.identities {
                Some(path) => check_file(path).map_err(|problems| {
                    let problems = problems.join("; ");
                    ("identities", format!("has problems: {problems}"))
                }),
                None => Ok(()),
            },
        }
    }

    /// The limits of all connections of an address together.
    pub(crate) fn of_address(&self) -> TotalLimits {
        let limit = |limit: u32| (limit > 0).then_some(limit);
        let bytes = self.publish_bytes_per_address_per_s;
        TotalLimits {
            subscriptions: limit(self.subscriptions_per_address_max),
            requests_per_s: limit(self.requests_per_address_per_s),
            publish_updates_per_s: limit(self.publish_updates_per_address_per_s),
            publish_bytes_per_s: limit(u32::try_from(bytes).unwrap_or(u32::MAX)),
        }
    }

    /// The settings of the sequencer and the shards, of a server that is no node of a cluster.
    pub fn core(&self) -> CoreSettings {
        CoreSettings {
            tape_bytes: self.tape_bytes,
            history: HistorySettings {
                updates: self.history_updates,
                bytes: self.history_bytes,
            },
            long_history: LongHistorySettings {
                bytes: self.long_history_memory,
            },
            topics_max: self.topics_max,
            subscriptions_max: self.subscriptions_max,
            requests_per_s: self.requests_per_s,
            request_burst: self.request_burst,
            publish_updates_per_s: self.publish_updates_per_s,
            publish_bytes_per_s: u32::try_from(self.publish_bytes_per_s).unwrap_or(u32::MAX),
            new_topics: NewTopicLimits {
                per_s: self.new_topics_per_s,
                burst: self.new_topics_burst,
            },
            heartbeat: self.heartbeat,
            ping: self.ping,
            pong_timeout: self.pong_timeout,
            write_timeout: self.write_timeout,
            drain: self.drain,
            of_address: self.of_address(),
            permissions: Permissions {
                subscribe: self.subscribe_allow.clone(),
                publish: self.publish_allow.clone(),
            },
            is_node: false,
        }
    }
}

/// Whether only one of two addresses can be listened to: their ports are the same, and one of them
/// includes the other. `[::]` includes all addresses of IPv4.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let includes =
        |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    one.port() != 0 && one.port() == other.port() && (a == b || includes(a, b) || includes(b, a))
}

/// The defaults, but with one shard whatever the machine has: for tests and for callers that have
/// no shards.
impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            shards: 1,
            ..defaults()
        }
    }
}

/// The settings outside of tables.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) server: ServerSettings,
    #[command(flatten)]
    pub(crate) data: DataSettings,
    #[command(flatten)]
    pub(crate) cluster: ClusterSettings,
    #[command(flatten)]
    pub(crate) log: LogSettings,
}

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Everything but the listeners and the feeds.
    pub server: ServerSettings,
    /// All listeners, the one of `listen` included.
    pub listeners: Vec<ListenSettings>,
    /// The feeds, each already checked.
    pub feeds: Vec<FeedSettings>,
    /// Where values go besides clients.
    pub outputs: Vec<OutputSettings>,
    /// What is kept on disk.
    pub data: DataSettings,
    /// The cluster that the server is a node of.
    pub cluster: ClusterSettings,
    /// How payloads are read; the first rule that matches a topic counts.
    pub decode: Arc<[DecodeRule]>,
    /// When topics are stale or dead.
    pub liveness: LivenessSettings,
    /// What is logged.
    pub log: LogSettings,
    /// Likely mistakes that prevent nothing, to be logged.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(ServerSettings::default().core(), CoreSettings::default());
    }

    #[test]
    fn each_value_of_publish_from_includes_its_clients_only() {
        for (from, elsewhere, local) in [
            (PublishFrom::Nobody, false, false),
            (PublishFrom::Loopback, false, true),
            (PublishFrom::Anybody, true, true),
        ] {
            assert_eq!(from.includes(false), elsewhere, "{from:?}");
            assert_eq!(from.includes(true), local, "{from:?}");
        }
    }
}
