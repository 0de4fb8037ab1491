//! The program `tickcast-server`, run by a test.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::{
    boot::Boot,
    network::Machine,
    raw::get,
    waiting::{START_DEADLINE, soon, until, within},
};

/// A running `tickcast-server`, which is killed when the test drops it.
#[derive(Debug)]
pub struct Program {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    first_log: String,
    log: Arc<Mutex<String>>,
}

/// The program with arguments and piped input and outputs.
pub fn command(arguments: &[&str]) -> Command {
    piped(Command::new(executable()), arguments)
}

/// A command that runs the program, with more arguments and piped input and outputs.
fn piped(mut command: Command, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Settings come from the test only.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("TICKCAST_") {
            command.env_remove(name);
        }
    }
    command
}

/// `TICKCAST_SERVER` names another build of the program. Cargo names its own for the tests of its
/// package. A test that is run by hand finds it in the folder above its own.
fn executable() -> PathBuf {
    if let Some(other) = env::var_os("TICKCAST_SERVER") {
        return other.into();
    }
    let named = env::var_os("CARGO_BIN_EXE_tickcast-server").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let test = env::current_exe().expect("a test has a path");
        let folder = test.ancestors().nth(2).expect("a test is in target/*/deps");
        folder
            .join("tickcast-server")
            .with_extension(env::consts::EXE_EXTENSION)
    })
}

/// Sends a program a signal, such as `KILL`.
pub async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
        .status();
    assert!(status.await.expect("sh is there").success());
}

impl Program {
    /// Starts it on a free port, and waits until it listens.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments).await
    }

    /// Starts it at an address, and waits until it listens.
    pub async fn start_at(address: &str, arguments: &[&str]) -> Self {
        let arguments = [&["--listen", address], arguments].concat();
        Self::listening(command(&arguments)).await
    }

    /// Starts it at an address after the machine was started again, and waits until it listens.
    pub async fn start_in(boot: &Boot, address: &str, arguments: &[&str]) -> Self {
        let arguments = [&["--listen", address], arguments].concat();
        Self::listening(piped(boot.within(&executable()), &arguments)).await
    }

    /// Starts it on a machine of its own at an address, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Its log, if it ends instead.
    pub async fn start_on(
        machine: &Machine,
        address: &str,
        arguments: &[&str],
    ) -> Result<Self, String> {
        let arguments = [&["--listen", address], arguments].concat();
        let command = Command::from(machine.within(&executable()));
        Self::try_listening(piped(command, &arguments)).await
    }

    async fn listening(command: Command) -> Self {
        let started = Self::try_listening(command).await;
        started.unwrap_or_else(|log| panic!("it has ended: {log}"))
    }

    async fn try_listening(mut command: Command) -> Result<Self, String> {
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("it is caught");
        let mut lines = BufReader::new(stderr).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut first_log = String::new();
        let address = within(START_DEADLINE, "the server listens", async {
            loop {
                let line = lines.next_line().await.expect("its log can be read");
                let line = line?;
                first_log.push_str(&line);
                let address = line.split_once("ws://").and_then(|(_, rest)| {
                    let (address, _) = rest.split_once("/ws")?;
                    address.parse().ok()
                });
                if address.is_some() {
                    break address;
                }
            }
        })
        .await;
        let Some(address) = address else {
            return Err(first_log);
        };
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().expect("no thread panics with it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Self {
            address,
            child,
            first_log,
            log,
        })
    }

    /// Its log up to the line that names its address.
    pub fn first_log(&self) -> &str {
        &self.first_log
    }

    /// Where its metrics are: at the admin address, if it has one.
    pub fn metrics_address(&self) -> SocketAddr {
        let admin = self.first_log.split_once("admin").and_then(|(_, rest)| {
            let (_, rest) = rest.split_once("http://")?;
            let (address, _) = rest.split_once('/')?;
            address.parse().ok()
        });
        admin.unwrap_or(self.address)
    }

    /// The URL for subscribers and publishers.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Its log after that line.
    pub fn log(&self) -> String {
        self.log.lock().expect("no thread panics with it").clone()
    }

    /// Takes its standard input, once.
    pub fn take_input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("it was not taken before")
    }

    /// The sum of the rows of `/metrics` that begin with `start`.
    pub async fn metric(&self, start: &str) -> u64 {
        let answer = get(self.metrics_address(), "/metrics").await;
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

    /// Waits until its feed of a kind, which has no other name, is up.
    pub async fn until_feed_is_up(&self, kind: &str) {
        let up = format!("tickcast_feed_state{{feed=\"{kind}\",kind=\"{kind}\",state=\"up\"}}");
        until("the feed is up", async || self.metric(&up).await == 1).await;
    }

    /// Its resident memory.
    pub fn memory_bytes(&self) -> usize {
        let id = self.child.id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.expect("Linux lists it")
            .trim()
            .parse::<usize>()
            .expect("a number")
            * 1024
    }

    /// The niceness of each of its threads, by name (proc_pid_stat(5), field 19).
    pub fn niceness(&self) -> Vec<(String, i32)> {
        let id = self.child.id().expect("it runs");
        let threads = fs::read_dir(format!("/proc/{id}/task")).expect("Linux lists it");
        let niceness = threads.map(|thread| {
            let path = thread.expect("Linux lists it").path().join("stat");
            let stat = fs::read_to_string(path).expect("the thread runs");
            let (start, rest) = stat.rsplit_once(") ").expect("its name is in parentheses");
            let (_, name) = start.split_once('(').expect("its name is in parentheses");
            let nice = rest.split(' ').nth(16).expect("it has many fields");
            (name.to_owned(), nice.parse().expect("a number"))
        });
        niceness.collect()
    }

    /// The number of its open files, connections included.
    pub fn open_files(&self) -> usize {
        self.files().count()
    }

    /// The number of its io_uring instances.
    pub fn rings(&self) -> usize {
        // A file may be closed after it was listed.
        let targets = self.files().filter_map(|file| fs::read_link(file).ok());
        let is_ring = |target: &PathBuf| target.ends_with("anon_inode:[io_uring]");
        targets.filter(is_ring).count()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let id = self.child.id().expect("it runs");
        let files = fs::read_dir(format!("/proc/{id}/fd")).expect("Linux lists it");
        files.map(|file| file.expect("Linux lists it").path())
    }

    /// Sends it SIGTERM.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Sends it a signal, such as `KILL`.
    pub async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// Kills it, as a crash would.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Its whole log, if it has exited by itself.
    pub fn has_ended(&mut self) -> Option<String> {
        let ended = self.child.try_wait().expect("it can be waited for");
        ended.map(|status| format!("{status}\n{}\n{}", self.first_log, self.log()))
    }

    /// Waits until it exits.
    pub async fn end(mut self) -> ExitStatus {
        soon("the server ends", self.child.wait())
            .await
            .expect("it can be waited for")
    }
}
