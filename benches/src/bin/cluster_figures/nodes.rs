//! nats-server and the servers that share its stream.

use std::path::Path;

use tempfile::TempDir;
use tickcast_benches::{
    compare::program::{CONTENDER_CORE, LOAD_CORE, beside, free_port, nats_program},
    processes::{Program, pinned},
};

/// Some servers. They end when this is dropped.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Program>,
    nats: Option<Program>,
    feed: &'static str,
    folder: TempDir,
}

impl Cluster {
    /// Servers that know nothing of each other.
    pub(crate) fn apart(servers: usize) -> anyhow::Result<Self> {
        Self::of(servers, "none", false)
    }

    /// Nodes without feeds.
    pub(crate) fn start(nodes: usize) -> anyhow::Result<Self> {
        Self::with_feed(nodes, "none")
    }

    /// Nodes that can all run this feed.
    pub(crate) fn with_feed(nodes: usize, feed: &'static str) -> anyhow::Result<Self> {
        Self::of(nodes, feed, true)
    }

    fn of(servers: usize, feed: &'static str, has_stream: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let nats = has_stream.then(|| start_nats(folder.path())).transpose()?;
        let mut cluster = Self {
            nodes: Vec::new(),
            nats,
            feed,
            folder,
        };
        for index in 0..servers {
            cluster.nodes.push(cluster.server(index)?);
        }
        Ok(cluster)
    }

    pub(crate) fn nats_pid(&self) -> u32 {
        self.nats.as_ref().map_or(0, Program::pid)
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        self.nodes.iter().map(url)
    }

    fn server(&self, index: usize) -> anyhow::Result<Program> {
        let port = free_port()?;
        let mut command = pinned(beside("tickcast-server")?, Some(CONTENDER_CORE));
        command.current_dir(self.folder.path());
        command.arg(format!("--listen=127.0.0.1:{port}"));
        command.arg(format!("--feed={}", self.feed));
        command.args(["--shards=1", "--ping=1h", "--heartbeat=1h"]);
        if let Some(nats) = &self.nats {
            command.arg(format!("--cluster-servers=nats://{}", nats.address));
            command.arg(format!("--cluster-node=n{index}"));
        }
        Program::start(&mut command, port)
    }
}

pub(crate) fn url(node: &Program) -> String {
    format!("ws://{}/ws", node.address)
}

fn start_nats(folder: &Path) -> anyhow::Result<Program> {
    let port = free_port()?;
    let mut command = pinned(nats_program(), Some(LOAD_CORE));
    command.args(["--addr=127.0.0.1", &format!("--port={port}"), "--jetstream"]);
    command.arg("--store_dir").arg(folder);
    Program::start(&mut command, port)
}
