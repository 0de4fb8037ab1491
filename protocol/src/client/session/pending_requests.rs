//! Requests that wait to be sent or to be answered.

use std::collections::{HashMap, VecDeque};

use super::wanted::Delivery;
use crate::{
    client::request_ids::RequestIds,
    message::{ClientMessage, RequestId},
    topic::Filter,
};

/// Publishes that may wait for their answers. Above it commands stay in their queue. When that is
/// full as well, the caller gets an error.
pub const PUBLISHES_IN_FLIGHT_MAX: usize = 1024;

/// What the session must know when the answer comes.
#[derive(Debug)]
pub(super) enum PendingRequest {
    /// The filters in their order, and what was asked for.
    Subscribe(Vec<Filter>, Delivery),
    /// The filter, and the delivery that stays if the server refuses the change.
    Change(Filter, Delivery),
    Publish,
    /// A publish that is sent again until it is answered.
    PublishOnce,
    /// The first number of a publisher.
    Publisher,
    /// Of updates or of candles.
    History,
    Other,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct PendingRequests {
    ids: RequestIds,
    unanswered: HashMap<RequestId, PendingRequest>,
    publishes_in_flight: usize,
    outgoing: VecDeque<ClientMessage>,
}

impl PendingRequests {
    pub(super) fn new(ids: RequestIds) -> Self {
        Self {
            ids,
            unanswered: HashMap::new(),
            publishes_in_flight: 0,
            outgoing: VecDeque::new(),
        }
    }

    /// A new id, for a request whose answer is expected.
    pub(super) fn expect(&mut self, request: PendingRequest) -> RequestId {
        let id = self.ids.next();
        self.expect_as(id, request);
        id
    }

    /// The same with an id that the caller knows already.
    pub(super) fn expect_as(&mut self, id: RequestId, request: PendingRequest) {
        if matches!(request, PendingRequest::Publish) {
            self.publishes_in_flight += 1;
        }
        self.unanswered.insert(id, request);
    }

    /// The request that an answer belongs to, which is then no longer expected.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<PendingRequest> {
        let request = self.unanswered.remove(&id)?;
        if matches!(request, PendingRequest::Publish) {
            self.publishes_in_flight -= 1;
        }
        Some(request)
    }

    /// Queues a message.
    pub(super) fn send(&mut self, message: ClientMessage) {
        self.outgoing.push_back(message);
    }

    /// The next message to send.
    pub(super) fn next_outgoing(&mut self) -> Option<ClientMessage> {
        self.outgoing.pop_front()
    }

    /// Whether a message waits to be sent.
    pub(super) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether [`PUBLISHES_IN_FLIGHT_MAX`] are waiting for their answers.
    pub(super) fn is_full(&self) -> bool {
        self.publishes_in_flight >= PUBLISHES_IN_FLIGHT_MAX
    }

    /// The connection is gone. Returns the requests that will not be answered, by id.
    pub(super) fn disconnected(&mut self) -> Vec<(RequestId, PendingRequest)> {
        self.outgoing.clear();
        self.publishes_in_flight = 0;
        let mut unanswered: Vec<_> = self.unanswered.drain().collect();
        unanswered.sort_unstable_by_key(|(id, _)| *id);
        unanswered
    }
}
