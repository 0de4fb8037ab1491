//! The stages of a run, one after the other.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::message::Position;

use super::{RunError, Runner};
use crate::{
    integrity::Baseline,
    latency::Latency,
    plan::{Phase, PhaseKind, Source},
    progress::View,
    publisher::{Published, Segment},
    recorder::{DueFrom, Scope},
    schedule::{Schedule, Timing},
    search::RateSearch,
    summary::{CPU_MAX, SearchStep, Summary},
    worker::{Behind, Command, Newest, Reply, WorkerLost},
};

const NS_PER_S: i64 = 1_000_000_000;

/// Pause between two looks while connections open or the last updates arrive.
const LOOK_NS: i64 = 100_000_000;

/// From the decision to publish until the first update is due: the threads must have heard of it.
const LEAD_NS: i64 = 100_000_000;

/// How long nothing moves until that counts as the end, where nothing better is known.
const QUIET_NS: i64 = NS_PER_S;

/// What earlier looks have shown.
#[derive(Debug, Default)]
struct Arrival {
    cut: Option<Position>,
    places: Option<(Position, Position)>,
    moved_ns: i64,
}

impl Runner<'_> {
    /// Opens all connections and waits until all subscriptions stand.
    pub(super) fn ramp(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        let now_ns = self.clock.now_ns();
        let per_s = plan.ramp_per_s / self.workers.len() as f64;
        self.tell(|| Command::Open {
            from_ns: now_ns,
            per_s,
        })?;
        let len = Duration::from_secs_f64(plan.subscribers as f64 / plan.ramp_per_s);
        let deadline_ns = now_ns + (len + plan.ramp_max).as_nanos() as i64;
        let mut looks = 1;
        loop {
            if !self.wait_until(now_ns + looks * LOOK_NS) {
                return Err(RunError::Interrupted);
            }
            looks += 1;
            self.check_publisher()?;
            let round = self.round()?;
            self.collected.add(round, false);
            let totals = &self.collected.totals;
            let open = totals.counts.open;
            let is_late = self.clock.now_ns() > deadline_ns;
            if totals.counts.failed > 0 || is_late {
                let errors: Vec<_> = totals.errors.keys().cloned().collect();
                let why = match errors.len() {
                    0 => "no answer".to_owned(),
                    _ => errors.join("; "),
                };
                return Err(RunError::Connect(format!(
                    "{}: {open} of {} subscribers connected: {why}",
                    plan.target.url, plan.subscribers
                )));
            }
            if open == plan.subscribers as u64 {
                self.progress.say(&format!("{open} subscribers connected"));
                self.connected_usage = self.server.usage();
                return Ok(());
            }
        }
    }

    /// Sets the start of publishing and tells everybody.
    pub(super) fn begin(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        self.start_ns = self.clock.now_ns() + LEAD_NS;
        let (due_from, first_key) = match plan.source {
            Source::Own(_) => (DueFrom::Stamp { run: plan.run }, 0),
            Source::Server => (DueFrom::Ingest, self.collected.totals.position + 1),
        };
        let scope = Scope {
            due_from,
            start_ns: self.start_ns,
            measured_ns: i64::MAX..i64::MAX,
            first_key,
            stride: plan.stride(),
        };
        self.tell(|| Command::Start(scope.clone()))?;
        self.wait_until(self.start_ns);
        self.collected.begin(self.observed());
        Ok(())
    }

    /// All that is published. Returns the second in which the steady phase began.
    pub(super) fn search_and_hold(&mut self) -> Result<u32, RunError> {
        let mut shift_s = 0;
        if let Some(search) = &self.plan.search {
            let mut rates = RateSearch::new(self.plan.rate, search.rate_max);
            while let Some(rate) = rates.next() {
                if self.is_interrupted() {
                    break;
                }
                let step = self.search_step(rate)?;
                let verdict = if step.passed { "passed" } else { "failed" };
                let why = step.reason.as_deref().unwrap_or_default();
                self.progress
                    .say(&format!("{rate:.0} updates/s {verdict} {why}"));
                rates.tried(rate, step.passed);
                self.search.push(step);
            }
            self.rate = rates.best().unwrap_or(self.plan.rate);
            shift_s = self.next_second();
        }
        let mut steady_from_s = 0;
        let mut phases = self.plan.phases();
        for phase in &mut phases {
            phase.from_s += shift_s;
            phase.to_s += shift_s;
        }
        for phase in &phases {
            if phase.kind == PhaseKind::Steady {
                steady_from_s = phase.from_s;
                let measured = self.at_ns(phase.from_s)..self.at_ns(phase.to_s);
                self.tell(|| Command::Measure(measured.clone()))?;
            }
            self.schedule(phase.from_s, phase.to_s - phase.from_s, phase.kind)?;
        }
        for phase in &phases {
            if !self.hold(*phase)? {
                break;
            }
        }
        Ok(steady_from_s)
    }

    /// The next second that has not begun yet: the one under way ends there.
    fn next_second(&self) -> u32 {
        self.collected.seconds.len() as u32 + 1
    }

    fn at_ns(&self, second: u32) -> i64 {
        self.start_ns + i64::from(second) * NS_PER_S
    }

    /// Lets the publisher publish some seconds at the current rate.
    fn schedule(&mut self, from_s: u32, len_s: u32, kind: PhaseKind) -> Result<(), RunError> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        // Each stretch has its own arrivals.
        let timing = match self.plan.timing {
            Timing::Poisson { seed } => Timing::Poisson {
                seed: seed.wrapping_add(from_s.into()),
            },
            ref other => other.clone(),
        };
        let len = Duration::from_secs(len_s.into());
        let schedule = Schedule::new(&timing, self.rate, len)
            .map_err(|error| RunError::Connect(error.to_string()))?;
        publisher.publish(Segment {
            start_ns: self.at_ns(from_s),
            schedule,
            is_measured: kind == PhaseKind::Steady,
        })?;
        Ok(())
    }

    /// One phase. Says whether to go on.
    fn hold(&mut self, phase: Phase) -> Result<bool, RunError> {
        let is_steady = phase.kind == PhaseKind::Steady;
        // A search ends in the middle of a second.
        while self.next_second() <= phase.from_s {
            if !self.second("search", phase.from_s - 1, phase.from_s, false)? {
                return Ok(false);
            }
        }
        match phase.kind {
            PhaseKind::Warmup => {}
            PhaseKind::Steady => {
                let until_ns = self.at_ns(phase.from_s + self.plan.stall_s);
                self.tell(|| Command::Hinder { until_ns })?;
                self.steady = Some((self.checkpoint(), None));
            }
            PhaseKind::Churn => {
                let per_s = self.plan.churn_per_s / self.workers.len() as f64;
                self.tell(|| Command::Churn { per_s })?;
            }
            PhaseKind::Storm => self.tell(|| Command::Storm)?,
        }
        let mut goes_on = true;
        while goes_on && self.next_second() <= phase.to_s {
            goes_on = self.second(phase.kind.name(), phase.from_s, phase.to_s, is_steady)?;
        }
        if is_steady {
            let after = self.checkpoint();
            if let Some((_, end)) = &mut self.steady {
                *end = Some(after);
            }
        }
        if phase.kind == PhaseKind::Churn {
            self.tell(|| Command::Churn { per_s: 0.0 })?;
        }
        Ok(goes_on)
    }

    /// Waits for the end of the current second and collects it. Says whether to go on.
    fn second(
        &mut self,
        name: &str,
        from_s: u32,
        to_s: u32,
        is_steady: bool,
    ) -> Result<bool, RunError> {
        let ends_s = self.next_second();
        let goes_on = self.wait_until(self.at_ns(ends_s));
        self.check_publisher()?;
        let round = self.round()?;
        let arrived = round.arrived();
        self.collected
            .end_second(round, name, is_steady, self.observed());
        let totals = &self.collected.totals;
        let delivered = self.collected.seconds.last().map_or(0, |s| s.delivered);
        self.progress.show(&View {
            phase: name,
            done_s: ends_s - from_s,
            len_s: to_s - from_s,
            connections: totals.counts.open,
            delivered,
            arrived: &arrived,
            gaps: totals.sum(|tally| tally.gaps),
            broken: totals.sum(|tally| tally.broken()),
        });
        Ok(goes_on)
    }

    /// Tries a rate: publishes for some seconds, waits for everything to arrive, and judges.
    fn search_step(&mut self, rate: f64) -> Result<SearchStep, RunError> {
        let Some(search) = &self.plan.search else {
            return Ok(SearchStep::default());
        };
        self.rate = rate;
        let from_s = self.next_second();
        let to_s = from_s + search.step_s;
        self.schedule(from_s, search.step_s, PhaseKind::Warmup)?;
        let before = self.checkpoint();
        let broken_before = self.collected.totals.sum(|tally| tally.broken());
        let mut goes_on = true;
        while goes_on && self.next_second() <= to_s {
            goes_on = self.second("search", from_s, to_s, false)?;
        }
        let after = self.checkpoint();
        let mut left_s = self.plan.drain_max.as_secs();
        let mut arrival = Arrival::default();
        let mut drained = self.has_arrived(after.published, &mut arrival)?;
        while goes_on && !drained && left_s > 0 {
            let now_s = self.next_second();
            goes_on = self.second("search", now_s, now_s + left_s as u32, false)?;
            drained = self.has_arrived(after.published, &mut arrival)?;
            left_s -= 1;
        }
        let mut summary = Summary::default();
        summary.latencies.response = Latency::of(&self.collected.response_in(from_s, to_s));
        let goal = search.goal.check(&summary);
        let published = (after.published - before.published) as f64 / f64::from(search.step_s);
        let busiest = after.busiest_since(&before);
        let broken = self.collected.totals.sum(|tally| tally.broken()) - broken_before;
        let reason = if broken > 0 {
            Some(format!("{broken} breaches of the contract"))
        } else if !drained {
            Some("the last updates did not arrive in time".to_owned())
        } else if busiest > CPU_MAX {
            Some(format!(
                "the load tester is the limit: a thread used {:.0} % of a core",
                busiest * 100.0
            ))
        } else if published < rate * 0.98 {
            Some(format!("only {published:.0} updates/s could be published"))
        } else {
            (!goal.passed).then(|| format!("{}: it is {}", goal.assertion, goal.actual))
        };
        Ok(SearchStep {
            rate,
            passed: reason.is_none(),
            response: summary.latencies.response,
            reason,
        })
    }

    fn behind(&self, newest: &Newest) -> Result<Behind, WorkerLost> {
        let newest = Arc::new(newest.clone());
        self.tell(|| Command::Behind(newest.clone()))?;
        let mut all = Behind {
            min_position: u64::MAX,
            ..Behind::default()
        };
        for worker in &self.workers {
            let Reply::Behind(behind) = worker.reply()? else {
                return Err(WorkerLost);
            };
            all.updates += behind.updates;
            all.min_position = all.min_position.min(behind.min_position);
            all.max_position = all.max_position.max(behind.max_position);
        }
        Ok(all)
    }

    /// The newest seq that each published topic must reach, if that is known.
    pub(super) fn expected(&self, published: u64) -> Option<Newest> {
        let is_known = matches!(self.plan.source, Source::Own(_))
            && self.plan.baseline == Baseline::New
            && !self.is_interrupted();
        if !is_known {
            return None;
        }
        let topics = &self.plan.topics;
        let len = topics.len() as u64;
        let newest = topics.iter().zip(0..).map(|(topic, i)| {
            let seq = (published + len - 1 - i) / len;
            (topic.clone(), seq)
        });
        Some(newest.filter(|(_, seq)| *seq > 0).collect())
    }

    /// Whether everything that was published has arrived, as far as can be known.
    fn has_arrived(&self, published: u64, arrival: &mut Arrival) -> Result<bool, WorkerLost> {
        if let Some(expected) = self.expected(published) {
            return Ok(self.behind(&expected)?.updates == 0);
        }
        let behind = self.behind(&Newest::new())?;
        if matches!(self.plan.source, Source::Server) {
            // It goes on for ever: all must come to where the first one is now.
            let cut = *arrival.cut.get_or_insert(behind.max_position);
            return Ok(behind.min_position >= cut);
        }
        // Places do not tell: shards that share the tape with others end at different ones.
        let places = (behind.min_position, behind.max_position);
        let now_ns = self.clock.now_ns();
        if arrival.places.replace(places) != Some(places) {
            arrival.moved_ns = now_ns;
        }
        Ok(now_ns - arrival.moved_ns >= QUIET_NS)
    }

    /// Waits until everything that was published has arrived. Says whether it has.
    pub(super) fn drain(&mut self, published: &Published) -> Result<bool, RunError> {
        let deadline_ns = self.clock.now_ns() + self.plan.drain_max.as_nanos() as i64;
        let mut arrival = Arrival::default();
        while !self.has_arrived(published.updates, &mut arrival)? {
            if self.clock.now_ns() > deadline_ns {
                return Ok(false);
            }
            // Even an interrupted run waits here: that is what draining means.
            #[allow(clippy::disallowed_methods)]
            std::thread::sleep(Duration::from_nanos(LOOK_NS as u64));
        }
        Ok(true)
    }

    /// The newest seq that any subscriber got, of each published topic.
    pub(super) fn arrived(&self) -> Result<Newest, WorkerLost> {
        if !matches!(self.plan.source, Source::Own(_)) {
            return Ok(Newest::new());
        }
        let prefix = format!("{}/", self.plan.prefix);
        self.tell(|| Command::Newest(prefix.clone()))?;
        let mut all = Newest::new();
        for worker in &self.workers {
            let Reply::Newest(newest) = worker.reply()? else {
                return Err(WorkerLost);
            };
            for (topic, seq) in newest {
                let entry = all.entry(topic).or_default();
                *entry = seq.max(*entry);
            }
        }
        Ok(all)
    }
}
