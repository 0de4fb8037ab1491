//! Updates that wait for the target of an output that gets each of them.

use std::collections::VecDeque;

/// Bytes of updates that wait, at most: enough for the longest queue of short values, whatever the
/// length of others.
const QUEUE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The updates, in order. When there are too many, the oldest are lost: a target that comes back
/// gets the newest ones, and can see where the others were by their numbers.
#[derive(Debug)]
pub(super) struct Queue {
    updates: VecDeque<Queued>,
    bytes: usize,
    updates_max: usize,
    lost: u64,
}

/// An update that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// The slot of its topic.
    pub(super) slot: u32,
    /// The update as it is on the tape.
    pub(super) bincode: Vec<u8>,
    /// Whether it is older than what came before it.
    pub(super) is_historical: bool,
}

impl Queue {
    pub(super) fn new(updates_max: usize) -> Self {
        Self {
            updates: VecDeque::new(),
            bytes: 0,
            updates_max,
            lost: 0,
        }
    }

    /// Appends an update, which is shorter than the limit.
    pub(super) fn push(&mut self, update: Queued) {
        self.bytes += update.bincode.len();
        self.updates.push_back(update);
        while self.updates.len() > self.updates_max || self.bytes > QUEUE_MAX_BYTES {
            self.pop();
            self.lost += 1;
        }
    }

    /// The oldest update.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let update = self.updates.pop_front()?;
        self.bytes -= update.bincode.len();
        Some(update)
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    /// The number of updates that were lost, since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Nothing more will be sent: what waits is lost.
    pub(super) fn give_up(&mut self) {
        self.lost += self.updates.len() as u64;
        self.updates.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(number: u32, bytes: usize) -> Queued {
        Queued {
            slot: number,
            bincode: vec![0; bytes],
            is_historical: false,
        }
    }

    #[test]
    fn the_oldest_beyond_a_bound_are_lost_and_counted() {
        let mut queue = Queue::new(3);
        (0..5).for_each(|number| queue.push(update(number, 10)));
        assert_eq!((queue.len(), queue.lost()), (3, 2));
        assert_eq!(queue.pop(), Some(update(2, 10)));
        queue.give_up();
        assert_eq!((queue.pop(), queue.lost()), (None, 4));

        let mut queue = Queue::new(1_000_000);
        (0..3).for_each(|number| queue.push(update(number, QUEUE_MAX_BYTES / 2)));
        assert_eq!((queue.len(), queue.lost()), (2, 1));
        assert_eq!(queue.pop().unwrap().slot, 1);
    }
}
