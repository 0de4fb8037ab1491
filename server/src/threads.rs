//! The threads of the server, each with its runtime and its task.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, LocalOptions},
    sync::watch,
};

use crate::{
    ingest::Handoff,
    metrics::TaskStats,
    net::state::{ServerState, Stage},
    start_error::StartError,
    tasks::{Failure, Task, panic_text},
};

/// The long-lived tasks, as they are named.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) stats: Vec<Arc<TaskStats>>,
    pub(crate) failure: watch::Sender<Option<Failure>>,
}

impl Tasks {
    pub(crate) fn add(&mut self, name: impl Into<String>) -> Task {
        let stats = Arc::new(TaskStats::new(name));
        self.stats.push(Arc::clone(&stats));
        Task::new(stats, self.failure.clone())
    }
}

/// A thread with a current-thread runtime.
pub(crate) struct Thread {
    task: Task,
    state: Arc<ServerState>,
    handoff: Arc<Handoff>,
}

impl Thread {
    pub(crate) fn new(task: Task, state: &Arc<ServerState>, handoff: &Arc<Handoff>) -> Self {
        let (state, handoff) = (Arc::clone(state), Arc::clone(handoff));
        Self {
            task,
            state,
            handoff,
        }
    }

    /// Starts the thread. If `body` ends although the server does not, the server has failed; then
    /// `leave` tells the other threads.
    pub(crate) fn spawn(
        self,
        body: impl AsyncFnOnce() -> Result<(), String> + Send + 'static,
        leave: impl FnOnce(&Handoff) + Send + 'static,
    ) -> Result<JoinHandle<()>, StartError> {
        let name = self.task.name().to_owned();
        let thread = thread::Builder::new().name(format!("tickcast-{name}"));
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(|| block_on(&self.task, body)));
            let result = result.unwrap_or_else(|panic| Err(panic_text(&*panic)));
            let reason = match result {
                Err(reason) => reason,
                Ok(()) if self.state.stage() == Stage::Draining => return,
                Ok(()) => "it ended although the server did not".to_owned(),
            };
            leave(&self.handoff);
            self.task.end(reason);
        };
        thread
            .spawn(run)
            .map_err(|error| StartError::Thread { name, error })
    }
}

/// Maximum number of sockets whose tasks are woken at a time. Woken tasks run in order, so with the
/// runtime's default of 1,024 a client's publish waits longer when thousands of clients leave or
/// come back at once.
const IO_EVENTS_PER_TICK: usize = 32;

fn block_on(task: &Task, body: impl AsyncFnOnce() -> Result<(), String>) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(IO_EVENTS_PER_TICK)
        .build_local(LocalOptions::default())
        .map_err(|error| format!("cannot create its runtime: {error}"))?;
    // A panic is caught before the runtime is dropped, so that nothing is dropped in a panic.
    runtime.block_on(task.caught(body())).flatten()
}

/// Lets shards go first where they share a core with this thread, which gets this niceness
/// (setpriority(2)). On Linux niceness belongs to a thread; elsewhere it belongs to the process, so
/// nothing is changed there.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
pub(crate) fn give_way(niceness: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(niceness) {
        tracing::debug!(%error, niceness, "cannot lower the priority of a thread");
    }
}

/// Completes when the server is to end.
pub(crate) async fn ended_signal(mut ended: watch::Receiver<bool>) {
    // An error means that the server was dropped, which ends it as well.
    let _ = ended.wait_for(|ended| *ended).await;
}
