//! Random lives of clients: they subscribe, are killed in every way, and come back with what they
//! kept. In the end they must have seen exactly what was published, or know how much they lost.
//!
//! `TICKCAST_HISTORIES` sets their number, and `TICKCAST_SEED` chooses other ones. With
//! `TICKCAST_TELL` a test prints its outcome.

use std::{
    collections::HashMap,
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tickcast_protocol::{
    client::TopicTable,
    codec::Encoding,
    message::{
        ChannelId, ClientMessage, FilterRequest, Mode, Position, Resume, ServerMessage, Subscribe,
        SubscribeResult,
    },
    topic::Topic,
};
use tickcast_server_testkit::{
    DEADLINE, Program, soon,
    source::{INTERVAL, Source},
    subscriber::{ENCODINGS, MODES},
    tracked::{Seen, Tracked},
    truth::{FILTERS, Truth},
    wire::{End, Kill, WireClient},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Clients of a server that is killed. Each of them must notice each new server.
const CLIENTS: usize = 32;

/// Clients that come and go at the same time. They mostly wait.
const GUESTS: usize = 96;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Prints the outcome if `TICKCAST_TELL` is set.
#[expect(clippy::print_stderr, reason = "the variable asks for it")]
fn tell(what: &str) {
    if env::var_os("TICKCAST_TELL").is_some() {
        eprintln!("{what}");
    }
}

/// A server with a publisher, and what all its clients have seen.
struct World {
    truth: Arc<Truth>,
    address: SocketAddr,
    /// Whether the server may be killed.
    is_mortal: bool,
    /// The last position, or 0 while updates are published.
    last: AtomicU64,
    seen: Mutex<Seen>,
    kills: [AtomicU64; Kill::ALL.len()],
}

impl World {
    fn new(address: SocketAddr, capacity: Position, is_mortal: bool) -> Arc<Self> {
        Arc::new(Self {
            truth: Arc::new(Truth::new(capacity)),
            address,
            is_mortal,
            last: AtomicU64::new(0),
            seen: Mutex::default(),
            kills: Default::default(),
        })
    }

    async fn source(&self, per_interval: u64, life: u64) -> Source {
        Source::start(
            &self.truth,
            self.address,
            self.is_mortal,
            per_interval,
            life,
        )
        .await
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap()
    }
}

/// What a client does with one connection.
#[derive(Debug)]
struct Visit {
    /// It is killed after this many messages. `None`: it stays until it has everything.
    messages: Option<u64>,
    /// Reads nothing for this time at first.
    pause: Duration,
    kill: Kill,
    /// How many states it goes back before the next visit.
    steps_back: usize,
    away: Away,
}

#[derive(Debug)]
enum Away {
    For(Duration),
    /// Until the tape has forgotten.
    Updates(u64),
}

/// Longest time of a visit: there may be few messages.
const VISIT_MAX: Duration = Duration::from_millis(500);

/// Longest time for which a client is away or does not read.
const PAUSE_MAX_MS: u64 = 80;

impl Visit {
    fn random(random: &mut StdRng, is_last: bool, tape_updates: u64) -> Self {
        let mut pause = |likely| match random.random_bool(likely) {
            true => Duration::from_millis(random.random_range(0..PAUSE_MAX_MS)),
            false => Duration::ZERO,
        };
        let (reading, away) = (pause(0.2), pause(0.7));
        Self {
            messages: (!is_last).then(|| random.random_range(0..12)),
            pause: reading,
            kill: *Kill::ALL.choose(random).unwrap(),
            steps_back: match random.random_bool(0.3) {
                true => random.random_range(1..4),
                false => 0,
            },
            away: match random.random_bool(0.1) {
                true => Away::Updates(tape_updates),
                false => Away::For(away),
            },
        }
    }
}

/// One client with some subscriptions.
struct History<'a> {
    world: &'a World,
    encoding: Encoding,
    topics: TopicTable,
    subscriptions: Vec<(Tracked<'a>, Option<f64>)>,
}

impl<'a> History<'a> {
    /// `pick` chooses a filter.
    fn random(
        world: &'a World,
        number: u64,
        random: &mut StdRng,
        pick: fn(&mut StdRng) -> &'static str,
    ) -> Self {
        let mut subscriptions: Vec<(Tracked<'a>, Option<f64>)> = Vec::new();
        for _ in 0..random.random_range(1..=3) {
            let (filter, mode) = (pick(random), *MODES.choose(random).unwrap());
            let is_new =
                |(other, _): &(Tracked<'_>, _)| (other.filter, other.mode) != (filter, mode);
            if subscriptions.iter().all(is_new) {
                let is_paced = mode == Mode::Latest && random.random_bool(0.5);
                let rate = is_paced.then(|| random.random_range(5.0..100.0));
                subscriptions.push((Tracked::new(&world.truth, filter, mode), rate));
            }
        }
        Self {
            world,
            encoding: ENCODINGS[number as usize % 2],
            topics: TopicTable::default(),
            subscriptions,
        }
    }

    /// One connection from its beginning to its end.
    async fn visit(&mut self, visit: &Visit) {
        let tokens: Vec<Option<Resume>> = self
            .subscriptions
            .iter_mut()
            .map(|(tracked, _)| tracked.go_back(0))
            .collect();
        let connected = WireClient::connect(self.world.address, self.encoding);
        let mut client = match connected.await {
            Ok(client) => client,
            Err(error) => {
                assert!(self.world.is_mortal, "it cannot connect: {error}");
                sleep(Duration::from_millis(20)).await;
                return;
            }
        };
        client.set_topics(std::mem::take(&mut self.topics));
        let goal = match self.world.last.load(Ordering::SeqCst) {
            0 => self.world.truth.head(),
            last => last,
        };
        let time = visit.messages.map_or(DEADLINE, |_| VISIT_MAX);
        let talked = timeout(time, self.talk(&mut client, visit, &tokens, goal)).await;
        let kill = match talked {
            Ok(Ok(())) => visit.kill,
            Ok(Err(End::Lost(_))) if self.world.is_mortal => visit.kill,
            Ok(Err(end)) => panic!("{end:?}"),
            Err(_) if visit.messages.is_some() => Kill::Reset,
            Err(_) => panic!("it has not got everything after {time:?}"),
        };
        self.topics = client.end(kill).await;
        self.world.kills[kill as usize].fetch_add(1, Ordering::Relaxed);
        for (tracked, _) in &mut self.subscriptions {
            tracked.go_back(visit.steps_back);
        }
    }

    async fn talk(
        &mut self,
        client: &mut WireClient,
        visit: &Visit,
        tokens: &[Option<Resume>],
        goal: Position,
    ) -> Result<(), End> {
        for (id, ((tracked, rate), resume)) in (0..).zip(self.subscriptions.iter().zip(tokens)) {
            let subscribe = Subscribe {
                id,
                filters: vec![FilterRequest {
                    filter: tracked.filter.into(),
                    resume: *resume,
                }],
                mode: tracked.mode,
                max_rate_hz: *rate,
            };
            client.send(&ClientMessage::Subscribe(subscribe)).await?;
        }
        sleep(visit.pause).await;
        let mut channels: HashMap<ChannelId, usize> = HashMap::new();
        let mut messages = 0;
        while visit.messages.is_none_or(|wanted| messages < wanted) {
            let message = client.next().await?;
            self.take(message, &mut channels, tokens);
            messages += 1;
            let has_all = |(tracked, _): &(Tracked<'_>, _)| tracked.has_all(goal);
            if visit.messages.is_none() && self.subscriptions.iter().all(has_all) {
                break;
            }
        }
        Ok(())
    }

    /// `channels` maps the channels of this connection to the index of their subscription.
    fn take(
        &mut self,
        message: ServerMessage<Topic>,
        channels: &mut HashMap<ChannelId, usize>,
        tokens: &[Option<Resume>],
    ) {
        let subscriptions = &mut self.subscriptions;
        match message {
            ServerMessage::Batch(batch) => {
                subscriptions[channels[&batch.channel]].0.batch(&batch);
            }
            ServerMessage::Gap(gap) => subscriptions[channels[&gap.channel]].0.gap(&gap),
            ServerMessage::Heartbeat(heartbeat) => {
                for told in heartbeat.channels {
                    let (tracked, _) = &subscriptions[channels[&told.channel]];
                    tracked.heartbeat(told.position);
                }
            }
            ServerMessage::Subscribed(subscribed) => {
                let index = subscribed.id as usize;
                let [SubscribeResult::Accepted(accepted)] = &subscribed.results[..] else {
                    panic!("{subscribed:?}");
                };
                let (tracked, _) = &mut subscriptions[index];
                tracked.accepted(accepted, tokens[index].as_ref());
                channels.insert(accepted.channel, index);
            }
            ServerMessage::Welcome(_) | ServerMessage::Status(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// What its subscriptions have seen.
    fn total(&self) -> Seen {
        let mut total = Seen::default();
        for (tracked, _) in &self.subscriptions {
            total += tracked.seen;
        }
        total
    }
}

/// Any filter. The ones that select very many updates are chosen less often.
fn any_filter(random: &mut StdRng) -> &'static str {
    match random.random_bool(0.1) {
        true => FILTERS.choose(random).unwrap(),
        false => FILTERS[..7].choose(random).unwrap(),
    }
}

/// Runs all histories of a range, some at a time. `live` runs one of them.
async fn run<F: Future<Output = Seen> + Send + 'static>(
    world: &Arc<World>,
    histories: std::ops::Range<u64>,
    at_a_time: usize,
    live: impl Fn(Arc<World>, u64) -> F + Copy + Send + 'static,
) {
    let next = Arc::new(AtomicU64::new(histories.start));
    let mut clients = JoinSet::new();
    for _ in 0..at_a_time {
        let (next, world) = (Arc::clone(&next), Arc::clone(world));
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= histories.end {
                    return;
                }
                // In a separate task, so that a panic can be reported with its number.
                let seen = tokio::spawn(live(Arc::clone(&world), number)).await;
                let seen = seen.unwrap_or_else(|_| panic!("history {number} failed, see above"));
                *world.seen.lock().unwrap() += seen;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

/// After this many updates the tape has forgotten all earlier ones, with a margin.
const TAPE: &str = "64KiB";
const TAPE_UPDATES: u64 = 3_000;

async fn come_and_go(world: Arc<World>, number: u64) -> Seen {
    let mut random = StdRng::seed_from_u64(number);
    let mut history = History::random(&world, number, &mut random, any_filter);
    let visits = random.random_range(2..=5);
    for nth in 1..=visits {
        let visit = Visit::random(&mut random, nth == visits, TAPE_UPDATES);
        history.visit(&visit).await;
        if nth == visits {
            break;
        }
        match visit.away {
            Away::For(time) => sleep(time).await,
            Away::Updates(updates) => {
                let back_at = world.truth.head() + updates;
                soon("the tape moves", async {
                    while world.truth.head() < back_at {
                        sleep(INTERVAL).await;
                    }
                })
                .await;
            }
        }
    }
    history.total()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_that_come_and_go_see_each_update_once_or_counted_as_lost() {
    const PER_INTERVAL: u64 = 40;
    let histories = number("TICKCAST_HISTORIES", 1_000);
    let first = number("TICKCAST_SEED", 1) * 1_000_000;
    let server = Program::start(&[
        "--feed",
        "none",
        "--shards",
        "2",
        "--tape",
        TAPE,
        "--heartbeat",
        "100ms",
    ])
    .await;
    let capacity = 500_000 + histories * 1_000;
    let world = World::new(server.address, capacity, false);
    let source = world.source(PER_INTERVAL, 0).await;
    let start = Instant::now();
    run(&world, first..first + histories, GUESTS, come_and_go).await;
    let last = source.stop().await;
    let seen = world.seen();
    let kills: Vec<_> = world
        .kills
        .iter()
        .map(|kills| kills.load(Ordering::Relaxed))
        .collect();
    let what = format!(
        "{seen:?}, kills {kills:?}, {last} updates in {:?}",
        start.elapsed()
    );
    tell(&what);
    // Every kind of trouble has happened.
    assert!(seen.gaps > 0 && seen.lost > 0, "{what}");
    assert!(seen.resumed > histories, "{what}");
    assert!(seen.resumed_in_snapshot > 0, "{what}");
    assert!(kills.iter().all(|kills| *kills > 0), "{what}");
    // Some gaps were sent to clients that were killed before they received them.
    assert!(
        server.metric("tickcast_gap_updates_total").await >= seen.lost,
        "{what}"
    );
}

/// Clients that subscribe repeatedly: few, or they would starve the publisher.
const SUBSCRIBERS: u64 = 6;

/// Light filters: at 20,000 updates a second the others cost more than a test should.
fn light_filter(random: &mut StdRng) -> &'static str {
    FILTERS[..7].choose(random).unwrap()
}

/// Subscribes at random times, each time until it has all updates published by then.
async fn subscribe_and_stay(world: Arc<World>, number: u64) -> Seen {
    /// Three seconds at the full rate.
    const UPDATES: u64 = 60_000;
    let mut random = StdRng::seed_from_u64(number);
    let mut seen = Seen::default();
    while world.truth.head() < UPDATES {
        sleep(Duration::from_millis(random.random_range(0..PAUSE_MAX_MS))).await;
        let mut history = History::random(&world, number, &mut random, light_filter);
        history.visit(&Visit::random(&mut random, true, 0)).await;
        seen += history.total();
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_and_live_updates_are_right_at_each_position_at_20_000_updates_a_second() {
    const PER_INTERVAL: u64 = 200;
    // The tape is large enough that nothing is lost.
    let server = Program::start(&["--feed", "none", "--shards", "2"]).await;
    let world = World::new(server.address, 1_000_000, false);
    let source = world.source(PER_INTERVAL, 0).await;
    let first = number("TICKCAST_SEED", 1) * 1_000_000;
    let start = Instant::now();
    run(
        &world,
        first..first + SUBSCRIBERS,
        CLIENTS,
        subscribe_and_stay,
    )
    .await;
    let last = source.stop().await;
    let seen = world.seen();
    let visits: u64 = world
        .kills
        .iter()
        .map(|kills| kills.load(Ordering::Relaxed))
        .sum();
    tell(&format!(
        "{seen:?} in {visits} visits, {last} updates in {:?}",
        start.elapsed()
    ));
    assert_eq!((seen.gaps, seen.resumed), (0, 0), "{seen:?}");
    assert!(visits >= SUBSCRIBERS, "{visits}");
}

/// Comes and goes until the source has stopped, and then stays until it has everything.
async fn outlive_servers(world: Arc<World>, number: u64) -> Seen {
    let mut random = StdRng::seed_from_u64(number);
    let mut history = History::random(&world, number, &mut random, light_filter);
    while world.last.load(Ordering::SeqCst) == 0 {
        let visit = Visit::random(&mut random, false, 0);
        history.visit(&visit).await;
        if let Away::For(time) = visit.away {
            sleep(time).await;
        }
    }
    history.visit(&Visit::random(&mut random, true, 0)).await;
    history.total()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_killed_server_continue_with_the_next_one_and_mix_up_nothing() {
    const PER_INTERVAL: u64 = 20;
    const LIVES: u64 = 4;
    /// Nearly twice as long as a visit and the pause after it.
    const LIFE: Duration = Duration::from_secs(1);
    let arguments = ["--feed", "none", "--shards", "2", "--heartbeat", "100ms"];
    let mut server = Program::start(&arguments).await;
    let address = server.address.to_string();
    let world = World::new(server.address, 400_000, true);
    let first = number("TICKCAST_SEED", 1) * 1_000_000;
    let clients = {
        let world = Arc::clone(&world);
        let clients = first..first + CLIENTS as u64;
        tokio::spawn(async move { run(&world, clients, CLIENTS, outlive_servers).await })
    };
    for life in 0..LIVES {
        let source = world.source(PER_INTERVAL, life).await;
        // In the middle of everything.
        sleep(LIFE).await;
        if life + 1 == LIVES {
            let last = source.stop().await;
            world.last.store(last, Ordering::SeqCst);
            break;
        }
        server.kill().await;
        source.stop().await;
        server = Program::start_at(&address, &arguments).await;
    }
    clients.await.unwrap();
    let seen = world.seen();
    tell(&format!("{seen:?}"));
    assert!(seen.resumed > 0, "{seen:?}");
    assert!(
        seen.epoch_changes >= (LIVES - 1) * CLIENTS as u64,
        "{seen:?}"
    );
    assert_eq!(world.truth.lives(), LIVES as usize);
}
