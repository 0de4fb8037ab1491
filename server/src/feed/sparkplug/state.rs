//! The messages by which a host says that it is online (sections 4.2.3 and 5.13).

use serde::{Deserialize, Serialize};

/// The payload of a STATE message. Version 3.0 writes it as JSON; version 2.2 wrote `ONLINE` and
/// `OFFLINE` to another topic (`STATE/HOST`), which is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::feed) struct HostState {
    pub(in crate::feed) online: bool,
    /// Milliseconds since the Unix epoch. A birth has the time of the will that was registered with
    /// its connection, so that nodes can tell the will of another connection.
    #[serde(default)]
    pub(in crate::feed) timestamp: i64,
}

impl HostState {
    pub(in crate::feed) fn to_json(self) -> String {
        let Self { online, timestamp } = self;
        format!("{{\"online\":{online},\"timestamp\":{timestamp}}}")
    }

    /// Reads a message; `None` if it is none of this form.
    pub(in crate::feed) fn from_json(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}
