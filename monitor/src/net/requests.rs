//! Requests to the server.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use tickcast_protocol::{
    client::{ClientHandle, HandleError},
    message::{Authenticated, BearerToken, Interval, Mode, Position, Publication, RequestId},
    topic::{Filter, Topic},
    value::Value,
};

use super::candle_requests::CandleRequests;
use crate::data::{access::readable, long_history::Question};

/// The rate of newest values in the list of topics: faster than a column of numbers can be read,
/// slow enough for 100,000 topics.
pub(crate) const WATCH_RATE_HZ: f64 = 4.0;

/// The most pages of history requested at the same time: a server accepts 20 requests per second. A
/// chart that had to wait asks again with its next repaint.
const HISTORIES_MAX: usize = 8;

/// A temporary refusal of history is retried after this time.
const HISTORY_REST: Duration = Duration::from_secs(2);

/// The most filters per request: with names of 256 bytes they take a fraction of the 64 KiB that a
/// request may have.
const FILTERS_PER_REQUEST: usize = 128;

/// The requests to one server. They neither wait nor fail: a request that cannot be sent now is
/// sent later.
#[derive(Debug)]
pub struct Requests {
    handle: Option<ClientHandle>,
    /// Filters that the user wants to watch.
    asked_watch: Vec<Filter>,
    /// Filters whose newest values are always subscribed: those, as far as they are allowed.
    watch: Vec<Filter>,
    wanted: HashSet<Topic>,
    asked: HashSet<Topic>,
    /// Pages of history that were requested and not answered yet.
    histories: HashMap<RequestId, Topic>,
    candles: CandleRequests,
    /// Topics whose history was temporarily refused, and when to retry.
    postponed: HashMap<Topic, Instant>,
    /// Whether every update of all watched topics is wanted, and whether it was asked for.
    wants_all: bool,
    asked_all: bool,
    /// The modes that the server granted to filters that are no topics.
    granted: HashMap<Filter, Mode>,
}

impl Requests {
    /// Requests by this handle, which watches nothing else: for tests.
    pub fn by(handle: ClientHandle) -> Self {
        Self::new(Some(handle), Vec::new())
    }

    /// Requests without a server: for tests and recordings.
    pub fn unconnected() -> Self {
        Self::new(None, Vec::new())
    }

    /// Requests by this handle. The newest values of `watch` are already subscribed.
    pub(super) fn new(handle: Option<ClientHandle>, watch: Vec<Filter>) -> Self {
        Self {
            handle,
            asked_watch: watch.clone(),
            watch,
            wanted: HashSet::new(),
            asked: HashSet::new(),
            histories: HashMap::new(),
            candles: CandleRequests::default(),
            postponed: HashMap::new(),
            wants_all: false,
            asked_all: false,
            granted: HashMap::new(),
        }
    }

    /// The filters whose newest values are subscribed.
    pub(crate) fn watched(&self) -> &[Filter] {
        &self.watch
    }

    /// Subscribes to every update of exactly these topics.
    pub(crate) fn want_every(&mut self, topics: HashSet<Topic>) {
        self.wanted = topics;
        self.reconcile();
    }

    /// The topics of which every update is subscribed.
    pub(crate) fn wanted(&self) -> &HashSet<Topic> {
        &self.wanted
    }

    /// Subscribes to every update of all watched topics, or to their newest values again.
    pub(crate) fn want_all(&mut self, wants_all: bool) {
        self.wants_all = wants_all;
        self.reconcile();
    }

    /// The server has said what is allowed: where everything is to be watched, all that is allowed
    /// is watched.
    pub(crate) fn identified(&mut self, told: &Authenticated) {
        let readable = readable(&self.asked_watch, told);
        if readable == self.watch {
            return;
        }
        let Some(handle) = &self.handle else { return };
        let (mode, rate_hz) = self.watch_delivery();
        let new = readable
            .iter()
            .filter(|filter| !self.watch.contains(filter));
        let new: Vec<_> = new.cloned().collect();
        // What is not allowed any more is ended by the server, which tells the position.
        let is_replaced = |filter: &&Filter| {
            readable
                .iter()
                .any(|other| other != *filter && other.includes(filter))
        };
        let old = self
            .watch
            .iter()
            .filter(|filter| !readable.contains(filter));
        let old: Vec<_> = old.filter(is_replaced).cloned().collect();
        if handle.subscribe(new, mode, rate_hz).is_ok() && handle.unsubscribe(old).is_ok() {
            self.watch = readable;
        }
    }

    /// Whether what is allowed is watched instead of a filter.
    pub(crate) fn is_replaced(&self, filter: &Filter) -> bool {
        self.asked_watch.contains(filter) && !self.watch.contains(filter)
    }

    /// Proves an identity with another token, on the open connection.
    pub(crate) fn authenticate(&self, token: BearerToken) {
        if let Some(handle) = &self.handle {
            // Without room for it the client still takes the token before the old one expires.
            let _ = handle.authenticate(token);
        }
    }

    fn watch_delivery(&self) -> (Mode, Option<f64>) {
        match self.wants_all {
            true => (Mode::Every, None),
            false => (Mode::Latest, Some(WATCH_RATE_HZ)),
        }
    }

    /// The server granted this mode.
    pub(crate) fn granted(&mut self, filter: Filter, mode: Mode) {
        // Bounded by the filters of the command line and the topics that were wanted.
        self.granted.insert(filter, mode);
    }

    /// Whether all updates that a filter selects are delivered.
    pub(crate) fn is_every(&self, filter: &Filter) -> bool {
        self.wants(filter) || self.granted.get(filter) == Some(&Mode::Every)
    }

    /// Whether every update of one topic is wanted.
    pub(crate) fn wants(&self, filter: &Filter) -> bool {
        self.wanted.contains(filter.as_str())
    }

    /// Requests a page of a topic's history, unless one is already requested.
    pub(crate) fn ask_history(&mut self, topic: &Topic, before: Position) {
        let Some(handle) = &self.handle else { return };
        let rests = self.postponed.get(topic);
        if rests.is_some_and(|until| Instant::now() < *until)
            || self.histories.len() >= HISTORIES_MAX
            || self.histories.values().any(|asked| asked == topic)
        {
            return;
        }
        self.postponed.remove(topic);
        if let Ok(id) = handle.history(topic, None, Some(before)) {
            self.histories.insert(id, topic.clone());
        }
    }

    /// Publishes a value. Returns the request that the answer names, or why it was not sent.
    pub(crate) fn publish(&self, topic: &Topic, value: Value) -> Result<RequestId, String> {
        let Some(handle) = &self.handle else {
            return Err("there is no server: nothing was sent".to_owned());
        };
        let update = Publication {
            topic: topic.to_string(),
            value,
            source_time_ns: None,
        };
        handle
            .publish(vec![update])
            .map_err(|error| error.to_string())
    }

    /// The connection has ended: open requests will not be answered.
    pub(crate) fn disconnected(&mut self) {
        self.histories.clear();
        self.candles.clear();
    }

    /// A page of history was answered or refused. Returns its topic, if it is still waited for.
    pub(crate) fn history_answered(&mut self, id: RequestId) -> Option<Topic> {
        self.histories.remove(&id)
    }

    /// The pages of history that were requested and not answered yet.
    pub(crate) fn histories_asked(&self) -> impl Iterator<Item = (RequestId, &Topic)> {
        self.histories.iter().map(|(id, topic)| (*id, topic))
    }

    /// Requests a page of a topic's long history. Returns whether it did: not too many are asked
    /// for at a time, and a chart that had to wait asks again with its next repaint.
    pub(crate) fn ask_candles(&mut self, topic: &Topic, question: Question) -> bool {
        let handle = self.handle.as_ref();
        handle.is_some_and(|handle| self.candles.ask(handle, topic, question))
    }

    /// The pages of long history that were requested and not answered yet.
    pub(crate) fn candles_asked(&self) -> impl Iterator<Item = (RequestId, &Topic, Interval)> {
        self.candles.asked()
    }

    /// A page of long history was answered or refused. Returns its topic and interval, if it is
    /// still waited for.
    pub(crate) fn candles_answered(&mut self, id: RequestId) -> Option<(Topic, Interval)> {
        self.candles.answered(id)
    }

    /// Postpones the next request for the history of a topic.
    pub(crate) fn postpone_history(&mut self, topic: Topic) {
        self.postponed.insert(topic, Instant::now() + HISTORY_REST);
    }

    /// Sends the requests that are still missing.
    pub(crate) fn reconcile(&mut self) {
        if self.wants_all != self.asked_all {
            let (mode, rate_hz) = self.watch_delivery();
            let watch = self.watch.clone();
            let sent = self.handle.as_ref();
            if sent.is_none_or(|handle| handle.subscribe(watch, mode, rate_hz).is_ok()) {
                self.asked_all = self.wants_all;
            }
        }
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
        // A topic that is watched under exactly its name continues with newest values.
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
