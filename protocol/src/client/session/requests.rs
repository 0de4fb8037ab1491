//! What the session asks of the server.

use super::{Pace, Request, Session, State, Subscription};
use crate::{
    client::{
        event::{Event, NoAnswer, Unpublished},
        handle::Command,
    },
    codec,
    message::{
        Change, ChannelId, ClientMessage, FilterRequest, List, Publish, RequestId, Subscribe,
        TimeNs, TimeRequest, Unsubscribe,
    },
    topic::Filter,
};

/// Bytes of filters in one [`Subscribe`], so that it stays far below what a client may send
/// ([`codec::CLIENT_MESSAGE_MAX_BYTES`]) whatever stands around them.
const SUBSCRIBE_FILTERS_MAX_BYTES: usize = 32 * 1024;

/// Room for what stands around a filter: resume token, quotes, names of fields.
const FILTER_REQUEST_OVERHEAD_BYTES: usize = 128;

impl Session {
    /// Does what the caller asks for. [`Command::Close`] is not for the session.
    pub(in crate::client) fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe {
                filters,
                mode,
                max_rate_hz,
            } => {
                let pace = Pace { mode, max_rate_hz };
                for filter in filters {
                    self.want(filter, pace);
                }
                self.retry();
            }
            Command::Unsubscribe { filters } => self.unwant(&filters),
            Command::Publish { id, updates } => self.publish(
                id,
                Publish {
                    id: Some(id),
                    updates,
                },
            ),
            Command::History(request) if self.is_connected() => {
                self.requests.insert(request.id, Request::History);
                self.outgoing.push_back(ClientMessage::History(request));
            }
            Command::History(request) => self.no_history(request.id, NoAnswer::NotConnected),
            Command::List if self.is_connected() => {
                let id = self.expect_answer(Request::Other);
                self.outgoing.push_back(ClientMessage::List(List { id }));
            }
            Command::List | Command::Close => {}
        }
    }

    /// Asks for the server's time, if there is a connection.
    pub(in crate::client) fn ask_time(&mut self, now: TimeNs) {
        if self.is_connected() {
            let id = self.expect_answer(Request::Other);
            self.outgoing.push_back(ClientMessage::Time(TimeRequest {
                id,
                client_time_ns: now,
            }));
        }
    }

    /// Asks again for what was refused for a while.
    pub(in crate::client) fn retry(&mut self) {
        if self.is_connected() {
            self.subscribe_wanted();
        }
    }

    fn expect_answer(&mut self, request: Request) -> RequestId {
        let id = self.ids.next();
        self.requests.insert(id, request);
        id
    }

    fn want(&mut self, filter: Filter, pace: Pace) {
        let Some(subscription) = self.subscriptions.get_mut(&filter) else {
            let subscription = Subscription {
                pace,
                state: State::Wanted,
                token: None,
            };
            self.subscriptions.insert(filter, subscription);
            return;
        };
        let before = std::mem::replace(&mut subscription.pace, pace);
        if let State::Open { channel, .. } = subscription.state
            && before != pace
        {
            self.change(filter, channel, pace, before);
        }
    }

    /// Asks for a pace; `before` is the one that stays if that is refused.
    pub(super) fn change(&mut self, filter: Filter, channel: ChannelId, pace: Pace, before: Pace) {
        let id = self.expect_answer(Request::Change(filter, before));
        self.outgoing.push_back(ClientMessage::Change(Change {
            id,
            channel,
            mode: pace.mode,
            max_rate_hz: pace.max_rate_hz,
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

    pub(super) fn unsubscribe(&mut self, channels: Vec<ChannelId>) {
        if !channels.is_empty() {
            let id = self.expect_answer(Request::Other);
            self.outgoing
                .push_back(ClientMessage::Unsubscribe(Unsubscribe { id, channels }));
        }
    }

    /// Asks for all that is wanted and was not asked for yet: one message for all of a pace, as
    /// far as it has room.
    pub(super) fn subscribe_wanted(&mut self) {
        let mut groups: Vec<(Pace, Vec<Filter>)> = vec![];
        for (filter, subscription) in &mut self.subscriptions {
            if !matches!(subscription.state, State::Wanted) {
                continue;
            }
            subscription.state = State::Requested;
            let pace = subscription.pace;
            match groups.iter_mut().find(|(of, _)| *of == pace) {
                Some((_, filters)) => filters.push(filter.clone()),
                None => groups.push((pace, vec![filter.clone()])),
            }
        }
        for (pace, filters) in groups {
            let mut part = vec![];
            let mut bytes = 0;
            for filter in filters {
                let cost = filter.as_str().len() + FILTER_REQUEST_OVERHEAD_BYTES;
                if bytes + cost > SUBSCRIBE_FILTERS_MAX_BYTES {
                    self.subscribe(std::mem::take(&mut part), pace);
                    bytes = 0;
                }
                bytes += cost;
                part.push(filter);
            }
            self.subscribe(part, pace);
        }
    }

    fn subscribe(&mut self, filters: Vec<Filter>, pace: Pace) {
        let requests = filters
            .iter()
            .map(|filter| FilterRequest {
                filter: filter.to_string(),
                resume: self.subscriptions.get(filter).and_then(|s| s.token),
            })
            .collect();
        let id = self.expect_answer(Request::Subscribe(filters, pace));
        self.outgoing.push_back(ClientMessage::Subscribe(Subscribe {
            id,
            filters: requests,
            mode: pace.mode,
            max_rate_hz: pace.max_rate_hz,
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
        self.publishes_in_flight += 1;
        self.requests.insert(id, Request::Publish);
        self.outgoing.push_back(message);
    }
}
