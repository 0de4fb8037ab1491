//! Publishes to a Mosquitto at a fixed rate, lets a Tickcast server read everything, and reports
//! what each lost and how much CPU time it took. See benches/README.md.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use tempfile::TempDir;
use tickcast_benches::compare::program::{beside, free_port};
use tickcast_loadtest::{
    observe::{process, scrape},
    wire::mqtt,
};

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
    /// Mosquitto's max_queued_messages [default: Mosquitto's own]
    #[arg(long)]
    broker_queue: Option<u32>,
}

/// What is published.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PayloadKind {
    /// A number as text, 7 bytes
    Number,
    /// A trade in the form of an exchange, JSON of 74 bytes
    Trade,
}

impl PayloadKind {
    fn text(self, nth: u64) -> String {
        let (whole, cents) = (30_000 + nth % 10_000, nth % 100);
        match self {
            Self::Number => format!("{:04}.{cents:02}", nth % 10_000),
            Self::Trade => format!(
                r#"{{"price":"{whole}.{cents:02}","size":"0.000263","side":"sell","time":1610064000278}}"#
            ),
        }
    }
}

/// Bytes gathered for one write while publishes are late. More wait for the next write.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// Pause of the publisher while nothing is due.
const PAUSE: Duration = Duration::from_micros(500);

/// Longest wait for a program to listen, or for progress.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Time between two requests to the server.
const LOOK: Duration = Duration::from_millis(100);

/// Mosquitto publishes its counters once a second. This is after the last of them.
const BROKER_COUNTS_AFTER: Duration = Duration::from_millis(2_500);

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let broker = start_broker(&arguments, &folder)?;
    retain_first(&broker)?;
    let server = start_server(&broker, &folder)?;
    until("the server subscribes", || {
        Ok(server.counter(scrape::UPDATES)? == 1)
    })?;

    let before = Cpu::now(&broker, &server)?;
    let sent = publish(&arguments, broker.address)?;
    let arrived = wait_for(&server, sent.count)?;
    let cpu = Cpu::now(&broker, &server)?.since(&before, arrived.at - sent.start);
    pause(BROKER_COUNTS_AFTER);
    let dropped = broker_count(&broker, "dropped")?;

    let lost = sent.count.saturating_sub(arrived.on_tape);
    let lines = [
        format!(
            "published  {} in {:.1} s, at most {:.1} ms late",
            sent.count,
            sent.took.as_secs_f64(),
            sent.latest.as_secs_f64() * 1e3
        ),
        format!(
            "broker     received {}, sent {}, dropped {dropped}",
            broker_count(&broker, "received")?,
            broker_count(&broker, "sent")?,
        ),
        format!(
            "server     received {}, unreadable {}, given up {}, on the tape {}; the last arrived \
             {:.1} ms after it was published",
            arrived.received,
            arrived.undecodable,
            arrived.given_up,
            arrived.on_tape,
            (arrived.at - sent.end).as_secs_f64() * 1e3,
        ),
        cpu.text(sent.count),
        match lost {
            0 => "nothing is lost".into(),
            _ => format!("{lost} are lost, {dropped} of them in the broker"),
        },
    ];
    for line in lines {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(if lost == 0 { 0 } else { 1 }.into())
}

/// What was published.
struct Sent {
    count: u64,
    start: Instant,
    end: Instant,
    took: Duration,
    /// The largest lateness.
    latest: Duration,
}

/// Publishes on an absolute schedule. A late publish is sent at once and never skipped.
fn publish(arguments: &Arguments, broker: SocketAddr) -> anyhow::Result<Sent> {
    process::sleep_precisely();
    let mut stream = TcpStream::connect(broker)?;
    stream.set_nodelay(true)?;
    stream.write_all(&mqtt::connect("ingest-publisher", None))?;
    let mut answer = [0; mqtt::CONNACK_BYTES];
    stream.read_exact(&mut answer)?;
    mqtt::check_connack(answer)?;

    let topics: Vec<_> = (0..arguments.topics)
        .map(|number| format!("market/INSTRUMENT-{number}/trade"))
        .collect();
    let total = (arguments.rate * arguments.seconds) as u64;
    let due = |nth: u64| Duration::from_secs_f64(nth as f64 / arguments.rate);
    let mut out = Vec::with_capacity(2 * WRITE_MAX_BYTES);
    let (mut count, mut latest) = (0, Duration::ZERO);
    let start = Instant::now();
    while count < total {
        let now = start.elapsed();
        if due(count) > now {
            pause(PAUSE);
            continue;
        }
        latest = latest.max(now - due(count));
        while count < total && due(count) <= now && out.len() < WRITE_MAX_BYTES {
            let topic = &topics[count as usize % topics.len()];
            let payload = arguments.payload.text(count);
            mqtt::append_publish(topic, payload.as_bytes(), &mut out);
            count += 1;
        }
        stream.write_all(&out)?;
        out.clear();
    }
    let end = Instant::now();
    stream.write_all(&mqtt::DISCONNECT)?;
    Ok(Sent {
        count,
        start,
        end,
        took: end - start,
        latest,
    })
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

/// A running program. It is ended when this is dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(command: &mut Command, port: u16) -> anyhow::Result<Self> {
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        let program = Self {
            child: silent.spawn().with_context(|| format!("{command:?}"))?,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        until(&format!("{command:?} listens"), || {
            Ok(TcpStream::connect(program.address).is_ok())
        })?;
        Ok(program)
    }

    /// A counter of a server.
    fn counter(&self, name: &str) -> io::Result<u64> {
        let counters = scrape::fetch(self.address, "localhost", "/metrics")?;
        Ok(counters.get(name).map_or(0, |value| *value as u64))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that Debian may have installed in a folder that is not in every user's PATH.
fn with_sbin(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

fn start_broker(arguments: &Arguments, folder: &TempDir) -> anyhow::Result<Program> {
    let port = free_port()?;
    let mut text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nsys_interval 1\n"
    );
    if let Some(queue) = arguments.broker_queue {
        text.push_str(&format!("max_queued_messages {queue}\n"));
    }
    let file = folder.path().join("mosquitto.conf");
    fs::write(&file, text)?;
    Program::start(with_sbin("mosquitto").arg("-c").arg(file), port)
}

/// Retains a message that the server gets when it subscribes, which shows that it has subscribed.
fn retain_first(broker: &Program) -> anyhow::Result<()> {
    let port = broker.address.port().to_string();
    let status = Command::new("mosquitto_pub")
        .args([
            "-p",
            &port,
            "-t",
            "market/first",
            "-m",
            "1",
            "-r",
            "-q",
            "1",
        ])
        .status()
        .context("mosquitto_pub")?;
    ensure!(status.success(), "mosquitto_pub: {status}");
    Ok(())
}

fn start_server(broker: &Program, folder: &TempDir) -> anyhow::Result<Program> {
    let port = free_port()?;
    let program = beside("tickcast-server")?;
    let mut command = Command::new(program);
    command.current_dir(folder.path());
    command.arg(format!("--listen=127.0.0.1:{port}"));
    command.arg(format!("--mqtt-url=mqtt://{}", broker.address));
    command.args(["--feed=mqtt", "--mqtt-filter=market/#"]);
    Program::start(&mut command, port)
}

/// One of the broker's own counters of published messages.
fn broker_count(broker: &Program, which: &str) -> anyhow::Result<u64> {
    let topic = format!("$SYS/broker/publish/messages/{which}");
    let port = broker.address.port().to_string();
    let output = Command::new("mosquitto_sub")
        .args(["-p", &port, "-C", "1", "-W", "5", "-t", &topic])
        .output()
        .context("mosquitto_sub")?;
    ensure!(
        output.status.success(),
        "mosquitto_sub got no value of {topic}"
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// CPU time by name.
struct Cpu(BTreeMap<&'static str, u64>);

impl Cpu {
    fn now(broker: &Program, server: &Program) -> anyhow::Result<Self> {
        let mut by_name = BTreeMap::new();
        let pid = broker.child.id();
        by_name.insert(
            "broker",
            process::cpu_ns(pid).context("the broker has ended")?,
        );
        let own = std::process::id();
        by_name.insert("publisher", process::cpu_ns(own).unwrap_or_default());
        for task in fs::read_dir(format!("/proc/{}/task", server.child.id()))? {
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

    fn since(&self, before: &Self, time: Duration) -> CpuShares {
        let used = |name| self.0[name] - before.0.get(name).copied().unwrap_or_default();
        CpuShares {
            used: self.0.keys().map(|&name| (name, used(name))).collect(),
            time,
        }
    }
}

/// What each process or thread has used of a core.
struct CpuShares {
    used: Vec<(&'static str, u64)>,
    time: Duration,
}

impl CpuShares {
    fn text(&self, count: u64) -> String {
        let share = |&(name, ns): &(&str, u64)| {
            let percent = ns as f64 / self.time.as_nanos() as f64 * 100.0;
            let us = ns as f64 / count as f64 / 1e3;
            format!("{name} {percent:.0} % of a core, {us:.2} us a publish")
        };
        let shares: Vec<_> = self.used.iter().map(share).collect();
        format!("CPU        {}", shares.join("; "))
    }
}

fn until(what: &str, is_done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let start = Instant::now();
    while !is_done()? {
        ensure!(start.elapsed() < WAIT_MAX, "not in time: {what}");
        pause(LOOK);
    }
    Ok(())
}

fn pause(time: Duration) {
    #[allow(clippy::disallowed_methods)] // There is no runtime here.
    thread::sleep(time);
}
