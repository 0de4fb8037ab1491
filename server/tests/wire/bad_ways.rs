//! The Rust client with a proxy that delays, slices, cuts, ends or stops the stream in each phase
//! of a connection. The client must end up complete: no hole, no repeat, no uncounted loss.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tickcast_protocol::{
    client::{Client, ClientBatch, ClientHandle, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::{Accepted, Batch, Epoch, Gap, Mode, Position, Resume},
    topic::{Filter, Topic},
};
use tickcast_server_testkit::{
    Program,
    proxy::{
        Harm,
        Moment::{self, *},
        Part, Proxy,
    },
    soon,
    source::{INTERVAL, Source},
    subscriber::ENCODINGS,
    tracked::{Seen, Tracked},
    truth::{BULK, Truth},
    until,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

/// All harms.
const HARMS: [Harm; 11] = [
    Harm::Delay,
    Harm::Slice,
    Harm::Cut(Part::Nothing),
    Harm::Cut(Part::OneByte),
    Harm::Cut(Part::Half),
    Harm::Cut(Part::AllButOne),
    Harm::Cut(Part::All),
    Harm::End(Part::Half),
    Harm::End(Part::All),
    Harm::Stop(Part::Half),
    Harm::Stop(Part::All),
];

/// Updates per interval: 4,000 a second.
const PER_INTERVAL: u64 = 40;

/// After this many updates the tape has forgotten all earlier ones, with a margin.
const TAPE: &str = "64KiB";
const TAPE_UPDATES: u64 = 3_000;

/// Updates that a client has to follow after the last harm.
const AFTERWARDS: u64 = 400;

/// Clients that run at the same time. They mostly wait.
const CLIENTS: usize = 128;

/// Limit for one of them: each loss of the connection may double its waits.
const CASE_MAX: Duration = Duration::from_secs(120);

/// Limit for a handshake: some are stopped.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Some topics that always move, in both modes, a rare one, and one that never changes.
const MOVING: [(&str, Mode); 4] = [
    ("m/4/#", Mode::Every),
    ("m/+/2", Mode::Latest),
    ("rare", Mode::Every),
    ("none/yet", Mode::Latest),
];

/// With a snapshot of several frames.
const LONG: [(&str, Mode); 2] = [("bulk/#", Mode::Every), ("m/4/#", Mode::Every)];

/// One client with one harm at one moment.
#[derive(Debug, Clone)]
struct Case {
    encoding: Encoding,
    moment: Moment,
    harm: Harm,
}

impl Case {
    fn filters(&self) -> &'static [(&'static str, Mode)] {
        match self.moment {
            Snapshot | MoreSnapshot => &LONG,
            Heartbeat => &MOVING[2..],
            _ => &MOVING,
        }
    }

    /// What must happen before the moment can come. `None`: every connection passes the moment.
    fn before(&self) -> Option<(Moment, Harm)> {
        let is_later = matches!(self.moment, Resumed | CatchUp | Gap | GapSnapshot);
        is_later.then_some((MoreLive, Harm::Cut(Part::Half)))
    }

    /// Whether the tape must forget the position of the client.
    fn is_long_away(&self) -> bool {
        matches!(self.moment, Gap | GapSnapshot)
    }
}

/// What a client has seen of its subscriptions, compared with the truth.
struct Follower<'a> {
    subscriptions: Vec<Tracked<'a>>,
    epoch: Epoch,
    disconnected: u32,
}

impl<'a> Follower<'a> {
    fn new(truth: &'a Truth, filters: &[(&'static str, Mode)]) -> Self {
        let tracked = |(filter, mode): &(&'static str, Mode)| Tracked::new(truth, filter, *mode);
        Self {
            subscriptions: filters.iter().map(tracked).collect(),
            epoch: Epoch(0),
            disconnected: 0,
        }
    }

    fn of(&mut self, filter: &Filter) -> &mut Tracked<'a> {
        let mut all = self.subscriptions.iter_mut();
        all.find(|tracked| tracked.filter == filter.as_str())
            .unwrap()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Accepted { filter, accepted } => self.accepted(&filter, &accepted),
            Event::Batch(batch) => {
                let (filter, batch) = wire_batch(batch);
                self.of(&filter).batch(&batch);
            }
            Event::Gap {
                filter,
                from,
                to,
                lost,
            } => self.of(&filter).gap(&Gap {
                channel: 0,
                from,
                to,
                lost,
                snapshot: from,
            }),
            Event::Disconnected(end) => {
                assert!(end.retry_in.is_some(), "it gives up: {}", end.why);
                self.disconnected += 1;
            }
            Event::Connected(welcome) => self.epoch = welcome.epoch,
            Event::Reset { epoch, .. } => assert_eq!(epoch, self.epoch),
            Event::Connecting { .. } | Event::Heartbeat(_) | Event::Clock(_) => {}
            Event::Draining(_) | Event::Status { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn accepted(&mut self, filter: &Filter, accepted: &Accepted) {
        let tracked = self.of(filter);
        // The client resumes from the last event that it reported.
        let token: Option<Resume> = tracked.go_back(0);
        tracked.accepted(accepted, token.as_ref());
    }

    fn has_all(&self, goal: Position) -> bool {
        let mut all = self.subscriptions.iter();
        all.all(|tracked| tracked.has_all(goal))
    }

    fn total(&self) -> Seen {
        let mut total = Seen::default();
        for tracked in &self.subscriptions {
            total += tracked.seen;
        }
        total
    }
}

fn wire_batch(batch: ClientBatch) -> (Filter, Batch<Topic>) {
    let ClientBatch {
        filter,
        channel,
        from,
        to,
        snapshot,
        topics,
        updates,
    } = batch;
    let batch = Batch {
        channel,
        from,
        to,
        snapshot,
        topics,
        updates,
    };
    (filter, batch)
}

/// A client in the middle of a case.
struct Trial<'a> {
    case: Case,
    proxy: Proxy,
    client: Client,
    /// Keeps the client running.
    _handle: ClientHandle,
    follower: Follower<'a>,
    start: Instant,
}

impl<'a> Trial<'a> {
    async fn start(truth: &'a Truth, server: SocketAddr, case: Case) -> Self {
        let plan = case.before().into_iter().chain([(case.moment, case.harm)]);
        let proxy = Proxy::start(server, case.encoding, plan.collect()).await;
        let url = format!("ws://{}/ws", proxy.address);
        let mut connect = ConnectOptions::new(url, case.encoding);
        connect.timeout = CONNECT_TIMEOUT;
        let (client, handle) = Client::new(ClientOptions::new(connect));
        for (filter, mode) in case.filters() {
            let filter = Filter::new(filter).unwrap();
            handle.subscribe([filter], *mode, None).unwrap();
        }
        Self {
            follower: Follower::new(truth, case.filters()),
            case,
            proxy,
            client,
            _handle: handle,
            start: Instant::now(),
        }
    }

    async fn step(&mut self) {
        let event = soon("an event", self.client.next()).await;
        self.follower.take(event);
        let (left, ends) = (self.proxy.left(), self.follower.disconnected);
        assert!(
            self.start.elapsed() < CASE_MAX,
            "it is not complete; {left} steps are left, disconnected {ends} times"
        );
    }

    /// What it has seen at the end.
    fn end(self) -> Seen {
        let is_broken = !matches!(self.case.harm, Harm::Delay | Harm::Slice);
        let ends = u32::from(self.case.before().is_some()) + u32::from(is_broken);
        assert!(self.follower.disconnected >= ends, "nothing happened");
        self.follower.total()
    }
}

/// Runs a case on a server that stays up.
async fn survive(truth: Arc<Truth>, server: SocketAddr, case: Case) -> Seen {
    let mut trial = Trial::start(&truth, server, case).await;
    let (mut goal, mut was_away) = (None, false);
    loop {
        trial.step().await;
        let left = trial.proxy.left();
        if trial.case.is_long_away() && left == 1 && !was_away {
            was_away = true;
            let (truth, back_at) = (Arc::clone(&truth), truth.head() + TAPE_UPDATES);
            trial.proxy.lead_to_after(server, async move {
                while truth.head() < back_at {
                    sleep(INTERVAL).await;
                }
            });
        }
        if left == 0 {
            let goal = *goal.get_or_insert(truth.head() + AFTERWARDS);
            if truth.head() >= goal && trial.follower.has_all(goal) {
                return trial.end();
            }
        }
    }
}

/// A server that is drained, and its successor.
#[derive(Debug, Clone)]
struct Servers {
    first: SocketAddr,
    second: SocketAddr,
    /// Clients that are complete on the first one.
    ready: Arc<AtomicUsize>,
    /// Whether the first one has exited.
    is_over: watch::Receiver<bool>,
}

/// Runs a case on a server that is drained.
async fn outlive(truth: Arc<Truth>, servers: Servers, case: Case) -> Seen {
    let mut trial = Trial::start(&truth, servers.first, case).await;
    let start = truth.head();
    while !trial.follower.has_all(start) {
        trial.step().await;
    }
    let mut is_over = servers.is_over;
    trial.proxy.lead_to_after(servers.second, async move {
        let _ = is_over.wait_for(|is_over| *is_over).await;
    });
    servers.ready.fetch_add(1, Ordering::SeqCst);
    let is_on_second = |tracked: &Tracked<'_>| tracked.seen.epoch_changes == 1;
    loop {
        trial.step().await;
        let follower = &trial.follower;
        let goal = BULK + AFTERWARDS;
        if follower.subscriptions.iter().all(is_on_second) && follower.has_all(goal) {
            assert_eq!(trial.proxy.left(), 0, "nothing happened");
            return trial.end();
        }
    }
}

fn cases(moments: &[Moment]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &moment in moments {
        for harm in HARMS {
            for encoding in ENCODINGS {
                cases.push(Case {
                    encoding,
                    moment,
                    harm,
                });
            }
        }
    }
    cases
}

/// Runs all cases, some at a time. `live` runs one of them.
async fn run<F: Future<Output = Seen> + Send + 'static>(
    cases: Vec<Case>,
    live: impl Fn(Case) -> F + Clone + Send + 'static,
) -> Seen {
    let room = Arc::new(Semaphore::new(CLIENTS));
    let mut running = JoinSet::new();
    for case in cases {
        let (room, live) = (Arc::clone(&room), live.clone());
        running.spawn(async move {
            let _permit = room.acquire().await.unwrap();
            // In a separate task, so that a panic can be reported with its case.
            let seen = tokio::spawn(live(case.clone())).await;
            seen.unwrap_or_else(|_| panic!("{case:?} failed, see above"))
        });
    }
    let mut seen = Seen::default();
    while let Some(one) = running.join_next().await {
        seen += one.unwrap();
    }
    seen
}

/// More updates than even a slow run publishes.
const CAPACITY: Position = 2_000_000;

const ARGUMENTS: [&str; 6] = ["--feed", "none", "--heartbeat", "100ms", "--drain", "1s"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_complete_after_any_harm_at_any_moment_of_its_connection() {
    let server = Program::start(&[&ARGUMENTS[..], &["--tape", TAPE]].concat()).await;
    let truth = Arc::new(Truth::new(CAPACITY));
    let source = Source::start(&truth, server.address, false, PER_INTERVAL, 0).await;
    let cases = cases(&[
        Request,
        Response,
        Welcome,
        Subscribe,
        Accepted,
        Snapshot,
        MoreSnapshot,
        Live,
        MoreLive,
        Resumed,
        CatchUp,
        Gap,
        GapSnapshot,
        Heartbeat,
    ]);
    let address = server.address;
    let seen = run(cases, move |case| {
        survive(Arc::clone(&truth), address, case)
    })
    .await;
    source.stop().await;
    assert_eq!(seen.epoch_changes, 0, "{seen:?}");
    assert!(seen.gaps > 0 && seen.resumed_in_snapshot > 0, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_continues_with_the_next_server_after_any_harm_during_a_drain() {
    let first = Program::start(&ARGUMENTS).await;
    let second = Program::start(&ARGUMENTS).await;
    let truth = Arc::new(Truth::new(CAPACITY));
    let source = Source::start(&truth, first.address, false, PER_INTERVAL, 0).await;
    let (end, is_over) = watch::channel(false);
    let servers = Servers {
        first: first.address,
        second: second.address,
        ready: Arc::default(),
        is_over,
    };
    let cases = cases(&[Draining, Close]);
    let count = cases.len();
    let running = {
        let (truth, servers) = (Arc::clone(&truth), servers.clone());
        let outlive = move |case| outlive(Arc::clone(&truth), servers.clone(), case);
        tokio::spawn(run(cases, outlive))
    };
    until("all clients follow", async || {
        assert!(!running.is_finished(), "see above");
        servers.ready.load(Ordering::SeqCst) == count
    })
    .await;
    source.stop().await;
    let source = Source::start(&truth, second.address, false, PER_INTERVAL, 1).await;
    first.terminate().await;
    assert_eq!(first.end().await.code(), Some(0));
    end.send_replace(true);
    let seen = running.await.unwrap();
    source.stop().await;
    assert_eq!((seen.gaps, seen.lost), (0, 0), "{seen:?}");
}
