//! The numbers and the state of a feed.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tickcast_core::stats::Number;

/// Counters of one feed since the start, for everybody to read at any time.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    /// Messages, rows or lines that came from the source; of the simulated feed: updates made.
    pub received: Number,
    /// Updates handed to the sequencer.
    pub submitted: Number,
    /// Messages, rows or lines that could not be read.
    pub undecodable: Number,
    /// Updates given up: because the sequencer took none for too long, or because their time had
    /// passed.
    pub lost: Number,
    /// How often the sequencer's queue was full, so that the source had to wait.
    pub pushed_back: Number,
    /// Connections to the source that were made again after one was lost.
    pub reconnects: Number,
    state: AtomicU8,
}

/// What a feed is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum FeedState {
    /// It has not reached its source yet.
    #[default]
    Connecting,
    /// It receives, or would if there were something.
    Up,
    /// It has lost its source and tries to get it back.
    Down,
    /// Nothing more will come.
    Finished,
}

impl FeedState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Connecting, Self::Up, Self::Down, Self::Finished];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Down => "down",
            Self::Finished => "finished",
        }
    }
}

impl FeedMetrics {
    /// What the feed is doing now.
    pub fn state(&self) -> FeedState {
        FeedState::ALL[usize::from(self.state.load(Relaxed))]
    }

    pub(crate) fn set_state(&self, state: FeedState) {
        self.state.store(state as u8, Relaxed);
    }
}
