//! Whether anything arrives at all.

use tickcast_protocol::message::TimeNs;

/// Whether an update has arrived and was timed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum FirstArrival {
    /// Nothing was published yet.
    #[default]
    NotDue,
    /// Since when one is awaited.
    Due(TimeNs),
    Seen,
}
