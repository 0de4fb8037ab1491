//! Questions about the past that come over HTTP. They go to the sequencer as those of connections
//! do, and their answers come back with those.

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;
use tickcast_core::work::{Ack, HistoryAnswer};
use tokio::sync::oneshot;

/// The questions of one shard's thread that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: Cell<u32>,
    waiting: RefCell<HashMap<u64, oneshot::Sender<HistoryAnswer>>>,
}

impl Questions {
    /// Where the answer to the next question goes, and how it arrives.
    pub(super) fn next(&self, shard: usize) -> (Ack, oneshot::Receiver<HistoryAnswer>) {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        // No connection has this slot.
        let connection = u64::from(number) << 32 | u64::from(u32::MAX);
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(connection, sender);
        let ack = Ack {
            shard,
            connection,
            id: Some(0),
        };
        (ack, receiver)
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
