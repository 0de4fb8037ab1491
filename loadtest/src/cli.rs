//! The command line, and the checks that turn it into a [`Plan`].

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tickcast_protocol::{codec::Encoding, message::Mode, topic::Filter};

use crate::{
    assertion::Assertion,
    integrity::Baseline,
    plan::{Durations, Hindered, Plan, SearchPlan, Source, Target},
    publisher::Outlet,
    recorder::SECONDS_MAX,
    recording,
    schedule::{Schedule, Timing},
    session::Wish,
    stamp::STAMP_BYTES,
    worker::FilterPlan,
};

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

/// See [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum ModeArg {
    Every,
    Latest,
}

/// See [`Encoding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum EncodingArg {
    Bincode,
    Json,
}

/// See [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SourceArg {
    Websocket,
    Mqtt,
    Server,
}

/// See [`Timing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum TimingArg {
    Constant,
    Poisson,
    Recorded,
}

/// Connections from one address to one port, at most: the system's range of local ports has about
/// 28,000.
const SUBSCRIBERS_PER_ADDRESS: usize = 20_000;

/// Largest payload: as a message it must stay below the server's 64 KiB.
const PAYLOAD_MAX_BYTES: usize = 60_000;

/// Time besides the ramp's own for all to be subscribed.
const RAMP_MAX: Duration = Duration::from_secs(30);

/// Length of the phase that follows a storm, for all to come back.
const STORM_S: u32 = 10;

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

impl RunArgs {
    /// Checks everything and puts it together. The error is for people.
    pub fn plan(self, command: String) -> Result<Plan, String> {
        let run: u32 = StdRng::seed_from_u64(self.seed)
            .random::<u32>()
            .wrapping_add(std::process::id())
            .wrapping_add(crate::clock::Clock::monotonic().now_ns() as u32);
        self.check_numbers()?;
        let target = target(&self.url)?;
        let timing = self.timing()?;
        Schedule::new(&timing, self.rate, Duration::from_secs(1))
            .map_err(|error| error.to_string())?;
        let source = self.source(&target)?;
        let is_own = matches!(source, Source::Own(_));
        let is_new = self.topic_prefix.is_none();
        let prefix = match &self.topic_prefix {
            Some(prefix) => prefix.clone(),
            None => format!("loadtest/{run:08x}"),
        };
        let topics: Vec<String> = (0..self.topics).map(|i| format!("{prefix}/{i}")).collect();
        let filters = self.filters(&prefix, &topics, is_own)?;
        let baseline = match is_own && is_new && self.filter.is_empty() {
            true => Baseline::New,
            false => Baseline::Unknown,
        };
        let sources = self.source_addresses(&target);
        let threads = self.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
        });
        Ok(Plan {
            metrics_path: (!self.no_metrics).then_some(self.metrics_path),
            server_pid: self.server_pid,
            source,
            rate: self.rate,
            timing,
            payload_bytes: self.payload_bytes,
            topics,
            prefix,
            run,
            subscribers: self.subscribers,
            threads: threads.min(self.subscribers),
            probes: self.probes,
            hindered: Hindered {
                slow: self.slow,
                stalled: self.stalled,
                gone: self.half_open,
            },
            stall_s: self.stall.unwrap_or(self.duration),
            slow_bytes_per_s: self.slow_bytes_per_s,
            wish: Wish {
                encoding: match self.encoding {
                    EncodingArg::Bincode => Encoding::Bincode,
                    EncodingArg::Json => Encoding::Json,
                },
                mode: match self.mode {
                    ModeArg::Every => Mode::Every,
                    ModeArg::Latest => Mode::Latest,
                },
                max_rate_hz: self.max_rate_hz,
            },
            filters,
            baseline,
            sources,
            ramp_per_s: self.ramp_per_s,
            ramp_max: RAMP_MAX,
            durations: Durations {
                warmup_s: self.warmup,
                steady_s: self.duration,
                churn_s: if self.churn_per_s > 0.0 {
                    self.churn
                } else {
                    0
                },
                storm_s: if self.storm { STORM_S } else { 0 },
            },
            churn_per_s: self.churn_per_s,
            search: self.search.map(|goal| SearchPlan {
                goal,
                step_s: self.search_step,
                rate_max: self.search_max,
            }),
            drain_max: Duration::from_secs(self.drain.into()),
            assertions: self.assertions,
            out: self.out,
            quiet: self.quiet,
            seed: self.seed,
            command,
            target,
        })
    }

    fn check_numbers(&self) -> Result<(), String> {
        let hindered = self.slow + self.stalled + self.half_open;
        let total_s = i64::from(self.warmup) + i64::from(self.duration) + i64::from(self.churn);
        for (is_bad, what) in [
            (self.subscribers == 0, "--subscribers must be at least 1"),
            (self.duration == 0, "--duration must be at least 1s"),
            (self.threads == Some(0), "--threads must be at least 1"),
            (self.topics == 0, "--topics must be at least 1"),
            (
                hindered >= self.subscribers,
                "at least one subscriber must be neither slow, stalled nor half-open",
            ),
            (
                self.payload_bytes < STAMP_BYTES,
                "--payload-bytes must be at least 32, for the stamp",
            ),
            (
                self.payload_bytes > PAYLOAD_MAX_BYTES,
                "--payload-bytes must be at most 60000",
            ),
            (
                self.topics_per_subscriber
                    .is_some_and(|each| each == 0 || each > self.topics),
                "--topics-per-subscriber must be between 1 and --topics",
            ),
            (
                self.topics_per_subscriber.is_some() && !self.filter.is_empty(),
                "--topics-per-subscriber and --filter exclude each other",
            ),
            (
                self.max_rate_hz.is_some() && self.mode == ModeArg::Every,
                "--max-rate-hz needs --mode latest",
            ),
            (
                !(self.ramp_per_s.is_finite() && self.ramp_per_s > 0.0),
                "--ramp-per-s must be above 0",
            ),
            (
                !(self.churn_per_s.is_finite() && self.churn_per_s >= 0.0),
                "--churn-per-s must be 0 or above",
            ),
            (
                total_s + i64::from(STORM_S) > SECONDS_MAX,
                "a run may take an hour at most",
            ),
            (self.search_step == 0, "--search-step must be at least 1s"),
            (
                self.search.is_some() && self.source == SourceArg::Server,
                "--search needs a --source of our own",
            ),
            (
                self.recording.is_some() != (self.timing == TimingArg::Recorded),
                "--timing recorded and --recording belong together",
            ),
        ] {
            if is_bad {
                return Err(what.to_owned());
            }
        }
        Ok(())
    }

    fn timing(&self) -> Result<Timing, String> {
        Ok(match (self.timing, &self.recording) {
            (TimingArg::Poisson, _) => Timing::Poisson { seed: self.seed },
            (TimingArg::Recorded, Some(path)) => {
                recording::read(path).map_err(|error| format!("{}: {error}", path.display()))?
            }
            (TimingArg::Constant | TimingArg::Recorded, _) => Timing::Constant,
        })
    }

    fn source(&self, target: &Target) -> Result<Source, String> {
        Ok(match self.source {
            SourceArg::Server => Source::Server,
            SourceArg::Websocket => Source::Own(Outlet::WebSocket {
                address: target.address,
                host: target.host.clone(),
                path: target.path.clone(),
            }),
            SourceArg::Mqtt => {
                let url = Url::parse(&self.mqtt_url, "mqtt", 1883)?;
                Source::Own(Outlet::Mqtt {
                    address: url.resolve()?,
                    login: url.login,
                })
            }
        })
    }

    fn filters(&self, prefix: &str, topics: &[String], is_own: bool) -> Result<FilterPlan, String> {
        if let Some(each) = self.topics_per_subscriber {
            let of = Plan::topic_filters(topics)?;
            return Ok(FilterPlan::Some { of, each });
        }
        let texts = match &self.filter[..] {
            [] if is_own => vec![format!("{prefix}/#")],
            [] => vec!["#".to_owned()],
            given => given.to_vec(),
        };
        let filters: Result<_, _> = texts
            .iter()
            .map(|text| Filter::new(text).map_err(|error| format!("filter {text:?}: {error}")))
            .collect();
        Ok(FilterPlan::Same(filters?))
    }

    fn source_addresses(&self, target: &Target) -> Vec<IpAddr> {
        let needed = self.subscribers.div_ceil(SUBSCRIBERS_PER_ADDRESS);
        match target.address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() && self.source_address.is_empty() && needed > 1 => {
                (0..needed.min(250) as u8)
                    .map(|i| IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + i)))
                    .collect()
            }
            _ => self.source_address.clone(),
        }
    }
}

/// The parts of `scheme://[user:password@]host[:port][/path]`.
struct Url {
    login: Option<(String, String)>,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(text: &str, scheme: &str, default_port: u16) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?}: {why}");
        let rest = text
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .ok_or_else(|| bad(&format!("a URL that starts with {scheme}:// is wanted")))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some((user.to_owned(), password.to_owned())), authority)
            }
            None => (None, authority),
        };
        let is_v6_without_port = authority.ends_with(']');
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !is_v6_without_port => (
                host,
                port.parse().map_err(|_| bad("the port is no number"))?,
            ),
            _ => (authority, default_port),
        };
        if host.is_empty() {
            return Err(bad("there is no host"));
        }
        Ok(Self {
            login,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    fn resolve(&self) -> Result<SocketAddr, String> {
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = (name, self.port)
            .to_socket_addrs()
            .map_err(|error| format!("{}: {error}", self.host))?
            .collect();
        // A server on "localhost" listens on 127.0.0.1 more often than on ::1.
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        v4.or(addresses.first())
            .copied()
            .ok_or_else(|| format!("{}: no address", self.host))
    }
}

fn target(url: &str) -> Result<Target, String> {
    if url.starts_with("wss://") {
        return Err("wss is not supported: measure behind the TLS proxy".to_owned());
    }
    let parsed = Url::parse(url, "ws", 80)?;
    Ok(Target {
        url: url.to_owned(),
        address: parsed.resolve()?,
        host: format!("{}:{}", parsed.host, parsed.port),
        path: parsed.path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Result<Plan, String> {
        let words = std::iter::once("tickcast-loadtest").chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        cli.run.plan(String::new())
    }

    #[track_caller]
    fn refuse(arguments: &str, reason: &str) {
        let error = plan(arguments).unwrap_err();
        assert!(error.contains(reason), "{arguments}: {error}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_that_do_not_fit_are_refused_with_the_reason() {
        refuse("--subscribers 0", "at least 1");
        refuse("--rate 0", "positive");
        refuse("--payload-bytes 31", "32");
        refuse("--url http://x", "ws://");
        refuse("--url wss://x", "TLS");
        refuse("--url ws://127.0.0.1:x/ws", "port");
        refuse("--filter a/#/b", "filter");
        refuse("--max-rate-hz 5", "latest");
        refuse("--topics 3 --topics-per-subscriber 4", "between");
        refuse("-n 5 --stalled 3 --slow 2", "at least one");
        refuse("--timing recorded", "belong together");
        refuse("--assert speed<1", "no number");
        refuse("--duration 1h", "whole seconds");
        refuse("--duration 61m", "hour");
        refuse("--source server --search response.p99<1ms", "--search");
    }

    #[test]
    fn phases_follow_each_other() {
        let plan = plan("-d 1m --warmup 2 --churn-per-s 5 --churn 7s --storm").unwrap();
        let phases: Vec<_> = plan
            .phases()
            .iter()
            .map(|phase| (phase.kind.name(), phase.from_s, phase.to_s))
            .collect();
        let expected = [
            ("warm-up", 0, 2),
            ("steady", 2, 62),
            ("churn", 62, 69),
            ("storm", 69, 79),
        ];
        assert_eq!(phases, expected);
    }

    #[test]
    fn roles_are_spread_over_all_threads_and_everybody_has_one_place() {
        use crate::worker::Role;
        let plan = plan("-n 100 --threads 2 --stalled 10 --slow 4 --half-open 2").unwrap();
        let members = plan.members();
        for role in [Role::Stalled, Role::Slow, Role::Gone, Role::Probe] {
            for thread in &members {
                assert!(thread.iter().any(|member| member.role == role), "{role:?}");
            }
        }
        let mut indices: Vec<_> = members.iter().flatten().map(|m| m.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn many_subscribers_on_loopback_get_several_addresses() {
        assert!(plan("-n 20000").unwrap().sources.is_empty());
        assert_eq!(plan("-n 50000").unwrap().sources.len(), 3);
    }

    #[test]
    fn timing_everything_is_given_up_when_it_would_cost_too_much() {
        assert_eq!(plan("-n 1000 -r 100").unwrap().stride(), 1);
        assert_eq!(plan("-n 1000 -r 4000").unwrap().stride(), 10);
        let few = plan("-n 1000 -r 4000 --topics 100 --topics-per-subscriber 10");
        assert_eq!(few.unwrap().stride(), 1);
    }
}
