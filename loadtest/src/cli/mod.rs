//! The command line.

mod check;
mod url;

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::assertion::Assertion;

/// Measures honestly how long an update takes to reach every subscriber.
///
/// Latency is counted from the moment an update was due, not from when it was sent. A run in which
/// the load tester was the limit calls itself invalid.
///
/// Exit codes: 0 passed, 1 internal error, 2 bad usage, 3 could not connect, 4 an assertion does
/// not hold, 5 integrity failed, 6 invalid run, 130 interrupted (with a report).
#[derive(Debug, Parser)]
#[command(
    name = "tickcast-loadtest",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What else it can do.
    #[command(subcommand)]
    pub command: Option<Task>,
    /// A run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What else it can do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Compares the summary.json of two runs: better, worse or no difference, and by how much
    ///
    /// Exit codes: 0 nothing is worse, 4 something is.
    Compare {
        /// The run to compare with.
        before: PathBuf,
        /// The run in question.
        after: PathBuf,
    },
    /// Proves that it measures: stops a server for 6 of 10 seconds, and must see it
    ///
    /// Exit codes: 0 it sees it, 6 it does and calls this machine too busy for exact figures, 1 it
    /// does not.
    Selftest {
        /// The server's program [default: tickcast-server beside this program, else in PATH]
        #[arg(long)]
        server: Option<PathBuf>,
    },
}

/// Settings of a run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The server
    #[arg(long, default_value = "ws://127.0.0.1:7400/ws")]
    pub url: String,
    /// Subscribers
    #[arg(long, short = 'n', default_value_t = 100)]
    pub subscribers: usize,
    /// Updates per second, over all topics
    #[arg(long, short = 'r', default_value_t = 100.0)]
    pub rate: f64,
    /// Length of the steady phase, which is the one that counts
    #[arg(long, short = 'd', default_value = "30s", value_parser = seconds)]
    pub duration: u32,
    /// Publishing before it that does not count
    #[arg(long, default_value = "3s", value_parser = seconds)]
    pub warmup: u32,
    /// Every update, or the newest values
    #[arg(long, short = 'm', value_enum, default_value_t = ModeArg::Every)]
    pub mode: ModeArg,
    /// In mode latest: at most so many batches per second
    #[arg(long)]
    pub max_rate_hz: Option<f64>,
    /// How messages are written
    #[arg(long, value_enum, default_value_t = EncodingArg::Bincode)]
    pub encoding: EncodingArg,
    /// What to subscribe to; may be repeated [default: what is published; '#' if the server does]
    #[arg(long, short = 'f')]
    pub filter: Vec<String>,
    /// Topics to publish to, in turn
    #[arg(long, default_value_t = 1)]
    pub topics: usize,
    /// Subscribe each subscriber to only so many of the topics
    #[arg(long)]
    pub topics_per_subscriber: Option<usize>,
    /// What the topics' names start with [default: loadtest/ and the run's number]
    #[arg(long)]
    pub topic_prefix: Option<String>,
    /// Bytes of each payload
    #[arg(long, default_value_t = 64)]
    pub payload_bytes: usize,
    /// Who publishes: we, over WebSocket or through an MQTT broker, or the server's own feed
    #[arg(long, value_enum, default_value_t = SourceArg::Websocket)]
    pub source: SourceArg,
    /// The broker, for --source mqtt
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
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
    /// Subscribers that time every update, when there is too much to time for all
    #[arg(long, default_value_t = 16)]
    pub probes: usize,
    /// Addresses to connect from, in turn [default: on loopback one per 20,000 subscribers]
    #[arg(long)]
    pub source_address: Vec<IpAddr>,
    /// Connections opened per second
    #[arg(long, default_value_t = 2000.0)]
    pub ramp_per_s: f64,
    /// Subscribers that read slowly from the steady phase on
    #[arg(long, default_value_t = 0)]
    pub slow: usize,
    /// How fast they read, in bytes per second
    #[arg(long, default_value_t = 1000)]
    pub slow_bytes_per_s: u64,
    /// Subscribers that stop reading at the start of the steady phase, for a while
    #[arg(long, default_value_t = 0)]
    pub stalled: usize,
    /// How long they stop [default: the whole steady phase]
    #[arg(long, value_parser = seconds)]
    pub stall: Option<u32>,
    /// Subscribers that vanish at the start of the steady phase without closing
    #[arg(long, default_value_t = 0)]
    pub half_open: usize,
    /// After the steady phase: so many subscribers per second leave and come back
    #[arg(long, default_value_t = 0.0)]
    pub churn_per_s: f64,
    /// How long they do
    #[arg(long, default_value = "10s", value_parser = seconds)]
    pub churn: u32,
    /// After that: all subscribers leave at once and come back
    #[arg(long)]
    pub storm: bool,
    /// Look for the highest rate at which this holds, such as 'response.p99 < 5ms', from --rate on
    #[arg(long)]
    pub search: Option<Assertion>,
    /// How long each rate is tried
    #[arg(long, default_value = "5s", value_parser = seconds)]
    pub search_step: u32,
    /// Highest rate to try
    #[arg(long, default_value_t = 200_000.0)]
    pub search_max: f64,
    /// Longest wait for the last updates
    #[arg(long, default_value = "10s", value_parser = seconds)]
    pub drain: u32,
    /// A condition, such as 'response.p99 < 5ms' or 'missing == 0'; may be repeated
    #[arg(long = "assert")]
    pub assertions: Vec<Assertion>,
    /// Where the server's counters are
    #[arg(long, default_value = "/metrics")]
    pub metrics_path: String,
    /// Do not compare the server's counters with ours
    #[arg(long)]
    pub no_metrics: bool,
    /// The server's process [default: found by its port]
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Folder for report.html, summary.json, seconds.csv, .hgrm and .hlog files
    #[arg(long, short = 'o')]
    pub out: Option<PathBuf>,
    /// Say nothing while running
    #[arg(long, short = 'q')]
    pub quiet: bool,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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

/// See [`Source`](crate::plan::Source).
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
        .map_err(|_| "whole seconds such as 30s, or minutes such as 2m, are wanted".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "that is too long".to_owned())
}
