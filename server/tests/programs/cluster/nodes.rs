//! Some nodes that share the stream of some servers of NATS.

#![allow(clippy::print_stdout, reason = "a run of half an hour is watched")]

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tickcast_protocol::message::Lineage;
use tickcast_server_testkit::{
    Program, STEP, command,
    nats::Nats,
    network::{Lan, Machine},
    raw::{get, get_whole},
    until_within,
};
use tokio::time::{Instant, sleep};

use crate::ledger::{lineage_if_any, quiet_topics};

/// The port of a node that has a machine of its own.
const PORT: u16 = 7400;

/// Longest time until nodes and servers of NATS work together again after a fault. Three servers
/// that come back one after the other may choose their leaders several times.
const WHOLE_AGAIN: Duration = Duration::from_secs(120);

/// Newest updates of each topic whose bytes are compared.
const HISTORY: usize = 1_000;

/// Polls a condition that holds once the cluster is whole again.
pub(crate) async fn once_whole(what: &str, is_true: impl AsyncFnMut() -> bool) {
    until_within(WHOLE_AGAIN, what, is_true).await;
}

/// The nodes. Their servers of NATS must outlive them.
pub(crate) struct Cluster {
    /// The nodes that run, by their indices.
    pub(crate) nodes: Vec<Option<Program>>,
    /// Where each listens.
    pub(crate) addresses: Vec<String>,
    /// The machines of the nodes, if they have their own.
    pub(crate) machines: Vec<Machine>,
    engine: Vec<String>,
    feed: &'static str,
    more: Vec<String>,
    /// Where the nodes have their logs, if they have any.
    pub(crate) logs: Option<TempDir>,
}

impl Cluster {
    pub(crate) async fn start(nats: &[Nats], nodes: usize, feed: &'static str) -> Self {
        Self::start_with(nats, nodes, feed, &[]).await
    }

    pub(crate) async fn start_with(
        nats: &[Nats],
        nodes: usize,
        feed: &'static str,
        more: &[&str],
    ) -> Self {
        let mut cluster = Self::new(nats, Vec::new(), feed, more);
        cluster.add(nodes).await;
        cluster
    }

    /// The same, and each node has a log.
    pub(crate) async fn start_with_logs(nats: &[Nats], nodes: usize, more: &[&str]) -> Self {
        let mut cluster = Self::new(nats, Vec::new(), "none", more);
        cluster.logs = Some(tempfile::tempdir().unwrap());
        cluster.add(nodes).await;
        cluster
    }

    async fn add(&mut self, nodes: usize) {
        for index in 0..nodes {
            let node = self.node("127.0.0.1:0", index).await;
            self.addresses.push(node.address.to_string());
            self.nodes.push(Some(node));
        }
    }

    /// The folder of the log of a node.
    pub(crate) fn log(&self, index: usize) -> Option<PathBuf> {
        let logs = self.logs.as_ref()?;
        Some(logs.path().join(name(index)))
    }

    /// All logs are whole, but for what their nodes have not read.
    pub(crate) async fn verify_logs(&self) {
        for log in (0..self.nodes.len()).filter_map(|index| self.log(index)) {
            let arguments = ["log", "verify", log.to_str().unwrap()];
            let output = command(&arguments).output().await.unwrap();
            let told = String::from_utf8(output.stdout).unwrap();
            let problems = told.lines().filter(|line| line.starts_with("problem: "));
            let others: Vec<_> = problems
                .filter(|line| !line.ends_with(" are missing before it"))
                .collect();
            assert_eq!(others, Vec::<&str>::new(), "{told}");
        }
    }

    /// One node with a log on each machine.
    pub(crate) async fn start_on(
        machines: Vec<Machine>,
        nats: &[Nats],
        feed: &'static str,
        more: &[&str],
    ) -> Self {
        let addresses = machines.iter().map(|one| one.listen(Lan::Clients, PORT));
        let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
        let mut cluster = Self::new(nats, machines, feed, more);
        cluster.logs = Some(tempfile::tempdir().unwrap());
        for (index, address) in addresses.iter().enumerate() {
            let node = cluster.node(address, index).await;
            cluster.nodes.push(Some(node));
        }
        cluster.addresses = addresses;
        cluster
    }

    fn new(nats: &[Nats], machines: Vec<Machine>, feed: &'static str, more: &[&str]) -> Self {
        Self {
            nodes: Vec::new(),
            addresses: Vec::new(),
            machines,
            engine: nats.iter().map(Nats::url).collect(),
            feed,
            more: more.iter().map(|text| (*text).to_owned()).collect(),
            logs: None,
        }
    }

    /// Starts another node at an address, or the one with this index again.
    pub(crate) async fn node(&self, address: &str, index: usize) -> Program {
        let started = self.try_node(address, index).await;
        started.unwrap_or_else(|log| panic!("it has ended: {log}"))
    }

    async fn try_node(&self, address: &str, index: usize) -> Result<Program, String> {
        let (name, replicas) = (name(index), self.engine.len().to_string());
        let mut arguments = vec![
            "--feed",
            self.feed,
            "--shards",
            "1",
            "--drain",
            "0",
            "--cluster-replicas",
            &replicas,
            "--cluster-node",
            &name,
        ];
        arguments.extend(self.more.iter().map(String::as_str));
        let log = self.log(index);
        let log = log.as_ref().map(|path| path.to_str().unwrap());
        arguments.extend(log.into_iter().flat_map(|path| ["--data", path]));
        let servers = self.engine.iter();
        arguments.extend(servers.flat_map(|url| ["--cluster-servers", url]));
        match self.machines.get(index) {
            Some(machine) => Program::start_on(machine, address, &arguments).await,
            None => Ok(Program::start_at(address, &arguments).await),
        }
    }

    pub(crate) async fn kill(&mut self, index: usize) {
        let node = self.nodes[index].take().expect("it runs");
        node.kill().await;
    }

    /// Starts a node again. One that ends because the stream stands still is started once more, as
    /// a service manager does.
    pub(crate) async fn start_again(&mut self, index: usize) {
        let address = self.addresses[index].clone();
        let mut node = None;
        once_whole("the node listens", async || {
            node = match self.try_node(&address, index).await {
                Ok(node) => Some(node),
                Err(log) => {
                    println!("{} has ended, and starts again: {log}", name(index));
                    None
                }
            };
            node.is_some()
        })
        .await;
        self.nodes[index] = node;
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Program> {
        self.nodes.iter().flatten()
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        let urls = self.addresses.iter();
        urls.map(|address| format!("ws://{address}/ws")).collect()
    }

    /// The sum over all nodes that run.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let mut sum = 0;
        for node in self.running() {
            sum += node.metric(name).await;
        }
        sum
    }

    /// What all nodes say of their epochs, once they say the same.
    pub(crate) async fn lineage(&self) -> Lineage {
        let urls = self.urls();
        let mut agreed = None;
        once_whole("all nodes have one epoch", async || {
            let mut told = Vec::new();
            for url in &urls {
                told.push(lineage_if_any(url).await);
            }
            agreed = told.pop().flatten();
            agreed.is_some() && told.iter().all(|one| *one == agreed)
        })
        .await;
        agreed.expect("it was waited for")
    }

    /// All nodes give the same bytes for the newest updates of each topic that is quiet now. One
    /// that began with a checkpoint has fewer.
    pub(crate) async fn compare_histories(&self) {
        self.compare_histories_of(quiet_topics()).await;
    }

    /// The same for some topics.
    pub(crate) async fn compare_histories_of(
        &self,
        topics: impl IntoIterator<Item = impl std::fmt::Display>,
    ) {
        for topic in topics {
            let path = format!("/v1/history?topic={topic}&order=newest&limit={HISTORY}");
            let mut longest = String::new();
            for node in self.running() {
                let answer = get_whole(node.address, &path).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                // Lines without a value say what is missing.
                let lines = answer.body.split_inclusive('\n');
                let updates: String = lines.filter(|line| line.contains("\"value\"")).collect();
                let (longer, shorter) = match updates.len() > longest.len() {
                    true => (updates, longest),
                    false => (longest, updates),
                };
                assert!(
                    longer.starts_with(&shorter),
                    "{topic}: {shorter} in {longer}"
                );
                longest = longer;
            }
            assert!(!longest.is_empty(), "{topic} has a history");
        }
    }

    /// Waits until all nodes are in another epoch, and returns it with those before.
    pub(crate) async fn next_lineage(&self, known: &Lineage) -> Lineage {
        let mut now = None;
        once_whole("all nodes have begun an epoch", async || {
            now = Some(self.lineage().await).filter(|now| now.epoch != known.epoch);
            now.is_some()
        })
        .await;
        self.until_ready().await;
        now.expect("it was waited for")
    }

    pub(crate) async fn until_ready(&self) {
        for node in self.running() {
            once_whole("it is ready", async || is_ready(node).await).await;
        }
    }

    /// The same after faults: a node that has ended because the stream stood still is started
    /// again, as a service manager does.
    pub(crate) async fn until_whole(&mut self) {
        for index in 0..self.nodes.len() {
            let since = Instant::now();
            while let Some(node) = &mut self.nodes[index] {
                let ended = node.has_ended();
                if ended.is_none() && is_ready(node).await {
                    break;
                }
                let log = ended.clone().unwrap_or_else(|| node.log());
                assert!(
                    since.elapsed() < WHOLE_AGAIN,
                    "{} is not ready: {}",
                    name(index),
                    end_of(&log)
                );
                match ended {
                    Some(_) => {
                        println!(
                            "{} has ended, and starts again: {}",
                            name(index),
                            end_of(&log)
                        );
                        self.start_again(index).await;
                    }
                    None => sleep(STEP).await,
                }
            }
        }
    }
}

/// While a node starts again, it does not listen.
async fn is_ready(node: &Program) -> bool {
    lineage_if_any(&node.url()).await.is_some()
        && get(node.metrics_address(), "/readyz").await.status == 200
}

/// The last lines of a log.
fn end_of(log: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// The name of a node.
pub(crate) fn name(index: usize) -> String {
    format!("n{index}")
}
