//! How far the server is in its life, for all threads to see.

use std::sync::atomic::{AtomicBool, Ordering};

/// A stage of the server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It takes connections.
    Ready,
    /// It is about to end.
    Draining,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ServerState {
    draining: AtomicBool,
}

impl ServerState {
    /// The stage it is in.
    pub(crate) fn stage(&self) -> Stage {
        if self.draining.load(Ordering::Acquire) {
            Stage::Draining
        } else {
            Stage::Ready
        }
    }

    /// Begins the end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}
