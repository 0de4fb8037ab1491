//! The connection to one server, on a thread of its own.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, HandleError, NoAnswer},
    codec::Encoding,
    message::{Mode, Position, RequestId, Start, TimeNs},
    topic::{Filter, Topic},
};

use crate::inbox::{Inbox, Link, Parcel};

/// How often the watch list is brought up to date: faster than anybody reads a column of numbers,
/// slow enough for 100,000 topics.
pub const WATCH_RATE_HZ: f64 = 4.0;

/// Pages of history on their way at the same time: a server takes 20 requests a second. A chart
/// that had to wait asks again with its next repaint.
const HISTORIES_MAX: usize = 8;

/// A server that cannot answer now is asked again after this.
const HISTORY_REST: Duration = Duration::from_secs(2);

/// Most filters of one request: a fraction of the 64 KiB that a request may have, with names of
/// 256 bytes.
const FILTERS_PER_REQUEST: usize = 128;

/// The time by this machine's clock.
pub fn clock_ns() -> TimeNs {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

/// What can be asked of the server. Neither waits nor fails: what cannot be asked for now is asked
/// for again.
#[derive(Debug)]
pub struct Requests {
    handle: Option<ClientHandle>,
    /// Filters whose newest values are wanted all the time.
    watch: Vec<Filter>,
    wanted: HashSet<Topic>,
    asked: HashSet<Topic>,
    /// Pages of history that are asked for and not answered yet.
    histories: HashMap<RequestId, Topic>,
    /// Topics whose history the server could not tell just now, and when to ask again.
    resting: HashMap<Topic, Instant>,
}

impl Requests {
    /// Asks nobody: for tests and recordings.
    pub fn nobody() -> Self {
        Self {
            handle: None,
            watch: Vec::new(),
            wanted: HashSet::new(),
            asked: HashSet::new(),
            histories: HashMap::new(),
            resting: HashMap::new(),
        }
    }

    /// Wants every update of these topics and of no others.
    pub fn want_every(&mut self, topics: HashSet<Topic>) {
        self.wanted = topics;
        self.reconcile();
    }

    /// The topics of which every update is wanted.
    pub fn wanted(&self) -> &HashSet<Topic> {
        &self.wanted
    }

    /// Whether a subscription is one of those to every update.
    pub fn wants(&self, filter: &Filter) -> bool {
        self.wanted.contains(filter.as_str())
    }

    /// Asks for a page of a topic's history, unless one is on its way.
    pub fn ask_history(&mut self, topic: &Topic, before: Position) {
        let Some(handle) = &self.handle else { return };
        let rests = self.resting.get(topic);
        if rests.is_some_and(|until| Instant::now() < *until)
            || self.histories.len() >= HISTORIES_MAX
            || self.histories.values().any(|asked| asked == topic)
        {
            return;
        }
        self.resting.remove(topic);
        if let Ok(id) = handle.history(topic, None, Some(before)) {
            self.histories.insert(id, topic.clone());
        }
    }

    /// The connection ended: what was asked for will not be answered.
    pub fn disconnected(&mut self) {
        self.histories.clear();
    }

    /// A page of history came, or will not come. Of which topic, if it is still waited for.
    pub fn history_answered(&mut self, id: RequestId) -> Option<Topic> {
        self.histories.remove(&id)
    }

    /// The history of a topic is not asked for again for a while.
    pub fn rest_history(&mut self, topic: Topic) {
        self.resting.insert(topic, Instant::now() + HISTORY_REST);
    }

    /// Asks for what is wanted and was not asked for yet.
    pub fn reconcile(&mut self) {
        if self.wanted == self.asked {
            return;
        }
        let difference = |a: &HashSet<Topic>, b: &HashSet<Topic>| -> Vec<Topic> {
            a.difference(b).take(FILTERS_PER_REQUEST).cloned().collect()
        };
        let missing = difference(&self.wanted, &self.asked);
        let surplus = difference(&self.asked, &self.wanted);
        let every = |handle: &ClientHandle, filters| handle.subscribe(filters, Mode::Every, None);
        if self.send(&missing, every) {
            self.asked.extend(missing);
        }
        // A topic that is watched by its very name goes on as newest values.
        let (watched, surplus): (Vec<_>, Vec<_>) = surplus
            .into_iter()
            .partition(|topic| self.watch.iter().any(|f| f.as_str() == topic.as_str()));
        let latest = |handle: &ClientHandle, filters| {
            handle.subscribe(filters, Mode::Latest, Some(WATCH_RATE_HZ))
        };
        for (topics, is_done) in [
            (&watched, self.send(&watched, latest)),
            (&surplus, self.send(&surplus, ClientHandle::unsubscribe)),
        ] {
            if is_done {
                for topic in topics {
                    self.asked.remove(topic);
                }
            }
        }
    }

    fn send(
        &self,
        topics: &[Topic],
        command: impl FnOnce(&ClientHandle, Vec<Filter>) -> Result<(), HandleError>,
    ) -> bool {
        let Some(handle) = &self.handle else {
            return true;
        };
        if topics.is_empty() {
            return false;
        }
        // A topic name is a filter that matches itself only.
        let filters = topics
            .iter()
            .filter_map(|topic| Filter::new(topic.as_str()).ok())
            .collect();
        command(handle, filters).is_ok()
    }
}

/// How long the end of the program waits for the server's goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// A running connection. Dropping it closes the connection; its thread ends soon after.
#[derive(Debug)]
pub struct Connection {
    handle: ClientHandle,
    inbox: Inbox,
    ended: Receiver<()>,
}

impl Connection {
    /// Starts the thread that connects to `url`, subscribes the newest values of what `filters`
    /// select, and puts all that happens into `inbox`.
    pub fn start(url: &str, filters: Vec<Filter>, inbox: Inbox) -> io::Result<(Self, Requests)> {
        let options = ClientOptions::new(ConnectOptions::new(url, Encoding::Bincode));
        let (client, handle) = Client::new(options);
        // The queue of commands is empty: there is room.
        let _ = handle.subscribe(filters.clone(), Mode::Latest, Some(WATCH_RATE_HZ));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // Nothing is ever sent: the thread's end drops the sender.
        let (ending, ended) = sync_channel(0);
        let connection = Self {
            handle: handle.clone(),
            inbox: inbox.clone(),
            ended,
        };
        std::thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || {
                runtime.block_on(run(client, inbox));
                drop(ending);
            })?;
        let requests = Requests {
            handle: Some(handle),
            watch: filters,
            ..Requests::nobody()
        };
        Ok((connection, requests))
    }

    /// Closes the connection and gives the server a moment to say goodbye.
    pub fn close(self) {
        let _ = self.handle.close();
        self.inbox.close();
        let _ = self.ended.recv_timeout(GOODBYE_TIMEOUT);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.handle.close();
        self.inbox.close();
    }
}

/// A server is silent once it is late by so much with its heartbeat. It is given up later, by the
/// client: until then nobody shall take old values for new ones.
const LATE: Duration = Duration::from_secs(2);

/// What the window is told again when a server that was silent is heard of.
struct Standing {
    link: Link,
    /// Longest time between two messages.
    patience: Duration,
}

impl Standing {
    fn of(event: &Event) -> Option<Self> {
        let Event::Connected(welcome) = event else {
            return None;
        };
        Some(Self {
            link: Link::Connected {
                server: welcome.server.clone(),
                epoch: welcome.epoch,
            },
            patience: Duration::from_millis(u64::from(welcome.heartbeat_ms)) + LATE,
        })
    }
}

/// The next event. Meanwhile the window is told when the server has been silent for too long.
async fn next_event(client: &mut Client, inbox: &Inbox, standing: Option<&Standing>) -> Event {
    let since = Instant::now();
    let mut next = std::pin::pin!(client.next());
    let Some(standing) = standing else {
        return next.await;
    };
    if let Ok(event) = tokio::time::timeout(standing.patience, next.as_mut()).await {
        return event;
    }
    inbox.put(Parcel::Link(Link::Silent { since })).await;
    let event = next.await;
    if !matches!(event, Event::Disconnected(_)) {
        inbox.put(Parcel::Link(standing.link.clone())).await;
    }
    event
}

async fn run(mut client: Client, inbox: Inbox) {
    let mut attempt = 1;
    let mut standing = None;
    loop {
        let event = next_event(&mut client, &inbox, standing.as_ref()).await;
        let is_end = matches!(&event, Event::Disconnected(end) if end.retry_in.is_none());
        match &event {
            Event::Connecting { attempt: number } => attempt = *number,
            Event::Connected(_) => standing = Standing::of(&event),
            Event::Disconnected(_) => standing = None,
            _ => {}
        }
        if let Some(parcel) = parcel(event, attempt) {
            // Once nobody wants what comes in, the client only has to say goodbye.
            inbox.put(parcel).await;
        }
        if is_end {
            return;
        }
    }
}

/// What of an event concerns the window.
fn parcel(event: Event, attempt: u32) -> Option<Parcel> {
    Some(match event {
        Event::Connecting { attempt } => Parcel::Link(Link::Connecting { attempt }),
        Event::Connected(welcome) => Parcel::Link(Link::Connected {
            server: welcome.server,
            epoch: welcome.epoch,
        }),
        Event::Disconnected(end) => Parcel::Link(match end.retry_in {
            Some(wait) => Link::BackingOff {
                attempt: attempt + 1,
                until: Instant::now() + wait,
                why: end.why.to_string(),
            },
            None => Link::Ended {
                why: end.why.to_string(),
            },
        }),
        Event::Batch(batch) => Parcel::Batch {
            batch,
            received_ns: clock_ns(),
        },
        // A changed epoch is told with the connection already.
        Event::Reset {
            start: Start::PositionAhead,
            ..
        } => Parcel::EpochChanged,
        Event::Clock(estimate) => Parcel::Clock(estimate),
        Event::Refused { filter, reason, .. } => Parcel::Refused { filter, reason },
        Event::ChainBroken { filter, error } => {
            Parcel::Notice(format!("Something was lost of {filter}: {error}"))
        }
        Event::Error(error) => Parcel::Notice(format!("The server says: {}", error.reason)),
        Event::Draining(_) => Parcel::Notice("The server is about to restart.".to_owned()),
        Event::Accepted { filter, accepted } => {
            // What is resumed has all of its past already.
            let begins = !matches!(accepted.start, Start::Resumed | Start::Existing);
            let topic = Topic::new(filter.as_str()).ok();
            Parcel::Accepted {
                topic: topic.filter(|_| begins && accepted.mode == Mode::Every)?,
                position: accepted.position,
            }
        }
        Event::Status {
            topics, statuses, ..
        } => Parcel::Statuses { topics, statuses },
        Event::History(history) => Parcel::History {
            id: history.id,
            updates: history.updates,
            more: history.more,
        },
        Event::NoHistory { id, why } => Parcel::NoHistory {
            id,
            is_final: matches!(why, NoAnswer::Refused(error) if !error.temporary),
        },
        // What a gap cost each topic is told by the seqs of the updates that follow.
        Event::Gap { .. }
        | Event::Reset { .. }
        | Event::Unsubscribed { .. }
        | Event::Changed { .. }
        | Event::Heartbeat(_)
        | Event::Published(_)
        | Event::Unpublished { .. }
        | Event::Subscriptions(_) => return None,
    })
}
