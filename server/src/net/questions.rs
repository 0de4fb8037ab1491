//! Questions about the past, and publishes, that come over HTTP. They go to the sequencer as those
//! of connections do, and their answers come back with those.

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;
use tickcast_core::{
    shard::ConnectionKey,
    tape::AckResult,
    work::{Ack, HistoryAnswer},
};
use tokio::sync::oneshot;

/// The questions and publishes of one shard's thread that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: Cell<u32>,
    waiting: RefCell<HashMap<u64, oneshot::Sender<HistoryAnswer>>>,
    posted: RefCell<HashMap<u64, oneshot::Sender<AckResult>>>,
}

impl Questions {
    /// Where the answer to the next question goes, and how it arrives.
    pub(super) fn next(&self, shard: usize) -> (Ack, oneshot::Receiver<HistoryAnswer>) {
        let connection = ConnectionKey::without_connection(self.next_number()).to_u64();
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(connection, sender);
        let ack = Ack {
            shard,
            connection,
            id: Some(0),
        };
        (ack, receiver)
    }

    /// A number that no other question and no other client has.
    pub(super) fn next_number(&self) -> u32 {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        number
    }

    /// How the answer to a client's next publish arrives.
    pub(super) fn posts(&self, key: ConnectionKey) -> oneshot::Receiver<AckResult> {
        let (sender, receiver) = oneshot::channel();
        self.posted.borrow_mut().insert(key.to_u64(), sender);
        receiver
    }

    /// A publish that comes to nothing has no answer.
    pub(super) fn forget(&self, key: ConnectionKey) {
        self.posted.borrow_mut().remove(&key.to_u64());
    }

    /// Passes on the answer to a publish.
    pub(super) fn answer_posted(&self, answer: AckResult) {
        if let Some(sender) = self.posted.borrow_mut().remove(&answer.ack.connection) {
            // The client may be gone.
            let _ = sender.send(answer);
        }
    }

    /// Takes the answers to these questions out of all that have arrived.
    pub(super) fn take(&self, answers: &mut Vec<HistoryAnswer>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        let is_waited_for =
            |answer: &mut HistoryAnswer| waiting.contains_key(&answer.to.connection);
        let arrived: Vec<_> = answers.extract_if(.., is_waited_for).collect();
        for answer in arrived {
            if let Some(sender) = waiting.remove(&answer.to.connection) {
                // The client may be gone.
                let _ = sender.send(answer);
            }
        }
    }
}
