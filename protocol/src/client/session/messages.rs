//! What the session does with a message of the server, and with the end of the connection.

use super::{
    pending_requests::PendingRequest,
    state::{Session, SessionError},
};
use crate::{
    client::event::{Event, NoAnswer, Unpublished},
    message::{Epoch, ServerMessage, Start, TimeNs, Welcome},
    topic::Topic,
};

impl Session {
    /// Handles a message that arrived at `now`.
    pub(in crate::client) fn message(
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
            ServerMessage::Unsubscribed(unsubscribed) => self.unsubscribed(unsubscribed),
            ServerMessage::Changed(changed) => self.changed(&changed)?,
            ServerMessage::Published(published) => self.published(published),
            ServerMessage::Time(answer) => self.time(&answer, now),
            ServerMessage::Error(error) => self.error(error),
            ServerMessage::Draining(draining) => self.push_event(Event::Draining(draining)),
            ServerMessage::Subscriptions(list) => {
                self.requests.answered(list.id);
                self.push_event(Event::Subscriptions(list));
            }
            ServerMessage::Status(statuses) => self.statuses(statuses),
            ServerMessage::History(history) => self.history(history),
            ServerMessage::Candles(candles) => self.candles(candles),
            ServerMessage::Authenticated(authenticated) => {
                if let Some(id) = authenticated.id {
                    self.requests.answered(id);
                }
                self.push_event(Event::Authenticated(authenticated));
            }
            ServerMessage::Expiring(expiring) => self.push_event(Event::Expiring(expiring)),
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<(), SessionError> {
        if self.is_connected() {
            return Err(SessionError::Unexpected("a second welcome"));
        }
        self.limits = Some(welcome.limits);
        self.lineage = Some(welcome.lineage());
        let epoch = welcome.epoch;
        self.push_event(Event::Connected(welcome));
        if std::mem::take(&mut self.must_start_anew) {
            self.clear_tokens(epoch);
        }
        self.subscribe_wanted();
        self.send_once();
        Ok(())
    }

    fn clear_tokens(&mut self, epoch: Epoch) {
        for filter in self.wanted.clear_tokens() {
            self.push_event(Event::Reset {
                filter,
                epoch,
                start: Start::Fresh,
            });
        }
    }

    /// The connection is gone: requests on their way are lost, wanted filters stay wanted.
    pub(in crate::client) fn disconnected(&mut self) {
        self.limits = None;
        self.clock.clear();
        self.chain_breaks = 0;
        self.retry_after_ms = None;
        self.wanted.restart_all();
        self.once.disconnected();
        for (id, request) in self.requests.disconnected() {
            match request {
                PendingRequest::Publish => {
                    let why = Unpublished::Unknown;
                    self.push_event(Event::Unpublished { id, why });
                }
                PendingRequest::History => {
                    let why = NoAnswer::NotConnected;
                    self.push_event(Event::NoHistory { id, why });
                }
                PendingRequest::Subscribe(..)
                | PendingRequest::Change(..)
                | PendingRequest::PublishOnce
                | PendingRequest::Publisher
                | PendingRequest::Other => {}
            }
        }
    }
}
