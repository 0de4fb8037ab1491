//! Who opens a log.

use tickcast_protocol::message::{Epoch, TimeNs};

/// Who opens a log, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Identifies the start of the machine.
    pub boot_id: [u8; 16],
    /// Whether a new epoch begins in any case: clients may have later updates than the log.
    pub begins_epoch: bool,
    /// The epoch to begin if the last one cannot be continued.
    pub new_epoch: Epoch,
    /// The time.
    pub now_ns: TimeNs,
}
