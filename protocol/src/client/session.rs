//! What a [`Client`](super::Client) knows and decides, without socket, clock or chance.
//!
//! Input: [`Session::command`], [`Session::message`], [`Session::disconnected`]. Output:
//! [`Session::next_event`] and [`Session::next_request`]. A subscription's position moves when its
//! event was taken *and* [`Session::handled`] was called, so what the caller never saw is asked for
//! again.

mod answers;
mod requests;
mod stream;

use std::collections::{HashMap, VecDeque};

use self::stream::CHAIN_BREAKS_MAX;
use super::{
    chain::Chain,
    clock::ClockFilter,
    event::{Event, NoAnswer, Unpublished},
    handle::RequestIds,
};
use crate::{
    codec::Encoding,
    message::{
        ChannelId, ClientMessage, Epoch, Limits, Mode, RequestId, Resume, ServerMessage, Start,
        TimeNs, Welcome,
    },
    topic::{Filter, Topic},
};

/// Publishes on their way. Beyond it commands stay in their queue, until that is full as well and
/// tells the caller.
pub const PUBLISHES_IN_FLIGHT_MAX: usize = 1024;

/// How often a subscription delivers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    mode: Mode,
    max_rate_hz: Option<f64>,
}

#[derive(Debug)]
struct Subscription {
    /// As wanted.
    pace: Pace,
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
    Subscribe(Vec<Filter>, Pace),
    /// With the pace that stays if it is refused.
    Change(Filter, Pace),
    Publish,
    History,
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

    /// An event after which the caller is at `token`.
    fn push_move(&mut self, event: Event, filter: Filter, token: Resume) {
        self.events.push_back(Queued {
            event,
            moves: Some(Move { filter, token }),
        });
    }

    /// The next message to send.
    pub(super) fn next_request(&mut self) -> Option<ClientMessage> {
        self.outgoing.pop_front()
    }

    /// Whether there is a message to send.
    pub(super) fn has_request(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether a command can be taken now: not while messages wait for room in the connection.
    pub(super) fn takes_commands(&self) -> bool {
        self.outgoing.is_empty() && self.publishes_in_flight < PUBLISHES_IN_FLIGHT_MAX
    }

    /// In how many milliseconds [`Self::retry`] should be called, if at all. Asking clears it.
    pub(super) fn take_retry_after_ms(&mut self) -> Option<u32> {
        self.retry_after_ms.take()
    }

    fn is_connected(&self) -> bool {
        self.limits.is_some()
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
            ServerMessage::Status(statuses) => self.statuses(statuses),
            ServerMessage::History(history) => self.history(history),
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
        self.subscribe_wanted();
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
        let mut unanswered: Vec<(RequestId, Request)> = self.requests.drain().collect();
        unanswered.sort_unstable_by_key(|(id, _)| *id);
        for (id, request) in unanswered {
            match request {
                Request::Publish => {
                    let why = Unpublished::Unknown;
                    self.push_event(Event::Unpublished { id, why });
                }
                Request::History => self.no_history(id, NoAnswer::NotConnected),
                Request::Subscribe(..) | Request::Change(..) | Request::Other => {}
            }
        }
    }

    /// Names of topics were missed: nothing can be resumed.
    pub(super) fn start_afresh(&mut self) {
        self.must_start_afresh = true;
    }
}

#[cfg(test)]
mod tests;
