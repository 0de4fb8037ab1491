//! Tasks that are started again after a failure.

use std::{fmt, pin::pin, time::Duration};

use tickcast_protocol::backoff::{Backoff, BackoffPolicy, Jitter};
use tokio::time::{Instant, sleep};

use super::task::Task;
use crate::metrics::TaskState;

/// When to start a task again. The first wait is short, because most failures do not recur at once.
/// A task that fails again and again costs a log line a minute at most.
const RESTART: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(500),
    max_bound: Duration::from_secs(60),
    reset_after: Duration::from_secs(120),
    jitter: Jitter::Equal,
};

/// Time for which a restarted task must run until it counts as running. Otherwise the server would
/// look ready between two failures.
const SETTLED: Duration = Duration::from_secs(1);

/// The attempts to run a task.
#[derive(Debug)]
pub(crate) struct Restarts {
    task: Task,
    backoff: Backoff,
}

impl Restarts {
    /// The first attempt is still to come.
    pub(crate) fn new(task: Task) -> Self {
        let backoff = Backoff::new(RESTART);
        Self { task, backoff }
    }

    /// Runs an attempt. An error is the text of a panic.
    pub(crate) async fn attempt<T>(
        &mut self,
        future: impl Future<Output = T>,
    ) -> Result<T, String> {
        let stats = self.task.stats();
        let start = Instant::now();
        let mut running = pin!(self.task.caught(future));
        let early = if stats.state() == TaskState::Running {
            None
        } else {
            tokio::select! {
                result = &mut running => Some(result),
                () = sleep(SETTLED) => None,
            }
        };
        let result = match early {
            Some(result) => result,
            None => {
                stats.set_state(TaskState::Running);
                running.await
            }
        };
        if result.is_ok() {
            stats.set_state(TaskState::Running);
        }
        self.backoff.connection_lasted(start.elapsed());
        result
    }

    /// Counts and logs a failure. Returns the wait before the next attempt.
    pub(crate) fn failed(&mut self, reason: impl fmt::Display) -> Duration {
        self.task.stats().set_state(TaskState::Restarting);
        self.task.count(reason);
        let wait = self.backoff.next_wait(rand::random());
        tracing::warn!(task = self.task.name(), restart_in = ?wait, "it is started again");
        wait
    }

    /// Runs a task that never ends, again after each failure.
    pub(crate) async fn run<F: Future<Output = ()>>(mut self, mut start: impl FnMut() -> F) {
        loop {
            let reason = match self.attempt(start()).await {
                Ok(()) => "it ended although the server did not".to_owned(),
                Err(panic) => panic,
            };
            sleep(self.failed(reason)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_is_started_again_later_and_later_and_counts_as_running_when_it_runs()
    {
        let task = Task::alone("test");
        let starts = RefCell::new(Vec::new());
        let run = Restarts::new(task.clone()).run(|| async {
            starts.borrow_mut().push(Instant::now());
            let attempt = starts.borrow().len();
            match attempt {
                1 => panic!("the first"),
                2 => {}
                _ => std::future::pending().await,
            }
        });
        let watch = async {
            let stats = task.stats();
            for (failures, state) in [
                (1, TaskState::Restarting),
                (2, TaskState::Restarting),
                (2, TaskState::Running),
            ] {
                while (stats.failures.get(), stats.state()) != (failures, state) {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        };
        tokio::select! {
            () = run => panic!("it has ended"),
            () = watch => {}
        }
        let [first, second, third] = starts.borrow()[..] else {
            panic!("{starts:?}");
        };
        assert!(second - first >= RESTART.first_bound / 2);
        assert!(third - second >= RESTART.first_bound);
        assert!(third.elapsed() >= SETTLED);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_text_and_an_ordered_one_comes_once() {
        let task = Task::alone("test");
        let panics = async { panic!("of number {}", 7) };
        assert_eq!(task.caught(panics).await, Err("panic: of number 7".into()));
        task.stats().order_panic();
        assert!(task.caught(async {}).await.is_err());
        assert_eq!(task.caught(async { 8 }).await, Ok(8));
    }
}
