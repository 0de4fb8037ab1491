//! Who opens a log.

use tickcast_protocol::message::{Epoch, TimeNs};

/// Who opens a log, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Identifies the start of the machine.
    pub boot_id: [u8; 16],
    /// Whether the last epoch goes on.
    pub goes_on: GoesOn,
    /// The epoch to begin if the last one cannot be continued.
    pub new_epoch: Epoch,
    /// The time.
    pub now_ns: TimeNs,
}

/// Whether the last epoch of a log goes on when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesOn {
    /// If every update that a client can have is in the log.
    IfWhole,
    /// Never: clients may have later updates than the log.
    Never,
    /// Always: the server follows a stream, which has what the log may miss.
    Always,
}

impl GoesOn {
    /// Whether it does, for a log that is whole or not.
    pub(crate) fn holds(self, is_whole: bool) -> bool {
        match self {
            Self::IfWhole => is_whole,
            Self::Never => false,
            Self::Always => true,
        }
    }
}
