//! The thread of the outputs: takes strips like a shard, and runs a task for each output.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use tickcast_core::restored::Restored;
use tokio::{
    sync::{Notify, watch},
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::{
    grafana::GrafanaOutput,
    mqtt::MqttOutput,
    newest::Newest,
    settings::{OutputSettings, Target},
    shared::{END_MAX, Shared},
};
use crate::{
    clock::Clock,
    ingest::Handoff,
    metrics::Metrics,
    tasks::{Restarts, Task},
};

/// How often the thread looks for strips. It dozes like a shard without clients that wait: waking a
/// thread costs more than an update, and outputs are for values a second old.
const POLL: Duration = Duration::from_millis(20);

/// All outputs.
pub(crate) struct OutputThread {
    /// Its place at the handoff, after those of the shards.
    pub(crate) place: usize,
    pub(crate) handoff: Arc<Handoff>,
    /// What the last server knew, if there is a log.
    pub(crate) restored: Option<Arc<Restored>>,
    /// Each with its task, in the order of its counters.
    pub(crate) outputs: Vec<(OutputSettings, Task)>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

impl OutputThread {
    /// Runs until the last strip is sent. An error is why it cannot.
    pub(crate) async fn run(self) -> Result<(), String> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut all = Vec::new();
        for ((settings, task), stats) in self.outputs.into_iter().zip(&self.metrics.outputs) {
            let OutputSettings {
                name,
                filters,
                updates,
                topics_max,
                tls,
                target,
            } = settings;
            let metrics = Arc::clone(&stats.metrics);
            metrics.tls_unverified.set(u64::from(tls.insecure));
            if tls.insecure {
                tracing::warn!(output = %name, "any certificate is accepted (tls_insecure)");
            }
            let shared = Rc::new(Shared {
                name,
                newest: RefCell::new(Newest::new(filters, updates, topics_max)),
                changed: Notify::new(),
                metrics,
                clock: self.clock,
            });
            if let Some(restored) = &self.restored {
                let mut newest = shared.newest.borrow_mut();
                for topic in &restored.topics {
                    newest.restore(topic);
                }
            }
            all.push(Rc::clone(&shared));
            let runner = match target {
                Target::Mqtt(target) => {
                    Runner::Mqtt(Box::new(MqttOutput::new(shared, target, updates, tls)))
                }
                Target::Grafana(target) => {
                    Runner::Grafana(Box::new(GrafanaOutput::new(shared, target, tls)))
                }
            };
            tasks.spawn_local(run_again(runner, task, stopped.clone()));
        }
        self.handoff.doze(self.place, true);
        take_strips(self.place, &self.handoff, &all).await;
        stop.send_replace(true);
        let ended = timeout(2 * END_MAX, async {
            while tasks.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!("an output did not end in time");
        }
        Ok(())
    }
}

/// Takes strips until the last one.
async fn take_strips(place: usize, handoff: &Handoff, outputs: &[Rc<Shared>]) {
    let wake = handoff.wake(place);
    loop {
        // Asked first: what came before the end is taken.
        let has_ended = handoff.has_ended();
        let new = handoff.take(place);
        for strip in &new.strips {
            for output in outputs {
                output.newest.borrow_mut().apply(strip);
            }
            yield_now().await;
        }
        for output in outputs {
            output.count();
            if !new.strips.is_empty() {
                output.changed.notify_one();
            }
        }
        match (new.more, has_ended) {
            (true, _) => {}
            (false, true) => return,
            (false, false) => tokio::select! {
                () = wake.notified() => {}
                () = sleep(POLL) => {}
            },
        }
    }
}

/// What an output runs.
enum Runner {
    Mqtt(Box<MqttOutput>),
    Grafana(Box<GrafanaOutput>),
}

/// Runs an output until the server ends, again after each failure.
async fn run_again(mut runner: Runner, task: Task, stopped: watch::Receiver<bool>) {
    let mut restarts = Restarts::new(task);
    loop {
        let stop = ended(stopped.clone());
        let attempt = async {
            match &mut runner {
                Runner::Mqtt(output) => output.run(stop).await,
                Runner::Grafana(output) => output.run(stop).await,
            }
        };
        match restarts.attempt(attempt).await {
            Ok(()) => return,
            Err(panic) => {
                let wait = restarts.failed(panic);
                tokio::select! {
                    () = sleep(wait) => {}
                    () = ended(stopped.clone()) => return,
                }
            }
        }
    }
}

/// Completes when the outputs are to end.
async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the thread is gone, which ends its outputs as well.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}
