//! The programs that are measured.

use std::{
    ffi::OsStr,
    fs, io,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tickcast_benches::compare::program::{beside, free_port};
use tickcast_loadtest::observe::scrape;

use crate::wait::until;

/// The topic of the message that shows that the server has subscribed.
pub(crate) const FIRST_TOPIC: &str = "market/first";

/// Keeps a process on a core.
pub(crate) fn run_on(core: usize, pid: u32) -> anyhow::Result<()> {
    let words = ["-cp".to_owned(), core.to_string(), pid.to_string()];
    let status = Command::new("taskset")
        .args(words)
        .stdout(Stdio::null())
        .status()
        .context("taskset")?;
    ensure!(status.success(), "taskset: {status}");
    Ok(())
}

/// A program on any core, or on one. `taskset` becomes that program.
fn pinned(program: impl AsRef<OsStr>, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A running program. It is ended when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
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

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A counter of a server.
    pub(crate) fn counter(&self, name: &str) -> io::Result<u64> {
        let counters = scrape::fetch(self.address, None, "localhost", "/metrics")?;
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
fn with_sbin(program: &str, core: Option<usize>) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = pinned(program, core);
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

/// Starts a Mosquitto.
pub(crate) fn start_broker(
    queue: Option<u32>,
    core: Option<usize>,
    folder: &TempDir,
) -> anyhow::Result<Program> {
    let port = free_port()?;
    let mut text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nsys_interval 1\n"
    );
    if let Some(queue) = queue {
        text.push_str(&format!("max_queued_messages {queue}\n"));
    }
    let file = folder.path().join("mosquitto.conf");
    fs::write(&file, text)?;
    Program::start(with_sbin("mosquitto", core).arg("-c").arg(file), port)
}

/// Retains a message that the server gets when it subscribes, which shows that it has subscribed.
pub(crate) fn retain_first(broker: &Program) -> anyhow::Result<()> {
    let port = broker.address.port().to_string();
    let status = Command::new("mosquitto_pub")
        .args(["-p", &port, "-t", FIRST_TOPIC, "-m", "1", "-r", "-q", "1"])
        .status()
        .context("mosquitto_pub")?;
    ensure!(status.success(), "mosquitto_pub: {status}");
    Ok(())
}

/// Starts a server that subscribes to everything of a broker.
pub(crate) fn start_server(
    broker: SocketAddr,
    core: Option<usize>,
    folder: &TempDir,
) -> anyhow::Result<Program> {
    let port = free_port()?;
    let program = beside("tickcast-server")?;
    let mut command = pinned(program, core);
    command.current_dir(folder.path());
    command.arg(format!("--listen=127.0.0.1:{port}"));
    command.arg(format!("--mqtt-url=mqtt://{broker}"));
    command.args([
        "--feed=mqtt",
        "--mqtt-filter=market/#",
        "--mqtt-filter=zigbee2mqtt/#",
    ]);
    command.args(["--shards=1"]);
    Program::start(&mut command, port)
}

/// One of the broker's own counters of published messages.
pub(crate) fn broker_count(broker: &Program, which: &str) -> anyhow::Result<u64> {
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
