//! The state of a session.

use super::{
    events::{EventQueue, Move},
    once_publishes::OncePublishes,
    pending_requests::{PendingRequest, PendingRequests},
    wanted::WantedFilters,
};
use crate::{
    client::{clock::ClockFilter, event::Event, request_ids::RequestIds},
    codec::Encoding,
    message::{ChannelId, ClientMessage, Limits, Lineage, PublisherId, Unsubscribe},
};

/// Broken chains that a connection survives. After more of them the connection itself is in doubt,
/// and the client makes a new one, after a wait.
pub(super) const CHAIN_BREAKS_MAX: u32 = 8;

/// What only a new connection can repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::client) enum SessionError {
    /// Chains break again and again.
    #[error("too many broken chains on one connection (limit {CHAIN_BREAKS_MAX})")]
    ChainBreaks,
    /// A message at a time at which the protocol forbids it.
    #[error("{0}")]
    Unexpected(&'static str),
}

/// See the module's description. The methods that change it are grouped by kind in
/// `commands.rs` (from the caller), `messages.rs`, `answers.rs` and `stream.rs` (from the server).
#[derive(Debug)]
pub(in crate::client) struct Session {
    pub(super) encoding: Encoding,
    pub(super) wanted: WantedFilters,
    pub(super) requests: PendingRequests,
    pub(super) once: OncePublishes,
    /// From the welcome. `None` without a connection.
    pub(super) limits: Option<Limits>,
    /// From the last welcome.
    pub(super) lineage: Option<Lineage>,
    pub(super) clock: ClockFilter,
    pub(super) chain_breaks: u32,
    /// Whether resuming would fail, because the client missed topic names.
    pub(super) must_start_anew: bool,
    /// After how long refused requests may be repeated.
    pub(super) retry_after_ms: Option<u32>,
    pub(super) events: EventQueue,
}

impl Session {
    /// A session without filters and without a connection. `publisher` is a random number.
    pub(in crate::client) fn new(
        encoding: Encoding,
        ids: RequestIds,
        publisher: PublisherId,
    ) -> Self {
        Self {
            encoding,
            wanted: WantedFilters::default(),
            requests: PendingRequests::new(ids),
            once: OncePublishes::new(publisher),
            limits: None,
            lineage: None,
            clock: ClockFilter::default(),
            chain_breaks: 0,
            must_start_anew: false,
            retry_after_ms: None,
            events: EventQueue::default(),
        }
    }

    /// The next event for the caller.
    pub(in crate::client) fn next_event(&mut self) -> Option<Event> {
        self.events.next()
    }

    /// The caller has handled the event that it got last.
    pub(in crate::client) fn handled(&mut self) {
        if let Some(Move { filter, token }) = self.events.handled()
            && let Some(wanted) = self.wanted.get_mut(&filter)
        {
            wanted.token = Some(token);
        }
    }

    /// Adds an event after the session's own events.
    pub(in crate::client) fn push_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The next message to send.
    pub(in crate::client) fn next_request(&mut self) -> Option<ClientMessage> {
        self.requests.next_outgoing()
    }

    /// Whether a message waits to be sent.
    pub(in crate::client) fn has_request(&self) -> bool {
        self.requests.has_outgoing()
    }

    /// Whether the session takes a command now. It takes none while messages wait for room in the
    /// connection, and while as many publishes as may be wait for their answers.
    pub(in crate::client) fn takes_commands(&self) -> bool {
        !self.requests.has_outgoing() && !self.requests.is_full() && !self.once.is_full()
    }

    /// After how many milliseconds to call [`Self::retry`], if at all. Asking clears it.
    pub(in crate::client) fn take_retry_after_ms(&mut self) -> Option<u32> {
        self.retry_after_ms.take()
    }

    /// Subscriptions cannot be resumed on the next connection, because topic names were missed.
    pub(in crate::client) fn start_anew(&mut self) {
        self.must_start_anew = true;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.limits.is_some()
    }

    /// Ends subscriptions on the server.
    pub(super) fn unsubscribe(&mut self, channels: Vec<ChannelId>) {
        if !channels.is_empty() {
            let id = self.requests.expect(PendingRequest::Other);
            self.requests
                .send(ClientMessage::Unsubscribe(Unsubscribe { id, channels }));
        }
    }
}
