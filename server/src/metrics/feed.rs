//! The counters and the state of a feed.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tickcast_core::stats::Number;

/// Counters of one feed since the start, which any thread may read.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    /// Messages, rows or lines received from the source; for the simulated feed, updates made.
    pub received: Number,
    /// Updates handed to the sequencer.
    pub submitted: Number,
    /// Messages, rows, lines or parts of them that could not be read.
    pub undecodable: Number,
    /// Updates beyond the first that a message became. With [`silent`](Self::silent), it says how
    /// many updates the messages became.
    pub further: Number,
    /// Messages that became no update: unreadable ones, and those that were passed over.
    pub silent: Number,
    /// Messages or parts of them that a rule passes over.
    pub passed_over: Number,
    /// Errors that the source reports in its messages, such as a refused subscription.
    pub reported: Number,
    /// Updates whose time was unreadable or impossible, and which have no source time therefore.
    pub times_ignored: Number,
    /// Readings whose number needs more digits than a reading has.
    pub rounded: Number,
    /// Parts of messages beyond the bounds on parts and levels.
    pub left_out: Number,
    /// Updates of recorded files that were read after later ones.
    pub disordered: Number,
    /// Updates dropped because the sequencer accepted none for too long, or because their time had
    /// passed.
    pub lost: Number,
    /// Number of times the sequencer's queue was full, so that the source had to wait.
    pub pushed_back: Number,
    /// Number of connections to the source that replaced a lost one.
    pub reconnects: Number,
    /// What a host application of Sparkplug counts.
    pub sparkplug: SparkplugMetrics,
    /// Messages that had come before: further copies, and retained ones that are not newer.
    pub repeated: Number,
    /// Messages that no filter of the settings wants.
    pub unwanted: Number,
    /// 1 if the source keeps nothing while the feed is not connected.
    pub unkept: Number,
    /// 1 if the source's certificate is not verified, as a setting says.
    pub tls_unverified: Number,
    state: AtomicU8,
}

/// Counters of a host application of Sparkplug.
#[derive(Debug, Default)]
pub struct SparkplugMetrics {
    /// Births of nodes and devices.
    pub births: Number,
    /// Deaths of nodes and devices.
    pub deaths: Number,
    /// Messages that were ignored because they came too late.
    pub late: Number,
    /// Gaps in the sequence of a node.
    pub gaps: Number,
    /// Requests to be born again.
    pub rebirths: Number,
    /// Metrics that were dropped because it is not known for sure which they are.
    pub unresolved: Number,
}

/// The state of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum FeedState {
    /// It has not reached its source yet.
    #[default]
    Connecting,
    /// It receives updates, or would if there were any.
    Up,
    /// It has lost its source and tries to reconnect.
    Down,
    /// It will receive nothing more.
    Finished,
    /// Another node of the cluster runs it.
    Standby,
}

impl FeedState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Connecting,
        Self::Up,
        Self::Down,
        Self::Finished,
        Self::Standby,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Down => "down",
            Self::Finished => "finished",
            Self::Standby => "standby",
        }
    }
}

impl FeedMetrics {
    /// The current state.
    pub fn state(&self) -> FeedState {
        FeedState::ALL[usize::from(self.state.load(Relaxed))]
    }

    pub(crate) fn set_state(&self, state: FeedState) {
        self.state.store(state as u8, Relaxed);
    }
}
