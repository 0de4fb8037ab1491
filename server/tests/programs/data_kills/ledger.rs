//! What is known about all updates of a server that is killed or loses power again and again, and
//! its subscribers and publisher.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tickcast_core::wire::parse_event_id;
use tickcast_protocol::{
    client::{Chain, ConnectOptions, Connection, TopicTable},
    codec::{Encoding, decode_server_json},
    message::{
        Accepted, ClientMessage, Epoch, FilterRequest, Lineage, Mode, Position, Publish, Resume,
        ServerMessage, Start, Subscribe, SubscribeResult, Update,
    },
    topic::{Filter, Topic},
};
use tickcast_server_testkit::subscriber::{number, reading};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, sleep, sleep_until, timeout},
};

/// Topics `k/0` to `k/7`, in turn.
pub(crate) const TOPICS: u64 = 8;

/// Updates of a publish, of which there are a hundred per second: 20,000 updates per second.
pub(crate) const TOGETHER: u64 = 200;
const INTERVAL: Duration = Duration::from_millis(10);

/// Time between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);

/// Longest silence of a connection whose server was killed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where an update was seen: the epoch of the connection, and the position.
type Seen = (u64, Position);

/// What is known about all updates.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the update at each place, as far as a client got it.
    tape: Mutex<HashMap<Seen, u64>>,
    /// Where an update was acknowledged, by its number.
    acked: Mutex<BTreeMap<u64, Seen>>,
    /// The number of the next update.
    pub(crate) next: AtomicU64,
    /// Subscribers that were accepted once.
    pub(crate) accepted: AtomicUsize,
    /// Updates that subscribers were told to be lost.
    pub(crate) lost: AtomicU64,
    /// Whether publishers end once all they have sent is acknowledged.
    pub(crate) is_pausing: AtomicBool,
    /// From this number on an update of each topic ends a subscriber; 0 while none does.
    pub(crate) last: AtomicU64,
}

impl Ledger {
    /// All subscribers must get the same update at a place.
    fn got(&self, seen: Seen, number: u64) {
        let mut tape = self.tape.lock().unwrap();
        let known = *tape.entry(seen).or_insert(number);
        assert_eq!(known, number, "two updates have place {seen:?}");
    }

    pub(crate) fn acked(&self) -> usize {
        self.acked.lock().unwrap().len()
    }

    /// Compares what subscribers have with what was acknowledged. `lineage` has all epochs. Returns
    /// how many acknowledged updates are lost.
    pub(crate) fn compare(&self, subscribers: &[Subscriber], lineage: &Lineage) -> usize {
        let kept = |epoch: u64| lineage.kept(Epoch(epoch)).expect("an epoch of this server");
        let mut tape = BTreeMap::new();
        for (&(epoch, position), &number) in &*self.tape.lock().unwrap() {
            if position <= kept(epoch) {
                let known = *tape.entry(position).or_insert(number);
                assert_eq!(known, number, "two updates are left at position {position}");
            }
        }
        let end = tape.len() as Position;
        assert!(
            tape.keys().copied().eq(1..=end),
            "each position has an update"
        );
        let mut lost = 0;
        for (number, &(epoch, position)) in &*self.acked.lock().unwrap() {
            match position <= kept(epoch) {
                true => assert_eq!(tape.get(&position), Some(number), "it was acknowledged"),
                false => lost += 1,
            }
        }
        for subscriber in subscribers {
            let filter = Filter::new(subscriber.filter).unwrap();
            if subscriber.mode == Mode::Every {
                let wanted = tape.iter().filter(|(_, number)| {
                    let topic = *number % TOPICS;
                    filter.matches(&format!("k/{topic}"))
                });
                let all: Vec<_> = wanted
                    .map(|(position, number)| (*position, *number))
                    .collect();
                assert_eq!(subscriber.updates, all, "{} each once", subscriber.filter);
            }
        }
        let numbers: Vec<_> = tape.into_values().collect();
        assert!(numbers.is_sorted(), "the order is that of the publisher");
        let different: BTreeSet<_> = numbers.iter().collect();
        assert_eq!(different.len(), numbers.len(), "none is there twice");
        lost
    }
}

/// One subscriber, over all its connections.
pub(crate) struct Subscriber {
    ledger: Arc<Ledger>,
    filter: &'static str,
    mode: Mode,
    lineage: Lineage,
    chain: Option<Chain>,
    token: Option<Resume>,
    /// Positions and numbers of its updates, in mode `every`.
    updates: Vec<(Position, u64)>,
    /// Position and number of the newest update of each topic.
    newest: BTreeMap<u64, (Position, u64)>,
}

impl Subscriber {
    pub(crate) fn new(ledger: &Arc<Ledger>, filter: &'static str, mode: Mode) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            filter,
            mode,
            lineage: Lineage::new(Epoch(0)),
            chain: None,
            token: None,
            updates: Vec::new(),
            newest: BTreeMap::new(),
        }
    }

    /// Takes a message.
    fn take(&mut self, message: ServerMessage<Topic>) {
        match message {
            ServerMessage::Welcome(welcome) => {
                self.lineage = welcome.lineage();
                return;
            }
            ServerMessage::Subscribed(subscribed) => {
                let [SubscribeResult::Accepted(accepted)] = &subscribed.results[..] else {
                    panic!("{subscribed:?}");
                };
                self.accepted(accepted);
            }
            ServerMessage::Batch(batch) => {
                let chain = self.chain.as_mut().expect("it is accepted");
                chain.batch(&batch).expect("nothing is missing");
                for update in &batch.updates {
                    self.update(update, batch.snapshot);
                }
            }
            ServerMessage::Gap(gap) => panic!("{} has lost updates: {gap:?}", self.filter),
            _ => return,
        }
        self.token = self.chain.as_ref().map(Chain::token);
    }

    fn accepted(&mut self, accepted: &Accepted) {
        let (chain, check) = Chain::resume(accepted, self.token.as_ref(), &self.lineage);
        check.expect("it goes on where the server and the client say");
        self.chain = Some(chain);
        let Some(token) = self.token else {
            assert_eq!(
                (accepted.start, accepted.count),
                (Start::Fresh, 0),
                "all is new"
            );
            self.ledger.accepted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let kept = self
            .lineage
            .kept(token.epoch)
            .expect("its epoch is continued");
        if token.position <= kept {
            assert_eq!(accepted.start, Start::Resumed, "{token:?}");
            return;
        }
        assert_eq!(accepted.start, Start::Truncated, "{token:?}");
        let had = self.updates.len();
        self.updates.retain(|(position, _)| *position <= kept);
        self.newest.clear();
        if self.mode == Mode::Every {
            let lost = (had - self.updates.len()) as u64;
            assert_eq!(
                accepted.lost,
                Some(lost),
                "what it has and the server has not"
            );
            self.ledger.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    fn update(&mut self, update: &Update<Topic>, is_snapshot: bool) {
        let (position, number) = (update.position, number(update) as u64);
        let topic = number % TOPICS;
        assert_eq!(update.topic.as_str(), format!("k/{topic}"));
        self.ledger.got((self.lineage.epoch.0, position), number);
        let before = self.newest.insert(topic, (position, number));
        if is_snapshot {
            // It repeats what the client has had, of what the server has kept.
            return;
        }
        assert!(
            before.is_none_or(|(_, before)| before < number),
            "it came before"
        );
        if self.mode == Mode::Every {
            self.updates.push((position, number));
        }
    }

    /// Whether it has everything.
    fn is_done(&self) -> bool {
        let last = self.ledger.last.load(Ordering::Acquire);
        let filter = Filter::new(self.filter).unwrap();
        let wanted = (0..TOPICS).filter(|topic| filter.matches(&format!("k/{topic}")));
        last > 0
            && wanted.into_iter().all(|topic| {
                let newest = self.newest.get(&topic);
                newest.is_some_and(|(_, number)| *number >= last)
            })
    }

    /// Subscribes at the servers in turn, until it has everything.
    pub(crate) async fn run(mut self, urls: Vec<String>, encoding: Encoding) -> Self {
        let mut topics = TopicTable::default();
        for url in urls.iter().cycle() {
            if self.is_done() {
                break;
            }
            let options = ConnectOptions::new(url, encoding);
            let Ok(mut connection) = Connection::connect(&options).await else {
                sleep(RETRY).await;
                continue;
            };
            connection.set_topics(std::mem::take(&mut topics));
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
            let request = ClientMessage::Subscribe(request);
            if connection.send(&request).await.is_ok() {
                while !self.is_done()
                    && let Ok(Ok(message)) = timeout(SILENCE_MAX, connection.next()).await
                {
                    self.take(message);
                }
            }
            topics = connection.take_topics();
        }
        self
    }

    /// The same as an event stream, which goes on by `Last-Event-ID`.
    pub(crate) async fn run_as_events(mut self, addresses: Vec<String>) -> Self {
        let mut last_id: Option<String> = None;
        for address in addresses.iter().cycle() {
            if self.is_done() {
                break;
            }
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

/// Publishes until the server is gone, or the ledger says so and all is acknowledged.
pub(crate) async fn publish(url: &str, ledger: &Ledger) {
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.expect("it listens");
    let (mut sent, mut epoch) = (BTreeMap::new(), Epoch(0));
    let mut due = Instant::now();
    for id in 1.. {
        if ledger.is_pausing.load(Ordering::Relaxed) {
            break;
        }
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
                    Ok(message) => acknowledge(ledger, &mut epoch, &mut sent, &message),
                    Err(_) => return,
                },
            }
        }
    }
    while !sent.is_empty() {
        match connection.next().await {
            Ok(message) => acknowledge(ledger, &mut epoch, &mut sent, &message),
            Err(_) => return,
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

fn acknowledge(
    ledger: &Ledger,
    epoch: &mut Epoch,
    sent: &mut BTreeMap<u32, u64>,
    message: &ServerMessage<Topic>,
) {
    match message {
        ServerMessage::Welcome(welcome) => *epoch = welcome.epoch,
        ServerMessage::Published(published) => {
            let first = sent.remove(&published.id).expect("it was sent");
            let start = published.position + 1 - TOGETHER;
            let mut acked = ledger.acked.lock().unwrap();
            acked.extend((0..TOGETHER).map(|index| (first + index, (epoch.0, start + index))));
        }
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => {}
    }
}

/// The lineage of a server.
pub(crate) async fn lineage(url: &str) -> Lineage {
    let lineage = lineage_if_any(url).await;
    lineage.expect("the server answers")
}

/// The lineage of a server, unless it does not answer.
pub(crate) async fn lineage_if_any(url: &str) -> Option<Lineage> {
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.ok()?;
    match connection.next().await.ok()? {
        ServerMessage::Welcome(welcome) => Some(welcome.lineage()),
        other => panic!("{other:?}"),
    }
}

/// Publishes the last updates, after which the subscribers end.
pub(crate) async fn publish_last(url: &str, ledger: &Ledger) {
    let last = ledger.next.load(Ordering::Relaxed);
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.send(&publish_of(1, last)).await.unwrap();
    let (mut sent, mut epoch) = (BTreeMap::from([(1, last)]), Epoch(0));
    while !sent.is_empty() {
        let message = connection.next().await.unwrap();
        acknowledge(ledger, &mut epoch, &mut sent, &message);
    }
    let end = last + TOGETHER - TOPICS;
    ledger.last.store(end, Ordering::Release);
}
