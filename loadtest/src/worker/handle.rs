//! A worker as the rest of the load tester sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use mio::Waker;

use super::messages::{WorkerCommand, WorkerReply};
use crate::observe::process;

/// Longest wait for a reply. A busy worker replies late, a stuck one never.
const REPLY_MAX: Duration = Duration::from_secs(60);

/// A handle on a worker's thread.
#[derive(Debug)]
pub struct WorkerHandle {
    pub(super) commands: SyncSender<WorkerCommand>,
    pub(super) replies: Receiver<WorkerReply>,
    pub(super) waker: Arc<Waker>,
    pub(super) thread_id: Arc<AtomicU32>,
    pub(super) thread: thread::JoinHandle<()>,
}

/// A worker's thread has ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receiver thread has ended, or did not answer within 60 s")]
pub struct WorkerLost;

impl WorkerHandle {
    /// Tells the worker something.
    pub fn send(&self, command: WorkerCommand) -> Result<(), WorkerLost> {
        self.commands.send(command).map_err(|_| WorkerLost)?;
        self.waker.wake().map_err(|_| WorkerLost)
    }

    /// Waits for the reply to the oldest command that has one.
    pub fn reply(&self) -> Result<WorkerReply, WorkerLost> {
        self.replies.recv_timeout(REPLY_MAX).map_err(|_| WorkerLost)
    }

    /// CPU time of the thread, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        process::thread_cpu_ns(self.thread_id.load(Ordering::Relaxed))
    }

    /// Waits for the thread's end, after [`WorkerReply::Finished`].
    pub fn join(self) -> Result<(), WorkerLost> {
        self.thread.join().map_err(|_| WorkerLost)
    }
}
