//! The CPU time of each process and thread.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Context;
use tickcast_benches::processes::Program;
use tickcast_loadtest::observe::process;

/// CPU time by name.
pub(crate) struct Cpu(BTreeMap<&'static str, u64>);

impl Cpu {
    pub(crate) fn now(broker: Option<&Program>, server: &Program) -> anyhow::Result<Self> {
        let mut by_name = BTreeMap::new();
        if let Some(broker) = broker {
            let used = process::cpu_ns(broker.pid()).context("the broker has ended")?;
            by_name.insert("broker", used);
        }
        let own = std::process::id();
        by_name.insert("publisher", process::cpu_ns(own).unwrap_or_default());
        for task in fs::read_dir(format!("/proc/{}/task", server.pid()))? {
            let task = task?.path();
            let name = match fs::read_to_string(task.join("comm"))?.trim() {
                "tickcast-ingest" => "server's ingest thread",
                _ => "server's other threads",
            };
            *by_name.entry(name).or_default() +=
                process::task_cpu_ns(&task).context("a thread of the server has ended")?;
        }
        Ok(Self(by_name))
    }

    pub(crate) fn since(&self, before: &Self, time: Duration) -> CpuShares {
        let used = |name| self.0[name] - before.0.get(name).copied().unwrap_or_default();
        CpuShares {
            used: self.0.keys().map(|&name| (name, used(name))).collect(),
            time,
        }
    }
}

/// What each process or thread has used of a core.
pub(crate) struct CpuShares {
    used: Vec<(&'static str, u64)>,
    time: Duration,
}

impl CpuShares {
    pub(crate) fn text(&self, count: u64) -> String {
        let share = |&(name, ns): &(&str, u64)| {
            let percent = ns as f64 / self.time.as_nanos() as f64 * 100.0;
            let us = ns as f64 / count as f64 / 1e3;
            format!("{name} {percent:.0} % of a core, {us:.2} us a publish")
        };
        let shares: Vec<_> = self.used.iter().map(share).collect();
        format!("CPU        {}", shares.join("; "))
    }
}
