//! What the caller asks of the session, and the requests to the server that result.

use super::{
    pending_requests::PendingRequest,
    state::Session,
    wanted::{Delivery, FilterState},
};
use crate::{
    client::{
        command::ClientCommand,
        event::{Event, NoAnswer, Unpublished},
    },
    codec,
    message::{
        Authenticate, BearerToken, Change, ChannelId, ClientMessage, FilterRequest, List, Publish,
        RequestId, Subscribe, TimeNs, TimeRequest,
    },
    topic::Filter,
};

/// Bytes of filters in one [`Subscribe`]. With all that surrounds the filters, the message stays
/// far below the limit for clients ([`codec::CLIENT_MESSAGE_MAX_BYTES`]).
const SUBSCRIBE_FILTERS_MAX_BYTES: usize = 32 * 1024;

/// Room for what surrounds a filter: resume token, quotes, field names.
const FILTER_REQUEST_OVERHEAD_BYTES: usize = 128;

impl Session {
    /// Executes a command. [`ClientCommand::Close`] is not for the session.
    pub(in crate::client) fn command(&mut self, command: ClientCommand) {
        match command {
            ClientCommand::Subscribe {
                filters,
                mode,
                max_rate_hz,
            } => {
                let delivery = Delivery { mode, max_rate_hz };
                for filter in filters {
                    self.want(filter, delivery);
                }
                self.retry();
            }
            ClientCommand::Unsubscribe { filters } => self.unwant(&filters),
            ClientCommand::Publish { id, updates } => self.publish(
                id,
                Publish {
                    id: Some(id),
                    updates,
                },
            ),
            ClientCommand::PublishOnce { id, updates } => self.publish_once(id, updates),
            ClientCommand::History(request) => {
                self.request_past(request.id, ClientMessage::History(request));
            }
            ClientCommand::Candles(request) => {
                self.request_past(request.id, ClientMessage::Candles(request));
            }
            ClientCommand::List if self.is_connected() => {
                let id = self.requests.expect(PendingRequest::Other);
                self.requests.send(ClientMessage::List(List { id }));
            }
            ClientCommand::Authenticate { id, token } if self.is_connected() => {
                self.authenticate(id, token);
            }
            ClientCommand::List | ClientCommand::Authenticate { .. } | ClientCommand::Close => {}
        }
    }

    /// Proves an identity, or renews it.
    fn authenticate(&mut self, id: RequestId, token: BearerToken) {
        self.requests.expect_as(id, PendingRequest::Other);
        self.requests
            .send(ClientMessage::Authenticate(Authenticate { id, token }));
    }

    /// Renews the identity with a new token. Returns the request, if there is a connection.
    pub(in crate::client) fn renew(&mut self, token: BearerToken) -> Option<RequestId> {
        self.is_connected().then(|| {
            let id = self.requests.expect(PendingRequest::Other);
            self.authenticate(id, token);
            id
        })
    }

    /// Asks for the server's time, if there is a connection.
    pub(in crate::client) fn ask_time(&mut self, now: TimeNs) {
        if self.is_connected() {
            let id = self.requests.expect(PendingRequest::Other);
            self.requests.send(ClientMessage::Time(TimeRequest {
                id,
                client_time_ns: now,
            }));
        }
    }

    /// Repeats subscriptions and publishes that were refused temporarily.
    pub(in crate::client) fn retry(&mut self) {
        if self.is_connected() {
            self.subscribe_wanted();
            self.once.retry();
            self.send_once();
        }
    }

    fn want(&mut self, filter: Filter, delivery: Delivery) {
        let Some(wanted) = self.wanted.get_mut(&filter) else {
            return self.wanted.insert(filter, delivery);
        };
        let before = std::mem::replace(&mut wanted.delivery, delivery);
        if let FilterState::Open { channel, .. } = wanted.state
            && before != delivery
        {
            self.change(filter, channel, delivery, before);
        }
    }

    /// Asks for another delivery. `before` stays if the server refuses.
    pub(super) fn change(
        &mut self,
        filter: Filter,
        channel: ChannelId,
        delivery: Delivery,
        before: Delivery,
    ) {
        let id = self.requests.expect(PendingRequest::Change(filter, before));
        self.requests.send(ClientMessage::Change(Change {
            id,
            channel,
            mode: delivery.mode,
            max_rate_hz: delivery.max_rate_hz,
        }));
    }

    fn unwant(&mut self, filters: &[Filter]) {
        let mut channels = vec![];
        for filter in filters {
            let Some(wanted) = self.wanted.remove(filter) else {
                continue;
            };
            if let FilterState::Open { channel, .. } = wanted.state {
                self.wanted.unbind(channel);
                channels.push(channel);
            }
            self.push_event(Event::Unsubscribed {
                filter: filter.clone(),
            });
        }
        self.unsubscribe(channels);
    }

    /// Requests all wanted filters that were not requested yet: one message for all filters of a
    /// delivery, as far as it has room.
    pub(super) fn subscribe_wanted(&mut self) {
        for (delivery, filters) in self.wanted.take_wanted() {
            let mut part = vec![];
            let mut bytes = 0;
            for filter in filters {
                let cost = filter.as_str().len() + FILTER_REQUEST_OVERHEAD_BYTES;
                if bytes + cost > SUBSCRIBE_FILTERS_MAX_BYTES {
                    self.subscribe(std::mem::take(&mut part), delivery);
                    bytes = 0;
                }
                bytes += cost;
                part.push(filter);
            }
            self.subscribe(part, delivery);
        }
    }

    fn subscribe(&mut self, filters: Vec<Filter>, delivery: Delivery) {
        let requests = filters
            .iter()
            .map(|filter| FilterRequest {
                filter: filter.to_string(),
                resume: self.wanted.token(filter),
            })
            .collect();
        let id = self
            .requests
            .expect(PendingRequest::Subscribe(filters, delivery));
        self.requests.send(ClientMessage::Subscribe(Subscribe {
            id,
            filters: requests,
            mode: delivery.mode,
            max_rate_hz: delivery.max_rate_hz,
        }));
    }

    fn publish(&mut self, id: RequestId, publish: Publish) {
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
        self.requests.expect_as(id, PendingRequest::Publish);
        self.requests.send(message);
    }

    fn request_past(&mut self, id: RequestId, request: ClientMessage) {
        if !self.is_connected() {
            let why = NoAnswer::NotConnected;
            return self.push_event(Event::NoHistory { id, why });
        }
        self.requests.expect_as(id, PendingRequest::History);
        self.requests.send(request);
    }
}
