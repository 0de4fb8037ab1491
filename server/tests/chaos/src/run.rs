//! One run: everything starts, faults strike, everything calms down, the ledger is read.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    broker::{self, Broker},
    fault::{Fault, World},
    ledger::{Counts, Mode, Truth},
    link::Link,
    publisher::{self, Publisher},
    server::{Log, Server},
    subscriber::{self, Subscriber, Way},
};

/// Publishers.
const PUBLISHERS: u64 = 4;

/// Lines about panics that are kept: one is enough to fail.
const PANICS_MAX: usize = 16;

/// Time without faults after which every subscriber must have everything.
const CALM_MAX: Duration = Duration::from_secs(20);

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's program.
    pub server: PathBuf,
    /// Time during which faults strike.
    pub time: Duration,
    /// The same seed gives the same order of faults.
    pub seed: u64,
    /// The server's memory may not grow above this.
    pub memory_max_bytes: u64,
}

/// What a run found.
#[derive(Debug)]
pub struct Verdict {
    /// Contradictions and missed deadlines, the first ones.
    pub findings: Vec<String>,
    /// The number of all findings.
    pub findings_count: u64,
    /// How often each fault struck.
    pub faults: BTreeMap<Fault, u32>,
    /// What publishers and subscribers saw.
    pub counts: Counts,
    /// For each subscriber: name, delivered, counted as lost, resumed, begun anew.
    pub subscribers: Vec<(String, u64, u64, u64, u64)>,
    /// The greatest memory of the server, in bytes.
    pub memory_bytes: u64,
}

/// Runs a plan to its end.
pub async fn run(plan: &Plan) -> anyhow::Result<Verdict> {
    let folder = tempfile::tempdir()?;
    let broker = Broker::start(folder.path()).await?;
    tokio::spawn(broker::publish(broker.port));
    let (panics, mut panicked) = mpsc::channel(PANICS_MAX);
    let mut server = Server::new(&plan.server, folder.path(), broker.port, panics)?;
    server.start(Log::Read).await?;

    let truth = Arc::new(Mutex::new(Truth::default()));
    let mut links = Vec::new();
    let mut subscribers = Vec::new();
    for (way, mode, is_direct) in [
        (Way::Socket, Mode::Every, true),
        (Way::Socket, Mode::Every, false),
        (Way::Socket, Mode::Every, false),
        (Way::Socket, Mode::Latest, false),
        (Way::Stream, Mode::Every, false),
        (Way::Stream, Mode::Latest, false),
    ] {
        let mut address = server.address;
        if !is_direct {
            let link = Link::open(address).await?;
            address = link.address;
            links.push(link);
        }
        let name = format!("{} {way:?} {mode:?}", subscribers.len());
        let subscriber = Arc::new(Mutex::new(Subscriber::new(name, mode)));
        subscribers.push(Arc::clone(&subscriber));
        let truth = Arc::clone(&truth);
        tokio::spawn(subscriber::run(subscriber, truth, address, way, mode));
    }
    let mut publishers = Vec::new();
    for name in 0..PUBLISHERS {
        let publisher = Arc::<Publisher>::default();
        publishers.push(Arc::clone(&publisher));
        let truth = Arc::clone(&truth);
        tokio::spawn(publisher::run(publisher, name, truth, server.address));
    }

    let mut world = World {
        server,
        broker,
        links,
    };
    let (faults, mut memory_bytes) = strike(plan, &mut world, &truth).await;
    for publisher in &publishers {
        publisher.is_stopped.store(true, Ordering::Relaxed);
    }
    calm(&mut world, &truth, &subscribers).await;
    memory_bytes = memory_bytes.max(world.server.memory_bytes().unwrap_or(0));
    match world.server.end().await {
        Ok(status) if status.success() => {}
        other => find(&truth, format!("the end of the server: {other:?}")),
    }
    while let Ok(line) = panicked.try_recv() {
        find(&truth, format!("the log: {line}"));
    }
    if memory_bytes > plan.memory_max_bytes {
        find(
            &truth,
            format!("the server took {memory_bytes} bytes of memory"),
        );
    }
    let truth = std::mem::take(&mut *lock(&truth));
    let (findings, findings_count, counts) = truth.conclude();
    let subscribers = subscribers.iter().map(|subscriber| {
        let subscriber = lock(subscriber);
        let chain = &subscriber.chain;
        let name = subscriber.name.clone();
        (
            name,
            chain.delivered,
            chain.lost,
            chain.resumed,
            chain.begun,
        )
    });
    Ok(Verdict {
        findings,
        findings_count,
        faults,
        counts,
        subscribers: subscribers.collect(),
        memory_bytes,
    })
}

/// Lets faults strike for the time of the plan. Returns their numbers and the greatest memory.
async fn strike(
    plan: &Plan,
    world: &mut World,
    truth: &Mutex<Truth>,
) -> (BTreeMap<Fault, u32>, u64) {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut faults = BTreeMap::new();
    let mut memory_bytes = 0;
    let end = Instant::now() + plan.time;
    // Every kind strikes once before chance decides.
    let mut first = Fault::ALL.to_vec();
    while Instant::now() < end {
        let fault = match first.is_empty() {
            true => *Fault::ALL.choose(&mut random).expect("there are faults"),
            false => first.swap_remove(random.random_range(0..first.len())),
        };
        *faults.entry(fault).or_default() += 1;
        if let Err(error) = world.strike(fault, &mut random).await {
            find(truth, format!("{fault:?}: {error:#}"));
            // Otherwise one failure would be found again and again.
            let _ = world.server.kill().await;
            if let Err(error) = world.server.start(Log::Read).await {
                find(truth, format!("the server cannot start: {error:#}"));
                break;
            }
        }
        memory_bytes = memory_bytes.max(world.server.memory_bytes().unwrap_or(0));
        sleep(Duration::from_millis(random.random_range(100..1000))).await;
    }
    (faults, memory_bytes)
}

/// Waits until every subscriber has what the server has, and every feed is alive.
async fn calm(world: &mut World, truth: &Mutex<Truth>, subscribers: &[Arc<Mutex<Subscriber>>]) {
    if let Err(error) = world.server.write_line("stdin/last 1").await {
        find(truth, format!("standard input: {error:#}"));
    }
    let end = Instant::now() + CALM_MAX;
    loop {
        let missing = missing(truth, subscribers);
        if missing.is_empty() {
            return;
        }
        if Instant::now() > end {
            for finding in missing {
                find(truth, finding);
            }
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What subscribers still lack.
fn missing(truth: &Mutex<Truth>, subscribers: &[Arc<Mutex<Subscriber>>]) -> Vec<String> {
    let Some(epoch) = lock(&subscribers[0]).chain.token().map(|t| t.epoch.clone()) else {
        return vec!["the direct subscriber is not subscribed".to_owned()];
    };
    let newest = lock(truth).newest(&epoch);
    let mut missing = Vec::new();
    for topic in ["stdin/last", "sensor/counter"] {
        if !newest.contains_key(topic) {
            missing.push(format!("{topic} has no update: its feed is dead"));
        }
    }
    for subscriber in subscribers {
        let subscriber = lock(subscriber);
        let Some(complete_to) = subscriber.chain.complete_to(&epoch) else {
            missing.push(format!("{} is not complete", subscriber.name));
            continue;
        };
        // Feeds go on, so only what has come to this subscriber's position is compared.
        let lacks = newest.iter().filter(|&(topic, &position)| {
            let has = subscriber.newest.get(topic).copied().unwrap_or(0);
            position <= complete_to && has < position
        });
        let lacks: Vec<_> = lacks.map(|(topic, _)| topic.as_str()).take(3).collect();
        if !lacks.is_empty() {
            missing.push(format!("{} lacks the newest of {lacks:?}", subscriber.name));
        }
        let far = newest.values().max().copied().unwrap_or(0);
        if complete_to + BEHIND_MAX < far {
            missing.push(format!("{} is at {complete_to} of {far}", subscriber.name));
        }
    }
    missing
}

/// Positions that a subscriber may be behind the others while feeds go on: two seconds of them.
const BEHIND_MAX: u64 = 1000;

fn find(truth: &Mutex<Truth>, finding: String) {
    lock(truth).find(finding);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
