//! The failures and the state of the long-lived tasks.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use tickcast_core::stats::Number;

/// A long-lived task: whether it runs, and how often it failed. Any thread may read it.
#[derive(Debug)]
pub struct TaskStats {
    /// Its name, such as `shard-0` or `feed-mqtt`.
    pub name: String,
    /// Number of times it panicked, or ended although the server did not.
    pub failures: Number,
    state: AtomicU8,
    panic_ordered: AtomicBool,
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TaskState {
    /// It runs.
    Running,
    /// It failed, and is started again.
    Restarting,
    /// It failed, and cannot be started again.
    Ended,
}

impl TaskStats {
    /// A task that runs.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            failures: Number::default(),
            state: AtomicU8::new(TaskState::Running as u8),
            panic_ordered: AtomicBool::new(false),
        }
    }

    /// The current state.
    pub fn state(&self) -> TaskState {
        const STATES: [TaskState; 3] =
            [TaskState::Running, TaskState::Restarting, TaskState::Ended];
        STATES[usize::from(self.state.load(Relaxed))]
    }

    /// Sets the state. A task that has ended stays so.
    pub(crate) fn set_state(&self, state: TaskState) {
        if self.state() != TaskState::Ended {
            self.state.store(state as u8, Relaxed);
        }
    }

    /// Makes the task panic when it works next. For tests.
    pub(crate) fn order_panic(&self) {
        self.panic_ordered.store(true, Relaxed);
    }

    /// Whether a test has ordered a panic.
    pub(crate) fn take_ordered_panic(&self) -> bool {
        self.panic_ordered.load(Relaxed) && self.panic_ordered.swap(false, Relaxed)
    }
}
