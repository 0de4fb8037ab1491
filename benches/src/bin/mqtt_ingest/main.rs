//! Publishes to a Mosquitto at a fixed rate, lets a Tickcast server read everything, and reports
//! what each lost and how much CPU time it took. See benches/README.md.
//!
//! * `prepared`: the packets, made before the clock starts
//! * `publish`: sends them on an absolute schedule
//! * `replay`: a broker that only sends, in place of Mosquitto
//! * `programs`: Mosquitto and the server
//! * `cpu`: what each took

mod cpu;
mod prepared;
mod programs;
mod publish;
mod replay;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use tickcast_benches::{
    compare::program::{CONTENDER_CORE, LOAD_CORE},
    processes::{LOOK, Program, WAIT_MAX, pause, run_on, until},
};
use tickcast_loadtest::observe::scrape;

use cpu::Cpu;
use prepared::{PayloadKind, Prepared};
use programs::{broker_count, retain_first, start_broker, start_server};
use publish::{Schedule, publish};
use replay::Replay;

/// Starts a Mosquitto, publishes to it at a fixed rate with QoS 0, and counts what arrives on a
/// server's tape. Fails if anything is lost.
///
/// Needs mosquitto, mosquitto_pub and mosquitto_sub, and tickcast-server beside this program.
#[derive(Debug, Parser)]
struct Arguments {
    /// Publishes per second
    #[arg(long, default_value_t = 50_000.0)]
    rate: f64,
    /// Duration in seconds
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Number of topics, published to in turn
    #[arg(long, default_value_t = 1_000)]
    topics: usize,
    /// What is published
    #[arg(long, value_enum, default_value_t = PayloadKind::Trade)]
    payload: PayloadKind,
    /// The broker
    #[arg(long, value_enum, default_value_t = BrokerKind::Mosquitto)]
    broker: BrokerKind,
    /// Mosquitto's max_queued_messages; 0 is no limit [default: Mosquitto's own]
    #[arg(long)]
    broker_queue: Option<u32>,
    /// Keep the server on one core and everything else on another
    #[arg(long)]
    pin: bool,
}

/// The broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BrokerKind {
    /// A Mosquitto, to which this program publishes
    Mosquitto,
    /// This program, which answers as a broker and sends what it has prepared
    Replay,
}

/// Mosquitto publishes its counters once a second. This is after the last of them.
const BROKER_COUNTS_AFTER: Duration = Duration::from_millis(2_500);

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let cores = arguments.pin.then_some((CONTENDER_CORE, LOAD_CORE));
    if let Some((_, core)) = cores {
        run_on(core, std::process::id())?;
    }
    let prepared = Prepared::new(arguments.payload, arguments.topics);
    let schedule = Schedule::new(arguments.rate, arguments.seconds);
    let server_core = cores.map(|(core, _)| core);
    let (text, lost) = match arguments.broker {
        BrokerKind::Mosquitto => {
            let broker =
                start_broker(arguments.broker_queue, cores.map(|(_, core)| core), &folder)?;
            retain_first(&broker)?;
            let server = start_server(broker.address, server_core, &folder)?;
            until("the server subscribes", || {
                Ok(server.counter(scrape::UPDATES)? == 1)
            })?;
            let before = Cpu::now(Some(&broker), &server)?;
            let stream = publish::connect(broker.address)?;
            let sent = publish(stream, &prepared, &schedule, || false)?;
            let arrived = wait_for(&server, sent.count * prepared.values)?;
            let cpu = Cpu::now(Some(&broker), &server)?.since(&before, arrived.at - sent.start);
            pause(BROKER_COUNTS_AFTER);
            let dropped = broker_count(&broker, "dropped")?;
            let of_broker = format!(
                "broker     received {}, sent {}, dropped {dropped}\n",
                broker_count(&broker, "received")?,
                broker_count(&broker, "sent")?,
            );
            report(&sent, Some(of_broker), &arrived, &cpu, prepared.values)
        }
        BrokerKind::Replay => {
            let replay = Replay::listen()?;
            let server = start_server(replay.address()?, server_core, &folder)?;
            let (stream, pings) = replay.accept()?;
            until("the server subscribes", || {
                Ok(server.counter(scrape::UPDATES)? == 1)
            })?;
            let before = Cpu::now(None, &server)?;
            let sent = publish(stream, &prepared, &schedule, || pings.take())?;
            let arrived = wait_for(&server, sent.count * prepared.values)?;
            let cpu = Cpu::now(None, &server)?.since(&before, arrived.at - sent.start);
            report(&sent, None, &arrived, &cpu, prepared.values)
        }
    };
    write!(io::stdout(), "{text}")?;
    Ok(if lost == 0 { 0 } else { 1 }.into())
}

/// The report, and the number of updates that are lost.
fn report(
    sent: &publish::Sent,
    of_broker: Option<String>,
    arrived: &ServerArrival,
    cpu: &cpu::CpuShares,
    values: u64,
) -> (String, u64) {
    let lost = (sent.count * values).saturating_sub(arrived.on_tape);
    let took = arrived.at - sent.start;
    let text = format!(
        "published  {} in {:.1} s, at most {:.1} ms late\n\
         {}\
         server     received {}, unreadable {}, given up {}, on the tape {} ({:.0}/s); the last \
         arrived {:.1} ms after it was published\n\
         {}\n\
         {}\n",
        sent.count,
        sent.took.as_secs_f64(),
        sent.latest.as_secs_f64() * 1e3,
        of_broker.unwrap_or_default(),
        arrived.received,
        arrived.undecodable,
        arrived.given_up,
        arrived.on_tape,
        arrived.on_tape as f64 / took.as_secs_f64(),
        (arrived.at - sent.end).as_secs_f64() * 1e3,
        cpu.text(sent.count),
        match lost {
            0 => "nothing is lost".into(),
            _ => format!("{lost} are lost"),
        },
    );
    (text, lost)
}

/// What arrived in the server.
struct ServerArrival {
    at: Instant,
    received: u64,
    undecodable: u64,
    given_up: u64,
    on_tape: u64,
}

/// Waits until everything has arrived, or nothing arrives any more.
fn wait_for(server: &Program, count: u64) -> anyhow::Result<ServerArrival> {
    let mut last = (Instant::now(), 0);
    loop {
        let on_tape = server.counter(scrape::UPDATES)? - 1;
        if on_tape > last.1 {
            last = (Instant::now(), on_tape);
        }
        if on_tape >= count || last.0.elapsed() > WAIT_MAX {
            return Ok(ServerArrival {
                at: last.0,
                received: server.counter("tickcast_feed_received_total")? - 1,
                undecodable: server.counter("tickcast_feed_undecodable_total")?,
                given_up: server.counter("tickcast_feed_lost_total")?,
                on_tape,
            });
        }
        pause(LOOK);
    }
}
