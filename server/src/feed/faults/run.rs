//! A feed whose connections are simulated.

use std::{
    cell::Cell,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use tickcast_core::work::Work;
use tickcast_protocol::value::Value;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, LocalSet, spawn_local},
    time::{sleep, timeout},
};

use crate::{
    clock::Clock,
    feed::{FeedMetrics, FeedSettings, Source, decode::Decoder, run},
    ingest::{Arrival, Ingest},
    simulation::{Faults, Network, Rng, Socket, listen},
    tasks::Task,
};

/// One attempt to connect of this many is refused.
const REFUSED_ONE_IN: u32 = 4;

/// Longest life of a connection while the network fails.
const LIFE_MAX: Duration = Duration::from_secs(90);

/// Runs a test in virtual time.
pub(super) fn in_virtual_time(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets");
    LocalSet::new().block_on(&runtime, test);
}

/// A network that fails, for a time.
#[derive(Default)]
pub(super) struct Storm {
    network: Network,
    is_over: Rc<Cell<bool>>,
    /// The number of connections so far. A server serves the newest one.
    connections: watch::Sender<u64>,
}

impl Storm {
    /// Makes the connections of this thread fail within this many bytes.
    pub(super) fn listen(&self, rng: &mut Rng, bytes: u64) -> mpsc::Receiver<Socket> {
        let mut rng: Rng = SeedableRng::seed_from_u64(rng.random());
        let (network, is_over) = (self.network.clone(), Rc::clone(&self.is_over));
        let connections = self.connections.clone();
        listen(move || {
            let is_over = is_over.get();
            if !is_over && rng.random_range(0..REFUSED_ONE_IN) == 0 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let faults = [(); 2].map(|()| match is_over {
                true => Faults::NONE,
                false => Faults::any(&mut rng, bytes),
            });
            connections.send_modify(|connections| *connections += 1);
            let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
            Ok(network.connect(client, faults, &mut rng))
        })
    }

    /// Completes when a server ends its newest connection: there is a newer one, or enough of it
    /// while the network fails.
    pub(super) fn life(&self, rng: &mut Rng) -> impl Future<Output = ()> + use<> {
        let mut connections = self.connections.subscribe();
        let life = match self.is_over() {
            true => Duration::MAX,
            false => LIFE_MAX.mul_f64(rng.random()),
        };
        async move {
            // An error is the end of the test.
            let _ = timeout(life, connections.changed()).await;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub(super) fn end(&self) {
        self.is_over.set(true);
    }

    /// Checks that all connections have ended.
    pub(super) async fn nothing_is_left(&self) {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(self.network.open(), 0, "ends of connections are open");
    }
}

/// A feed, and what it hands over.
pub(super) struct RunningFeed {
    pub(super) metrics: Arc<FeedMetrics>,
    queue: mpsc::Receiver<Arrival>,
    stop: Option<oneshot::Sender<()>>,
    feed: JoinHandle<()>,
}

impl RunningFeed {
    pub(super) fn start(source: Source) -> Self {
        let (ingest, queue) = Ingest::new(Clock::start());
        let metrics = Arc::<FeedMetrics>::default();
        let (stop, stopped) = oneshot::channel();
        let name = "simulated".to_owned();
        let feed = run(
            FeedSettings { name, source },
            Decoder::new([].into()),
            ingest.of_feed(0),
            Arc::clone(&metrics),
            Task::alone("feed-simulated"),
            async {
                let _ = stopped.await;
            },
        );
        Self {
            metrics,
            queue,
            stop: Some(stop),
            feed: spawn_local(feed),
        }
    }

    /// The numbers of the next submission.
    pub(super) async fn next(&mut self) -> Vec<u64> {
        let arrival = self.queue.recv().await.expect("the feed runs");
        let Work::Updates(submission) = arrival.work else {
            return Vec::new();
        };
        let numbers = submission.updates.iter().map(|update| match update.value {
            Value::Reading(number) => number as u64,
            ref other => panic!("{other:?}"),
        });
        numbers.collect()
    }

    /// The numbers that come until something is so.
    pub(super) async fn take_until(&mut self, is_so: impl Fn(&[u64]) -> bool) -> Vec<u64> {
        let mut numbers = Vec::new();
        while !is_so(&numbers) {
            let next = timeout(Duration::from_secs(1), self.next()).await;
            numbers.extend(next.unwrap_or_default());
        }
        numbers
    }

    /// Takes what comes, up to a number.
    pub(super) async fn take_into(&mut self, numbers: &mut Vec<u64>, last: u64) {
        while !numbers.contains(&last) {
            numbers.extend(self.next().await);
        }
    }

    /// Stops the feed.
    pub(super) async fn stop(&mut self, limit: Duration) {
        drop(self.stop.take());
        let ended = timeout(limit, &mut self.feed).await;
        ended.expect("it ends in time").expect("it does not panic");
    }
}
