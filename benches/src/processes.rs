//! The programs that a benchmark starts, on a core of their own if it says so.

use std::{
    ffi::OsStr,
    io,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tickcast_loadtest::observe::scrape;

/// Keeps a process on a core.
///
/// # Errors
///
/// If `taskset` fails.
pub fn run_on(core: usize, pid: u32) -> anyhow::Result<()> {
    let words = ["-cp".to_owned(), core.to_string(), pid.to_string()];
    let status = Command::new("taskset")
        .args(words)
        .stdout(Stdio::null())
        .status()
        .context("taskset")?;
    ensure!(status.success(), "taskset: {status}");
    Ok(())
}

/// How a thread gets its core.
#[derive(Debug, Clone, Copy)]
pub enum Priority {
    /// In turns with other threads.
    Ordinary,
    /// Before all ordinary threads, whenever it can run.
    RealTime,
}

/// Sets the priority of a thread, which those inherit that it starts later.
///
/// # Errors
///
/// If `chrt` fails, as it does for [`Priority::RealTime`] without root.
pub fn set_priority(thread: u32, priority: Priority) -> anyhow::Result<()> {
    let words = match priority {
        Priority::Ordinary => ["-o", "-p", "0"],
        Priority::RealTime => ["-r", "-p", "10"],
    };
    let status = Command::new("chrt")
        .args(words)
        .arg(thread.to_string())
        .status()
        .context("chrt")?;
    ensure!(status.success(), "chrt: {status}");
    Ok(())
}

/// A program on any core, or on one. `taskset` becomes that program.
pub fn pinned(program: impl AsRef<OsStr>, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A running program. It is ended when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Starts a program that listens on a port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If it does not listen in time.
    pub fn start(command: &mut Command, port: u16) -> anyhow::Result<Self> {
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

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A counter of a server.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn counter(&self, name: &str) -> io::Result<u64> {
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
pub fn with_sbin(program: &str, core: Option<usize>) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = pinned(program, core);
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

/// Longest wait for a program to listen, or for progress.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// Time between two requests to the server.
pub const LOOK: Duration = Duration::from_millis(100);

/// Waits until something is done.
///
/// # Errors
///
/// If it is not in time, or if looking fails.
pub fn until(what: &str, is_done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    until_within(WAIT_MAX, what, is_done)
}

/// Waits until something is done, for at most this time.
///
/// # Errors
///
/// If it is not in time, or if looking fails.
pub fn until_within(
    max: Duration,
    what: &str,
    is_done: impl Fn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while !is_done()? {
        ensure!(start.elapsed() < max, "not in time: {what}");
        pause(LOOK);
    }
    Ok(())
}

/// Waits for this time.
pub fn pause(time: Duration) {
    #[allow(clippy::disallowed_methods)] // There is no runtime here.
    thread::sleep(time);
}
