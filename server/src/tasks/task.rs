//! One task, and the failure of the whole server.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::watch;

use crate::metrics::{TaskState, TaskStats};

/// A task of the server has ended that cannot be started again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{task} has failed: {reason}")]
pub struct Failure {
    /// The task's name.
    pub task: String,
    /// Why it ended.
    pub reason: String,
}

/// The handle of a task.
#[derive(Debug, Clone)]
pub struct Task {
    stats: Arc<TaskStats>,
    failure: watch::Sender<Option<Failure>>,
}

impl Task {
    /// The task with these numbers. `failure` is set when it ends for good.
    pub(crate) fn new(stats: Arc<TaskStats>, failure: watch::Sender<Option<Failure>>) -> Self {
        Self { stats, failure }
    }

    /// A task without a server.
    pub fn alone(name: &str) -> Self {
        let (failure, _) = watch::channel(None);
        Self::new(Arc::new(TaskStats::new(name)), failure)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.stats.name
    }

    /// Its numbers.
    pub fn stats(&self) -> &TaskStats {
        &self.stats
    }

    /// Runs a future. A panic is an error with its text.
    pub(crate) fn caught<F: Future>(&self, future: F) -> Caught<F> {
        Caught {
            stats: Arc::clone(&self.stats),
            future: Box::pin(future),
        }
    }

    /// Runs the work of one connection, of which there are many: a panic ends this one only, and is
    /// counted.
    pub(crate) fn contain<F: Future<Output = ()>>(
        &self,
        connection: F,
    ) -> impl Future<Output = ()> + use<F> {
        let (task, caught) = (self.clone(), self.caught(connection));
        async move {
            if let Err(reason) = caught.await {
                task.count(&reason);
            }
        }
    }

    /// Counts and logs a failure.
    pub(crate) fn count(&self, reason: impl fmt::Display) {
        self.stats.failures.add(1);
        tracing::error!(task = self.name(), %reason, "a task has failed");
    }

    /// Ends the task for good: the server has failed. The first failure is the one that is told.
    pub(crate) fn end(&self, reason: impl fmt::Display) {
        self.count(&reason);
        self.stats.set_state(TaskState::Ended);
        let (task, reason) = (self.name().to_owned(), reason.to_string());
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(Failure { task, reason });
            is_first
        });
    }
}

/// A future whose panic is an error. It is boxed, because the future of an async function that
/// takes another one would have room for it twice.
#[derive(Debug)]
pub(crate) struct Caught<F> {
    stats: Arc<TaskStats>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let poll = || {
            if this.stats.take_ordered_panic() {
                panic!("a test ordered it");
            }
            this.future.as_mut().poll(context)
        };
        // A future that has panicked is not polled again. What it shares with others is either
        // whole after each step, or belongs to a shard, which ends then.
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.as_deref().unwrap_or("no text"))
}
