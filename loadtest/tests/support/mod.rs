//! What the tests share: real servers, a real broker, and a server that breaks its promises.

// Each test program uses its own part.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod liar;

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use tempfile::TempDir;
use tickcast_loadtest::{
    cli::Cli,
    run::{self, Finished, ProgressDisplay, RunError},
};
use tickcast_server::{
    Server,
    config::{self, Settings},
};
use tickcast_server_testkit::certificates::{Authority, Validity};

/// Longest wait of a test for something that must happen.
const DEADLINE: Duration = Duration::from_secs(60);

fn settings(arguments: &str) -> Settings {
    let words = format!("server --listen 127.0.0.1:0 {arguments}");
    match config::load(words.split_whitespace().map(Into::into), []).unwrap() {
        config::Command::Run(settings) => *settings,
        config::Command::Print(text) => panic!("{text}"),
    }
}

/// A real server with these flags.
pub(crate) struct TestServer(Option<Server>);

impl TestServer {
    pub(crate) fn start(arguments: &str) -> Self {
        Self(Some(Server::start(settings(arguments)).unwrap()))
    }

    pub(crate) fn url(&self) -> String {
        let address = self.0.as_ref().unwrap().address();
        format!("ws://{address}/ws")
    }

    /// Updates handed to subscribers so far.
    pub(crate) fn deliveries(&self) -> u64 {
        let metrics = self.0.as_ref().unwrap().metrics();
        metrics
            .shards
            .iter()
            .map(|shard| shard.deliveries.get())
            .sum()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.shutdown();
        }
    }
}

/// A server with TLS at its second listener, and the authority that clients have to trust.
pub(crate) struct SecureServer {
    pub(crate) server: TestServer,
    pub(crate) ca: PathBuf,
    pub(crate) other_ca: PathBuf,
    _folder: TempDir,
}

impl SecureServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("ours");
        let certificate = authority.issue(&["localhost"], Validity::Now);
        let (cert, key) = certificate.write(folder.path(), "server");
        let [ca, other_ca] = ["ca.pem", "other.pem"].map(|name| folder.path().join(name));
        fs::write(&ca, authority.pem()).unwrap();
        fs::write(&other_ca, Authority::new("theirs").pem()).unwrap();
        let config = folder.path().join("tickcast.toml");
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\ntls_cert = {cert:?}\ntls_key = {key:?}\n"
        );
        fs::write(&config, text).unwrap();
        let arguments = format!("--feed none --config {}", config.display());
        Self {
            server: TestServer::start(&arguments),
            ca,
            other_ca,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self) -> String {
        let server = self.server.0.as_ref().unwrap();
        let secure = server.listeners().iter().find(|listening| listening.is_tls);
        let endpoint = secure.unwrap().endpoint.to_string();
        let (_, port) = endpoint.rsplit_once(':').unwrap();
        format!("wss://localhost:{port}/ws")
    }
}

/// A run with these flags.
pub(crate) fn run(url: &str, arguments: &str) -> Result<Finished, RunError> {
    run_watched(url, arguments, ProgressDisplay::Quiet)
}

/// A run with these flags and this progress.
pub(crate) fn run_watched(
    url: &str,
    arguments: &str,
    progress: ProgressDisplay<'_>,
) -> Result<Finished, RunError> {
    let words = format!("loadtest --url {url} {arguments}");
    let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
    let plan = cli.run.plan(words).unwrap();
    run::run(&plan, &AtomicBool::new(false), &progress)
}

/// A port that was free a moment ago, for programs that cannot choose one themselves.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A real Mosquitto.
pub(crate) struct Broker {
    pub(crate) port: u16,
    child: Child,
    _folder: TempDir,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        fs::write(&file, text).unwrap();
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|program| fs::exists(program).unwrap_or(false))
            .expect("mosquitto must be installed (Debian and Ubuntu: package mosquitto)");
        let child = Command::new(program)
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let broker = Self {
            port,
            child,
            _folder: folder,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        until("the broker listens", || TcpStream::connect(address).is_ok());
        broker
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition is true.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        #[allow(clippy::disallowed_methods)] // A test may wait.
        thread::sleep(Duration::from_millis(10));
    }
}
