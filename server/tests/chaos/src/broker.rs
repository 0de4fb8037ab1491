//! A real broker, and a program that publishes to it.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::sleep,
};

use crate::server::free_address;

/// Time between two messages.
const INTERVAL: Duration = Duration::from_millis(10);

/// A Mosquitto that can be killed and started again.
#[derive(Debug)]
pub struct Broker {
    /// Where it listens.
    pub port: u16,
    configuration: PathBuf,
    child: Option<Child>,
}

impl Broker {
    /// Starts it on a free port.
    pub async fn start(folder: &std::path::Path) -> anyhow::Result<Self> {
        let port = free_address()?.port();
        let configuration = folder.join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        fs::write(&configuration, text)?;
        let mut broker = Self {
            port,
            configuration,
            child: None,
        };
        broker.start_again().await?;
        Ok(broker)
    }

    /// Starts it after it was killed.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(&self.configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("mosquitto does not start; is it installed?")?;
        self.child = Some(child);
        sleep(Duration::from_millis(200)).await;
        Ok(())
    }

    /// Kills it.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }
}

/// Publishes numbers to a topic without end.
pub async fn publish(port: u16) {
    let mut number = 0_u64;
    loop {
        // The program ends when its broker does.
        let _ = publish_until_broken(port, &mut number).await;
        sleep(Duration::from_millis(200)).await;
    }
}

async fn publish_until_broken(port: u16, number: &mut u64) -> anyhow::Result<()> {
    let mut child = Command::new("mosquitto_pub")
        .args(["-p", &port.to_string(), "-t", "sensor/counter", "-l"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().context("it has an input")?;
    while child.try_wait()?.is_none() {
        input.write_all(format!("{number}\n").as_bytes()).await?;
        *number += 1;
        sleep(INTERVAL).await;
    }
    Ok(())
}
