//! What a [`Client`](super::Client) knows and decides, without socket, clock or chance.
//!
//! Input: [`Session::command`], [`Session::message`], [`Session::disconnected`]. Output:
//! [`Session::next_event`] and [`Session::next_request`]. A subscription's position moves when its
//! event was taken *and* [`Session::handled`] was called, so what the caller never saw is asked for
//! again.

use std::collections::{HashMap, VecDeque};

use super::{
    chain::{Chain, ChainError},
    clock::ClockFilter,
    event::{ClientBatch, Event, Unpublished},
    handle::{Command, RequestIds},
};
use crate::{
    codec::{self, Encoding},
    error::ErrorCode,
    message::{
        Accepted, Batch, Change, Changed, ChannelId, ClientMessage, Epoch, ErrorMessage,
        FilterRequest, Gap, Heartbeat, Limits, List, Mode, Publish, Published, RequestId, Resume,
        ServerMessage, Start, Subscribe, SubscribeResult, Subscribed, TimeAnswer, TimeNs,
        TimeRequest, Unsubscribe, Welcome,
    },
    topic::{Filter, Topic},
};

/// Publishes on their way. Beyond it commands stay in their queue, until that is full as well and
/// tells the caller.
pub const PUBLISHES_IN_FLIGHT_MAX: usize = 1024;

/// Bytes of filters in one [`Subscribe`], so that it stays far below what a client may send
/// ([`codec::CLIENT_MESSAGE_MAX_BYTES`]) whatever stands around them.
const SUBSCRIBE_FILTERS_MAX_BYTES: usize = 32 * 1024;

/// Room for what stands around a filter: resume token, quotes, names of fields.
const FILTER_REQUEST_OVERHEAD_BYTES: usize = 128;

/// Broken chains that are mended on one connection. With more the connection itself is in doubt,
/// and a new one is made, after a wait.
const CHAIN_BREAKS_MAX: u32 = 8;

/// How soon a refused request is made again if the server does not say.
const RETRY_AFTER_MS: u32 = 1_000;

#[derive(Debug)]
struct Subscription {
    mode: Mode,
    max_rate_hz: Option<f64>,
    state: State,
    /// Where the caller is.
    token: Option<Resume>,
}

#[derive(Debug)]
enum State {
    /// To be asked for.
    Wanted,
    /// Asked for.
    Requested,
    /// It stands.
    Open { channel: ChannelId, chain: Chain },
}

#[derive(Debug)]
enum Request {
    /// All with the same mode and maximum rate.
    Subscribe(Vec<Filter>, Mode, Option<f64>),
    /// With the mode and maximum rate that stay if it is refused.
    Change(Filter, Mode, Option<f64>),
    Publish,
    Other,
}

/// An event and where the caller is once it has handled it.
#[derive(Debug)]
struct Queued {
    event: Event,
    moves: Option<Move>,
}

#[derive(Debug)]
struct Move {
    filter: Filter,
    token: Resume,
}

/// What only a new connection can mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SessionError {
    /// Chains break again and again.
    #[error("{CHAIN_BREAKS_MAX} broken chains")]
    ChainBreaks,
    /// A message that cannot be at this time.
    #[error("{0}")]
    Unexpected(&'static str),
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Session {
    encoding: Encoding,
    ids: RequestIds,
    subscriptions: HashMap<Filter, Subscription>,
    channels: HashMap<ChannelId, Filter>,
    requests: HashMap<RequestId, Request>,
    publishes_in_flight: usize,
    limits: Option<Limits>,
    clock: ClockFilter,
    chain_breaks: u32,
    /// Whether a resume would fail, because names of topics were missed.
    must_start_afresh: bool,
    /// Refused requests may be made again after so long.
    retry_after_ms: Option<u32>,
    events: VecDeque<Queued>,
    handing_out: Option<Move>,
    outgoing: VecDeque<ClientMessage>,
}

impl Session {
    /// A session that wants nothing yet and is not connected.
    pub(super) fn new(encoding: Encoding, ids: RequestIds) -> Self {
        Self {
            encoding,
            ids,
            subscriptions: HashMap::new(),
            channels: HashMap::new(),
            requests: HashMap::new(),
            publishes_in_flight: 0,
            limits: None,
            clock: ClockFilter::default(),
            chain_breaks: 0,
            must_start_afresh: false,
            retry_after_ms: None,
            events: VecDeque::new(),
            handing_out: None,
            outgoing: VecDeque::new(),
        }
    }

    /// The next event for the caller.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let Queued { event, moves } = self.events.pop_front()?;
        self.handing_out = moves;
        Some(event)
    }

    /// The caller has handled the event that it took last.
    pub(super) fn handled(&mut self) {
        if let Some(Move { filter, token }) = self.handing_out.take()
            && let Some(subscription) = self.subscriptions.get_mut(&filter)
        {
            subscription.token = Some(token);
        }
    }

    /// Puts an event into its place among the session's own.
    pub(super) fn push_event(&mut self, event: Event) {
        self.events.push_back(Queued { event, moves: None });
    }

    /// The next message to send.
    pub(super) fn next_request(&mut self) -> Option<ClientMessage> {
        self.outgoing.pop_front()
    }

    /// Whether a [`Command`] can be taken now.
    pub(super) fn takes_commands(&self) -> bool {
        self.publishes_in_flight < PUBLISHES_IN_FLIGHT_MAX
    }

    /// In how many milliseconds [`Self::retry`] should be called, if at all. Asking clears it.
    pub(super) fn take_retry_after_ms(&mut self) -> Option<u32> {
        self.retry_after_ms.take()
    }

    fn is_connected(&self) -> bool {
        self.limits.is_some()
    }

    /// Asks for the server's time, if there is a connection.
    pub(super) fn ask_time(&mut self, now: TimeNs) {
        if self.is_connected() {
            let id = self.request(Request::Other);
            self.outgoing.push_back(ClientMessage::Time(TimeRequest {
                id,
                client_time_ns: now,
            }));
        }
    }

    /// Asks again for what was refused for a while.
    pub(super) fn retry(&mut self) {
        if self.is_connected() {
            self.request_wanted();
        }
    }

    /// Does what the caller asks for. [`Command::Close`] is not for the session.
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe {
                filters,
                mode,
                max_rate_hz,
            } => {
                for filter in filters {
                    self.want(filter, mode, max_rate_hz);
                }
                self.retry();
            }
            Command::Unsubscribe { filters } => self.unwant(&filters),
            Command::Publish { id, updates } => self.publish(Publish {
                id: Some(id),
                updates,
            }),
            Command::List if self.is_connected() => {
                let id = self.request(Request::Other);
                self.outgoing.push_back(ClientMessage::List(List { id }));
            }
            Command::List | Command::Close => {}
        }
    }

    fn want(&mut self, filter: Filter, mode: Mode, max_rate_hz: Option<f64>) {
        let Some(subscription) = self.subscriptions.get_mut(&filter) else {
            let subscription = Subscription {
                mode,
                max_rate_hz,
                state: State::Wanted,
                token: None,
            };
            self.subscriptions.insert(filter, subscription);
            return;
        };
        if subscription.mode == mode && subscription.max_rate_hz == max_rate_hz {
            return;
        }
        let before = (subscription.mode, subscription.max_rate_hz);
        subscription.mode = mode;
        subscription.max_rate_hz = max_rate_hz;
        if let State::Open { channel, .. } = subscription.state {
            self.request_change(filter, channel, before);
        }
    }

    /// Asks for the mode and rate that are wanted by now.
    fn request_change(&mut self, filter: Filter, channel: ChannelId, before: (Mode, Option<f64>)) {
        let Some(&Subscription {
            mode, max_rate_hz, ..
        }) = self.subscriptions.get(&filter)
        else {
            return;
        };
        let id = self.request(Request::Change(filter, before.0, before.1));
        self.outgoing.push_back(ClientMessage::Change(Change {
            id,
            channel,
            mode,
            max_rate_hz,
        }));
    }

    fn unwant(&mut self, filters: &[Filter]) {
        let mut channels = vec![];
        for filter in filters {
            let Some(subscription) = self.subscriptions.remove(filter) else {
                continue;
            };
            if let State::Open { channel, .. } = subscription.state {
                self.channels.remove(&channel);
                channels.push(channel);
            }
            self.push_event(Event::Unsubscribed {
                filter: filter.clone(),
            });
        }
        self.unsubscribe(channels);
    }

    fn unsubscribe(&mut self, channels: Vec<ChannelId>) {
        if !channels.is_empty() {
            let id = self.request(Request::Other);
            self.outgoing
                .push_back(ClientMessage::Unsubscribe(Unsubscribe { id, channels }));
        }
    }

    fn publish(&mut self, publish: Publish) {
        let id = publish.id.expect("the command has one");
        let Some(limits) = self.limits else {
            let why = Unpublished::NotConnected;
            return self.push_event(Event::Unpublished { id, why });
        };
        let message = ClientMessage::Publish(publish);
        let bytes = codec::encode_client(&message, self.encoding).len();
        let limit = limits.message_bytes as usize;
        if limit != 0 && bytes > limit {
            let why = Unpublished::TooLong { bytes, limit };
            return self.push_event(Event::Unpublished { id, why });
        }
        self.publishes_in_flight += 1;
        self.requests.insert(id, Request::Publish);
        self.outgoing.push_back(message);
    }

    fn request(&mut self, request: Request) -> RequestId {
        let id = self.ids.next();
        self.requests.insert(id, request);
        id
    }

    /// Asks for all that is wanted and was not asked for yet.
    fn request_wanted(&mut self) {
        // f64 is no key, its bits are.
        let mut groups = HashMap::<(Mode, Option<u64>), Vec<Filter>>::new();
        for (filter, subscription) in &mut self.subscriptions {
            if matches!(subscription.state, State::Wanted) {
                subscription.state = State::Requested;
                let key = (
                    subscription.mode,
                    subscription.max_rate_hz.map(f64::to_bits),
                );
                groups.entry(key).or_default().push(filter.clone());
            }
        }
        for ((mode, rate_bits), mut filters) in groups {
            filters.sort();
            let mut part = vec![];
            let mut bytes = 0;
            for filter in filters {
                let cost = filter.as_str().len() + FILTER_REQUEST_OVERHEAD_BYTES;
                if bytes + cost > SUBSCRIBE_FILTERS_MAX_BYTES {
                    self.subscribe(std::mem::take(&mut part), mode, rate_bits);
                    bytes = 0;
                }
                bytes += cost;
                part.push(filter);
            }
            self.subscribe(part, mode, rate_bits);
        }
    }

    fn subscribe(&mut self, filters: Vec<Filter>, mode: Mode, rate_bits: Option<u64>) {
        let requests = filters
            .iter()
            .map(|filter| FilterRequest {
                filter: filter.to_string(),
                resume: self.subscriptions.get(filter).and_then(|s| s.token),
            })
            .collect();
        let max_rate_hz = rate_bits.map(f64::from_bits);
        let id = self.request(Request::Subscribe(filters, mode, max_rate_hz));
        self.outgoing.push_back(ClientMessage::Subscribe(Subscribe {
            id,
            filters: requests,
            mode,
            max_rate_hz,
        }));
    }

    /// Takes a message in that came at `now`.
    pub(super) fn message(
        &mut self,
        message: ServerMessage<Topic>,
        now: TimeNs,
    ) -> Result<(), SessionError> {
        if !self.is_connected() && !matches!(message, ServerMessage::Welcome(_)) {
            return Err(SessionError::Unexpected("a message before the welcome"));
        }
        match message {
            ServerMessage::Welcome(welcome) => self.welcome(welcome)?,
            ServerMessage::Subscribed(subscribed) => self.subscribed(subscribed)?,
            ServerMessage::Batch(batch) => self.batch(batch)?,
            ServerMessage::Gap(gap) => self.gap(gap)?,
            ServerMessage::Heartbeat(heartbeat) => self.heartbeat(heartbeat)?,
            ServerMessage::Unsubscribed(unsubscribed) => {
                self.requests.remove(&unsubscribed.id);
            }
            ServerMessage::Changed(changed) => self.changed(&changed)?,
            ServerMessage::Published(published) => self.published(published),
            ServerMessage::Time(answer) => self.time(&answer, now),
            ServerMessage::Error(error) => self.error(error),
            ServerMessage::Draining(draining) => self.push_event(Event::Draining(draining)),
            ServerMessage::Subscriptions(list) => {
                self.requests.remove(&list.id);
                self.push_event(Event::Subscriptions(list));
            }
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<(), SessionError> {
        if self.is_connected() {
            return Err(SessionError::Unexpected("a second welcome"));
        }
        self.limits = Some(welcome.limits);
        let epoch = welcome.epoch;
        self.push_event(Event::Connected(welcome));
        if std::mem::take(&mut self.must_start_afresh) {
            self.forget_tokens(epoch);
        }
        self.request_wanted();
        Ok(())
    }

    fn forget_tokens(&mut self, epoch: Epoch) {
        let mut resets = vec![];
        for (filter, subscription) in &mut self.subscriptions {
            if subscription.token.take().is_some() {
                resets.push(Event::Reset {
                    filter: filter.clone(),
                    epoch,
                    start: Start::Fresh,
                });
            }
        }
        resets.into_iter().for_each(|event| self.push_event(event));
    }

    fn subscribed(&mut self, subscribed: Subscribed) -> Result<(), SessionError> {
        let Some(Request::Subscribe(filters, mode, max_rate_hz)) =
            self.requests.remove(&subscribed.id)
        else {
            return Err(SessionError::Unexpected("an answer to no subscribe"));
        };
        if filters.len() != subscribed.results.len() {
            return Err(SessionError::Unexpected("an answer to other filters"));
        }
        for (filter, result) in filters.into_iter().zip(subscribed.results) {
            match result {
                SubscribeResult::Accepted(accepted) => {
                    self.accepted(filter, accepted, (mode, max_rate_hz))?;
                }
                SubscribeResult::Refused(refused) if refused.code.is_temporary() => {
                    self.want_again(&filter, RETRY_AFTER_MS);
                }
                SubscribeResult::Refused(refused) => {
                    self.refuse(filter, refused.code, refused.reason);
                }
            }
        }
        Ok(())
    }

    fn want_again(&mut self, filter: &Filter, after_ms: u32) {
        if let Some(subscription) = self.subscriptions.get_mut(filter) {
            subscription.state = State::Wanted;
            self.retry_after_ms = Some(self.retry_after_ms.unwrap_or(0).max(after_ms));
        }
    }

    fn refuse(&mut self, filter: Filter, code: ErrorCode, reason: String) {
        if self.subscriptions.remove(&filter).is_some() {
            self.push_event(Event::Refused {
                filter,
                code,
                reason,
            });
        }
    }

    fn accepted(
        &mut self,
        filter: Filter,
        accepted: Accepted,
        asked: (Mode, Option<f64>),
    ) -> Result<(), SessionError> {
        let channel = accepted.channel;
        let Some(subscription) = self.subscriptions.get_mut(&filter) else {
            // The caller has changed its mind in the meantime.
            self.unsubscribe(vec![channel]);
            return Ok(());
        };
        let previous = match subscription.state {
            State::Open { channel, .. } => Some(channel),
            State::Wanted | State::Requested => None,
        };
        let (chain, check) = Chain::resume(&accepted, subscription.token.as_ref());
        subscription.state = State::Open { channel, chain };
        let is_outdated = (subscription.mode, subscription.max_rate_hz) != asked;
        // It was ended and wanted anew before the first answer came.
        if let Some(previous) = previous.filter(|&previous| previous != channel) {
            self.channels.remove(&previous);
            self.unsubscribe(vec![previous]);
        }
        self.channels.insert(channel, filter.clone());
        if matches!(accepted.start, Start::EpochChanged | Start::PositionAhead) {
            self.push_event(Event::Reset {
                filter: filter.clone(),
                epoch: accepted.epoch,
                start: accepted.start,
            });
        }
        if let Err(error) = check {
            return self.broken(filter, channel, error);
        }
        self.events.push_back(Queued {
            event: Event::Accepted {
                filter: filter.clone(),
                accepted,
            },
            moves: Some(Move {
                filter: filter.clone(),
                token: chain.token(),
            }),
        });
        // It was changed while the answer was on its way.
        if is_outdated {
            self.request_change(filter, channel, asked);
        }
        Ok(())
    }

    /// The chain of a channel. `None` if the channel is being ended; a channel that never was is
    /// none of the caller's business either.
    fn chain(&mut self, channel: ChannelId) -> Option<(Filter, &mut Chain)> {
        let filter = self.channels.get(&channel)?.clone();
        match &mut self.subscriptions.get_mut(&filter)?.state {
            State::Open { chain, .. } => Some((filter, chain)),
            State::Wanted | State::Requested => None,
        }
    }

    fn batch(&mut self, batch: Batch<Topic>) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.chain(batch.channel) else {
            return Ok(());
        };
        if let Err(error) = chain.batch(&batch) {
            return self.broken(filter, batch.channel, error);
        }
        let token = chain.token();
        self.events.push_back(Queued {
            event: Event::Batch(ClientBatch {
                filter: filter.clone(),
                channel: batch.channel,
                from: batch.from,
                to: batch.to,
                snapshot: batch.snapshot,
                topics: batch.topics,
                updates: batch.updates,
            }),
            moves: Some(Move { filter, token }),
        });
        Ok(())
    }

    fn gap(&mut self, gap: Gap) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.chain(gap.channel) else {
            return Ok(());
        };
        if let Err(error) = chain.gap(&gap) {
            return self.broken(filter, gap.channel, error);
        }
        let token = chain.token();
        self.events.push_back(Queued {
            event: Event::Gap {
                filter: filter.clone(),
                from: gap.from,
                to: gap.to,
                lost: gap.lost,
            },
            moves: Some(Move { filter, token }),
        });
        Ok(())
    }

    fn heartbeat(&mut self, heartbeat: Heartbeat) -> Result<(), SessionError> {
        for told in &heartbeat.channels {
            if let Some((filter, chain)) = self.chain(told.channel)
                && let Err(error) = chain.heartbeat(told.position)
            {
                self.broken(filter, told.channel, error)?;
            }
        }
        self.push_event(Event::Heartbeat(heartbeat));
        Ok(())
    }

    fn changed(&mut self, changed: &Changed) -> Result<(), SessionError> {
        self.requests.remove(&changed.id);
        let Some((filter, chain)) = self.chain(changed.previous) else {
            return Ok(());
        };
        if let Err(error) = chain.changed(changed) {
            return self.broken(filter, changed.channel, error);
        }
        let chain = *chain;
        let channel = changed.channel;
        self.channels.remove(&changed.previous);
        self.channels.insert(channel, filter.clone());
        if let Some(subscription) = self.subscriptions.get_mut(&filter) {
            subscription.state = State::Open { channel, chain };
        }
        self.events.push_back(Queued {
            event: Event::Changed {
                filter: filter.clone(),
                mode: changed.mode,
                max_rate_hz: changed.max_rate_hz,
            },
            moves: Some(Move {
                filter,
                token: chain.token(),
            }),
        });
        Ok(())
    }

    /// Ends the channel and resumes where the caller is.
    fn broken(
        &mut self,
        filter: Filter,
        channel: ChannelId,
        error: ChainError,
    ) -> Result<(), SessionError> {
        self.push_event(Event::ChainBroken {
            filter: filter.clone(),
            error,
        });
        self.chain_breaks += 1;
        if self.chain_breaks > CHAIN_BREAKS_MAX {
            return Err(SessionError::ChainBreaks);
        }
        if let Some(subscription) = self.subscriptions.get_mut(&filter) {
            subscription.state = State::Wanted;
        }
        self.channels.retain(|_, of| *of != filter);
        self.unsubscribe(vec![channel]);
        self.request_wanted();
        Ok(())
    }

    fn published(&mut self, published: Published) {
        if let Some(Request::Publish) = self.requests.remove(&published.id) {
            self.publishes_in_flight -= 1;
            self.push_event(Event::Published(published));
        }
    }

    fn time(&mut self, answer: &TimeAnswer, now: TimeNs) {
        self.requests.remove(&answer.id);
        if let Some(estimate) = self.clock.answer(answer, now) {
            self.push_event(Event::Clock(estimate));
        }
    }

    fn error(&mut self, error: ErrorMessage) {
        let request = error.id.and_then(|id| self.requests.remove(&id));
        match (request, error.id) {
            (Some(Request::Publish), Some(id)) => {
                self.publishes_in_flight -= 1;
                let why = Unpublished::Refused(error);
                self.push_event(Event::Unpublished { id, why });
            }
            (Some(Request::Subscribe(filters, ..)), _) if error.temporary => {
                for filter in filters {
                    self.want_again(&filter, error.retry_after_ms.unwrap_or(RETRY_AFTER_MS));
                }
                self.push_event(Event::Error(error));
            }
            (Some(Request::Subscribe(filters, ..)), _) => {
                for filter in filters {
                    self.refuse(filter, error.code, error.reason.clone());
                }
            }
            (Some(Request::Change(filter, mode, max_rate_hz)), _) => {
                if let Some(subscription) = self.subscriptions.get_mut(&filter) {
                    subscription.mode = mode;
                    subscription.max_rate_hz = max_rate_hz;
                }
                self.push_event(Event::Error(error));
            }
            _ => self.push_event(Event::Error(error)),
        }
    }

    /// The connection is gone: what was on its way is lost, what is wanted stays wanted.
    pub(super) fn disconnected(&mut self) {
        self.limits = None;
        self.channels.clear();
        self.outgoing.clear();
        self.clock.clear();
        self.chain_breaks = 0;
        self.publishes_in_flight = 0;
        self.retry_after_ms = None;
        for subscription in self.subscriptions.values_mut() {
            subscription.state = State::Wanted;
        }
        let mut publishes: Vec<RequestId> = self
            .requests
            .drain()
            .filter(|(_, request)| matches!(request, Request::Publish))
            .map(|(id, _)| id)
            .collect();
        publishes.sort_unstable();
        for id in publishes {
            let why = Unpublished::Unknown;
            self.push_event(Event::Unpublished { id, why });
        }
    }

    /// Names of topics were missed: nothing can be resumed.
    pub(super) fn start_afresh(&mut self) {
        self.must_start_afresh = true;
    }
}

#[cfg(test)]
mod tests;
