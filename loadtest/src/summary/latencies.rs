//! The latencies of a run.

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// See the module. Only updates that were due in the steady phase count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latencies {
    /// Received - due, of all healthy receivers: the headline.
    pub response: Latency,
    /// Received - sent.
    pub service: Latency,
    /// Sent - due.
    pub slip: Latency,
    /// The last receiver's arrival - due, one sample per update.
    pub completion: Latency,
    /// The last - the first receiver's arrival, one sample per update.
    pub spread: Latency,
    /// Received - due, of the probes alone.
    pub probes: Latency,
    /// From opening a connection until its subscriptions were confirmed, in all phases.
    pub connect: Latency,
}

impl Latencies {
    /// A latency by its name.
    ///
    /// # Panics
    ///
    /// If no latency has that name.
    pub(crate) fn by_name_mut(&mut self, name: &str) -> &mut Latency {
        match name {
            "response" => &mut self.response,
            "service" => &mut self.service,
            "slip" => &mut self.slip,
            "completion" => &mut self.completion,
            "spread" => &mut self.spread,
            "probes" => &mut self.probes,
            "connect" => &mut self.connect,
            _ => unreachable!("no latency is called {name}"),
        }
    }
}
