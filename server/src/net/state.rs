//! The server's stage of life, for all threads to read.

use std::sync::atomic::{AtomicBool, Ordering};

/// A stage of the server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It accepts connections.
    Ready,
    /// It is about to end and accepts no more connections.
    Draining,
}

/// The server's stage of life; see the module.
#[derive(Debug, Default)]
pub(crate) struct ServerState {
    draining: AtomicBool,
}

impl ServerState {
    /// The current stage.
    pub(crate) fn stage(&self) -> Stage {
        if self.draining.load(Ordering::Acquire) {
            Stage::Draining
        } else {
            Stage::Ready
        }
    }

    /// Switches to draining.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}
