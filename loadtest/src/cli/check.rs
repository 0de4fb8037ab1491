//! From the command line to a [`Plan`]: everything is checked before anything is connected.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tickcast_protocol::{codec::Encoding, message::Mode, topic::Filter};

use super::{
    EncodingArg, ModeArg, RunArgs, SourceArg, TimingArg,
    url::{Url, target},
};
use crate::{
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

/// Connections from one address to one port, at most: the system's range of local ports has about
/// 28,000.
const SUBSCRIBERS_PER_ADDRESS: usize = 20_000;

/// Largest payload: as a message it must stay below the server's 64 KiB.
const PAYLOAD_MAX_BYTES: usize = 60_000;

/// Time besides the ramp's own for all to be subscribed.
const RAMP_MAX: Duration = Duration::from_secs(30);

/// Length of the phase that follows a storm, for all to come back.
const STORM_S: u32 = 10;

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

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
