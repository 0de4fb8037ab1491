//! The numbers of a summary by name, for assertions and comparisons.

use super::document::RunSummary;
use crate::latency::Latency;

impl RunSummary {
    /// The names of [`latency`](Self::latency).
    pub const LATENCIES: [&'static str; 7] = [
        "response",
        "service",
        "slip",
        "completion",
        "spread",
        "probes",
        "connect",
    ];

    /// The names of [`number`](Self::number).
    pub const NUMBERS: [&'static str; 20] = [
        "missing",
        "duplicated",
        "reordered",
        "misplaced",
        "chain_breaks",
        "never_arrived",
        "conflated",
        "gaps",
        "announced",
        "overstated",
        "closed",
        "failed",
        "resumed",
        "errors",
        "published_per_s",
        "delivered_per_s",
        "cpu_us_per_delivery",
        "deliveries_per_core_s",
        "connection_bytes",
        "wire_bytes_per_update",
    ];

    /// A latency by its name.
    pub fn latency(&self, name: &str) -> Option<&Latency> {
        let latencies = &self.latencies;
        Some(match name {
            "response" => &latencies.response,
            "service" => &latencies.service,
            "slip" => &latencies.slip,
            "completion" => &latencies.completion,
            "spread" => &latencies.spread,
            "probes" => &latencies.probes,
            "connect" => &latencies.connect,
            _ => return None,
        })
    }

    /// A number by its name, if it is known.
    pub fn number(&self, name: &str) -> Option<f64> {
        let (healthy, hindered) = (&self.integrity.healthy, &self.integrity.hindered);
        let count = match name {
            "missing" => healthy.missing + hindered.missing,
            "duplicated" => healthy.duplicated + hindered.duplicated,
            "reordered" => healthy.reordered + hindered.reordered,
            "misplaced" => healthy.misplaced + hindered.misplaced,
            "chain_breaks" => healthy.chain_breaks + hindered.chain_breaks,
            "never_arrived" => self.integrity.never_arrived,
            "conflated" => healthy.conflated + hindered.conflated,
            "gaps" => healthy.gaps + hindered.gaps,
            "announced" => healthy.announced + hindered.announced,
            "overstated" => healthy.overstated + hindered.overstated,
            "closed" => self.connections.closed,
            "failed" => self.connections.failed,
            "resumed" => self.connections.resumed,
            "errors" => self.errors.values().sum(),
            "published_per_s" => return Some(self.load.published_per_s),
            "delivered_per_s" => return Some(self.load.delivered_per_s),
            "cpu_us_per_delivery" => return self.cost.cpu_us_per_delivery,
            "deliveries_per_core_s" => return self.cost.deliveries_per_core_s,
            "connection_bytes" => return self.cost.connection_bytes,
            "wire_bytes_per_update" => return Some(self.cost.wire_bytes_per_update),
            _ => return None,
        };
        Some(count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_can_be_asserted_exists() {
        let mut summary = RunSummary::default();
        summary.cost.cpu_us_per_delivery = Some(1.0);
        summary.cost.deliveries_per_core_s = Some(1.0);
        summary.cost.connection_bytes = Some(1.0);
        for name in RunSummary::NUMBERS {
            assert!(summary.number(name).is_some(), "{name}");
        }
        for name in RunSummary::LATENCIES {
            assert!(summary.latency(name).is_some(), "{name}");
        }
    }
}
