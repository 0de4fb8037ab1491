//! The numbers of a run, for its summary.

use tickcast_protocol::{codec::Encoding, message::Mode};

use super::{checkpoint::Checkpoint, environment::environment, runner::Runner};
use crate::{
    latency::Latency,
    plan::{PhaseKind, UpdateSource},
    publish::{PublishTarget, PublisherTotals},
    schedule::Timing,
    summary::{
        CONNECTION_BYTES_SUBSCRIBERS_MIN, Cost, Generator, Integrity, LoadSummary, PhaseSummary,
        RunSettings, RunSummary, SCHEMA_VERSION,
    },
};

const NS_PER_S: f64 = 1e9;

impl Runner<'_> {
    pub(super) fn summary(&self, published: &PublisherTotals) -> RunSummary {
        let plan = self.plan;
        let collected = &self.collected;
        let totals = &collected.totals;
        let mut env = environment(plan.command.clone(), plan.seed);
        env.server = totals.server.clone();
        let steady_seconds = collected.seconds.iter();
        let steady_s = steady_seconds
            .filter(|second| second.phase == PhaseKind::Steady.name())
            .count() as u32;
        let mut summary = RunSummary {
            schema_version: SCHEMA_VERSION,
            environment: env,
            settings: self.settings(),
            search: self.search.clone(),
            phases: self.phases(),
            integrity: Integrity {
                healthy: totals.healthy,
                hindered: totals.hindered,
                ..Integrity::default()
            },
            connections: totals.counts,
            errors: totals.errors.clone(),
            generator: Generator {
                own_slip: Latency::of(&published.own_slip),
                lag: Latency::of(&collected.lag),
                blocked_s: published.blocked_ns as f64 / NS_PER_S,
                ..Generator::default()
            },
            seconds: collected.seconds.clone(),
            ..RunSummary::default()
        };
        summary.load.steady_s = steady_s;
        summary.load.published = match plan.source {
            UpdateSource::Own(_) => published.updates,
            UpdateSource::Server => collected.seconds.iter().map(|s| s.published).sum(),
        };
        if let Some((before, Some(after))) = &self.steady {
            self.steady_numbers(before, after, &mut summary);
        }
        summary
    }

    fn steady_numbers(&self, before: &Checkpoint, after: &Checkpoint, summary: &mut RunSummary) {
        let seconds = after.seconds_since(before);
        let published = match self.plan.source {
            UpdateSource::Own(_) => after.published - before.published,
            UpdateSource::Server => after.position - before.position,
        };
        let delivered = (after.received - before.received) as f64;
        summary.load = LoadSummary {
            offered_per_s: match self.plan.source {
                UpdateSource::Own(_) => self.rate,
                UpdateSource::Server => published as f64 / seconds,
            },
            published_per_s: published as f64 / seconds,
            delivered_per_s: delivered / seconds,
            ..summary.load.clone()
        };
        summary.generator.publisher_cpu = after.publisher_since(before);
        summary.generator.receiver_cpu = after.workers_since(before);
        let rss = self
            .collected
            .seconds
            .iter()
            .filter_map(|s| s.server_rss_bytes);
        let mut cost = Cost {
            pid: self.server.pid,
            rss_before_bytes: self.server.before.map(|usage| usage.rss_bytes),
            rss_max_bytes: rss.max(),
            wire_bytes_per_update: (after.bytes - before.bytes) as f64 / delivered.max(1.0),
            ..Cost::default()
        };
        if let (Some(before), Some(after)) = (before.server, after.server) {
            let cpu_s = after.cpu_s - before.cpu_s;
            cost.cpu = Some(cpu_s / seconds);
            if cpu_s > 0.0 && delivered > 0.0 {
                cost.user_share = Some((after.user_s - before.user_s) / cpu_s);
                cost.cpu_us_per_delivery = Some(cpu_s * 1e6 / delivered);
                cost.deliveries_per_core_s = Some(delivered / cpu_s);
            }
        }
        if self.plan.subscribers >= CONNECTION_BYTES_SUBSCRIBERS_MIN
            && let (Some(bare), Some(connected)) = (self.server.before, self.connected_usage)
        {
            // A server that had more subscribers before has memory to spare, so a negative growth
            // says nothing.
            let growth = connected.rss_bytes.checked_sub(bare.rss_bytes);
            let subscribers = self.plan.subscribers as f64;
            cost.connection_bytes = growth.map(|bytes| bytes as f64 / subscribers);
        }
        summary.cost = cost;
    }

    fn phases(&self) -> Vec<PhaseSummary> {
        let mut phases: Vec<PhaseSummary> = Vec::new();
        for second in &self.collected.seconds {
            match phases.last_mut() {
                Some(last) if last.name == second.phase => last.to_s = second.second + 1,
                _ => phases.push(PhaseSummary {
                    name: second.phase.clone(),
                    from_s: second.second,
                    to_s: second.second + 1,
                    ..PhaseSummary::default()
                }),
            }
        }
        for phase in &mut phases {
            let (from_s, to_s) = (phase.from_s, phase.to_s);
            phase.response = Latency::of(&self.collected.response_in(from_s, to_s));
            phase.connect = Latency::of(&self.collected.connect_in(from_s, to_s));
        }
        phases
    }

    fn settings(&self) -> RunSettings {
        let plan = self.plan;
        RunSettings {
            url: plan.target.url.clone(),
            source: match &plan.source {
                UpdateSource::Own(PublishTarget::WebSocket { .. }) => "websocket",
                UpdateSource::Own(PublishTarget::Mqtt { .. }) => "mqtt",
                UpdateSource::Server => "server",
            }
            .to_owned(),
            subscribers: plan.subscribers,
            threads: plan.threads,
            encoding: match plan.params.encoding {
                Encoding::Bincode => "bincode",
                Encoding::Json => "json",
            }
            .to_owned(),
            mode: match plan.params.mode {
                Mode::Every => "every",
                Mode::Latest => "latest",
            }
            .to_owned(),
            max_rate_hz: plan.params.max_rate_hz,
            filters: plan.filters.of(0).iter().map(ToString::to_string).collect(),
            topics: plan.topics.len(),
            payload_bytes: plan.payload_bytes,
            timing: match plan.timing {
                Timing::Constant => "constant",
                Timing::Poisson { .. } => "poisson",
                Timing::Recorded(_) => "recorded",
            }
            .to_owned(),
            stride: plan.stride(),
            probes: plan.probes,
            slow: plan.hindered.slow,
            stalled: plan.hindered.stalled,
            gone: plan.hindered.gone,
        }
    }
}
