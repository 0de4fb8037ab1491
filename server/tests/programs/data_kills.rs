//! A server that is killed again and again under load, with subscribers of every kind: after each
//! restart they go on in the same epoch, nothing is lost, and nothing comes twice.

use std::{
    collections::{BTreeMap, HashMap},
    env,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tickcast_core::wire::parse_event_id;
use tickcast_protocol::{
    client::{Chain, ConnectOptions, Connection},
    codec::{Encoding, decode_server_json},
    message::{
        ClientMessage, Epoch, FilterRequest, Mode, Position, Publish, Resume, ServerMessage, Start,
        Subscribe, SubscribeResult, Update,
    },
    topic::{Filter, Topic},
};
use tickcast_server_testkit::{
    Program,
    subscriber::{number, reading},
    until,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, sleep, sleep_until, timeout},
};

/// How often the server is killed; `TICKCAST_KILLS` says otherwise.
const KILLS: usize = 4;

/// Topics `k/0` to `k/7`, in turn.
const TOPICS: u64 = 8;

/// Updates of a publish, of which there are a hundred per second: 20,000 updates per second.
const TOGETHER: u64 = 200;
const INTERVAL: Duration = Duration::from_millis(10);

/// Time between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);

/// Longest silence of a connection whose server was killed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What is known about all updates.
#[derive(Debug, Default)]
struct Ledger {
    epoch: Mutex<Option<Epoch>>,
    /// The number of the update at each position, as far as a client got it.
    tape: Mutex<HashMap<Position, u64>>,
    /// The position at which an update was acknowledged, by its number.
    acked: Mutex<BTreeMap<u64, Position>>,
    /// The number of the next update.
    next: AtomicU64,
    /// Subscribers that were accepted once.
    accepted: AtomicUsize,
    /// From this number on an update of each topic ends a subscriber; 0 while none does.
    last: AtomicU64,
}

impl Ledger {
    fn is_of(&self, epoch: Epoch) {
        let mut known = self.epoch.lock().unwrap();
        assert_eq!(*known.get_or_insert(epoch), epoch, "it is the same epoch");
    }

    /// Everybody must get the same update at a position.
    fn got(&self, position: Position, number: u64) {
        let mut tape = self.tape.lock().unwrap();
        let known = *tape.entry(position).or_insert(number);
        assert_eq!(known, number, "two updates have position {position}");
    }
}

/// One subscriber, over all its connections.
struct Subscriber {
    ledger: Arc<Ledger>,
    filter: &'static str,
    mode: Mode,
    chain: Option<Chain>,
    token: Option<Resume>,
    /// Positions of its updates, in mode `every`.
    positions: Vec<Position>,
    /// The newest number of each topic.
    newest: BTreeMap<u64, u64>,
}

impl Subscriber {
    fn new(ledger: &Arc<Ledger>, filter: &'static str, mode: Mode) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            filter,
            mode,
            chain: None,
            token: None,
            positions: Vec::new(),
            newest: BTreeMap::new(),
        }
    }

    /// Takes a message.
    fn take(&mut self, message: ServerMessage<Topic>) {
        match message {
            ServerMessage::Subscribed(subscribed) => {
                let [SubscribeResult::Accepted(accepted)] = &subscribed.results[..] else {
                    panic!("{subscribed:?}");
                };
                self.ledger.is_of(accepted.epoch);
                let start = match self.token {
                    Some(_) => Start::Resumed,
                    None => Start::Fresh,
                };
                assert_eq!(accepted.start, start);
                let (chain, check) = Chain::resume(accepted, self.token.as_ref());
                check.expect("it resumes where it was");
                if self.token.is_none() {
                    assert_eq!(accepted.count, 0, "it began before the first update");
                    self.ledger.accepted.fetch_add(1, Ordering::Relaxed);
                }
                self.chain = Some(chain);
            }
            ServerMessage::Batch(batch) => {
                let chain = self.chain.as_mut().expect("it is accepted");
                chain.batch(&batch).expect("nothing is missing");
                assert!(!batch.snapshot, "nothing begins again");
                batch.updates.iter().for_each(|update| self.update(update));
            }
            ServerMessage::Gap(gap) => panic!("{} has lost updates: {gap:?}", self.filter),
            _ => return,
        }
        self.token = self.chain.as_ref().map(Chain::token);
    }

    fn update(&mut self, update: &Update<Topic>) {
        let number = number(update) as u64;
        assert_eq!(update.topic.as_str(), format!("k/{}", number % TOPICS));
        self.ledger.got(update.position, number);
        let known = self.newest.insert(number % TOPICS, number);
        assert!(known.is_none_or(|known| known < number), "it came before");
        if self.mode == Mode::Every {
            self.positions.push(update.position);
        }
    }

    /// Whether it has everything.
    fn is_done(&self) -> bool {
        let last = self.ledger.last.load(Ordering::Acquire);
        let filter = Filter::new(self.filter).unwrap();
        let wanted = (0..TOPICS).filter(|topic| filter.matches(&format!("k/{topic}")));
        last > 0
            && wanted
                .into_iter()
                .all(|topic| self.newest.get(&topic) >= Some(&last))
    }

    async fn run(mut self, url: String, encoding: Encoding) -> Self {
        while !self.is_done() {
            let options = ConnectOptions::new(&url, encoding);
            let Ok(mut connection) = Connection::connect(&options).await else {
                sleep(RETRY).await;
                continue;
            };
            self.chain = None;
            let request = Subscribe {
                id: 1,
                filters: vec![FilterRequest {
                    filter: self.filter.to_owned(),
                    resume: self.token,
                }],
                mode: self.mode,
                max_rate_hz: None,
            };
            if connection
                .send(&ClientMessage::Subscribe(request))
                .await
                .is_err()
            {
                continue;
            }
            while !self.is_done()
                && let Ok(Ok(message)) = timeout(SILENCE_MAX, connection.next()).await
            {
                self.take(message);
            }
        }
        self
    }

    /// The same as an event stream, which goes on by `Last-Event-ID`.
    async fn run_as_events(mut self, address: String) -> Self {
        let mut last_id: Option<String> = None;
        while !self.is_done() {
            let mut command = Command::new("curl");
            let filter = self.filter.replace('#', "%23");
            let url = format!("http://{address}/v1/stream?filter={filter}&mode=every");
            command
                .args(["--no-buffer", "--silent", "--fail", &url])
                .stdout(Stdio::piped())
                .kill_on_drop(true);
            if let Some(id) = &last_id {
                self.token = Some(parse_event_id(id).unwrap());
                command.args(["--header", &format!("Last-Event-ID: {id}")]);
            }
            let mut child = command.spawn().expect("curl is installed");
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            self.chain = None;
            let mut event = None;
            while !self.is_done()
                && let Ok(Ok(Some(line))) = timeout(SILENCE_MAX, lines.next_line()).await
            {
                // An event counts when it is complete, which its empty line says.
                if let Some(json) = line.strip_prefix("data: ") {
                    event = Some((json.to_owned(), None));
                } else if let (Some(id), Some((_, of))) = (line.strip_prefix("id: "), &mut event) {
                    *of = Some(id.to_owned());
                } else if line.is_empty()
                    && let Some((json, id)) = event.take()
                {
                    self.take(decode_server_json(json.as_bytes()).unwrap());
                    last_id = id.or(last_id);
                }
            }
            sleep(RETRY).await;
        }
        self
    }
}

/// Publishes until the server is gone.
async fn publish(url: &str, ledger: &Ledger) {
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.expect("it listens");
    let mut sent = BTreeMap::new();
    let mut due = Instant::now();
    for id in 1.. {
        let first = ledger.next.fetch_add(TOGETHER, Ordering::Relaxed);
        sent.insert(id, first);
        if connection.send(&publish_of(id, first)).await.is_err() {
            return;
        }
        due += INTERVAL;
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                message = connection.next() => match message {
                    Ok(message) => acknowledge(ledger, &mut sent, &message),
                    Err(_) => return,
                },
            }
        }
    }
}

fn publish_of(id: u32, first: u64) -> ClientMessage {
    let numbers = first..first + TOGETHER;
    ClientMessage::Publish(Publish {
        id: Some(id),
        updates: numbers
            .map(|number| reading(&format!("k/{}", number % TOPICS), number as f64))
            .collect(),
    })
}

fn acknowledge(ledger: &Ledger, sent: &mut BTreeMap<u32, u64>, message: &ServerMessage<Topic>) {
    match message {
        ServerMessage::Published(published) => {
            let first = sent.remove(&published.id).expect("it was sent");
            let start = published.position + 1 - TOGETHER;
            let mut acked = ledger.acked.lock().unwrap();
            acked.extend((0..TOGETHER).map(|index| (first + index, start + index)));
        }
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => {}
    }
}

fn acked(ledger: &Ledger) -> usize {
    ledger.acked.lock().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_loses_nothing_and_doubles_nothing() {
    let kills = env::var("TICKCAST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let arguments = ["--feed", "none", "--shards", "2", "--data", data];
    let mut server = Program::start(&arguments).await;
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
        subscribers.push(tokio::spawn(subscriber.run(url.clone(), encoding)));
    }
    let events = Subscriber::new(&ledger, "#", Mode::Every);
    subscribers.push(tokio::spawn(events.run_as_events(address.clone())));
    let all = subscribers.len();
    until("all have begun", async || {
        ledger.accepted.load(Ordering::Relaxed) == all
    })
    .await;
    for kill in 1..=kills {
        let publishing = {
            let (url, ledger) = (url.clone(), Arc::clone(&ledger));
            tokio::spawn(async move { publish(&url, &ledger).await })
        };
        // At another moment each time.
        let wanted = acked(&ledger) + 1_000 + kill * 617 % 4_000;
        until("updates are acknowledged", async || {
            acked(&ledger) >= wanted
        })
        .await;
        server.kill().await;
        publishing.await.unwrap();
        server = Program::start_at(&address, &arguments).await;
    }
    let last = ledger.next.load(Ordering::Relaxed);
    let mut connection = {
        let options = ConnectOptions::new(&url, Encoding::Bincode);
        Connection::connect(&options).await.unwrap()
    };
    connection.send(&publish_of(1, last)).await.unwrap();
    let mut sent = BTreeMap::from([(1, last)]);
    while !sent.is_empty() {
        let message = connection.next().await.unwrap();
        acknowledge(&ledger, &mut sent, &message);
    }
    ledger
        .last
        .store(last + TOGETHER - TOPICS, Ordering::Release);
    let mut ended = Vec::new();
    for subscriber in subscribers {
        ended.push(subscriber.await.unwrap());
    }
    let tape = ledger.tape.lock().unwrap();
    let end = tape.len() as Position;
    for (number, position) in &*ledger.acked.lock().unwrap() {
        assert_eq!(tape.get(position), Some(number), "it was acknowledged");
    }
    for subscriber in &ended {
        let filter = Filter::new(subscriber.filter).unwrap();
        if subscriber.mode == Mode::Every {
            let all = (1..=end)
                .filter(|position| filter.matches(&format!("k/{}", tape[position] % TOPICS)));
            let all: Vec<_> = all.collect();
            assert_eq!(subscriber.positions, all, "{} each once", subscriber.filter);
        }
    }
    let mut numbers: Vec<_> = (1..=end).map(|position| tape[&position]).collect();
    assert!(numbers.is_sorted(), "the order is that of the publisher");
    numbers.dedup();
    assert_eq!(numbers.len() as Position, end, "none is there twice");
}
