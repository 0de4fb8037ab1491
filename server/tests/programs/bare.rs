//! The program with limits of a shell, and with any standard error.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tickcast_server_testkit::{command, signal, soon, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, ChildStdin, Command},
    time::{sleep, timeout},
};

/// A running program, which is killed when the test drops it.
pub(crate) struct Bare {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) input: Option<ChildStdin>,
    child: Child,
}

/// A status and a body.
pub(crate) type Reply = (u16, String);

impl Bare {
    /// Starts the program after a command of the shell.
    pub(crate) fn spawn(shell: &str, arguments: &[&str], stderr: Stdio) -> Self {
        let (address, admin) = (free_address(), free_address());
        let known = command(&[]);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
            .arg(known.as_std().get_program())
            .args(["--listen", &address.to_string()])
            .args(["--admin", &admin.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true);
        for (name, value) in known.as_std().get_envs() {
            assert!(value.is_none(), "it removes settings only");
            command.env_remove(name);
        }
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        Self {
            address,
            admin,
            input,
            child,
        }
    }

    /// Starts the program, and waits until it answers.
    pub(crate) async fn start(shell: &str, arguments: &[&str], stderr: Stdio) -> Self {
        let mut program = Self::spawn(shell, arguments, stderr);
        until("the server answers", async || {
            let ended = program.child.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended: {ended:?}");
            reply(program.address, "/healthz").await.is_some()
        })
        .await;
        program
    }

    /// Kills it, and waits until it holds nothing any more.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Whether `/metrics` has a row that begins so, with a number above 0.
    pub(crate) async fn counts(&self, row: &str) -> bool {
        self.metric(row).await > 0
    }

    /// The number in the first row of `/metrics` that begins so.
    pub(crate) async fn metric(&self, start: &str) -> u64 {
        let (_, body) = reply(self.admin, "/metrics").await.unwrap();
        let row = body.lines().find(|line| line.starts_with(start));
        let row = row.unwrap_or_else(|| panic!("no {start} in {body}"));
        row.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    /// Whether the newest value of a topic is this number.
    pub(crate) async fn has(&self, topic: &str, value: u32) -> bool {
        let path = format!("/v1/latest?filter={topic}");
        let (_, body) = reply(self.address, &path).await.unwrap();
        body.contains(&format!("{{\"reading\":{value}.0}}"))
            || body.contains(&format!("{{\"reading\":{value}}}"))
    }

    /// Writes a line to its standard input.
    pub(crate) async fn line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// The number of its open files, once all shards have opened theirs: the first one answers
    /// before the last one has begun.
    pub(crate) async fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id().unwrap());
        let count = || std::fs::read_dir(&path).unwrap().count();
        let mut last = 0;
        until("the number of open files stays", async || {
            let before = std::mem::replace(&mut last, count());
            sleep(Duration::from_millis(100)).await;
            before == last && last == count()
        })
        .await;
        last
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sets the limit of its open files.
    pub(crate) async fn limit_files(&self, max: usize) {
        let id = self.child.id().unwrap().to_string();
        let status = Command::new("prlimit")
            .args(["--pid", &id, &format!("--nofile={max}:")])
            .status();
        assert!(status.await.unwrap().success());
    }

    /// Sends SIGTERM, and waits for the end.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        signal(&self.child, "TERM").await;
        self.end().await
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        soon("the server ends", self.child.wait()).await.unwrap()
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

/// The reply to a plain GET. `None` if there was none within some seconds.
pub(crate) async fn reply(address: SocketAddr, path: &str) -> Option<Reply> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    };
    timeout(Duration::from_secs(5), ask).await.ok()?
}

fn free_address() -> SocketAddr {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}
