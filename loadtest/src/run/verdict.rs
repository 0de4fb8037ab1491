//! The end of a run: the last numbers, and what they come to.

use super::{Checkpoint, Finished, Runner};
use crate::{
    environment::environment,
    integrity::Baseline,
    latency::{Histogram, Latency, histogram},
    plan::{PhaseKind, Source},
    publisher::{Outlet, Published},
    schedule::Timing,
    scrape::{self, Counters},
    summary::{
        Cost, CounterPair, Generator, Integrity, Latencies, Load, PhaseSummary, Reconciliation,
        SCHEMA_VERSION, Settings, Summary,
    },
    worker::{Command, Newest, Reply, WorkerLost},
};
use std::sync::Arc;
use tickcast_protocol::{codec::Encoding, message::Mode};

const NS_PER_S: f64 = 1e9;

impl Checkpoint {
    fn seconds_since(&self, before: &Self) -> f64 {
        (self.at_ns - before.at_ns) as f64 / NS_PER_S
    }

    fn publisher_since(&self, before: &Self) -> f64 {
        share(
            self.publisher_ns,
            before.publisher_ns,
            self.seconds_since(before),
        )
    }

    fn workers_since(&self, before: &Self) -> Vec<f64> {
        let seconds = self.seconds_since(before);
        let workers = self.workers_ns.iter().zip(&before.workers_ns);
        workers
            .map(|(after, before)| share(*after, *before, seconds))
            .collect()
    }

    /// The share of a core that the busiest of our threads used.
    pub(super) fn busiest_since(&self, before: &Self) -> f64 {
        let workers = self.workers_since(before).into_iter();
        workers.fold(self.publisher_since(before), f64::max)
    }
}

fn share(after_ns: Option<u64>, before_ns: Option<u64>, seconds: f64) -> f64 {
    let used = after_ns.zip(before_ns);
    used.map_or(0.0, |(after, before)| {
        after.saturating_sub(before) as f64 / NS_PER_S / seconds
    })
}

impl Runner<'_> {
    /// Collects the rest, closes everything, and draws the conclusion.
    pub(super) fn finish(
        mut self,
        published: &Published,
        drained: bool,
        steady_from_s: u32,
    ) -> Result<Finished, WorkerLost> {
        let arrived = self.arrived()?;
        let round = self.round()?;
        self.collected.add(round, false);
        let reconciliation = self.reconcile(published);
        self.end_workers(&arrived)?;
        self.progress.end();
        let never_arrived = match self.plan.baseline {
            Baseline::New if self.expected(published.updates).is_some() => {
                published.updates.saturating_sub(arrived.values().sum())
            }
            _ => 0,
        };
        self.collected.complete_seconds();
        let mut summary = self.summary(published);
        summary.integrity.drained = drained;
        summary.integrity.never_arrived = never_arrived;
        summary.reconciliation = reconciliation;
        let steady_to_s = steady_from_s + summary.load.steady_s;
        let histograms = self.histograms(published, steady_from_s, steady_to_s);
        summary.latencies = Latencies::default();
        for (name, histogram) in &histograms {
            *summary.latencies.by_name_mut(name) = Latency::of(histogram);
        }
        let assertions = self.plan.assertions.iter();
        summary.assertions = assertions.map(|a| a.check(&summary)).collect();
        summary.conclude(self.is_interrupted());
        let seconds = std::mem::take(&mut self.collected.response);
        Ok(Finished {
            summary,
            histograms,
            seconds: seconds.into_iter().collect(),
            start_ns: self.start_ns,
        })
    }

    fn end_workers(&mut self, newest: &Newest) -> Result<(), WorkerLost> {
        let newest = Arc::new(newest.clone());
        self.tell(|| Command::Finish(newest.clone()))?;
        let mut reports = Vec::new();
        for worker in self.workers.drain(..) {
            let Reply::Finished { report, completion } = worker.reply()? else {
                return Err(WorkerLost);
            };
            reports.push(*report);
            match &mut self.collected.completion {
                Some(all) => all.merge(&completion),
                none => *none = Some(completion),
            }
            worker.join()?;
        }
        let round = crate::collected::Round::of(reports);
        self.collected.add(round, false);
        Ok(())
    }

    /// The server's counters against ours.
    fn reconcile(&self, published: &Published) -> Reconciliation {
        let plan = self.plan;
        let totals = &self.collected.totals;
        let mut ours = vec![
            (scrape::DELIVERIES, totals.received()),
            (scrape::CONFLATED, totals.sum(|tally| tally.conflated)),
            (scrape::GAP_UPDATES, totals.sum(|tally| tally.announced)),
        ];
        // What comes through a broker may be mixed with what others send there.
        let is_client = matches!(plan.source, Source::Own(Outlet::WebSocket { .. }));
        if is_client {
            ours.push((scrape::UPDATES, published.updates));
        }
        let pairs = |before: &Counters, after: &Counters| -> Vec<CounterPair> {
            let fed = scrape::growth(scrape::FEED_UPDATES, before, after);
            let has_feeds = fed.is_some_and(|updates| updates > 0);
            let known = ours.iter().filter_map(|&(name, ours)| {
                if name == scrape::UPDATES && has_feeds {
                    return None;
                }
                let server = scrape::growth(name, before, after)?;
                Some(CounterPair {
                    name: name.to_owned(),
                    server,
                    ours,
                })
            });
            known.collect()
        };
        let agree = |before: &Counters, after: &Counters| {
            pairs(before, after)
                .iter()
                .all(|pair| pair.server == pair.ours)
        };
        let (before, after) = match self.server.counters(agree) {
            Ok(counters) => counters,
            Err(error) => {
                return Reconciliation {
                    counters: Vec::new(),
                    remark: Some(error),
                };
            }
        };
        let counts = &totals.counts;
        let others = before.get(scrape::CONNECTIONS).copied().unwrap_or(0.0);
        let remark = if others > 0.0 {
            Some("others were connected to the server".to_owned())
        } else if counts.closed + counts.churned > 0 || plan.hindered.slow + plan.hindered.gone > 0
        {
            Some("connections ended with updates on the way".to_owned())
        } else if self.is_interrupted() {
            Some("the run was interrupted".to_owned())
        } else if matches!(plan.source, Source::Server) {
            Some("the server went on publishing".to_owned())
        } else {
            None
        };
        Reconciliation {
            counters: pairs(before, &after),
            remark,
        }
    }

    fn histograms(
        &self,
        published: &Published,
        from_s: u32,
        to_s: u32,
    ) -> Vec<(&'static str, Histogram)> {
        let collected = &self.collected;
        let at_ns = |second: u32| self.start_ns + i64::from(second) * NS_PER_S as i64;
        let mut histograms = vec![
            ("response", collected.response_in(from_s, to_s)),
            ("service", collected.service.clone()),
            ("slip", published.slip.clone()),
            ("probes", collected.probes.clone()),
            ("connect", collected.connect_in(0, u32::MAX)),
        ];
        // In mode `latest` not everybody gets every update.
        let completion = match (&collected.completion, self.plan.wish.mode) {
            (Some(completion), Mode::Every) => {
                let summary = completion.summary(at_ns(from_s), at_ns(to_s));
                (summary.completion, summary.spread)
            }
            _ => (histogram(), histogram()),
        };
        histograms.push(("completion", completion.0));
        histograms.push(("spread", completion.1));
        histograms
    }

    fn summary(&self, published: &Published) -> Summary {
        let plan = self.plan;
        let collected = &self.collected;
        let totals = &collected.totals;
        let mut env = environment(plan.command.clone(), plan.seed);
        env.server = totals.server.clone();
        let steady_seconds = collected.seconds.iter();
        let steady_s = steady_seconds
            .filter(|second| second.phase == PhaseKind::Steady.name())
            .count() as u32;
        let mut summary = Summary {
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
            ..Summary::default()
        };
        summary.load.steady_s = steady_s;
        summary.load.published = match plan.source {
            Source::Own(_) => published.updates,
            Source::Server => collected.seconds.iter().map(|s| s.published).sum(),
        };
        if let Some((before, Some(after))) = &self.steady {
            self.steady_numbers(before, after, &mut summary);
        }
        summary
    }

    fn steady_numbers(&self, before: &Checkpoint, after: &Checkpoint, summary: &mut Summary) {
        let seconds = after.seconds_since(before);
        let published = match self.plan.source {
            Source::Own(_) => after.published - before.published,
            Source::Server => after.position - before.position,
        };
        let delivered = (after.received - before.received) as f64;
        summary.load = Load {
            offered_per_s: match self.plan.source {
                Source::Own(_) => self.rate,
                Source::Server => published as f64 / seconds,
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
        if let (Some(bare), Some(connected)) = (self.server.before, self.connected_usage) {
            // A server that has had more subscribers before has memory to spare: that tells nothing.
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

    fn settings(&self) -> Settings {
        let plan = self.plan;
        Settings {
            url: plan.target.url.clone(),
            source: match &plan.source {
                Source::Own(Outlet::WebSocket { .. }) => "websocket",
                Source::Own(Outlet::Mqtt { .. }) => "mqtt",
                Source::Server => "server",
            }
            .to_owned(),
            subscribers: plan.subscribers,
            threads: plan.threads,
            encoding: match plan.wish.encoding {
                Encoding::Bincode => "bincode",
                Encoding::Json => "json",
            }
            .to_owned(),
            mode: match plan.wish.mode {
                Mode::Every => "every",
                Mode::Latest => "latest",
            }
            .to_owned(),
            max_rate_hz: plan.wish.max_rate_hz,
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
