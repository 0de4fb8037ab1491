//! The server under test: a program that is started, paused, ended and killed.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, Command},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::socket::{connect, status};

/// Time within which the server listens, and ends.
const START_MAX: Duration = Duration::from_secs(20);

/// Where the log of the server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// To a pipe that is read.
    Read,
    /// To a device without space.
    Full,
}

/// The server under test.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it answers operators.
    pub admin: SocketAddr,
    program: PathBuf,
    arguments: Vec<String>,
    clock_library: PathBuf,
    clock_file: PathBuf,
    child: Option<Child>,
    input: Option<ChildStdin>,
    log_is_read: Arc<AtomicBool>,
    log_is_gone: Arc<AtomicBool>,
    panics: mpsc::Sender<String>,
}

impl Server {
    /// A server that is not started yet. `panics` gets each line of its log that tells of a panic.
    pub fn new(
        program: &Path,
        folder: &Path,
        broker_port: u16,
        panics: mpsc::Sender<String>,
    ) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let clock_file = folder.join("clock");
        fs::write(&clock_file, "+0")?;
        let arguments = format!(
            "--listen {address} --admin {admin} --feed mqtt --feed stdin --feed simulated \
             --sim-rate 600 --mqtt-url mqtt://127.0.0.1:{broker_port} --mqtt-filter sensor/# \
             --log debug --heartbeat 1s --ping 2s --pong-timeout 2s --write-timeout 3s \
             --tape 128KiB --history 8MiB --long-history-memory 8MiB --drain 500ms --shards 2"
        );
        Ok(Self {
            address,
            admin,
            program: program.to_owned(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            clock_library: clock_library()?,
            clock_file,
            child: None,
            input: None,
            log_is_read: Arc::default(),
            log_is_gone: Arc::default(),
            panics,
        })
    }

    /// Starts it, and waits until it listens.
    pub async fn start(&mut self, log: Log) -> anyhow::Result<()> {
        let stderr = match log {
            Log::Read => Stdio::piped(),
            Log::Full => fs::File::options().write(true).open("/dev/full")?.into(),
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("LD_PRELOAD", &self.clock_library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.clock_file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.input = child.stdin.take();
        if let Some(stderr) = child.stderr.take() {
            self.log_is_read = Arc::new(AtomicBool::new(true));
            self.log_is_gone = Arc::default();
            let (is_read, is_gone) = (Arc::clone(&self.log_is_read), Arc::clone(&self.log_is_gone));
            tokio::spawn(read_log(stderr, is_read, is_gone, self.panics.clone()));
        }
        let end = Instant::now() + START_MAX;
        self.child = Some(child);
        while connect(self.address).await.is_err() {
            if let Some(status) = self.child()?.try_wait()? {
                bail!("the server ended at its start: {status}");
            }
            if Instant::now() > end {
                bail!("the server does not listen");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Writes a line to its standard input.
    pub async fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("its input is taken")?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }

    /// Kills it, as a crash would.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child()?.kill().await?;
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM").await?;
        let ended = timeout(START_MAX, self.child()?.wait()).await;
        Ok(ended.context("the server does not end")??)
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    /// Sends it a signal.
    pub async fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        let id = self.id()?.to_string();
        run("kill", &["-s", name, &id]).await
    }

    /// Lets or does not let anything read its log.
    pub fn read_log(&self, is_read: bool) {
        self.log_is_read.store(is_read, Ordering::Relaxed);
    }

    /// Closes the reader of its log for the rest of its life.
    pub fn close_log(&self) {
        self.log_is_gone.store(true, Ordering::Relaxed);
    }

    /// Steps its clock to this many seconds from the real time.
    pub fn step_clock(&self, seconds: i64) -> anyhow::Result<()> {
        Ok(fs::write(&self.clock_file, format!("{seconds:+}"))?)
    }

    /// Allows it at most this many open files.
    pub async fn limit_files(&mut self, max: usize) -> anyhow::Result<()> {
        let id = self.id()?.to_string();
        run("prlimit", &["--pid", &id, &format!("--nofile={max}:")]).await
    }

    /// The number of its open files.
    pub fn open_files(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id()?))?.count())
    }

    /// Its resident memory, in bytes.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmRSS")?.trim().parse::<u64>()? * 1024)
    }

    /// Waits until `/readyz` says that it is ready.
    pub async fn ready(&self, max: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + max;
        loop {
            match status(self.address, "/readyz").await {
                Ok(200) => return Ok(()),
                Ok(code) if Instant::now() > end => bail!("/readyz answers {code}"),
                Err(error) if Instant::now() > end => return Err(error.context("/readyz")),
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn id(&self) -> anyhow::Result<u32> {
        let id = self.child.as_ref().and_then(Child::id);
        id.context("the server has ended")
    }

    fn child(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().context("the server is not started")
    }
}

async fn read_log(
    mut log: ChildStderr,
    is_read: Arc<AtomicBool>,
    is_gone: Arc<AtomicBool>,
    panics: mpsc::Sender<String>,
) {
    const PAUSE: Duration = Duration::from_millis(20);

    let mut piece = vec![0; 64 * 1024];
    while !is_gone.load(Ordering::Relaxed) {
        if !is_read.load(Ordering::Relaxed) {
            sleep(PAUSE).await;
            continue;
        }
        match timeout(PAUSE, log.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(len)) => {
                let text = String::from_utf8_lossy(&piece[..len]).into_owned();
                for line in text.lines().filter(|line| line.contains("panicked")) {
                    // An error means that enough are kept, or that the run is over.
                    let _ = panics.try_send(line.to_owned());
                }
            }
            Err(_) => {}
        }
    }
}

/// An address that is free now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The library that steps the clock of one program (Debian's package faketime).
fn clock_library() -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = libraries.find(|library| library.exists());
    found.context("libfaketime is missing: install the package faketime")
}

/// Runs a program to its end.
async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status().await?;
    if !status.success() {
        bail!("{program} {arguments:?}: {status}");
    }
    Ok(())
}
