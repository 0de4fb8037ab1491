//! Commands for a running [`Client`](super::Client), from any thread.

use std::{future::pending, sync::Arc};

use tokio::sync::{Notify, mpsc};

use super::{command::ClientCommand, request_ids::RequestIds};
use crate::{
    message::{
        BearerToken, CandlesRequest, HistoryRequest, Mode, Position, Publication, RequestId,
    },
    topic::{Filter, Topic},
};

/// Commands that may wait for the client. The client takes them while its caller waits for the next
/// event. The limit is reached by publishing faster than the connection sends.
pub const COMMANDS_MAX: usize = 1024;

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// [`COMMANDS_MAX`] are waiting.
    #[error("too many commands are waiting (limit {COMMANDS_MAX})")]
    Full,
    /// The client has ended.
    #[error("the client has ended")]
    Ended,
}

/// Gives commands to a [`Client`](super::Client). No method waits.
#[derive(Debug, Clone)]
pub struct ClientHandle {
    commands: mpsc::Sender<ClientCommand>,
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

    fn give(&self, command: ClientCommand) -> Result<(), HandleError> {
        use mpsc::error::TrySendError;
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => HandleError::Full,
                TrySendError::Closed(_) => HandleError::Ended,
            })
    }

    /// Subscribes to these filters from now on, across reconnects. A filter that already has a
    /// subscription gets the new mode and rate.
    pub fn subscribe(
        &self,
        filters: impl IntoIterator<Item = Filter>,
        mode: Mode,
        max_rate_hz: Option<f64>,
    ) -> Result<(), HandleError> {
        self.give(ClientCommand::Subscribe {
            filters: filters.into_iter().collect(),
            mode,
            max_rate_hz,
        })
    }

    /// Ends the subscriptions to these filters.
    pub fn unsubscribe(
        &self,
        filters: impl IntoIterator<Item = Filter>,
    ) -> Result<(), HandleError> {
        self.give(ClientCommand::Unsubscribe {
            filters: filters.into_iter().collect(),
        })
    }

    /// Puts updates on the tape, all or none. One [`Event::Published`](super::Event::Published) or
    /// [`Event::Unpublished`](super::Event::Unpublished) with the returned id follows.
    pub fn publish(&self, updates: Vec<Publication>) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(ClientCommand::Publish { id, updates })?;
        Ok(id)
    }

    /// Puts updates on the tape, all or none, and sends them again on each new connection until the
    /// server has answered. They are put on the tape once, also if the client goes on at another
    /// node of a cluster. [`Event::Published`](super::Event::Published) or
    /// [`Event::Unpublished`](super::Event::Unpublished) with the returned id follows. What the
    /// server refuses for now is sent again as well.
    ///
    /// Up to [`PUBLISHER_WINDOW`](crate::message::PUBLISHER_WINDOW) of them wait for their answers,
    /// connected or not. Above it commands stay in their queue.
    pub fn publish_once(&self, updates: Vec<Publication>) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(ClientCommand::PublishOnce { id, updates })?;
        Ok(id)
    }

    /// Asks for the newest updates of a topic: at most `limit` of them, and only those before
    /// `before`. To page into the past, pass the position of the first update of the previous
    /// answer. One [`Event::History`](super::Event::History) or
    /// [`Event::NoHistory`](super::Event::NoHistory) with the returned id follows.
    pub fn history(
        &self,
        topic: &Topic,
        limit: Option<u32>,
        before: Option<Position>,
    ) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(ClientCommand::History(HistoryRequest {
            id,
            topic: topic.as_str().to_owned(),
            limit,
            before,
        }))?;
        Ok(id)
    }

    /// Asks for candles of a topic, or for rows; its id is ignored, because the client chooses one.
    /// One [`Event::Candles`](super::Event::Candles) or
    /// [`Event::NoHistory`](super::Event::NoHistory) with the returned id follows.
    pub fn candles(&self, request: CandlesRequest) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(ClientCommand::Candles(CandlesRequest { id, ..request }))?;
        Ok(id)
    }

    /// Asks for the server's list of the subscriptions. One
    /// [`Event::Subscriptions`](super::Event::Subscriptions) follows, if there is a connection.
    pub fn list(&self) -> Result<(), HandleError> {
        self.give(ClientCommand::List)
    }

    /// Proves an identity, or renews it, on the open connection. The answer is
    /// [`Event::Authenticated`](super::Event::Authenticated) or
    /// [`Event::Error`](super::Event::Error) with the returned id. For later connections use
    /// [`ClientOptions::token`](super::ClientOptions::token).
    pub fn authenticate(&self, token: BearerToken) -> Result<RequestId, HandleError> {
        let id = self.ids.next();
        self.give(ClientCommand::Authenticate { id, token })?;
        Ok(id)
    }

    /// Closes the connection, which ends the client. Overtakes all other commands.
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
    /// `None` after all handles are dropped or the client has ended.
    queue: Option<mpsc::Receiver<ClientCommand>>,
    closing: Arc<Notify>,
}

impl Commands {
    /// The next command. If `takes_all` is false, only [`ClientCommand::Close`]. `None` once, when
    /// the last handle is dropped. Cancel-safe.
    pub(super) async fn next(&mut self, takes_all: bool) -> Option<ClientCommand> {
        let queued = async {
            match &mut self.queue {
                Some(queue) if takes_all => queue.recv().await,
                _ => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.closing.notified() => Some(ClientCommand::Close),
            command = queued => command,
        }
    }

    /// Accepts no more commands: handles get [`HandleError::Ended`]. Returns the waiting commands.
    pub(super) fn end(&mut self) -> Vec<ClientCommand> {
        let Some(mut queue) = self.queue.take() else {
            return vec![];
        };
        queue.close();
        std::iter::from_fn(|| queue.try_recv().ok()).collect()
    }
}
