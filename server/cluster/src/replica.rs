//! The book with the sequencer: one message of the stream in, strips out.

use std::{sync::Arc, time::Duration};

use tickcast_core::{
    Now,
    sequencer::Sequencer,
    tape::Strip,
    work::{Ack, FeedId, HistoryAnswer, HistoryQuestion, Submission},
};
use tickcast_protocol::message::{Position, TimeNs};

use crate::{
    book::{Book, Change, Ignored, Member},
    chain::Chain,
    checkpoint::Checkpoint,
    delivered::{Delivered, Mark},
    item::Item,
    message::{Body, Message},
    newest::Newest,
    orders::{LastWords, Order},
};

/// What came of a message.
#[derive(Debug)]
pub struct Applied {
    /// What changed in the book, or why the message does not count.
    pub result: Result<Vec<Change>, Ignored>,
    /// The strips, in order.
    pub strips: Vec<Arc<Strip>>,
    /// Operators' orders.
    pub orders: Vec<Order>,
}

/// What a node has made of the stream so far.
///
/// Everything in it depends on the messages and their times alone. So two replicas that have read
/// the same messages are equal, and make the same strips of the next one.
#[derive(Debug)]
pub struct Replica {
    book: Book,
    sequencer: Sequencer,
    chain: Chain,
    /// The last message.
    mark: Option<Mark>,
    /// Time of the first message.
    first_ns: Option<TimeNs>,
    /// The latest time of the messages so far.
    time_ns: TimeNs,
    newest: Newest,
    words: LastWords,
    /// Updates of feeds whose member did not have the feed any more.
    fenced: u64,
}

impl Replica {
    /// A replica that has read nothing. The sequencer must have the settings that all nodes share,
    /// and no limit for single clients.
    pub fn new(sequencer: Sequencer) -> Self {
        Self {
            book: Book::default(),
            sequencer,
            chain: Chain::default(),
            mark: None,
            first_ns: None,
            time_ns: TimeNs::MIN,
            newest: Newest::default(),
            words: LastWords::default(),
            fenced: 0,
        }
    }

    /// A replica that goes on from a checkpoint, with the newest values there. The sequencer must
    /// be as for [`new`](Self::new).
    pub fn resume(mut sequencer: Sequencer, checkpoint: Checkpoint) -> Self {
        let mut replica = Self {
            book: checkpoint.book,
            chain: checkpoint.chain,
            mark: checkpoint.mark,
            first_ns: checkpoint.first_ns,
            time_ns: checkpoint.time_ns,
            newest: checkpoint.newest,
            words: checkpoint.words,
            ..Self::new(Sequencer::new(0))
        };
        sequencer.resume(&checkpoint.sequencer, replica.now());
        replica.sequencer = sequencer;
        replica
    }

    /// Everything that the next strips depend on, and the newest values.
    pub fn checkpoint(&self) -> Vec<u8> {
        let checkpoint = Checkpoint {
            book: self.book.clone(),
            chain: self.chain.clone(),
            mark: self.mark,
            first_ns: self.first_ns,
            time_ns: self.time_ns,
            newest: self.newest.clone(),
            words: self.words.clone(),
            sequencer: self.sequencer.snapshot(),
        };
        checkpoint.encode()
    }

    /// The newest values of all topics.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    /// The last words on identities and tokens that were revoked or restored.
    pub fn last_words(&self) -> &LastWords {
        &self.words
    }

    /// Members, feeds and the epoch.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What it has read.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last message that it has read.
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// The sequencer.
    pub fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// Answers a question about the past.
    pub(crate) fn answer(&mut self, question: HistoryQuestion) -> HistoryAnswer {
        let now = self.now();
        self.sequencer.answer(question, now)
    }

    /// The position of the newest update.
    pub fn position(&self) -> Position {
        self.sequencer.position()
    }

    /// The stream's time, as the sequencer is told it.
    pub fn now(&self) -> Now {
        // The clock of the stream's engine may go back, for example when another machine leads.
        let since_first = self.time_ns.saturating_sub(self.first_ns.unwrap_or(0));
        Now {
            uptime: Duration::from_nanos(since_first.unsigned_abs()),
            wall_ns: self.time_ns,
        }
    }

    /// When the next topic will have been silent for too long, by the stream's time since the first
    /// message.
    pub fn next_due(&self) -> Option<Duration> {
        self.sequencer.liveness().next_due()
    }

    /// Number of updates of feeds that did not count, because another member had the feed.
    pub fn fenced(&self) -> u64 {
        self.fenced
    }

    /// Applies the next message, which is `None` if its bytes are unreadable. `acks` are those of
    /// the items of this node's own work.
    pub(crate) fn apply(
        &mut self,
        delivered: Delivered<'_>,
        message: Option<&Message>,
        acks: &[Option<Ack>],
    ) -> Applied {
        let Delivered {
            sequence,
            time_ns,
            bytes,
        } = delivered;
        self.mark = Some(delivered.mark());
        self.first_ns.get_or_insert(time_ns);
        self.time_ns = self.time_ns.max(time_ns);
        let now = self.now();
        let position = self.position();
        let result = match message {
            Some(message) => self.book.apply(sequence, message, &self.chain, position),
            None => Err(Ignored::Unreadable),
        };
        let (mut strips, mut orders) = (Vec::new(), Vec::new());
        if let (Ok(changes), Some(message)) = (&result, message) {
            for change in changes {
                if let Change::Moved { feed, .. } = change {
                    // Its topics have no source until its new owner brings updates.
                    self.sequencer.feed_down(*feed, now);
                    self.take_full(&mut strips);
                }
            }
            if let Body::Work { items, .. } = &message.body {
                orders = self.work(message, items, acks, now, &mut strips);
            }
        }
        self.sequencer.poll(now);
        while let Some(strip) = self.sequencer.take_strip() {
            strips.push(strip);
        }
        strips.iter().for_each(|strip| self.newest.apply(strip));
        let made = strips.iter().map(|strip| &**strip);
        self.chain.push(sequence, self.time_ns, bytes, made);
        Applied {
            result,
            strips,
            orders,
        }
    }

    /// Does the work of a message. Returns the orders in it.
    fn work(
        &mut self,
        message: &Message,
        items: &[u8],
        acks: &[Option<Ack>],
        now: Now,
        strips: &mut Vec<Arc<Strip>>,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        // What is unreadable is so for all nodes.
        let items = Item::all(items).unwrap_or_default();
        let acks = acks.iter().copied().chain(std::iter::repeat(None));
        for (item, ack) in items.into_iter().zip(acks) {
            let feed = match item.feed() {
                None => None,
                Some(index) => match self.own_feed(message, index) {
                    Some(feed) => Some(feed),
                    None => {
                        self.fenced += item.updates();
                        continue;
                    }
                },
            };
            let once = item.once();
            match (item, feed) {
                (Item::Updates { updates, .. } | Item::Once { updates, .. }, feed) => {
                    let submission = Submission {
                        updates: updates.into(),
                        ack,
                        feed,
                        once,
                    };
                    self.sequencer.push(submission, now);
                }
                (Item::FeedDown { .. }, Some(feed)) => self.sequencer.feed_down(feed, now),
                (Item::TopicsDead { topics, .. }, Some(feed)) => {
                    self.sequencer.topics_dead(feed, &topics, now);
                }
                (Item::FeedLost { since, .. }, Some(feed)) => {
                    self.sequencer.feed_lost(feed, since, now);
                }
                (Item::Order(order), _) => {
                    self.words.note(&order);
                    orders.push(order);
                }
                (_, None) => {}
            }
            self.take_full(strips);
        }
        orders
    }

    /// The number in the cluster of a feed of a member, if the member has it now.
    fn own_feed(&self, message: &Message, index: u16) -> Option<FeedId> {
        let member: &Member = self.book.member(message.from)?;
        let feed = *member.feeds.get(usize::from(index))?;
        let is_own = self.book.feeds().owner(feed) == Some(message.from);
        is_own.then_some(feed)
    }

    fn take_full(&mut self, strips: &mut Vec<Arc<Strip>>) {
        while self.sequencer.is_full()
            && let Some(strip) = self.sequencer.take_strip()
        {
            strips.push(strip);
        }
    }
}
