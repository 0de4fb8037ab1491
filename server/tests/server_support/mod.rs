//! What the tests of the whole server share: the real program, and clients of all kinds.

// Each test program uses its own part.
#![allow(dead_code)]

pub(crate) mod bystander;
pub(crate) mod gate;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod source;
pub(crate) mod subscriber;
pub(crate) mod truth;
pub(crate) mod wire;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::{sleep, timeout},
};

use raw::get;

/// So long a test waits for the next step of what must happen before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Time between two looks.
pub(crate) const STEP: Duration = Duration::from_millis(10);

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(DEADLINE, future).await;
    result.unwrap_or_else(|_| panic!("it did not happen in time: {what}"))
}

/// Looks again and again until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < DEADLINE, "it is still not true: {what}");
        sleep(STEP).await;
    }
}

/// The program `tickcast-server`, which ends with the test.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    child: Child,
    first_log: String,
    log: Arc<Mutex<String>>,
}

/// The program with arguments, its outputs caught.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast-server"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Settings come from the test alone.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TICKCAST_") {
            command.env_remove(name);
        }
    }
    command
}

impl Program {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments).await
    }

    /// Starts it at an address, and waits until it listens.
    pub(crate) async fn start_at(address: &str, arguments: &[&str]) -> Self {
        let mut child = command(&[&["--listen", address], arguments].concat())
            .spawn()
            .expect("the program starts");
        let stderr = child.stderr.take().expect("it is caught");
        let mut lines = BufReader::new(stderr).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut first_log = String::new();
        let address = soon("the server listens", async {
            loop {
                let line = lines.next_line().await.expect("its log can be read");
                let line = line.expect("it does not end");
                first_log.push_str(&line);
                let address = line.split_once("ws://").and_then(|(_, rest)| {
                    let (address, _) = rest.split_once("/ws")?;
                    address.parse().ok()
                });
                if let Some(address) = address {
                    break address;
                }
            }
        })
        .await;
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().expect("nobody panics with it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            address,
            child,
            first_log,
            log,
        }
    }

    /// What it logged until it listened.
    pub(crate) fn first_log(&self) -> &str {
        &self.first_log
    }

    /// Where subscribers connect to.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// What it has logged since it listens.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Its standard input.
    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("it was not taken before")
    }

    /// The sum of the rows of `/metrics` that begin so.
    pub(crate) async fn metric(&self, start: &str) -> u64 {
        let answer = get(self.address, "/metrics").await;
        let mut rows = answer
            .body
            .lines()
            .filter(|line| line.starts_with(start))
            .peekable();
        assert!(rows.peek().is_some(), "no {start} in {}", answer.body);
        rows.map(|row| {
            let (_, number) = row.rsplit_once(' ').expect("a row has a number");
            number.parse::<u64>().expect("a whole number")
        })
        .sum()
    }

    /// Its memory in the machine's RAM.
    pub(crate) fn memory_bytes(&self) -> usize {
        let id = self.child.id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.expect("Linux tells it")
            .trim()
            .parse::<usize>()
            .expect("a number")
            * 1024
    }

    /// Its open files, connections included.
    pub(crate) fn open_files(&self) -> usize {
        self.files().count()
    }

    /// Its open io_uring instances.
    pub(crate) fn rings(&self) -> usize {
        // One may be closed between being listed and being looked at.
        let targets = self.files().filter_map(|file| fs::read_link(file).ok());
        let is_ring = |target: &PathBuf| target.ends_with("anon_inode:[io_uring]");
        targets.filter(is_ring).count()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let id = self.child.id().expect("it runs");
        let files = fs::read_dir(format!("/proc/{id}/fd")).expect("Linux tells it");
        files.map(|file| file.expect("Linux tells it").path())
    }

    /// Asks it to end.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().expect("it runs").to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &id])
            .status();
        assert!(status.await.expect("sh is there").success());
    }

    /// Kills it, as a crash would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> ExitStatus {
        soon("the server ends", self.child.wait())
            .await
            .expect("it can be waited for")
    }
}
