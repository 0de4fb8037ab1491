//! Publishes that are sent again until they are answered: where each of them is.

use std::collections::VecDeque;

use crate::message::{PUBLISHER_WINDOW, Publication, PublishNumber, PublisherId, RequestId};

/// Whether the server knows the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It must be told.
    Unknown,
    /// It was told, and has not answered.
    Told,
    /// It has refused for now.
    Refused,
    /// It knows.
    Known,
}

/// Where a publish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is to be sent.
    Here,
    /// It was sent on this connection.
    Sent,
    /// The server has refused it for now.
    Refused,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: RequestId,
    pub(super) updates: Vec<Publication>,
    /// Under which number of which publisher it was sent.
    pub(super) number: Option<(PublisherId, PublishNumber)>,
    pub(super) place: Place,
    /// Whether a connection was lost before its answer: it may be on the tape.
    pub(super) is_doubtful: bool,
}

/// The publishes that wait, and the publisher that they are of.
#[derive(Debug)]
pub(super) struct OncePublishes {
    pub(super) publisher: PublisherId,
    pub(super) stage: Stage,
    /// The last number that was given to a publish.
    pub(super) number: PublishNumber,
    /// Oldest first. At most [`PUBLISHER_WINDOW`].
    pub(super) waiting: VecDeque<Waiting>,
}

impl OncePublishes {
    /// `publisher` is random.
    pub(super) fn new(publisher: PublisherId) -> Self {
        Self {
            publisher,
            stage: Stage::Unknown,
            number: 1,
            waiting: VecDeque::new(),
        }
    }

    /// Whether as many wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() as u64 >= PUBLISHER_WINDOW
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|one| one.id == id)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Waiting> {
        let index = self.waiting.iter().position(|one| one.id == id)?;
        self.waiting.remove(index)
    }

    /// Goes on as another publisher, because the server has forgotten this one.
    pub(super) fn forgotten(&mut self, publisher: PublisherId) {
        if publisher == self.publisher {
            *self = Self {
                waiting: std::mem::take(&mut self.waiting),
                ..Self::new(publisher.wrapping_add(1))
            };
        }
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        if self.stage != Stage::Known {
            self.stage = Stage::Unknown;
        }
        for one in &mut self.waiting {
            one.is_doubtful |= one.place == Place::Sent;
            one.place = Place::Here;
        }
    }

    /// What was refused for now is to be sent again.
    pub(super) fn retry(&mut self) {
        if self.stage == Stage::Refused {
            self.stage = Stage::Unknown;
        }
        let waiting = self.waiting.iter_mut();
        let refused = waiting.filter(|one| one.place == Place::Refused);
        refused.for_each(|one| one.place = Place::Here);
    }
}
