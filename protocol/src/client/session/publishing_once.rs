//! Publishes that are sent again on each connection until they are answered, and that the server
//! puts on the tape once.
//!
//! ```text
//!            number 1 answered                        published, or refused for good
//!  waiting --------------------> sent under a number --------------------------------> told
//!                                  ^    |    ^   |
//!             the next connection  +----+    +---+  refused for now, later
//! ```
//!
//! `docs/protocol.md` says why nothing is doubled ("Publishing once").

use super::{
    answers::RETRY_AFTER_MS,
    once_publishes::{Place, Stage, Waiting},
    pending_requests::PendingRequest,
    state::Session,
};
use crate::{
    client::event::{Event, Unpublished},
    codec,
    error::ErrorCode,
    message::{
        ClientMessage, ErrorMessage, Publication, PublishNumber, PublishOnce, Published,
        PublisherId, RequestId,
    },
};

impl Session {
    pub(super) fn publish_once(&mut self, id: RequestId, updates: Vec<Publication>) {
        self.once.waiting.push_back(Waiting {
            id,
            updates,
            number: None,
            place: Place::Here,
            is_doubtful: false,
        });
        self.send_once();
    }

    /// Sends what is to be sent, if there is a connection.
    pub(super) fn send_once(&mut self) {
        let Some(limits) = self.limits else {
            return;
        };
        let limit = limits.message_bytes as usize;
        let once = &mut self.once;
        let mut too_long = Vec::new();
        let mut is_publisher_missing = false;
        for one in &mut once.waiting {
            if one.place != Place::Here {
                continue;
            }
            let number = match one.number {
                Some(number) => number,
                None if once.stage == Stage::Known => (once.publisher, once.number + 1),
                None => {
                    is_publisher_missing = true;
                    continue;
                }
            };
            let message = message(one.id, number, one.updates.clone());
            let bytes = codec::encode_client(&message, self.encoding).len();
            if limit != 0 && bytes > limit {
                too_long.push((one.id, bytes));
                continue;
            }
            if one.number.is_none() {
                one.number = Some(number);
                once.number = number.1;
            }
            one.place = Place::Sent;
            self.requests.expect_as(one.id, PendingRequest::PublishOnce);
            self.requests.send(message);
        }
        if is_publisher_missing && once.stage == Stage::Unknown {
            once.stage = Stage::Told;
            let publisher = once.publisher;
            let id = self.requests.expect(PendingRequest::Publisher);
            self.requests.send(message(id, (publisher, 1), Vec::new()));
        }
        for (id, bytes) in too_long {
            let why = Unpublished::TooLong { bytes, limit };
            self.unpublished(id, why);
        }
    }

    /// The server knows the publisher.
    pub(super) fn publisher_known(&mut self) {
        self.once.stage = Stage::Known;
        self.send_once();
    }

    /// The server does not take the publisher.
    pub(super) fn publisher_refused(&mut self, error: &ErrorMessage) {
        if error.temporary {
            self.once.stage = Stage::Refused;
            self.retry_once(error);
            return self.push_event(Event::Error(error.clone()));
        }
        self.once.stage = Stage::Unknown;
        let waiting = self.once.waiting.iter();
        let unnumbered = waiting.filter(|one| one.number.is_none());
        for id in unnumbered.map(|one| one.id).collect::<Vec<_>>() {
            let id_of = ErrorMessage {
                id: Some(id),
                ..error.clone()
            };
            self.unpublished(id, Unpublished::Refused(id_of));
        }
    }

    pub(super) fn published_once(&mut self, published: Published) {
        if self.once.remove(published.id).is_some() {
            self.push_event(Event::Published(published));
        }
    }

    pub(super) fn refused_once(&mut self, id: RequestId, error: ErrorMessage) {
        let Some(one) = self.once.get_mut(id) else {
            return;
        };
        if error.temporary {
            one.place = Place::Refused;
            self.retry_once(&error);
            return self.push_event(Event::Error(error));
        }
        let is_doubtful = one.is_doubtful;
        let number = one.number;
        if error.code == ErrorCode::NumberTooOld {
            if !is_doubtful {
                // It was sent only once, so it is not on the tape.
                (one.number, one.place) = (None, Place::Here);
            }
            if let Some((publisher, _)) = number {
                self.once.forgotten(publisher);
            }
            if !is_doubtful {
                return self.send_once();
            }
        }
        match is_doubtful {
            true => {
                self.push_event(Event::Error(error));
                self.unpublished(id, Unpublished::Unknown);
            }
            false => self.unpublished(id, Unpublished::Refused(error)),
        }
    }

    /// No connection follows. What waits is not published, or may be.
    pub(in crate::client) fn end(&mut self) {
        while let Some(Waiting { id, .. }) = self.once.waiting.front() {
            let id = *id;
            self.unpublished(id, Unpublished::NotConnected);
        }
    }

    fn unpublished(&mut self, id: RequestId, why: Unpublished) {
        let one = self.once.remove(id);
        let why = match (one, why) {
            (Some(one), Unpublished::NotConnected) if one.is_doubtful => Unpublished::Unknown,
            (_, why) => why,
        };
        self.push_event(Event::Unpublished { id, why });
    }

    fn retry_once(&mut self, error: &ErrorMessage) {
        let after_ms = error.retry_after_ms.unwrap_or(RETRY_AFTER_MS);
        self.retry_after_ms = Some(self.retry_after_ms.unwrap_or(0).max(after_ms));
    }
}

fn message(
    id: RequestId,
    (publisher, number): (PublisherId, PublishNumber),
    updates: Vec<Publication>,
) -> ClientMessage {
    ClientMessage::PublishOnce(PublishOnce {
        id,
        publisher,
        number,
        updates,
    })
}
