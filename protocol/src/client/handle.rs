//! What a caller may ask of a running [`Client`](super::Client).

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::{Notify, mpsc};

use crate::{
    message::{HistoryRequest, Mode, Position, Publication, RequestId},
    topic::{Filter, Topic},
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
    /// See [`ClientHandle::history`].
    History(HistoryRequest),
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
    closing: Arc<Notify>,
    ids: RequestIds,
}

impl ClientHandle {
    pub(super) fn new(ids: RequestIds) -> (Self, Commands) {
        let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
        let closing = Arc::new(Notify::new());
        let commands = Commands {
            queue: Some(receiver),
            closing: Arc::clone(&closing),
        };
        let handle = Self {
            commands: sender,
            closing,
            ids,
        };
        (handle, commands)
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

    /// Asks for the newest updates of a topic, at most `limit` of them, and only those before
    /// `before`: the position of the first update of an answer, to go on into the past. One
    /// [`Event::History`](super::Event::History) or [`Event::NoHistory`](super::Event::NoHistory)
    /// with the returned number follows.
    pub fn history(
        &self,
        topic: &Topic,
        limit: Option<u32>,
        before: Option<Position>,
    ) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(Command::History(HistoryRequest {
            id,
            topic: topic.as_str().to_owned(),
            limit,
            before,
        }))?;
        Ok(id)
    }

    /// Asks for [`Event::Subscriptions`](super::Event::Subscriptions): the server's view of them.
    pub fn list(&self) -> Result<(), HandleError> {
        self.give(Command::List)
    }

    /// Closes the connection, which ends the client. It overtakes all other commands.
    pub fn close(&self) -> Result<(), HandleError> {
        if self.commands.is_closed() {
            return Err(HandleError::Ended);
        }
        self.closing.notify_one();
        Ok(())
    }
}

/// The client's end of its handles.
#[derive(Debug)]
pub(super) struct Commands {
    /// `None` when there is nobody left to give or to take commands.
    queue: Option<mpsc::Receiver<Command>>,
    closing: Arc<Notify>,
}

impl Commands {
    /// The next command; only that to close, if `takes_all` is false. `None` once, when the last
    /// handle is gone. Cancel-safe.
    pub(super) async fn next(&mut self, takes_all: bool) -> Option<Command> {
        let queued = async {
            match &mut self.queue {
                Some(queue) if takes_all => queue.recv().await,
                _ => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.closing.notified() => Some(Command::Close),
            command = queued => command,
        }
    }

    /// Takes no more commands: handles are told so. Gives those that were not taken.
    pub(super) fn end(&mut self) -> Vec<Command> {
        let Some(mut queue) = self.queue.take() else {
            return vec![];
        };
        queue.close();
        std::iter::from_fn(|| queue.try_recv().ok()).collect()
    }
}
