//! What the tests of feeds share: a feed that runs, and a real broker.

// Each test program uses its own part.
#![allow(dead_code)]

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tickcast_core::work::{NewUpdate, Work};
use tickcast_server::testing::{
    self, Arrival, Clock, FeedMetrics, FeedSettings, FeedState, Ingest, Source,
    decode::{DecodeRule, Decoder},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// So long a test waits for what must happen before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Time between two looks.
const STEP: Duration = Duration::from_millis(5);

/// A feed in a task.
pub(crate) struct Running {
    pub(crate) metrics: Arc<FeedMetrics>,
    queue: mpsc::Receiver<Arrival>,
    waiting: Vec<NewUpdate>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(source: Source, rules: Vec<DecodeRule>) -> Self {
        let settings = FeedSettings {
            name: "test".into(),
            source,
        };
        settings.check().expect("the settings are right");
        let (ingest, queue) = Ingest::new(Clock::start());
        let metrics = Arc::new(FeedMetrics::default());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(testing::run(
            settings,
            Decoder::new(rules.into()),
            ingest,
            Arc::clone(&metrics),
            async {
                // It counts as well when the test drops its end.
                let _ = stopped.await;
            },
        ));
        Self {
            metrics,
            queue,
            waiting: Vec::new(),
            stop: Some(stop),
            task,
        }
    }

    /// The next update.
    pub(crate) async fn next(&mut self) -> NewUpdate {
        while self.waiting.is_empty() {
            let arrival = timeout(DEADLINE, self.queue.recv()).await;
            let arrival = arrival.expect("an update in time").expect("the feed runs");
            if let Work::Updates(submission) = arrival.work {
                self.waiting.extend(submission.updates.into_iter().rev());
            }
        }
        self.waiting.pop().expect("there is one")
    }

    /// The next updates.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<NewUpdate> {
        let mut updates = Vec::with_capacity(count);
        while updates.len() < count {
            updates.push(self.next().await);
        }
        updates
    }

    /// All updates until the feed ends by itself.
    pub(crate) async fn rest(&mut self) -> Vec<NewUpdate> {
        let mut updates: Vec<_> = self.waiting.drain(..).rev().collect();
        while let Some(arrival) = timeout(DEADLINE, self.queue.recv()).await.expect("an end") {
            if let Work::Updates(submission) = arrival.work {
                updates.extend(submission.updates);
            }
        }
        updates
    }

    /// Waits for something to become true.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&FeedMetrics) -> bool) {
        let start = Instant::now();
        while !condition(&self.metrics) {
            assert!(start.elapsed() < DEADLINE, "{what}: {:?}", self.metrics);
            sleep(STEP).await;
        }
    }

    pub(crate) async fn until_up(&self) {
        self.until("the feed is up", |metrics| metrics.state() == FeedState::Up)
            .await;
    }

    /// Stops the feed, and returns what it had still handed over.
    pub(crate) async fn stop(mut self) -> Vec<NewUpdate> {
        drop(self.stop.take());
        let updates = self.rest().await;
        timeout(DEADLINE, self.task)
            .await
            .expect("the feed ends in time")
            .expect("the feed does not panic");
        assert_eq!(self.metrics.state(), FeedState::Finished);
        updates
    }
}

/// A real Mosquitto on a free port, which ends with the test.
pub(crate) struct Broker {
    pub(crate) port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Broker {
    /// With lines to add to its configuration.
    pub(crate) fn start(configuration: &str) -> Self {
        // Another process may take the port before the broker does.
        for _ in 0..5 {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = socket.local_addr().expect("an address").port();
            drop(socket);
            let folder = tempfile::tempdir().expect("a folder");
            let mut broker = Self {
                port,
                folder,
                process: None,
            };
            broker.configure(configuration);
            if broker.try_start_again() {
                return broker;
            }
        }
        panic!("mosquitto does not start; is it installed?");
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "listener {} 127.0.0.1\nset_tcp_nodelay true\n{more}\n",
            self.port
        );
        fs::write(self.path("mosquitto.conf"), text).expect("a file");
    }

    /// A path in the broker's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start_again(&mut self) {
        assert!(self.try_start_again(), "mosquitto does not start again");
    }

    fn try_start_again(&mut self) -> bool {
        // Debian puts it where not every user looks.
        let path = format!("{}:/usr/sbin:/usr/local/sbin", env!("PATH"));
        let process = Command::new("mosquitto")
            .env("PATH", path)
            .arg("-c")
            .arg(self.path("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed");
        let process = self.process.insert(process);
        let start = Instant::now();
        while start.elapsed() < DEADLINE && process.try_wait().expect("a child").is_none() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            #[allow(clippy::disallowed_methods, reason = "the test has nothing else to do")]
            std::thread::sleep(STEP);
        }
        self.stop();
        false
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            process.wait().expect("a child");
        }
    }

    /// Publishes each line of `payloads` with the broker's own client.
    pub(crate) fn publish(&self, topic: &str, payloads: &str, options: &[&str]) {
        let mut client = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-t", topic, "-l"])
            .args(options)
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub is installed");
        let mut input = client.stdin.take().expect("a pipe");
        input
            .write_all(payloads.as_bytes())
            .expect("the client reads");
        drop(input);
        assert!(client.wait().expect("a child").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A file of the recordings that come with the server.
pub(crate) fn recording(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}
