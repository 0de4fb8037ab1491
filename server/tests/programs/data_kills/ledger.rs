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

/// The topic of a feed, whose values only rise.
pub(crate) const FEED_TOPIC: &str = "feed";

/// What the number of an update of the feed has, besides its value.
const OF_FEED: u64 = 1 << 63;

/// Updates of a publish.
pub(crate) const TOGETHER: u64 = 200;

/// 20,000 updates per second, by a publisher that waits for ever.
const FAST: Pace = Pace {
    interval: Duration::from_millis(10),
    patience: Duration::from_hours(1),
};

/// Time between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);

/// Longest silence of a connection whose server was killed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How a publisher publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time between two publishes.
    pub(crate) interval: Duration,
    /// How long it waits for an acknowledgement before it gives the server up.
    pub(crate) patience: Duration,
}

/// Where an update was seen: the epoch of the connection, and the position.
type Seen = (u64, Position);

/// What is known about all updates.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The update at each place, as far as a client got it.
    tape: Mutex<HashMap<Seen, Update<Topic>>>,
    /// Places at which clients got different updates: their epoch must have lost them.
    contradicted: Mutex<BTreeSet<Seen>>,
    /// Where an update was acknowledged, by its number.
    acked: Mutex<BTreeMap<u64, Seen>>,
    /// Publishes whose publisher has given the server up: they may come late, or not at all. By the
    /// number of their first update, with the session that has published them.
    late: Mutex<BTreeMap<u64, usize>>,
    /// Everything up to this position was compared and forgotten.
    compared: AtomicU64,
    /// The greatest position after which a subscriber has begun.
    begun: AtomicU64,
    /// The position of the last update that was published: what a feed brings later is compared the
    /// next time.
    end: AtomicU64,
    /// The longest time without an update of a subscriber to everything, in ms.
    pub(crate) silence_ms: AtomicU64,
    /// The number of the next update.
    pub(crate) next: AtomicU64,
    /// Subscribers that were accepted once.
    pub(crate) accepted: AtomicUsize,
    /// Updates that subscribers were told to be lost.
    pub(crate) lost: AtomicU64,
    /// Updates in gaps that subscribers were told of.
    pub(crate) gaps: AtomicU64,
    /// Whether publishers end once all they have sent is acknowledged.
    pub(crate) is_pausing: AtomicBool,
    /// Whether the publisher goes to another server, without waiting for acknowledgements.
    pub(crate) is_moving: AtomicBool,
    /// From this number on an update of each topic ends a subscriber; 0 while none does.
    pub(crate) last: AtomicU64,
}

impl Ledger {
    /// All subscribers must get the same update at a place, with the same numbers and times.
    fn got(&self, seen: Seen, update: &Update<Topic>) {
        if seen.1 <= self.compared.load(Ordering::Relaxed) {
            return;
        }
        let mut tape = self.tape.lock().unwrap();
        let known = tape.entry(seen).or_insert_with(|| update.clone());
        if known != update {
            self.contradicted.lock().unwrap().insert(seen);
        }
    }

    /// Compares from where all subscribers have begun.
    pub(crate) fn begin(&self) {
        let begun = self.begun.load(Ordering::Relaxed);
        self.compared.store(begun, Ordering::Relaxed);
        let mut tape = self.tape.lock().unwrap();
        tape.retain(|(_, position), _| *position > begun);
    }

    /// A ledger for other subscribers, with what may still come of the publishers of this one.
    pub(crate) fn next(&self) -> Self {
        Self {
            next: AtomicU64::new(self.next.load(Ordering::Relaxed)),
            late: Mutex::new(self.late.lock().unwrap().clone()),
            ..Self::default()
        }
    }

    /// Up to where everything was compared.
    pub(crate) fn compared(&self) -> Position {
        self.compared.load(Ordering::Relaxed)
    }

    pub(crate) fn acked(&self) -> usize {
        self.acked.lock().unwrap().len()
    }

    /// Compares what subscribers have with what was acknowledged. `lineage` has all epochs. Returns
    /// how many acknowledged updates are lost.
    pub(crate) fn compare<'s>(
        &self,
        subscribers: impl IntoIterator<Item = &'s Subscriber>,
        lineage: &Lineage,
    ) -> usize {
        let kept = |epoch: u64| lineage.kept(Epoch(epoch)).unwrap_or(0);
        let last = self.end.load(Ordering::Relaxed);
        for (epoch, position) in &*self.contradicted.lock().unwrap() {
            let is_lost = lineage
                .kept(Epoch(*epoch))
                .is_none_or(|kept| *position > kept);
            assert!(is_lost, "two updates have place {position} of {epoch}");
        }
        let mut tape = BTreeMap::new();
        for (&(epoch, position), update) in &*self.tape.lock().unwrap() {
            if position <= kept(epoch).min(last) {
                let number = number_of(update);
                let known = *tape.entry(position).or_insert(number);
                assert_eq!(known, number, "two updates are left at position {position}");
            }
        }
        let start = self.compared.load(Ordering::Relaxed);
        let end = start + tape.len() as Position;
        assert!(
            tape.keys().copied().eq(start + 1..=end),
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
            if subscriber.mode == Mode::Every && !subscriber.is_anew {
                let wanted = tape
                    .iter()
                    .filter(|(_, number)| filter.matches(&topic_of(**number)));
                let all: Vec<_> = wanted
                    .map(|(position, number)| (*position, *number))
                    .collect();
                let updates = &subscriber.updates;
                let before = |end| updates.partition_point(|(position, _)| *position <= end);
                let got = &updates[before(start)..before(last).max(before(start))];
                let mut pairs = got.iter().zip(&all);
                if let Some((got, wanted)) = pairs.find(|(got, wanted)| got != wanted) {
                    panic!("{}: {got:?} instead of {wanted:?}", subscriber.filter);
                }
                assert_eq!(got.len(), all.len(), "{} each once", subscriber.filter);
            }
        }
        self.compare_order(&tape);
        lost
    }

    /// The order is that of the publisher, and that of the feed. What was given up may come later,
    /// each publish whole and each session in its order. None comes twice.
    fn compare_order(&self, tape: &BTreeMap<Position, u64>) {
        let late = self.late.lock().unwrap();
        let (mut newest, mut lengths) = (BTreeMap::new(), BTreeMap::new());
        for (position, &number) in tape {
            let publish = number / TOGETHER * TOGETHER;
            let session = late.get(&publish);
            if session.is_some() {
                *lengths.entry(publish).or_insert(0) += 1;
            }
            let before = newest.insert((number & OF_FEED, session), number);
            assert!(
                before.is_none_or(|before| before < number),
                "{number} follows {before:?} at position {position} (session {session:?})"
            );
        }
        for (publish, length) in lengths {
            assert_eq!(
                length, TOGETHER,
                "publish {publish} is there whole or not at all"
            );
        }
    }

    /// Forgets what was compared, so that the subscribers go on from there. Returns how many
    /// updates that were, and the longest time between two of the feed, whose values are times
    /// in microseconds.
    pub(crate) fn forget(&self, subscribers: &mut [&mut Subscriber]) -> (usize, Duration) {
        let end = self.end.load(Ordering::Relaxed);
        self.compared.store(end, Ordering::Relaxed);
        let mut tape = self.tape.lock().unwrap();
        let numbers = tape.values().map(number_of);
        let mut times: Vec<_> = numbers.filter(|number| number & OF_FEED > 0).collect();
        times.sort_unstable();
        let silence = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        let before = tape.len();
        tape.retain(|(_, position), _| *position > end);
        let updates = before - tape.len();
        self.acked.lock().unwrap().clear();
        self.late.lock().unwrap().clear();
        self.last.store(0, Ordering::Release);
        for subscriber in subscribers {
            subscriber.updates.retain(|(position, _)| *position > end);
            subscriber.heard = None;
            subscriber.is_anew = false;
        }
        (updates, Duration::from_micros(silence.unwrap_or(0)))
    }
}

/// What tells an update from all others.
fn number_of(update: &Update<Topic>) -> u64 {
    let number = number(update) as u64;
    match update.topic.as_str() == FEED_TOPIC {
        true => OF_FEED | number,
        false => number,
    }
}

/// The topic of an update, by its number.
fn topic_of(number: u64) -> String {
    match number & OF_FEED {
        0 => format!("k/{}", number % TOPICS),
        _ => FEED_TOPIC.to_owned(),
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
    newest: BTreeMap<String, (Position, u64)>,
    /// Whether it was told that nothing is known of what it had.
    is_anew: bool,
    /// Whether gaps are counted.
    may_be_told: bool,
    /// How long it stays at a server that is silent.
    patience: Duration,
    /// When the last update came, at another server or this one.
    heard: Option<Instant>,
    /// What its last connection knew of topics.
    topics: TopicTable,
    /// The last id of its event stream.
    last_id: Option<String>,
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
            is_anew: false,
            may_be_told: false,
            patience: SILENCE_MAX,
            heard: None,
            topics: TopicTable::default(),
            last_id: None,
        }
    }

    /// The same with less patience, and gaps are counted.
    pub(crate) fn among_faults(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self.may_be_told = true;
        self
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
            // A node that began with a checkpoint does not have what was before it.
            ServerMessage::Gap(gap) if self.may_be_told => {
                let chain = self.chain.as_mut().expect("it is accepted");
                chain
                    .gap(&gap)
                    .expect("it begins where the last batch ended");
                let lost = gap.lost.unwrap_or(gap.to - gap.from);
                self.ledger.gaps.fetch_add(lost, Ordering::Relaxed);
                self.is_anew = true;
            }
            ServerMessage::Gap(gap) => panic!("{} has lost updates: {gap:?}", self.filter),
            _ => return,
        }
        self.token = self.chain.as_ref().map(Chain::token);
    }

    fn accepted(&mut self, accepted: &Accepted) {
        let (chain, check) = Chain::resume(accepted, self.token.as_ref(), &self.lineage);
        check.expect("it goes on where the server and the client say");
        let begun = chain.token().position;
        self.chain = Some(chain);
        let Some(token) = self.token else {
            self.ledger.begun.fetch_max(begun, Ordering::Relaxed);
            assert_eq!(accepted.start, Start::Fresh, "{}", self.filter);
            self.ledger.accepted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let Some(kept) = self.lineage.kept(token.epoch) else {
            assert_eq!(accepted.start, Start::EpochChanged, "{token:?}");
            self.updates.clear();
            self.newest.clear();
            self.is_anew = true;
            return;
        };
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
            // What was compared was forgotten.
            if !self.is_anew && kept >= self.ledger.compared() {
                assert_eq!(
                    accepted.lost,
                    Some(lost),
                    "what it has and the server has not"
                );
            }
            self.ledger.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    fn update(&mut self, update: &Update<Topic>, is_snapshot: bool) {
        let (position, number) = (update.position, number_of(update));
        let topic = topic_of(number);
        assert_eq!(update.topic.as_str(), topic);
        self.ledger.got((self.lineage.epoch.0, position), update);
        let before = self.newest.insert(topic, (position, number));
        if is_snapshot {
            // It repeats what the client has had, of what the server has kept.
            return;
        }
        assert!(
            before.is_none_or(|(before, _)| before < position),
            "it came before"
        );
        if self.filter == "#"
            && let Some(heard) = self.heard.replace(Instant::now())
        {
            let silence_ms = heard.elapsed().as_millis() as u64;
            self.ledger
                .silence_ms
                .fetch_max(silence_ms, Ordering::Relaxed);
        }
        if self.mode == Mode::Every {
            self.updates.push((position, number));
        }
    }

    /// Whether it has everything.
    fn is_done(&self) -> bool {
        let last = self.ledger.last.load(Ordering::Acquire);
        let filter = Filter::new(self.filter).unwrap();
        let topics = (0..TOPICS).map(topic_of);
        let mut wanted = topics.filter(|topic| filter.matches(topic));
        last > 0
            && wanted.all(|topic| {
                let newest = self.newest.get(&topic);
                newest.is_some_and(|(_, number)| *number >= last)
            })
    }

    /// Subscribes at the servers in turn, until it has everything.
    pub(crate) async fn run(mut self, urls: Vec<String>, encoding: Encoding) -> Self {
        for url in urls.iter().cycle() {
            if self.is_done() {
                break;
            }
            let options = ConnectOptions::new(url, encoding);
            let connecting = timeout(self.patience, Connection::connect(&options)).await;
            let Ok(Ok(mut connection)) = connecting else {
                sleep(RETRY).await;
                continue;
            };
            connection.set_topics(std::mem::take(&mut self.topics));
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
                    && let Ok(Ok(message)) = timeout(self.patience, connection.next()).await
                {
                    self.take(message);
                }
            }
            self.topics = connection.take_topics();
            // A node that is behind closes the connection at once.
            sleep(RETRY).await;
        }
        self
    }

    /// The same as an event stream, which goes on by `Last-Event-ID`.
    pub(crate) async fn run_as_events(mut self, addresses: Vec<String>) -> Self {
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
            if let Some(id) = &self.last_id {
                self.token = Some(parse_event_id(id).unwrap());
                command.args(["--header", &format!("Last-Event-ID: {id}")]);
            }
            let mut child = command.spawn().expect("curl is installed");
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            self.chain = None;
            let mut event = None;
            while !self.is_done()
                && let Ok(Ok(Some(line))) = timeout(self.patience, lines.next_line()).await
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
                    self.last_id = id.or(self.last_id);
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
    session(&mut connection, ledger, FAST).await;
}

/// Publishes at the servers in turn, until the ledger says so and what the last one got is
/// acknowledged. It goes on at the next server when one is gone or silent.
pub(crate) async fn publish_anywhere(urls: &[String], ledger: &Ledger, pace: Pace) {
    for (index, url) in urls.iter().cycle().enumerate() {
        let options = ConnectOptions::new(url, Encoding::Bincode);
        let connecting = timeout(pace.patience, Connection::connect(&options)).await;
        if let Ok(Ok(mut connection)) = connecting {
            let given_up = session(&mut connection, ledger, pace).await;
            let is_over = given_up.is_empty() && ledger.is_pausing.load(Ordering::Relaxed);
            let given_up = given_up.into_iter().map(|publish| (publish, index));
            ledger.late.lock().unwrap().extend(given_up);
            if is_over {
                return;
            }
        }
        sleep(RETRY).await;
    }
}

/// Publishes at one server. Returns what it has not acknowledged, by the numbers of the first
/// updates.
async fn session(connection: &mut Connection, ledger: &Ledger, pace: Pace) -> Vec<u64> {
    let (mut sent, mut epoch) = (BTreeMap::new(), Epoch(0));
    let (mut due, mut acked) = (Instant::now(), Instant::now());
    for id in 1.. {
        let is_pausing = ledger.is_pausing.load(Ordering::Relaxed);
        if ledger.is_moving.swap(false, Ordering::Relaxed) || is_pausing && sent.is_empty() {
            break;
        }
        if !is_pausing {
            let first = ledger.next.fetch_add(TOGETHER, Ordering::Relaxed);
            if sent.is_empty() {
                acked = Instant::now();
            }
            sent.insert(id, first);
            let publish = publish_of(id, first);
            let sending = timeout(pace.patience, connection.send(&publish)).await;
            if !matches!(sending, Ok(Ok(()))) {
                break;
            }
        }
        due += pace.interval;
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                message = connection.next() => match message {
                    Ok(message) => {
                        if acknowledge(ledger, &mut epoch, &mut sent, &message) {
                            acked = Instant::now();
                        }
                    }
                    Err(_) => return sent.into_values().collect(),
                },
            }
        }
        if !sent.is_empty() && acked.elapsed() > pace.patience {
            break;
        }
    }
    sent.into_values().collect()
}

fn publish_of(id: u32, first: u64) -> ClientMessage {
    let numbers = first..first + TOGETHER;
    ClientMessage::Publish(Publish {
        id: Some(id),
        updates: numbers
            .map(|number| reading(&topic_of(number), number as f64))
            .collect(),
    })
}

/// Notes what a message acknowledges, and says whether it acknowledges something.
fn acknowledge(
    ledger: &Ledger,
    epoch: &mut Epoch,
    sent: &mut BTreeMap<u32, u64>,
    message: &ServerMessage<Topic>,
) -> bool {
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
    matches!(message, ServerMessage::Published(_))
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
    let last = ledger.next.fetch_add(TOGETHER, Ordering::Relaxed);
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.send(&publish_of(1, last)).await.unwrap();
    let (mut sent, mut epoch) = (BTreeMap::from([(1, last)]), Epoch(0));
    while !sent.is_empty() {
        let message = connection.next().await.unwrap();
        acknowledge(ledger, &mut epoch, &mut sent, &message);
        if let ServerMessage::Published(published) = message {
            ledger.end.store(published.position, Ordering::Relaxed);
        }
    }
    let end = last + TOGETHER - TOPICS;
    ledger.last.store(end, Ordering::Release);
}
