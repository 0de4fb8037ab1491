//! Measures what a cluster costs and gives: the latency that the stream adds, the work of one, two
//! and three nodes, the time until another node takes over, and updates that no client of a node
//! wants. See benches/README.md.
//!
//! * `nodes`: nats-server and the servers
//! * `load`: load testers beside them
//! * `fail_over`: clients whose node is killed

mod fail_over;
mod load;
mod nodes;

use std::io::{self, Write};

use anyhow::Context;
use clap::Parser;
use tickcast_benches::{compare::program::LOAD_CORE, processes::run_on};
use tickcast_loadtest::{number::median, observe::process};

use load::{Load, Measured};
use nodes::Cluster;

/// Measures what a cluster costs and gives.
///
/// Needs nats-server, and tickcast-server and tickcast-loadtest beside this program. The servers
/// run on one core, NATS and the load on another.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Repetitions
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// Subscribers of each node, and updates per second that are published at it, when the latency and
/// the work of nodes are measured.
const SHARED: Load = Load {
    subscribers: 100,
    rate: 500,
};

/// As many deliveries of fewer updates: a node reads what all publish, however many want it.
const WIDE: Load = Load {
    subscribers: 1_000,
    rate: 50,
};

/// Updates per second that no client of a node wants.
const UNWANTED: Load = Load {
    subscribers: 1,
    rate: 20_000,
};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    run_on(LOAD_CORE, std::process::id())?;
    let mut out = io::stdout().lock();
    let of_turns = |run: &dyn Fn() -> anyhow::Result<f64>| -> anyhow::Result<f64> {
        let turns: anyhow::Result<_> = (0..arguments.turns).map(|_| run()).collect();
        median(turns?).context("no turns")
    };
    latency(&arguments, &mut out)?;
    work(SHARED, &arguments, &mut out)?;
    work(WIDE, &arguments, &mut out)?;
    unwanted(&arguments, &mut out)?;
    let client = of_turns(&fail_over::of_client)?;
    writeln!(
        out,
        "fail-over  client: {:.0} ms until its next update",
        client * 1e3
    )?;
    let feed = of_turns(&fail_over::of_feed)?;
    writeln!(out, "           feed: {feed:.1} s until its next update")?;
    Ok(())
}

/// The same load at a server alone and at a node, in turns.
fn latency(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    for turn in 1..=arguments.turns {
        let alone = Cluster::apart(1)?;
        let without = SHARED.run(&alone, arguments.seconds)?;
        drop(alone);
        let node = Cluster::start(1)?;
        let with = SHARED.run(&node, arguments.seconds)?;
        let [without, with] = [without, with].map(|all| all[0]);
        writeln!(
            out,
            "latency    turn {turn}: alone p50 {:.2} ms, p99 {:.2} ms; node p50 {:.2} ms, p99 \
             {:.2} ms",
            without.p50_ms, without.p99_ms, with.p50_ms, with.p99_ms
        )?;
    }
    Ok(())
}

/// Each node has its own clients, and reads what all publish. Servers without a stream, which know
/// nothing of each other, show what the core allows.
fn work(load: Load, arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let Load { subscribers, rate } = load;
    writeln!(
        out,
        "work of nodes with {subscribers} subscribers and {rate} updates/s each"
    )?;
    for turn in 1..=arguments.turns {
        let mut of_one = None;
        for nodes in 1..=3 {
            let apart = cost(load, &Cluster::apart(nodes)?, arguments.seconds)?;
            let cluster = Cluster::start(nodes)?;
            let nats = process::cpu_ns(cluster.nats_pid()).unwrap_or_default();
            let shared = cost(load, &cluster, arguments.seconds)?;
            let nats = process::cpu_ns(cluster.nats_pid()).unwrap_or_default() - nats;
            let costs = [apart, shared].map(Cost::us);
            let one: [f64; 2] = *of_one.get_or_insert(costs);
            let [allowed, reached] = [0, 1].map(|of| one[of] / costs[of]);
            writeln!(
                out,
                "work       turn {turn}: {nodes} nodes, {:.0} deliveries/s, {:.0} % of a core, \
                 {:.2} us a delivery, {reached:.2} of one node's per core; servers apart {:.2} us, \
                 {allowed:.2} of one's: {:.2} of what the core allows; NATS {:.1} s in all",
                shared.deliveries_per_s,
                shared.cpu * 100.0,
                shared.us(),
                apart.us(),
                reached / allowed,
                nats as f64 / 1e9,
            )?;
        }
    }
    Ok(())
}

/// What servers have done together, and what they took for it.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    deliveries_per_s: f64,
}

impl Cost {
    /// CPU per delivery, in microseconds.
    fn us(self) -> f64 {
        self.cpu / self.deliveries_per_s * 1e6
    }
}

fn cost(load: Load, cluster: &Cluster, seconds: u64) -> anyhow::Result<Cost> {
    let all = load.run(cluster, seconds)?;
    let sum = |part: fn(&Measured) -> f64| all.iter().map(part).sum::<f64>();
    Ok(Cost {
        cpu: sum(|one| one.cpu),
        deliveries_per_s: sum(|one| one.deliveries_per_s),
    })
}

/// The second node has no clients.
fn unwanted(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    for turn in 1..=arguments.turns {
        let cluster = Cluster::start(2)?;
        let other = cluster.nodes[1].pid();
        let cpu = || process::cpu_ns(other).context("the node has ended");
        let before = cpu()?;
        let count = cluster.nodes[1].counter("tickcast_updates_total")?;
        UNWANTED.run_at(&cluster.nodes[0], arguments.seconds)?;
        let updates = cluster.nodes[1].counter("tickcast_updates_total")? - count;
        let us = (cpu()? - before) as f64 / updates as f64 / 1e3;
        writeln!(
            out,
            "unwanted   turn {turn}: {us:.2} us an update, {:.1} % of a core at {}/s",
            us * UNWANTED.rate as f64 / 1e4,
            UNWANTED.rate
        )?;
    }
    Ok(())
}
