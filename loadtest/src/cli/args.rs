//! The arguments.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tickcast_protocol::tls::TlsOptions;

use crate::assertion::Assertion;

/// Measures how long an update takes to reach every subscriber.
///
/// Latency counts from the moment an update was due, not from when it was sent. A run is reported
/// as invalid if the load tester was the limit.
///
/// Exit codes: 0 passed, 1 internal error, 2 bad usage or nothing to measure, 3 could not connect
/// or publish, 4 an assertion failed, 5 integrity failed, 6 invalid run, 130 interrupted (with a
/// report).
#[derive(Debug, Parser)]
#[command(
    name = "tickcast-loadtest",
    version,
    args_conflicts_with_subcommands = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// Another task than a run.
    #[command(subcommand)]
    pub command: Option<Task>,
    /// Arguments of a run.
    #[command(flatten)]
    pub run: RunArgs,
}

const AFTER_HELP: &str = "\
Examples:
  tickcast-loadtest --subscribers 1000 --rate 100 --duration 30s --out report
  tickcast-loadtest --assert 'response.p99 < 50ms' --assert 'missing == 0'
  tickcast-loadtest --source server --filter 'market/#'
  tickcast-loadtest --search 'response.p99 < 5ms' --subscribers 200";

/// Another task than a run.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Compare the summary.json of two runs: better, worse or no difference, and by how much
    ///
    /// Exit codes: 0 nothing is worse, 4 something is worse.
    Compare {
        /// summary.json of the first run, or its folder
        before: PathBuf,
        /// summary.json of the second run, or its folder
        after: PathBuf,
    },
    /// Prove that the load tester measures: it stops a server for 6 of 10 seconds and must see it
    ///
    /// Exit codes: 0 seen, 6 seen on a machine too busy for exact figures, 1 not seen.
    Selftest {
        /// Program of the server [default: tickcast-server beside this program, otherwise in PATH]
        #[arg(long)]
        server: Option<PathBuf>,
    },
}

/// Where a broker usually listens.
pub(super) const MQTT_URL: &str = "mqtt://127.0.0.1:1883";

/// Arguments of a run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// URL of the server, ws:// or wss://
    #[arg(long, default_value = "ws://127.0.0.1:7400/ws")]
    pub url: String,
    /// File with a token that proves an identity; may be repeated, then subscribers have the tokens
    /// in turn, and the publisher has the first one
    #[arg(long, value_name = "FILE")]
    pub token_file: Vec<PathBuf>,
    /// For a server with TLS.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Number of subscribers
    #[arg(long, short = 'n', default_value_t = 100)]
    pub subscribers: usize,
    /// Updates per second, over all topics
    #[arg(long, short = 'r', default_value_t = 100.0)]
    pub rate: f64,
    /// Length of the steady phase, which is the phase that counts
    #[arg(long, short = 'd', default_value = "30s", value_parser = seconds)]
    pub duration: u32,
    /// Publishing before the steady phase, which does not count
    #[arg(long, default_value = "3s", value_parser = seconds)]
    pub warmup: u32,
    /// Deliver every update, or the latest values
    #[arg(long, short = 'm', value_enum, default_value_t = ModeArg::Every)]
    pub mode: ModeArg,
    /// In mode latest: batches per second, at most
    #[arg(long)]
    pub max_rate_hz: Option<f64>,
    /// Encoding of messages
    #[arg(long, value_enum, default_value_t = EncodingArg::Bincode)]
    pub encoding: EncodingArg,
    /// Filter to subscribe to; may be repeated. Unless --source is server, one of them must match
    /// a published topic [default: the published topics; '#' with --source server]
    #[arg(long, short = 'f')]
    pub filter: Vec<String>,
    /// Number of topics, published to in turn
    #[arg(long, default_value_t = 1)]
    pub topics: usize,
    /// Number of topics that each subscriber subscribes to [default: all]
    #[arg(long)]
    pub topics_per_subscriber: Option<usize>,
    /// Start of the topics' names [default: loadtest/ and the run's number]
    #[arg(long)]
    pub topic_prefix: Option<String>,
    /// Bytes of each payload
    #[arg(long, default_value_t = 64)]
    pub payload_bytes: usize,
    /// The publisher: the load tester (over WebSocket or through an MQTT broker), or the server's
    /// own feed
    #[arg(long, value_enum, default_value_t = SourceArg::Websocket)]
    pub source: SourceArg,
    /// URL of the broker, for --source mqtt
    #[arg(long, default_value = MQTT_URL)]
    pub mqtt_url: String,
    /// How updates are spread over time
    #[arg(long, value_enum, default_value_t = TimingArg::Constant)]
    pub timing: TimingArg,
    /// For --timing recorded: a file with the time of an event at the start of each line
    #[arg(long)]
    pub recording: Option<PathBuf>,
    /// Threads for the subscribers [default: half of the cores]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Subscribers that time every update, when there are too many updates for all to time
    #[arg(long, default_value_t = 16)]
    pub probes: usize,
    /// Local address to connect from; may be repeated [default: on loopback one per 20,000
    /// subscribers]
    #[arg(long)]
    pub source_address: Vec<IpAddr>,
    /// Connections opened per second
    #[arg(long, default_value_t = 2000.0)]
    pub ramp_per_s: f64,
    /// Subscribers that read slowly from the steady phase on
    #[arg(long, default_value_t = 0)]
    pub slow: usize,
    /// How fast slow subscribers read, in bytes per second
    #[arg(long, default_value_t = 1000, requires = "slow")]
    pub slow_bytes_per_s: u64,
    /// Subscribers that stop reading at the start of the steady phase
    #[arg(long, default_value_t = 0)]
    pub stalled: usize,
    /// How long stalled subscribers do not read [default: the whole steady phase]
    #[arg(long, value_parser = seconds, requires = "stalled")]
    pub stall: Option<u32>,
    /// Subscribers that vanish at the start of the steady phase without closing
    #[arg(long, default_value_t = 0)]
    pub half_open: usize,
    /// After the steady phase: subscribers per second that leave and reconnect
    #[arg(long, default_value_t = 0.0)]
    pub churn_per_s: f64,
    /// Length of the churn phase
    #[arg(long, default_value = "10s", value_parser = seconds, requires = "churn_per_s")]
    pub churn: u32,
    /// After the churn phase: all subscribers leave at once and reconnect
    #[arg(long)]
    pub storm: bool,
    /// Look for the highest rate at which this holds, such as 'response.p99 < 5ms', starting at
    /// --rate
    #[arg(long)]
    pub search: Option<Assertion>,
    /// How long each rate is tried
    #[arg(long, default_value = "5s", value_parser = seconds, requires = "search")]
    pub search_step: u32,
    /// Highest rate to try
    #[arg(long, default_value_t = 200_000.0, requires = "search")]
    pub search_max: f64,
    /// Longest wait for the last updates
    #[arg(long, default_value = "10s", value_parser = seconds)]
    pub drain: u32,
    /// Assertion, such as 'response.p99 < 5ms' or 'missing == 0'; may be repeated
    #[arg(long = "assert")]
    pub assertions: Vec<Assertion>,
    /// Path of the server's counters
    #[arg(long, default_value = "/metrics")]
    pub metrics_path: String,
    /// Do not compare the server's counters with the receivers' counts
    #[arg(long)]
    pub no_metrics: bool,
    /// Process id of the server [default: found by its port]
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Folder for report.html, summary.json, seconds.csv, .hgrm and .hlog files
    #[arg(long, short = 'o')]
    pub out: Option<PathBuf>,
    /// Print nothing while running
    #[arg(long, short = 'q')]
    pub quiet: bool,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Options of connections with TLS.
#[derive(Debug, Args)]
pub struct TlsArgs {
    /// PEM file with the authorities that may sign the server's certificate [default: those that
    /// the system trusts]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file with a client certificate
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// PEM file with its private key [default: the file of the certificate]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Name that the server's certificate must have [default: the host in the URL]
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
}

impl TlsArgs {
    /// As the client has them.
    pub fn options(&self) -> TlsOptions {
        TlsOptions {
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            server_name: self.server_name.clone(),
            ..TlsOptions::named_as_flags()
        }
    }
}

/// See [`Mode`](tickcast_protocol::message::Mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum ModeArg {
    Every,
    Latest,
}

/// See [`Encoding`](tickcast_protocol::codec::Encoding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum EncodingArg {
    Bincode,
    Json,
}

/// See [`UpdateSource`](crate::plan::UpdateSource).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SourceArg {
    Websocket,
    Mqtt,
    Server,
}

/// See [`Timing`](crate::schedule::Timing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum TimingArg {
    Constant,
    Poisson,
    Recorded,
}

/// Seconds, with or without `s`, or minutes with `m`.
fn seconds(text: &str) -> Result<u32, String> {
    let (number, factor) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u32 = number
        .trim()
        .parse()
        .map_err(|_| "give whole seconds such as 30s, or minutes such as 2m".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("{text} is too long (limit 2^32 seconds)"))
}
