//! From the arguments to a [`Plan`]. Everything is checked before anything is connected.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tickcast_protocol::{codec::Encoding, message::Mode, token_file::read_token, topic::Filter};

use super::{
    args::{EncodingArg, MQTT_URL, ModeArg, RunArgs, SourceArg, TimingArg},
    measurable, url,
};
use crate::{
    dialect::{Dialect, SubscribeParams},
    latency::SECONDS_MAX,
    ledger::Baseline,
    plan::{Durations, Endpoint, Hindered, Plan, SearchPlan, UpdateSource},
    publish::PublishTarget,
    schedule::{RunClock, STAMP_BYTES, Schedule, Timing, read_recording},
    worker::FilterPlan,
};

/// Connections from one address to one port, at most. The system has about 28,000 local ports.
const SUBSCRIBERS_PER_ADDRESS: usize = 20_000;

/// Largest payload. As a message it must stay below the server's limit of 64 KiB.
const PAYLOAD_MAX_BYTES: usize = 60_000;

/// Time after the ramp until all subscribers must be subscribed.
const RAMP_MAX: Duration = Duration::from_secs(30);

/// Length of the phase that follows a storm, in which all subscribers reconnect.
const STORM_S: u32 = 10;

impl RunArgs {
    /// Checks all arguments and makes the plan. `command` is the command line, for the report. The
    /// error is a sentence for the user.
    pub fn plan(self, command: String) -> Result<Plan, String> {
        let run: u32 = StdRng::seed_from_u64(self.seed)
            .random::<u32>()
            .wrapping_add(std::process::id())
            .wrapping_add(RunClock::monotonic().now_ns() as u32);
        self.check_numbers()?;
        let mut target = url::endpoint(&self.url, &self.tls.options())?;
        let tokens = self.token_file.iter().map(|path| read_token(path));
        target.tokens = tokens
            .collect::<Result<_, _>>()
            .map_err(|error| format!("--token-file: {error}"))?;
        let timing = self.timing()?;
        Schedule::new(&timing, self.rate, Duration::from_secs(1))
            .map_err(|error| error.to_string())?;
        let params = SubscribeParams {
            encoding: match self.encoding {
                EncodingArg::Bincode => Encoding::Bincode,
                EncodingArg::Json => Encoding::Json,
            },
            mode: match self.mode {
                ModeArg::Every => Mode::Every,
                ModeArg::Latest => Mode::Latest,
            },
            max_rate_hz: self.max_rate_hz,
        };
        let source = self.source(&target, params)?;
        let is_own = matches!(source, UpdateSource::Own(_));
        let is_new = self.topic_prefix.is_none();
        let prefix = match &self.topic_prefix {
            Some(prefix) => prefix.clone(),
            None => format!("loadtest/{run:08x}"),
        };
        let topics: Vec<String> = (0..self.topics).map(|i| format!("{prefix}/{i}")).collect();
        let filters = self.filters(&prefix, &topics, is_own)?;
        if is_own {
            measurable::check_topics(&topics, &filters)?;
        }
        let baseline = match is_own && is_new && self.filter.is_empty() {
            true => Baseline::New,
            false => Baseline::Unknown,
        };
        let sources = self.source_addresses(&target);
        let threads = self.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
        });
        let plan = Plan {
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
            params,
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
        };
        measurable::check_assertions(&plan)?;
        Ok(plan)
    }

    fn check_numbers(&self) -> Result<(), String> {
        let hindered = self.slow + self.stalled + self.half_open;
        let is_server = self.source == SourceArg::Server;
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
                "--payload-bytes must be at least 32, which is the size of the stamp",
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
                "--topics-per-subscriber and --filter cannot be used together",
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
                "a run may take at most one hour (3600 s)",
            ),
            (self.search_step == 0, "--search-step must be at least 1s"),
            (
                self.search.is_some() && self.source == SourceArg::Server,
                "--search needs --source websocket or mqtt",
            ),
            (
                is_server
                    && (self.topics != 1
                        || self.topics_per_subscriber.is_some()
                        || self.topic_prefix.is_some()
                        || self.timing != TimingArg::Constant),
                "with --source server the server's feed decides what is published and when: leave \
                 out --topics, --topics-per-subscriber, --topic-prefix and --timing",
            ),
            (
                !is_server && self.rate > 0.0 && self.rate * f64::from(self.duration) < 1.0,
                "no update is due in the steady phase: raise --rate or --duration, so that their \
                 product is at least 1",
            ),
            (
                self.mqtt_url != MQTT_URL && self.source != SourceArg::Mqtt,
                "--mqtt-url needs --source mqtt",
            ),
            (
                self.recording.is_some() != (self.timing == TimingArg::Recorded),
                "--timing recorded and --recording belong together: give both or neither",
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
                read_recording(path).map_err(|error| format!("{}: {error}", path.display()))?
            }
            (TimingArg::Constant | TimingArg::Recorded, _) => Timing::Constant,
        })
    }

    fn source(&self, target: &Endpoint, params: SubscribeParams) -> Result<UpdateSource, String> {
        Ok(match self.source {
            SourceArg::Server => UpdateSource::Server,
            SourceArg::Websocket => UpdateSource::Own(PublishTarget::WebSocket {
                address: target.address,
                host: target.host.clone(),
                path: target.path.clone(),
                dialect: Dialect::Tickcast(params).of_publisher(),
                source: None,
                tls: target.tls.clone(),
                token: target.tokens.first().cloned(),
            }),
            SourceArg::Mqtt => {
                let (address, login) = url::broker(&self.mqtt_url)?;
                UpdateSource::Own(PublishTarget::Mqtt { address, login })
            }
        })
    }

    fn filters(&self, prefix: &str, topics: &[String], is_own: bool) -> Result<FilterPlan, String> {
        if let Some(each) = self.topics_per_subscriber {
            let filters = topics.iter().map(|topic| {
                Filter::new(topic).map_err(|error| format!("topic {topic:?}: {error}"))
            });
            let of = filters.collect::<Result<_, _>>()?;
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

    fn source_addresses(&self, target: &Endpoint) -> Vec<IpAddr> {
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
