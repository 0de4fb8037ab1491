//! The programs that are measured.

use std::{fs, net::SocketAddr, process::Command};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tickcast_benches::{
    compare::program::{beside, free_port},
    processes::{Program, pinned, with_sbin},
};

/// The topic of the message that shows that the server has subscribed.
pub(crate) const FIRST_TOPIC: &str = "market/first";

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
