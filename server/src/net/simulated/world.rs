//! A server without sockets of the system: a shard's thread and the ingest thread as tasks.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rand::RngExt;
use smallvec::smallvec;
use tickcast_core::{sequencer::Sequencer, work::NewUpdate};
use tickcast_protocol::{message::Epoch, topic::Topic, value::Value};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, LocalSet, spawn_local},
    time::{sleep, timeout},
};

use super::super::{
    arrival::{Arrival, Arrived, ListenerInfo},
    descriptors::Descriptors,
    echo::ECHO_BUDGET_BYTES,
    gate::Gate,
    listener,
    peer::Peer,
    permits::Permits,
    shard_thread::{ShardTasks, ShardThread},
    state::ServerState,
    ws_reader::Budget,
};
use crate::{
    clock::Clock,
    ingest::{Handoff, Ingest, IngestThread, Way},
    metrics::Metrics,
    settings::{ServerSettings, listen::ListenSettings},
    simulation::{Faults, Network, Rng, Socket},
    tasks::Task,
};

/// Number of topics.
pub(super) const TOPICS: usize = 5;

/// Clients have one of this many addresses.
const ADDRESSES: u8 = 3;

/// The longest life of a connection whose client is gone: a message is never completed, then the
/// close frame is not answered, then the client does not end its side. A client that vanishes
/// without a word is found by a ping.
const LEFT_MAX: Duration = Duration::from_secs(90);

pub(super) struct World {
    pub(super) settings: Arc<ServerSettings>,
    pub(super) network: Network,
    /// Whether nothing fails any more.
    pub(super) calm: Cell<bool>,
    /// The newest position, once no more comes.
    pub(super) last: Cell<Option<u64>>,
    pub(super) published: Cell<u64>,
    /// What all subscribers were told that they have lost, and how often they went on.
    pub(super) lost: Cell<u64>,
    pub(super) resumes: Cell<u64>,
    /// The clients that are not done.
    pub(super) names: RefCell<BTreeSet<String>>,
    metrics: Arc<Metrics>,
    permits: Arc<Permits>,
    info: Arc<ListenerInfo>,
    arrivals: RefCell<Option<mpsc::Sender<Arrival>>>,
    ingest: Ingest,
    echo_budget: Arc<Budget>,
    state: Arc<ServerState>,
    end: RefCell<Option<oneshot::Sender<()>>>,
    shard: RefCell<Option<JoinHandle<Result<(), String>>>>,
    ports: Cell<u16>,
}

/// Runs a test in virtual time.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets");
    LocalSet::new().block_on(&runtime, test);
}

impl World {
    pub(super) fn start(rng: &mut Rng) -> Self {
        let settings = Arc::new(ServerSettings {
            io_uring: false,
            // Subscribers fall off the tape now and then.
            tape_bytes: [64 * 1024, 1 << 20][rng.random_range(0..2)],
            // Buckets that connections of an address share.
            requests_per_address_per_s: 1_000,
            subscriptions_per_address_max: 1_000,
            ..ServerSettings::default()
        });
        let clock = Clock::start();
        let metrics = Arc::new(Metrics {
            shards: vec![Arc::default()],
            ..Metrics::default()
        });
        let handoff = Arc::new(Handoff::new(1, settings.tape_bytes));
        let (ingest, submissions) = Ingest::new(clock);
        let gate = Arc::new(Gate::new(Arc::clone(&settings), Arc::clone(&metrics)));
        let permits = Permits::new(settings.connections_per_address_max, clock);
        let (arrivals, arriving) = mpsc::channel(64);
        let (_, questions) = mpsc::channel(1);
        let echo_budget = Budget::new(ECHO_BUDGET_BYTES);
        let state = Arc::new(ServerState::default());
        let shard = ShardThread {
            index: 0,
            questions,
            epoch: Epoch(rng.random()),
            listeners: Vec::new(),
            arrivals: Some((arriving, Task::alone("arrivals"))),
            settings: Arc::clone(&settings),
            metrics: Arc::clone(&metrics),
            state: Arc::clone(&state),
            handoff: Arc::clone(&handoff),
            permits: Arc::clone(&permits),
            gate,
            socket_io: Arc::default(),
            echo_budget: Arc::clone(&echo_budget),
            descriptors: Arc::new(Descriptors::new(Arc::clone(&metrics))),
            tasks: ShardTasks {
                timers: Task::alone("timers"),
                operators: Task::alone("operators"),
                connections: Task::alone("connections"),
            },
            busy_shards: watch::channel(1).0,
            ingest: ingest.clone(),
            clock,
            auth: None,
            audit: None,
            log_reads: None,
            restored: None,
        };
        let thread = IngestThread {
            sequencer: Sequencer::new(settings.topics_max),
            clock,
            submissions,
            way: Way::Straight(Arc::clone(&handoff)),
            handoff,
            metrics: Arc::clone(&metrics),
        };
        let (end, ended) = oneshot::channel();
        spawn_local(thread.run(|_| {}, async move {
            let _ = ended.await;
        }));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 7400));
        Self {
            shard: RefCell::new(Some(spawn_local(shard.run()))),
            network: Network::default(),
            calm: Cell::new(false),
            last: Cell::new(None),
            published: Cell::new(0),
            lost: Cell::new(0),
            resumes: Cell::new(0),
            names: RefCell::default(),
            info: ListenerInfo::new(&ListenSettings::plain(local), false),
            arrivals: RefCell::new(Some(arrivals)),
            end: RefCell::new(Some(end)),
            ports: Cell::new(1),
            settings,
            metrics,
            permits,
            ingest,
            echo_budget,
            state,
        }
    }

    /// Connects a client. The faults are those of what the client and the server send.
    pub(super) async fn connect(
        self: &Rc<Self>,
        client: usize,
        faults: [Faults; 2],
        rng: &mut Rng,
    ) -> Socket {
        let port = self.ports.get();
        self.ports.set(port + 1);
        let ip = address(client as u8 % ADDRESSES);
        let address = SocketAddr::new(ip, port);
        let (client, server) = self.network.connect(address, faults, rng);
        let peer = Peer::tcp(address);
        let arrival = Arrival {
            admission: listener::admit(peer, &self.settings, &self.permits),
            stream: Arrived::Simulated(server),
            peer,
            info: Arc::clone(&self.info),
        };
        let arrivals = self.arrivals.borrow().clone();
        if let Some(arrivals) = arrivals {
            let _ = arrivals.send(arrival).await;
        }
        client
    }

    /// A client whose name is known until it is done.
    pub(super) fn named(
        self: &Rc<Self>,
        name: String,
        client: impl Future<Output = ()> + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let world = Rc::clone(self);
        async move {
            world.names.borrow_mut().insert(name.clone());
            client.await;
            world.names.borrow_mut().remove(&name);
        }
    }

    pub(super) fn stop_publishing(&self) {
        self.last.set(Some(self.published.get()));
    }

    /// Waits until no connection is left, and finds nothing that one has left behind.
    pub(super) async fn nothing_is_left(&self) {
        let gone = async {
            while self.network.open() > 0 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(LEFT_MAX, gone).await.is_err() {
            panic!("{} ends are open after {LEFT_MAX:?}", self.network.open());
        }
        let stats = &self.metrics.shards[0];
        assert_eq!(stats.connections.get(), 0, "the gauge of connections");
        for number in 0..ADDRESSES {
            let peer = Peer::tcp(SocketAddr::new(address(number), 1));
            let all = (0..self.settings.connections_per_address_max).map(|_| {
                let permit = self.permits.take(peer);
                permit.expect("all permits were given back")
            });
            drop(all.collect::<Vec<_>>());
        }
        assert_eq!(self.echo_budget.used(), 0, "the memory for long messages");
    }

    /// Ends the server.
    pub(super) async fn end(&self) {
        self.state.drain();
        let _ = self.end.take().expect("it runs").send(());
        let shard = self.shard.take().expect("it runs");
        self.arrivals.take();
        let ended = timeout(LEFT_MAX, shard).await.expect("the shard ends");
        ended.expect("it does not panic").expect("it does not fail");
    }
}

/// An address that is not this machine's (RFC 5737).
fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, number).into()
}

/// Publishes numbers, so that the value of an update is its position, until nothing fails.
pub(super) async fn publish(world: Rc<World>, mut rng: Rng) {
    let topics: Vec<Topic> = (0..TOPICS)
        .map(|number| Topic::new(&format!("t/{number}")).expect("it is a topic"))
        .collect();
    while !world.calm.get() {
        for _ in 0..rng.random_range(1..=64_usize) {
            let number = world.published.get() + 1;
            let topic = topics[rng.random_range(0..TOPICS)].clone();
            let update = NewUpdate::live(topic, Value::Reading(number as f64));
            let submitted = world.ingest.submit_all(smallvec![update], None).await;
            submitted.expect("the sequencer runs");
            world.published.set(number);
        }
        sleep(Duration::from_millis(200).mul_f64(rng.random())).await;
    }
}
