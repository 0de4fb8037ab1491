//! Load testers beside the servers.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tickcast_benches::{compare::program::beside, processes::Program};

use crate::nodes::{Cluster, url};

/// A load at a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) subscribers: u32,
    /// Updates per second.
    pub(crate) rate: u32,
}

/// What a load tester has measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) deliveries_per_s: f64,
    /// Share of a core that the server took.
    pub(crate) cpu: f64,
}

impl Load {
    /// The same load at each server, at the same time.
    pub(crate) fn run(self, cluster: &Cluster, seconds: u64) -> anyhow::Result<Vec<Measured>> {
        let begun = cluster.nodes.iter();
        let begun = begun.map(|node| self.begin(node, seconds));
        let begun: anyhow::Result<Vec<_>> = begun.collect();
        begun?.into_iter().map(Running::end).collect()
    }

    /// The load at one server.
    pub(crate) fn run_at(self, node: &Program, seconds: u64) -> anyhow::Result<Measured> {
        self.begin(node, seconds)?.end()
    }

    fn begin(self, node: &Program, seconds: u64) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir()?;
        let child = Command::new(beside("tickcast-loadtest")?)
            // The counters of a node include what is published at the others.
            .args(["--quiet", "--no-metrics", "--warmup=2s", "--topics=20"])
            .args(["--url", &url(node)])
            .arg(format!("--topic-prefix=figures/{}/", node.address.port()))
            .arg(format!("--subscribers={}", self.subscribers))
            .arg(format!("--rate={}", self.rate))
            .arg(format!("--duration={seconds}s"))
            .arg(format!("--server-pid={}", node.pid()))
            .arg("--out")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Running { child, folder })
    }
}

struct Running {
    child: Child,
    folder: TempDir,
}

impl Running {
    fn end(mut self) -> anyhow::Result<Measured> {
        // An invalid run has a report too; its latencies are then those of the load.
        let status = self.child.wait()?;
        ensure!(
            matches!(status.code(), Some(0 | 6)),
            "the load tester ended with {status}"
        );
        read(&self.folder.path().join("summary.json"))
    }
}

fn read(path: &Path) -> anyhow::Result<Measured> {
    let summary: Value = serde_json::from_slice(&fs::read(path)?)?;
    let number = |pointer: &str| {
        let value = summary.pointer(pointer).and_then(Value::as_f64);
        value.with_context(|| format!("the summary has no number {pointer}"))
    };
    let percentile = |wanted: f64| {
        let all = summary.pointer("/latencies/response/percentiles");
        let mut all = all.and_then(Value::as_array).into_iter().flatten();
        let found = all.find(|one| one["percent"] == wanted);
        let ns = found.and_then(|one| one["ns"].as_f64());
        ns.with_context(|| format!("the summary has no percentile {wanted}"))
    };
    ensure!(
        number("/integrity/healthy/missing")? == 0.0,
        "updates are missing"
    );
    let cpu = number("/cost/cpu")?;
    Ok(Measured {
        p50_ms: percentile(50.0)? / 1e6,
        p99_ms: percentile(99.0)? / 1e6,
        deliveries_per_s: cpu * number("/cost/deliveries_per_core_s")?,
        cpu,
    })
}
