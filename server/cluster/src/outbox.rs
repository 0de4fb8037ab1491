//! What a node has to write, until it reads it in the stream.
//!
//! ```text
//!  items --> open batch --> numbered, written, not read yet --> read: done
//!                           ^                              |
//!                           +------ written again ---------+
//! ```
//!
//! A node knows that a message is in the stream when it reads it there. Until then it keeps the
//! message, and writes it and all after it again if it does not come ("go back N", as in HDLC,
//! ISO/IEC 13239): the numbers say which counts. Message ids of the engine would not do. It forgets
//! them after a while, and with a hole before it a message is in the stream and does not count; an
//! engine that knows its id would drop it when it is written again.

use std::{collections::VecDeque, time::Duration};

use tickcast_core::work::{Ack, HistoryQuestion};

use crate::{
    item::Item,
    message::{Body, MESSAGE_MAX_BYTES},
};

/// Maximum number of messages that are written and not read yet. While there are as many, items
/// gather, so messages become larger and not more.
pub const WINDOW_MAX: usize = 16;

/// Bytes of items at which the outbox takes no more: seconds of a busy feed. Then feeds and
/// publishers wait.
pub const WAITING_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What was written is written again after this time, if the stream was read to its end and it is
/// not there.
pub const RESEND_AFTER: Duration = Duration::from_secs(2);

/// Maximum bytes of the items of a message. The rest is for what is around them.
const ITEMS_MAX_BYTES: usize = MESSAGE_MAX_BYTES - 128;

/// What became of work that was offered.
#[derive(Debug, Clone, PartialEq)]
pub enum Offered {
    /// It will be written.
    Taken,
    /// It is a question, which [`Node::answer`](crate::Node::answer) answers.
    Question(Box<HistoryQuestion>),
    /// Updates of it are too long for a message.
    TooLong {
        /// How many.
        updates: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Part {
    ack: Option<Ack>,
    is_of_feed: bool,
    updates: u64,
    /// Where its bytes end.
    end: usize,
}

/// Items of one message.
#[derive(Debug, Default)]
struct Batch {
    items: Vec<u8>,
    parts: Vec<Part>,
}

/// Work of a node that is not read yet; see the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Batches without a number.
    open: VecDeque<Batch>,
    /// Batches with numbers, oldest first.
    unread: VecDeque<Batch>,
    /// The number of the last batch that was read.
    read: u64,
    /// How many of `unread` are written.
    written: usize,
    bytes: usize,
}

impl Outbox {
    /// Bytes of the items in it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of updates in it.
    pub(crate) fn updates(&self) -> u64 {
        let batches = self.open.iter().chain(&self.unread);
        let parts = batches.flat_map(|batch| &batch.parts);
        parts.map(|part| part.updates).sum()
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.unread.is_empty()
    }

    /// Whether something is written and not read yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.written > 0
    }

    /// Takes an item.
    pub(crate) fn offer(&mut self, item: Item, ack: Option<Ack>) -> Offered {
        let mut bytes = Vec::new();
        item.append(&mut bytes);
        if bytes.len() > ITEMS_MAX_BYTES {
            return self.offer_in_parts(item);
        }
        let is_full = |batch: &Batch| batch.items.len() + bytes.len() > ITEMS_MAX_BYTES;
        if self.open.back().is_none_or(is_full) {
            self.open.push_back(Batch::default());
        }
        if let Some(open) = self.open.back_mut() {
            self.bytes += bytes.len();
            open.items.append(&mut bytes);
            open.parts.push(Part {
                ack,
                is_of_feed: item.feed().is_some(),
                updates: item.updates(),
                end: open.items.len(),
            });
        }
        Offered::Taken
    }

    /// Takes an item that is too long for a message, if it can be divided: what a feed hands over
    /// at once may be accepted in part, and a client's publish may not.
    fn offer_in_parts(&mut self, item: Item) -> Offered {
        let updates = item.updates();
        match item {
            Item::Updates {
                feed: Some(feed),
                updates: mut first,
            } if first.len() > 1 => {
                let second = first.split_off(first.len() / 2);
                let mut too_long = 0;
                for updates in [first, second] {
                    let feed = Some(feed);
                    let offered = self.offer(Item::Updates { feed, updates }, None);
                    if let Offered::TooLong { updates } = offered {
                        too_long += updates;
                    }
                }
                match too_long {
                    0 => Offered::Taken,
                    updates => Offered::TooLong { updates },
                }
            }
            Item::TopicsDead { feed, mut topics } if topics.len() > 1 => {
                let second = topics.split_off(topics.len() / 2);
                for topics in [topics, second] {
                    self.offer(Item::TopicsDead { feed, topics }, None);
                }
                Offered::Taken
            }
            _ => Offered::TooLong { updates },
        }
    }

    /// The next work to write, if there is any and the window is open.
    pub(crate) fn take(&mut self) -> Option<Body> {
        if self.written == self.unread.len() {
            if self.written >= WINDOW_MAX {
                return None;
            }
            self.unread.push_back(self.open.pop_front()?);
        }
        let batch = self.unread.get(self.written)?;
        self.written += 1;
        Some(Body::Work {
            number: self.read + self.written as u64,
            items: batch.items.clone(),
        })
    }

    /// The acks of the next batch to be read, if it has this number.
    pub(crate) fn acks(&self, number: u64) -> Vec<Option<Ack>> {
        match self.unread.front() {
            Some(batch) if number == self.read + 1 => {
                batch.parts.iter().map(|part| part.ack).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The next batch was read, and counts.
    pub(crate) fn read(&mut self) {
        if let Some(batch) = self.unread.pop_front() {
            self.read += 1;
            self.bytes -= batch.items.len();
            self.written = self.written.saturating_sub(1);
        }
    }

    /// Everything that was not read is to be written again.
    pub(crate) fn go_back(&mut self) {
        self.written = 0;
    }

    /// Goes on as another member: what was not read will never count. What clients have published
    /// is to be written under new numbers. Updates of feeds are dropped, because another member may
    /// have the feeds. Returns how many.
    pub(crate) fn start_again(&mut self) -> u64 {
        let mut dropped = 0;
        let batches = std::mem::take(self);
        for batch in batches.unread.into_iter().chain(batches.open) {
            let mut kept = Batch::default();
            let mut start = 0;
            for part in batch.parts {
                let bytes = &batch.items[start..part.end];
                start = part.end;
                if part.is_of_feed {
                    dropped += part.updates;
                    continue;
                }
                kept.items.extend_from_slice(bytes);
                let end = kept.items.len();
                kept.parts.push(Part { end, ..part });
            }
            self.bytes += kept.items.len();
            if !kept.parts.is_empty() {
                self.open.push_back(kept);
            }
        }
        dropped
    }
}
