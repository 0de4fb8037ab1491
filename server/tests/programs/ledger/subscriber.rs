//! Subscribers of a ledger.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tickcast_core::wire::parse_event_id;
use tickcast_protocol::{
    client::{Chain, ConnectOptions, Connection, TopicTable},
    codec::{Encoding, decode_server_json},
    message::{
        Accepted, ClientMessage, Epoch, FilterRequest, Lineage, Mode, Position, Resume,
        ServerMessage, Start, Subscribe, SubscribeResult, Update,
    },
    topic::{Filter, Topic},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::{Ledger, RETRY, TOPICS, number_of, topic_of};

/// Longest silence of a connection whose server was killed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

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

    /// Compares what it has between two positions with what is on the tape there.
    pub(super) fn compare(&self, tape: &BTreeMap<Position, u64>, start: Position, end: Position) {
        if self.mode != Mode::Every || self.is_anew {
            return;
        }
        let filter = Filter::new(self.filter).unwrap();
        let wanted = tape
            .iter()
            .filter(|(_, number)| filter.matches(&topic_of(**number)));
        let all: Vec<_> = wanted
            .map(|(position, number)| (*position, *number))
            .collect();
        let before = |end| {
            self.updates
                .partition_point(|(position, _)| *position <= end)
        };
        let got = &self.updates[before(start)..before(end).max(before(start))];
        let mut pairs = got.iter().zip(&all);
        if let Some((got, wanted)) = pairs.find(|(got, wanted)| got != wanted) {
            panic!("{}: {got:?} instead of {wanted:?}", self.filter);
        }
        assert_eq!(got.len(), all.len(), "{} each once", self.filter);
    }

    /// Forgets what was compared.
    pub(super) fn forget(&mut self, end: Position) {
        self.updates.retain(|(position, _)| *position > end);
        self.heard = None;
        self.is_anew = false;
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
