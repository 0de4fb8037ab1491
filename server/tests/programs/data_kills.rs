//! A server that is killed, or loses power, again and again under load, with subscribers of every
//! kind. After a kill they go on in the same epoch, nothing is lost, and nothing comes twice. After
//! a power cut the server has lost what was not on the disk: the subscribers are told exactly what
//! of it they have, and have all the rest once.

use std::{
    env, fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use rand::RngExt;
use tickcast_protocol::{
    codec::Encoding,
    message::{Lineage, Mode},
};
use tickcast_server_testkit::{Boot, Program, until};
use tokio::task::JoinHandle;

use crate::ledger::{Ledger, Subscriber, lineage, publish, publish_last};

/// How often the server is killed or loses power; `TICKCAST_KILLS` says otherwise.
const KILLS: usize = 4;

/// A server with a log, its address, and its subscribers.
struct Run {
    server: Option<Program>,
    address: String,
    url: String,
    folder: tempfile::TempDir,
    ledger: Arc<Ledger>,
    subscribers: Vec<JoinHandle<Subscriber>>,
    /// All epochs. A server forgets the oldest ones.
    lineage: Lineage,
}

impl Run {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Program::start(&arguments(folder.path())).await;
        let (address, url) = (server.address.to_string(), server.url());
        let ledger = Arc::new(Ledger::default());
        let mut subscribers = Vec::new();
        for (encoding, mode, filter) in [
            (Encoding::Bincode, Mode::Every, "#"),
            (Encoding::Json, Mode::Every, "#"),
            (Encoding::Bincode, Mode::Every, "k/+"),
            (Encoding::Json, Mode::Every, "k/3"),
            (Encoding::Bincode, Mode::Latest, "#"),
            (Encoding::Json, Mode::Latest, "#"),
            (Encoding::Bincode, Mode::Latest, "k/5"),
        ] {
            let subscriber = Subscriber::new(&ledger, filter, mode);
            subscribers.push(tokio::spawn(subscriber.run(vec![url.clone()], encoding)));
        }
        let events = Subscriber::new(&ledger, "#", Mode::Every);
        subscribers.push(tokio::spawn(events.run_as_events(vec![address.clone()])));
        let all = subscribers.len();
        until("all have begun", async || {
            ledger.accepted.load(Ordering::Relaxed) == all
        })
        .await;
        let lineage = lineage(&url).await;
        Self {
            server: Some(server),
            address,
            url,
            folder,
            ledger,
            subscribers,
            lineage,
        }
    }

    /// Publishes for a while, at another time each round, and kills the server.
    async fn kill(&mut self, round: usize) {
        let publishing = {
            let (url, ledger) = (self.url.clone(), Arc::clone(&self.ledger));
            tokio::spawn(async move { publish(&url, &ledger).await })
        };
        let wanted = self.ledger.acked() + 1_000 + round * 617 % 4_000;
        until("updates are acknowledged", async || {
            self.ledger.acked() >= wanted
        })
        .await;
        self.server.take().expect("it runs").kill().await;
        publishing.await.unwrap();
    }

    /// Starts the server again; in another start of the machine, if there is one.
    async fn start_again(&mut self, boot: Option<&Boot>) {
        let arguments = arguments(self.folder.path());
        let server = match boot {
            None => Program::start_at(&self.address, &arguments).await,
            Some(boot) => Program::start_in(boot, &self.address, &arguments).await,
        };
        self.server = Some(server);
        let Lineage { epoch, continues } = lineage(&self.url).await;
        if epoch != self.lineage.epoch {
            let before = continues.last().expect("it continues the one before");
            assert_eq!(before.epoch, self.lineage.epoch);
            self.lineage.continues.push(*before);
            self.lineage.epoch = epoch;
        }
    }

    /// Ends all, and compares. Returns how many acknowledged updates are lost.
    async fn end(self) -> usize {
        publish_last(&self.url, &self.ledger).await;
        let mut ended = Vec::new();
        for subscriber in self.subscribers {
            ended.push(subscriber.await.unwrap());
        }
        self.ledger.compare(&ended, &self.lineage)
    }
}

fn arguments(data: &Path) -> [&str; 6] {
    let data = data.to_str().unwrap();
    ["--feed", "none", "--shards", "2", "--data", data]
}

fn rounds() -> usize {
    env::var("TICKCAST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// The segment that is written to, and its length without the zeros at its end.
fn written(folder: &Path) -> (PathBuf, u64) {
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let segments = files.filter(|path| path.extension().is_some_and(|end| end == "seg"));
    let newest = segments.max().expect("there is a segment");
    let bytes = fs::read(&newest).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    (newest, last as u64 + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_loses_nothing_and_doubles_nothing() {
    let mut run = Run::start().await;
    for round in 1..=rounds() {
        run.kill(round).await;
        run.start_again(None).await;
    }
    let ledger = Arc::clone(&run.ledger);
    assert_eq!(run.end().await, 0, "all that was acknowledged is there");
    assert_eq!(ledger.lost.load(Ordering::Relaxed), 0);
}

/// A start has synced what it found, so a power cut loses a part of what came later. Its place may
/// be any byte. It is the end of the file, or zeros are there, as the file system has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_power_under_load_says_exactly_what_it_has_lost() {
    let mut run = Run::start().await;
    let mut synced = written(run.folder.path());
    for round in 1..=rounds() {
        run.kill(round).await;
        let (path, end) = written(run.folder.path());
        let from = if path == synced.0 { synced.1 } else { 4096 };
        // The first power cut loses everything since the start.
        let cut = match round {
            1 => from,
            _ => rand::rng().random_range(from..=end),
        };
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        if round % 2 == 0 {
            file.set_len(cut).unwrap();
        } else {
            let zeros = vec![0; (end - cut) as usize];
            file.write_all_at(&zeros, cut).unwrap();
        }
        run.start_again(Some(&Boot::another().await)).await;
        synced = written(run.folder.path());
    }
    let ledger = Arc::clone(&run.ledger);
    assert_eq!(run.lineage.continues.len(), rounds(), "each began an epoch");
    let lost = run.end().await;
    assert!(lost >= 1_000, "{lost} acknowledged updates are lost");
    assert!(ledger.lost.load(Ordering::Relaxed) > 0);
}
