//! Faults of every kind under load, on machines and networks of their own: nodes and servers of
//! NATS are killed, paused and cut off, feeds and publishers move. After each round, when it is
//! quiet, what all subscribers got from all nodes is compared, each update with its position and
//! times.

#![allow(clippy::print_stdout, reason = "a run of half an hour is watched")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tickcast_protocol::message::{Lineage, Position};
use tickcast_server_testkit::{
    nats::{self, Nats},
    network::{Lan, Network},
    raw::get,
};
use tokio::time::{Instant, sleep};

use super::{
    nodes::{self, Cluster, once_whole},
    subscribers::Subscribers,
};
use crate::ledger::{TOGETHER, Timing, lineage, publish_anywhere, publish_once};

/// Updates per second; `TICKCAST_FAULTS_RATE` says otherwise.
const RATE: u64 = 2_000;

/// Servers of NATS, each with a replica of the stream; `TICKCAST_FAULTS_SERVERS` says otherwise.
const SERVERS: u64 = 3;

/// Time of faults before all is compared, so that what is known of them has a bound.
const ROUND: Duration = Duration::from_secs(60);

/// How long a client stays at a node that is silent, and a publisher at one that acknowledges
/// nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest pause and the longest cut. A node that is away for longer than about six seconds is
/// expelled.
const AWAY_MAX_MS: u64 = 12_000;

/// The same where each kind of fault comes once.
const AWAY_ONCE_MAX_MS: u64 = 4_000;

/// Longest time that a node or a server of NATS is down.
const DOWN_MAX_MS: u64 = 3_000;

/// Longest time between two faults.
const CALM_MAX_MS: u64 = 2_000;

/// A feed that tells the time in µs once a file is there, so that it shows if two nodes speak for
/// it. It ends with its node, because then its lines are not read.
fn feed(file: &Path) -> String {
    format!(
        "until [ -e '{}' ]; do sleep 0.1; done; while echo \"feed $(date +%s%6N)\"; do sleep 0.05; \
         done",
        file.display()
    )
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeFault {
    /// A node is killed, and starts again.
    Killed,
    /// The node that has the feed is killed, and starts again.
    FeedOwnerKilled,
    /// A node stops for a while, as when its machine is frozen.
    Paused,
    /// The network between a node and all servers of NATS is cut.
    CutOff,
    /// The publisher goes to another node, without waiting for what it has sent.
    PublisherMoves,
}

/// What happens to a server of NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EngineFault {
    /// The leader of the stream is killed, and starts again.
    LeaderKilled,
    /// The network between a server and the two others is cut.
    RoutesCut,
    /// So is the one between it and the nodes.
    ServerCutOff,
}

const NODE_FAULTS: [NodeFault; 5] = [
    NodeFault::Killed,
    NodeFault::FeedOwnerKilled,
    NodeFault::Paused,
    NodeFault::CutOff,
    NodeFault::PublisherMoves,
];

const ENGINE_FAULTS: [EngineFault; 3] = [
    EngineFault::LeaderKilled,
    EngineFault::RoutesCut,
    EngineFault::ServerCutOff,
];

/// What can happen to a server that is the only one.
const FAULTS_OF_ONE: [EngineFault; 2] = [EngineFault::LeaderKilled, EngineFault::ServerCutOff];

/// The servers of NATS, and a client that asks which of them leads.
struct Engine {
    nats: Vec<Nats>,
    client: async_nats::Client,
    /// What can happen to them.
    faults: &'static [EngineFault],
}

impl Engine {
    async fn start(network: &Network, servers: u64) -> Self {
        let machine = |host| network.machine(host, &[Lan::Engine, Lan::Routes]);
        let (nats, faults) = match servers {
            1 => (vec![Nats::start_on(machine(21))], &FAULTS_OF_ONE[..]),
            3 => {
                let three = Nats::start_three_on([21, 22, 23].map(machine));
                (three.into(), &ENGINE_FAULTS[..])
            }
            _ => panic!("one server of NATS, or three"),
        };
        let urls: Vec<_> = nats.iter().map(Nats::url).collect();
        let client = async_nats::connect(urls).await.unwrap();
        Self {
            nats,
            client,
            faults,
        }
    }

    /// The index of the server that leads the stream.
    async fn leader(&self) -> usize {
        let context = async_nats::jetstream::new(self.client.clone());
        let mut leader = None;
        once_whole("the stream has a leader", async || {
            // Without a leader there is no answer.
            if let Ok(mut stream) = context.get_stream("tickcast").await
                && let Ok(info) = stream.info().await
            {
                let name = info.cluster.as_ref().and_then(|one| one.leader.clone());
                leader = match self.nats.len() {
                    1 => Some(0),
                    servers => {
                        (0..servers).find(|index| name.as_deref() == Some(&nats::name(*index)))
                    }
                };
            }
            leader.is_some()
        })
        .await;
        leader.expect("it was waited for")
    }

    async fn suffer(
        &mut self,
        fault: EngineFault,
        away_max_ms: u64,
        random: &mut Xoshiro256PlusPlus,
    ) {
        let index = match fault {
            EngineFault::LeaderKilled => self.leader().await,
            _ => random.random_range(0..self.nats.len()),
        };
        let server = &mut self.nats[index];
        match fault {
            EngineFault::LeaderKilled => {
                server.stop();
                sleep(for_at_most(DOWN_MAX_MS, random)).await;
                server.start_again();
            }
            EngineFault::RoutesCut => {
                server.machine().cut(Lan::Routes);
                sleep(for_at_most(away_max_ms, random)).await;
                server.machine().join(Lan::Routes);
            }
            EngineFault::ServerCutOff => {
                for lan in [Lan::Routes, Lan::Engine] {
                    server.machine().cut(lan);
                }
                sleep(for_at_most(away_max_ms, random)).await;
                for lan in [Lan::Routes, Lan::Engine] {
                    server.machine().join(lan);
                }
            }
        }
        self.leader().await;
    }
}

/// A time, of which half are short.
fn for_at_most(max_ms: u64, random: &mut Xoshiro256PlusPlus) -> Duration {
    let longest = match random.random_bool(0.5) {
        true => max_ms,
        false => max_ms / 4,
    };
    Duration::from_millis(random.random_range(200..=longest))
}

async fn suffer(
    cluster: &mut Cluster,
    fault: NodeFault,
    away_max_ms: u64,
    subscribers: &Subscribers,
    random: &mut Xoshiro256PlusPlus,
) {
    let mut index = random.random_range(0..cluster.nodes.len());
    match fault {
        NodeFault::Killed | NodeFault::FeedOwnerKilled => {
            if fault == NodeFault::FeedOwnerKilled {
                index = feed_owner(cluster).await;
            }
            cluster.kill(index).await;
            sleep(for_at_most(DOWN_MAX_MS, random)).await;
            cluster.start_again(index).await;
        }
        NodeFault::Paused => {
            let node = cluster.nodes[index].as_ref().unwrap();
            node.signal("STOP").await;
            sleep(for_at_most(away_max_ms, random)).await;
            node.signal("CONT").await;
        }
        NodeFault::CutOff => {
            cluster.machines[index].cut(Lan::Engine);
            sleep(for_at_most(away_max_ms, random)).await;
            cluster.machines[index].join(Lan::Engine);
        }
        NodeFault::PublisherMoves => {
            subscribers.ledger.is_moving.store(true, Ordering::Relaxed);
        }
    }
}

/// The index of the node that has the feed, as the first node knows it.
async fn feed_owner(cluster: &Cluster) -> usize {
    let node = cluster.nodes[0].as_ref().unwrap();
    let mut owner = None;
    once_whole("the feed has an owner", async || {
        let answer = get(node.address, "/v1/cluster").await;
        // A node that starts again does not answer with this.
        let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let name = told["feeds"][0]["node"].as_str().map(str::to_owned);
        owner = (0..cluster.nodes.len()).find(|index| name == Some(nodes::name(*index)));
        owner.is_some()
    })
    .await;
    owner.expect("it was waited for")
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a whole number"))
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Figures {
    faults: BTreeMap<String, usize>,
    updates: usize,
    feed_silence: Duration,
    /// Epochs that have begun, because the stream has lost messages or no member lived.
    epochs: usize,
    /// Rounds that could not be compared: an epoch has lost more than a round.
    not_compared: usize,
    /// Updates that were acknowledged and that the stream has lost.
    lost: usize,
    /// Updates in gaps, at nodes that began with a checkpoint.
    gaps: u64,
    /// Publishes that were sent again, as far as the nodes that run know of them.
    repeats: u64,
    /// Updates that may be on the tape or not, as their client was told.
    unknown: usize,
    disagreements: u64,
}

impl Figures {
    fn count(&mut self, fault: impl std::fmt::Debug) {
        *self.faults.entry(format!("{fault:?}")).or_default() += 1;
    }
}

/// Each kind of fault comes once, some of them at the same time. With `TICKCAST_FAULTS=SECONDS`
/// they come at random for this time, and `TICKCAST_FAULTS_SEED` repeats their order.
/// `TICKCAST_FAULTS_SERVERS=1` leaves the stream to one server of NATS instead of three.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_every_kind_lose_nothing_and_double_nothing_and_nodes_stay_equal() {
    let seed = number("TICKCAST_FAULTS_SEED").unwrap_or_else(|| rand::rng().random());
    let rate = number("TICKCAST_FAULTS_RATE").unwrap_or(RATE);
    let seconds = number("TICKCAST_FAULTS");
    let servers = number("TICKCAST_FAULTS_SERVERS").unwrap_or(SERVERS);
    println!("TICKCAST_FAULTS_SEED={seed}, {rate} updates per second, {servers} servers of NATS");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let timing = Timing {
        interval: Duration::from_secs(1) * TOGETHER as u32 / rate as u32,
        patience: PATIENCE,
    };

    let network = Network::start();
    let mut engine = Engine::start(&network, servers).await;
    let machine = |host| network.machine(host, &[Lan::Clients, Lan::Engine]);
    let machines = [11, 12, 13].map(machine).into();
    let folder = tempfile::tempdir().unwrap();
    let begin = folder.path().join("begin");
    let feed = feed(&begin);
    let more = [
        "--program-shell",
        &feed,
        "--publish-from",
        "anybody",
        "--data-bytes",
        "256MiB",
    ];
    let mut cluster = Cluster::start_on(machines, &engine.nats, "program", &more).await;
    let mut subscribers = Subscribers::start_with_some_that_stay(&cluster, PATIENCE).await;
    fs::write(&begin, "").unwrap();
    let urls = cluster.urls();
    let mut known = lineage(&urls[0]).await;
    let mut figures = Figures::default();
    let start = Instant::now();
    loop {
        let publishing = {
            let (urls, ledger) = (urls.clone(), Arc::clone(&subscribers.ledger));
            tokio::spawn(async move {
                tokio::join!(
                    publish_anywhere(&urls, &ledger, timing),
                    publish_once(&urls, &ledger)
                );
            })
        };
        subscribers.until_acked(TOGETHER as usize).await;
        let round = Round {
            cluster: &mut cluster,
            engine: &mut engine,
            subscribers: &subscribers,
            figures: &mut figures,
        };
        match seconds {
            None => round.of_each_kind(&mut random).await,
            Some(_) => round.at_random(&mut random).await,
        }
        cluster.until_whole().await;
        subscribers.pause(publishing).await;
        once_whole("nothing waits to be written", async || {
            cluster.metric("tickcast_cluster_waiting").await == 0
        })
        .await;
        let now = cluster.lineage().await;
        let is_compared = is_told(&known, &now, subscribers.ledger.compared());
        if now != known {
            figures.epochs += 1;
        }
        figures.unknown += subscribers.ledger.unknown();
        figures.repeats = cluster.metric("tickcast_publish_repeats_total").await;
        if is_compared {
            let compared = subscribers.go_on(&urls[0], &now).await;
            assert!(now != known || compared.lost == 0, "{compared:?}");
            assert!(
                compared.feed_silence > Duration::ZERO,
                "the feed has spoken"
            );
            cluster.compare_histories().await;
            figures.updates += compared.updates;
            figures.lost += compared.lost;
            let gaps = subscribers.ledger.gaps.swap(0, Ordering::Relaxed);
            figures.gaps += gaps;
            figures.feed_silence = figures.feed_silence.max(compared.feed_silence);
        } else {
            let compared = subscribers.ledger.compared();
            println!("not compared: {known:?} to {compared}, and now {now:?}");
            figures.not_compared += 1;
            subscribers = subscribers.start_others(&cluster, PATIENCE).await;
        }
        known = now;
        figures.disagreements += cluster.metric("tickcast_cluster_disagreements").await;
        let silence_ms = subscribers.ledger.silence_ms.load(Ordering::Relaxed);
        println!(
            "{} s: {figures:?}, {} subscribers, longest silence {silence_ms} ms",
            start.elapsed().as_secs(),
            subscribers.len()
        );
        if start.elapsed() >= Duration::from_secs(seconds.unwrap_or(0)) {
            break;
        }
    }
    let lost = subscribers.end(&urls[1], &known).await;
    assert_eq!(lost, 0, "all that was acknowledged is there");
    cluster.verify_logs().await;
}

/// Whether what was acknowledged can be compared: the epoch goes on, or another one continues it at
/// least from where all was compared the last time. The servers of NATS may come apart, so that
/// each that leads has its own messages. Then clients may be told so by another epoch.
fn is_told(before: &Lineage, now: &Lineage, compared: Position) -> bool {
    now.kept(before.epoch).is_some_and(|kept| kept >= compared)
}

/// Some faults, after which all is compared.
struct Round<'a> {
    cluster: &'a mut Cluster,
    engine: &'a mut Engine,
    subscribers: &'a Subscribers,
    figures: &'a mut Figures,
}

impl Round<'_> {
    /// Faults of nodes and those of servers of NATS come at the same time.
    async fn of_each_kind(self, random: &mut Xoshiro256PlusPlus) {
        for fault in NODE_FAULTS {
            self.figures.count(fault);
        }
        for fault in self.engine.faults {
            self.figures.count(fault);
        }
        let mut other = Xoshiro256PlusPlus::seed_from_u64(random.random());
        let nodes = async {
            for fault in NODE_FAULTS {
                suffer(
                    self.cluster,
                    fault,
                    AWAY_ONCE_MAX_MS,
                    self.subscribers,
                    random,
                )
                .await;
                self.cluster.until_whole().await;
            }
        };
        let engine = async {
            for &fault in self.engine.faults {
                self.engine
                    .suffer(fault, AWAY_ONCE_MAX_MS, &mut other)
                    .await;
            }
        };
        tokio::join!(nodes, engine);
    }

    /// One fault after the other, and some at the same time as another.
    async fn at_random(self, random: &mut Xoshiro256PlusPlus) {
        let start = Instant::now();
        while start.elapsed() < ROUND {
            let node = NODE_FAULTS[random.random_range(0..NODE_FAULTS.len())];
            let engine = self.engine.faults[random.random_range(0..self.engine.faults.len())];
            let (is_node, is_engine) =
                [(true, false), (false, true), (true, true)][random.random_range(0..3)];
            let mut other = Xoshiro256PlusPlus::seed_from_u64(random.random());
            println!(
                "{:?} {:?}",
                is_node.then_some(node),
                is_engine.then_some(engine)
            );
            let of_node = async {
                if is_node {
                    suffer(self.cluster, node, AWAY_MAX_MS, self.subscribers, random).await;
                }
            };
            let of_engine = async {
                if is_engine {
                    self.engine.suffer(engine, AWAY_MAX_MS, &mut other).await;
                }
            };
            tokio::join!(of_node, of_engine);
            if is_node {
                self.figures.count(node);
            }
            if is_engine {
                self.figures.count(engine);
            }
            self.cluster.until_whole().await;
            sleep(for_at_most(CALM_MAX_MS, random)).await;
        }
    }
}
