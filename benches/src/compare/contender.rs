//! The servers that are compared, and how each is started.

use std::{
    fs::{self, File},
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tickcast_protocol::codec::Encoding;

use super::{dialect::Dialect, workload::Workload};

/// The core of the contenders.
pub const CONTENDER_CORE: usize = 0;

/// The core of the load.
pub const LOAD_CORE: usize = 1;

/// Longest wait until a contender listens.
const START_MAX: Duration = Duration::from_secs(20);

/// Pause between two looks.
const START_PAUSE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Ready-made frames, one `send` per subscriber and update: the floor.
    Raw,
    /// The same, with all that waits in one `send`.
    RawBatching,
    /// The same, with many subscribers in one system call.
    RawRing,
    /// Tickcast, binary.
    TickcastBincode,
    /// Tickcast, JSON.
    TickcastJson,
    /// nats-server's own WebSocket listener.
    Nats,
    /// Node with the package ws.
    NodeWs,
    /// tokio-tungstenite with tokio's broadcast channel.
    Tungstenite,
    /// uWebSockets, if there is a program; see [`uwebsockets_program`].
    #[serde(rename = "uwebsockets")]
    #[value(name = "uwebsockets")]
    UWebSockets,
}

impl Contender {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Raw,
        Self::RawBatching,
        Self::RawRing,
        Self::TickcastBincode,
        Self::TickcastJson,
        Self::Nats,
        Self::NodeWs,
        Self::Tungstenite,
        Self::UWebSockets,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawBatching => "raw, batching",
            Self::RawRing => "raw, io_uring",
            Self::TickcastBincode => "Tickcast bincode",
            Self::TickcastJson => "Tickcast JSON",
            Self::Nats => "nats-server",
            Self::NodeWs => "Node ws",
            Self::Tungstenite => "tokio-tungstenite",
            Self::UWebSockets => "uWebSockets",
        }
    }

    /// What it is called on a command line.
    pub fn argument(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }

    /// Whether it can be measured on this machine: all but one are brought along or installed.
    pub fn is_there(self) -> bool {
        self != Self::UWebSockets || uwebsockets_program().is_some()
    }

    /// Whether it is one of ours that others are measured by, and no server.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Raw | Self::RawBatching | Self::RawRing)
    }

    /// Whether it is a server that one could take instead.
    pub fn is_peer(self) -> bool {
        !self.is_raw() && !self.is_tickcast()
    }

    /// Whether it is Tickcast.
    pub fn is_tickcast(self) -> bool {
        matches!(self, Self::TickcastBincode | Self::TickcastJson)
    }

    /// How to speak to it.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Raw
            | Self::RawBatching
            | Self::RawRing
            | Self::NodeWs
            | Self::Tungstenite
            | Self::UWebSockets => Dialect::Plain,
            Self::TickcastBincode => Dialect::Tickcast(Encoding::Bincode),
            Self::TickcastJson => Dialect::Tickcast(Encoding::Json),
            Self::Nats => Dialect::Nats,
        }
    }

    /// Program and arguments.
    fn words(self, port: u16, workload: &Workload, folder: &Path) -> anyhow::Result<Vec<String>> {
        let ours = |name: &str| anyhow::Ok(beside(name)?.display().to_string());
        let words = match self {
            Self::Raw | Self::RawBatching | Self::RawRing => {
                let topics = workload.topics.to_string();
                let mut words = vec![ours("raw")?, port.to_string(), "--topics".into(), topics];
                if self != Self::Raw {
                    words.push("--batch".into());
                }
                if self == Self::RawRing {
                    words.push("--ring".into());
                }
                words
            }
            Self::TickcastBincode | Self::TickcastJson => {
                let mut words = vec![
                    ours("tickcast-server")?,
                    format!("--listen=127.0.0.1:{port}"),
                    "--feed=none".into(),
                    // As for the others: nobody is asked whether it is there.
                    "--ping=1h".into(),
                    "--heartbeat=1h".into(),
                    format!("--shards={}", workload.shards),
                ];
                if let Some(bytes) = workload.tape_bytes {
                    words.push(format!("--tape={bytes}"));
                }
                words
            }
            Self::Nats => {
                let file = folder.join("nats.conf");
                fs::write(&file, nats_settings(port, free_port()?))?;
                vec![
                    nats_program().into(),
                    "-c".into(),
                    file.display().to_string(),
                ]
            }
            Self::NodeWs => {
                let program = node_folder().join("broadcast.mjs");
                vec![
                    "node".into(),
                    program.display().to_string(),
                    port.to_string(),
                ]
            }
            Self::Tungstenite => vec![ours("tungstenite")?, port.to_string()],
            Self::UWebSockets => {
                let program = uwebsockets_program().context("TICKCAST_UWEBSOCKETS is not set")?;
                vec![program, port.to_string()]
            }
        };
        Ok(on_core(CONTENDER_CORE, words))
    }
}

/// Program and arguments that keep another program on a core. It becomes that one: the same process.
pub fn on_core(core: usize, words: Vec<String>) -> Vec<String> {
    let taskset = ["taskset".to_owned(), "-c".to_owned(), core.to_string()];
    taskset.into_iter().chain(words).collect()
}

/// A program that was built together with this one.
pub fn beside(program: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(program))
}

/// Where the Node program and its package are.
pub fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}

/// The checkout that we were built from.
pub fn project_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Debian puts it where only root's PATH looks.
pub fn nats_program() -> &'static str {
    let sbin = "/usr/sbin/nats-server";
    if Path::new(sbin).exists() {
        sbin
    } else {
        "nats-server"
    }
}

/// A broadcast server made with uWebSockets, which is C++ and no package of any registry we use: what
/// comes from `/publish` goes to everybody else. Its argument is the port.
pub fn uwebsockets_program() -> Option<String> {
    std::env::var("TICKCAST_UWEBSOCKETS").ok()
}

/// No encryption, no compression, no pings during a run, and a write deadline that a workload
/// without slow subscribers never comes near.
fn nats_settings(port: u16, client_port: u16) -> String {
    format!(
        "listen: \"127.0.0.1:{client_port}\"\n\
         ping_interval: \"1h\"\n\
         write_deadline: \"10s\"\n\
         websocket {{ listen: \"127.0.0.1:{port}\", no_tls: true, compression: false }}\n"
    )
}

/// A port that is free now.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A contender at work. It does not outlive this.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    child: Child,
    folder: TempDir,
}

impl Running {
    /// Starts a contender on its core and waits until it listens.
    pub fn start(contender: Contender, workload: &Workload) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let words = contender.words(port, workload, folder.path())?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| words.join(" "))?;
        let mut running = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            // taskset becomes the program: the same process.
            pid: child.id(),
            child,
            folder,
        };
        let start = Instant::now();
        while TcpStream::connect(running.address).is_err() {
            let has_ended = running.child.try_wait()?.is_some();
            if has_ended || start.elapsed() > START_MAX {
                bail!("{} does not start: {}", words.join(" "), running.log());
            }
            #[allow(clippy::disallowed_methods)] // Nothing is measured yet.
            thread::sleep(START_PAUSE);
        }
        Ok(running)
    }

    /// Holds it: it does nothing at all until it is let go on.
    pub fn hold(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on.
    pub fn let_go_on(&self) -> anyhow::Result<()> {
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

    /// What went wrong, with what the contender had to say.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.log() {
            log if log.is_empty() => error,
            log => error.context(format!("it said: {}", log.trim_end())),
        }
    }

    /// What it has said so far.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
