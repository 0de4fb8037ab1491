//! A contender as a process.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tickcast_protocol::tls::TlsClient;

use super::{certificate::Certificate, command::command, places::free_port};
use crate::compare::{
    contender::{Contender, VARIABLES},
    workload::Workload,
};

/// Longest wait until a contender listens.
const START_MAX: Duration = Duration::from_secs(20);

/// Pause between two attempts to connect.
const START_PAUSE: Duration = Duration::from_millis(20);

/// A running contender. It is ended when this is dropped.
#[derive(Debug)]
pub struct RunningContender {
    /// Where it listens.
    pub address: SocketAddr,
    /// A client of its TLS, if it has TLS.
    pub tls: Option<Arc<TlsClient>>,
    /// Its process. `taskset` becomes the program, so the process stays the same.
    pub pid: u32,
    child: Child,
    folder: TempDir,
}

impl RunningContender {
    /// Starts a contender on its core and waits until it listens.
    pub fn start(contender: Contender, workload: &Workload) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let certificate = match contender.has_tls() {
            true => Some(Certificate::write(folder.path())?),
            false => None,
        };
        let words = command(
            contender,
            port,
            workload,
            folder.path(),
            certificate.as_ref(),
        )?;
        let log = File::create(folder.path().join("log"))?;
        let mut program = Command::new(&words[0]);
        for variable in VARIABLES {
            program.env_remove(variable);
        }
        let child = program
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| words.join(" "))?;
        let mut running = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: certificate.map(|it| it.client()).transpose()?,
            pid: child.id(),
            child,
            folder,
        };
        let start = Instant::now();
        while TcpStream::connect(running.address).is_err() {
            let has_ended = running.child.try_wait()?.is_some();
            if has_ended || start.elapsed() > START_MAX {
                bail!("{} does not start: {}", words.join(" "), running.output());
            }
            #[allow(clippy::disallowed_methods)] // Nothing is measured yet.
            thread::sleep(START_PAUSE);
        }
        Ok(running)
    }

    /// Stops the process until [`resume`](Self::resume).
    pub fn hold(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// Continues the process.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let (signal, pid) = (format!("-{name}"), self.pid.to_string());
        let status = Command::new("sh")
            .args(["-c", "kill \"$0\" \"$1\"", &signal, &pid])
            .status()?;
        ensure!(status.success(), "SIG{name}: {status}");
        Ok(())
    }

    /// Adds the output of the contender to an error.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.output() {
            output if output.is_empty() => error,
            output => error.context(format!("its output: {}", output.trim_end())),
        }
    }

    /// Its output so far.
    fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RunningContender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
