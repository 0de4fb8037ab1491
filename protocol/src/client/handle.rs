//! What a caller may ask of a running [`Client`](super::Client).

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::mpsc;

use crate::{
    message::{Mode, Publication, RequestId},
    topic::Filter,
};

/// Commands that wait until the client takes them. It takes them whenever it is asked for the next
/// event, so this is reached by publishing faster than the connection takes it.
pub const COMMANDS_MAX: usize = 1024;

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// See [`ClientHandle::subscribe`].
    Subscribe {
        /// What to subscribe to.
        filters: Vec<Filter>,
        /// How.
        mode: Mode,
        /// At most so many batches per second, in mode `latest`.
        max_rate_hz: Option<f64>,
    },
    /// See [`ClientHandle::unsubscribe`].
    Unsubscribe {
        /// What not to be subscribed to any more.
        filters: Vec<Filter>,
    },
    /// See [`ClientHandle::publish`].
    Publish {
        /// Names the request.
        id: RequestId,
        /// What to put on the tape.
        updates: Vec<Publication>,
    },
    /// See [`ClientHandle::list`].
    List,
    /// See [`ClientHandle::close`].
    Close,
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// [`COMMANDS_MAX`] are waiting.
    #[error("{COMMANDS_MAX} commands are waiting already")]
    Full,
    /// The client has ended.
    #[error("the client has ended")]
    Ended,
}

/// Numbers for requests, unique among a client and its handles.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestIds(Arc<AtomicU32>);

impl RequestIds {
    /// A number that was not used before. The first is 1.
    pub(super) fn next(&self) -> RequestId {
        // The number need not be ordered with anything else.
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}

/// Gives commands to a [`Client`](super::Client) from anywhere: no method waits.
#[derive(Debug, Clone)]
pub struct ClientHandle {
    commands: mpsc::Sender<Command>,
    ids: RequestIds,
}

impl ClientHandle {
    pub(super) fn new(ids: RequestIds) -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        (Self { commands, ids }, receiver)
    }

    fn give(&self, command: Command) -> Result<(), HandleError> {
        use mpsc::error::TrySendError;
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => HandleError::Full,
                TrySendError::Closed(_) => HandleError::Ended,
            })
    }

    /// Wants to be subscribed to these filters from now on, across reconnects. A filter that is
    /// subscribed to already gets the new mode and rate.
    pub fn subscribe(
        &self,
        filters: impl IntoIterator<Item = Filter>,
        mode: Mode,
        max_rate_hz: Option<f64>,
    ) -> Result<(), HandleError> {
        self.give(Command::Subscribe {
            filters: filters.into_iter().collect(),
            mode,
            max_rate_hz,
        })
    }

    /// Does not want to be subscribed to these filters any more.
    pub fn unsubscribe(
        &self,
        filters: impl IntoIterator<Item = Filter>,
    ) -> Result<(), HandleError> {
        self.give(Command::Unsubscribe {
            filters: filters.into_iter().collect(),
        })
    }

    /// Puts updates on the tape, all or none. One [`Event::Published`](super::Event::Published) or
    /// [`Event::Unpublished`](super::Event::Unpublished) with the returned number follows.
    pub fn publish(&self, updates: Vec<Publication>) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(Command::Publish { id, updates })?;
        Ok(id)
    }

    /// Asks for [`Event::Subscriptions`](super::Event::Subscriptions): the server's view of them.
    pub fn list(&self) -> Result<(), HandleError> {
        self.give(Command::List)
    }

    /// Closes the connection, which ends the client.
    pub fn close(&self) -> Result<(), HandleError> {
        self.give(Command::Close)
    }
}
