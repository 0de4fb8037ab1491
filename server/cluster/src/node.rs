//! A node: reads the stream, becomes a member, beats, writes, and notices members that are gone.
//!
//! ```text
//!            end of the stream            a member speaks, or none does for a while
//!  reading ---------------------> listening ------------------------> joining
//!     ^                              ^                                   |
//!     |                              +--------------- refused ----------+
//!     |                                                                  v
//!     +------------------------------- expelled --------------------- member
//! ```

use std::{collections::VecDeque, time::Duration};

use tickcast_core::work::{HistoryAnswer, HistoryQuestion, Work};
use tickcast_protocol::message::{Epoch, TimeNs};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    beats::{Beats, PATIENCE_BEATS},
    book::{Change, Ignored, Refusal},
    comparing::{Comparing, EndLost, Known},
    delivered::Delivered,
    events::{Event, Read, ReadError},
    ids::MemberId,
    item::Item,
    message::{Begins, Body, Join, Message, MessageError},
    orders::Order,
    outbox::{Offered, Outbox, RESEND_AFTER, WAITING_MAX_BYTES},
    replica::{Applied, Replica},
    witnesses::Witnesses,
};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name, for people.
    pub node: String,
    /// The names of the feeds that it can run.
    pub feeds: Vec<String>,
    /// The checksum of the settings that all nodes must share.
    pub rules: u64,
    /// A number that no other life of a node has.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It reads the stream up to its end.
    Reading,
    /// It waits for a member to speak, and counts its own beats.
    Listening { beats: u32 },
    /// It has asked to be a member.
    Joining { since: Duration },
    /// It is a member.
    Member,
}

/// A node.
///
/// Input: [`read`](Self::read) for each message of the stream, [`at_end`](Self::at_end) whenever no
/// more is there, [`offer`](Self::offer) for work, [`poll`](Self::poll) about ten times per second.
/// Output: what `read` returns, and [`take`](Self::take), to be called until it returns `None`.
/// Times are those of the node's own clock.
#[derive(Debug)]
pub struct Node {
    settings: NodeSettings,
    lives: u64,
    id: MemberId,
    replica: Replica,
    outbox: Outbox,
    stage: Stage,
    comparing: Option<Comparing>,
    is_at_end: bool,
    beats: Beats,
    witnesses: Witnesses,
    /// When something of the outbox was last read, or written with nothing before it.
    progress: Duration,
    /// What is to be written besides work.
    control: VecDeque<Body>,
    /// The stream's uptime when the last message was read, and the node's clock then.
    read_at: (Duration, Duration),
    leaves: bool,
}

impl Node {
    /// A node that reads on where the replica has stopped. `known` is what it had read in an
    /// earlier life.
    pub fn new(settings: NodeSettings, replica: Replica, known: Option<Known>) -> Self {
        let mut comparing = known.map(Comparing::new);
        if let Some(comparing) = &mut comparing {
            comparing.note(replica.chain(), replica.position());
        }
        let mut node = Self {
            id: MemberId(0),
            settings,
            lives: 0,
            replica,
            outbox: Outbox::default(),
            stage: Stage::Reading,
            comparing,
            is_at_end: false,
            beats: Beats::default(),
            witnesses: Witnesses::default(),
            progress: Duration::ZERO,
            control: VecDeque::new(),
            read_at: Default::default(),
            leaves: false,
        };
        node.id = MemberId(node.draw());
        node
    }

    /// Which member it is, if it is one.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// Whether it is a member.
    pub fn is_member(&self) -> bool {
        self.stage == Stage::Member
    }

    /// What it has made of the stream.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// What a later life of the node needs to know of this one.
    pub fn known(&self) -> Option<Known> {
        let lineage = self.replica.book().lineage()?;
        let chain = self.replica.chain().clone();
        Some(Known { lineage, chain })
    }

    /// Whether it takes work: else its feeds and publishers wait.
    pub fn has_room(&self) -> bool {
        self.outbox.bytes() < WAITING_MAX_BYTES
    }

    /// Number of updates that it has not read in the stream.
    pub fn waiting(&self) -> u64 {
        self.outbox.updates()
    }

    /// Whether it is a member no more, after [`leave`](Self::leave).
    pub fn has_left(&self) -> bool {
        self.leaves && self.stage == Stage::Reading
    }

    /// Whether all of its work is in the stream and was read.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Answers a question about the past.
    pub fn answer(&mut self, question: HistoryQuestion) -> HistoryAnswer {
        self.replica.answer(question)
    }

    /// Takes work. Feeds are numbered by their index in the settings.
    pub fn offer(&mut self, work: Work) -> Offered {
        let ack = match &work {
            Work::Updates(submission) => submission.ack,
            Work::FeedDown(_) | Work::TopicsDead(..) | Work::History(_) => None,
        };
        match Item::of(work) {
            Ok(item) => self.outbox.offer(item, ack),
            Err(question) => Offered::Question(question),
        }
    }

    /// Takes the news that a feed has lost updates since a time.
    pub fn offer_lost(&mut self, feed: u16, since: TimeNs) {
        self.outbox.offer(Item::FeedLost { feed, since }, None);
    }

    /// Whether more nodes have read what this one has read, with itself, than something else.
    pub fn agrees_with_most(&self, now: Duration) -> bool {
        self.witnesses.agree_with_most(now)
    }

    /// Takes an operator's order. [`Event::Ordered`] tells when it is in the stream.
    pub fn offer_order(&mut self, order: Order) -> Offered {
        self.outbox.offer(Item::Order(order), None)
    }

    /// The node goes, once its work is in the stream: it offers no more.
    pub fn leave(&mut self) {
        self.leaves = true;
    }

    /// Reads the next message.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read on. The node is then useless; a new one can begin.
    pub fn read(&mut self, delivered: Delivered<'_>, now: Duration) -> Result<Read, ReadError> {
        let sequence = delivered.sequence;
        let last = self.replica.chain().last().sequence;
        if sequence != last + 1 {
            let found = sequence;
            return Err(ReadError::Hole { last, found });
        }
        let message = match Message::decode(delivered.bytes) {
            Ok(message) => Some(message),
            Err(MessageError::Unreadable(_)) => None,
            Err(error @ MessageError::Version(_)) => {
                return Err(ReadError::Version { sequence, error });
            }
        };
        self.is_at_end = false;
        let own = message.as_ref().filter(|one| one.from == self.id);
        let acks = match own.map(|own| &own.body) {
            Some(Body::Work { number, .. }) => self.outbox.acks(*number),
            _ => Vec::new(),
        };
        let applied = self.replica.apply(delivered, message.as_ref(), &acks);
        self.read_at = (self.replica.now().uptime, now);
        if let Some(comparing) = &mut self.comparing {
            comparing.note(self.replica.chain(), self.replica.position());
        }
        let Applied {
            result,
            strips,
            orders,
        } = applied;
        let mut events = Vec::new();
        if let Some(message) = message {
            let is_own = message.from == self.id;
            let orders = orders.into_iter();
            events.extend(orders.map(|order| Event::Ordered { order, is_own }));
            self.note(&message, result, now, &mut events);
        }
        Ok(Read { strips, events })
    }

    /// No more messages are there at present.
    pub fn at_end(&mut self, now: Duration) {
        self.is_at_end = true;
        self.poll(now);
    }

    /// What was written may be lost: the connection is another one. It is written again.
    pub fn moved(&mut self) {
        self.outbox.go_back();
        self.beats.read();
        if matches!(self.stage, Stage::Joining { .. }) {
            self.stage = Stage::Reading;
        }
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Duration) {
        if !self.is_at_end {
            return;
        }
        match self.stage {
            Stage::Reading if self.leaves => {}
            Stage::Reading => self.listen(now),
            Stage::Listening { .. } => self.beat(now),
            Stage::Joining { since } if since + RESEND_AFTER <= now => self.listen(now),
            Stage::Joining { .. } => {}
            Stage::Member => {
                self.beat(now);
                if self.outbox.is_waiting() && self.progress + RESEND_AFTER <= now {
                    self.progress = now;
                    self.outbox.go_back();
                }
                if self.leaves && self.outbox.is_empty() && self.control.is_empty() {
                    self.control.push_back(Body::Leave);
                }
            }
        }
    }

    /// The bytes of the next message to write. Messages must be written in order.
    pub fn take(&mut self, now: Duration) -> Option<Vec<u8>> {
        let body = match self.control.pop_front() {
            Some(control) => control,
            None if self.stage == Stage::Member => {
                if !self.outbox.is_waiting() {
                    self.progress = now;
                }
                self.outbox.take()?
            }
            None => return None,
        };
        let message = Message {
            from: self.id,
            proof: self.replica.chain().last(),
            body,
        };
        Some(message.encode())
    }

    /// Why the stream is not what an earlier life has read, if it is not.
    fn end_lost(&mut self) -> Option<Begins> {
        let lineage = self.replica.book().lineage()?;
        let lost = self
            .comparing
            .as_ref()?
            .lost(self.replica.chain(), &lineage);
        let Some(EndLost { before, kept, read }) = lost else {
            self.comparing = None;
            return None;
        };
        let epoch = Epoch(self.draw());
        Some(Begins::EndLost {
            epoch,
            before,
            kept,
            read,
        })
    }

    /// Begins to listen, or asks to join at once if there is nothing to wait for.
    fn listen(&mut self, now: Duration) {
        self.stage = Stage::Listening { beats: 0 };
        // What is read up to the end is the past.
        self.witnesses = Witnesses::default();
        if let Some(begins) = self.end_lost() {
            self.ask(Some(begins), now);
        } else if self.replica.book().members().is_empty() {
            self.ask_alone(now);
        }
    }

    fn ask_alone(&mut self, now: Duration) {
        let epoch = Epoch(self.draw());
        self.ask(Some(Begins::Alone { epoch }), now);
    }

    fn ask(&mut self, begins: Option<Begins>, now: Duration) {
        let NodeSettings {
            node, feeds, rules, ..
        } = self.settings.clone();
        self.control.push_back(Body::Join(Join {
            node,
            feeds,
            rules,
            begins,
        }));
        self.stage = Stage::Joining { since: now };
    }

    /// Writes a beat if one is due: once per interval, and, if it is the oldest member, when a
    /// topic has been silent for too long.
    fn beat(&mut self, now: Duration) {
        // What cannot be written now does not heap up.
        if self.control.is_empty() && self.beats.is_due(self.is_silence_due(now), now) {
            self.control.push_back(Body::Beat);
            self.beats.written(now);
        }
    }

    fn is_silence_due(&self, now: Duration) -> bool {
        let (uptime, read_at) = self.read_at;
        let members = self.replica.book().members();
        let is_oldest = members.first().is_some_and(|one| one.id == self.id);
        let uptime = uptime + now.saturating_sub(read_at);
        is_oldest && self.replica.next_due().is_some_and(|due| due <= uptime)
    }

    /// Notes what a message means for this node.
    fn note(
        &mut self,
        message: &Message,
        result: Result<Vec<Change>, Ignored>,
        now: Duration,
        events: &mut Vec<Event>,
    ) {
        if message.from == self.id {
            self.note_own(&message.body, &result, now, events);
        }
        match result {
            Ok(changes) => {
                self.beats.heard(message.from);
                for change in changes {
                    self.note_change(change, events);
                }
                if matches!(self.stage, Stage::Listening { .. }) && message.from != self.id {
                    self.ask(None, now);
                }
            }
            Err(Ignored::Diverged | Ignored::Ahead) if message.from != self.id => {
                self.witnesses.heard(message.from, false, now);
                events.push(Event::Disagrees(message.from));
                return;
            }
            Err(_) => {}
        }
        if message.from != self.id {
            self.witnesses.heard(message.from, true, now);
        } else if matches!(message.body, Body::Beat) && self.witnesses.is_outvoted(now) {
            events.push(Event::Outvoted);
        }
    }

    /// Notes what became of a message of its own.
    fn note_own(
        &mut self,
        body: &Body,
        result: &Result<Vec<Change>, Ignored>,
        now: Duration,
        events: &mut Vec<Event>,
    ) {
        match (body, result) {
            (Body::Work { .. }, Ok(_)) => {
                self.outbox.read();
                self.progress = now;
            }
            // One before it is missing.
            (Body::Work { .. }, Err(Ignored::Early)) => self.outbox.go_back(),
            (Body::Beat, Ok(_)) if self.beats.read() => {
                let members = self.replica.book().members().iter();
                let others = members.filter(|member| member.id != self.id);
                let gone = self.beats.count(others);
                let expel = |(member, heard)| Body::Expel { member, heard };
                self.control.extend(gone.into_iter().map(expel));
            }
            (Body::Beat, Err(_)) if self.beats.read() => {
                if let Stage::Listening { beats } = &mut self.stage {
                    *beats += 1;
                    // A node that has read something else lives as well.
                    if *beats >= PATIENCE_BEATS && !self.witnesses.is_contradicted(now) {
                        self.ask_alone(now);
                    }
                }
            }
            (Body::Join(_), Err(Ignored::Refused(refusal)))
                if matches!(self.stage, Stage::Joining { .. }) =>
            {
                match refusal {
                    Refusal::Outdated => {}
                    Refusal::Known => self.comparing = None,
                    Refusal::TooManyMembers | Refusal::TooManyFeeds | Refusal::OtherRules => {
                        events.push(Event::Refused(*refusal));
                    }
                }
                self.stage = Stage::Reading;
            }
            _ => {}
        }
    }

    fn note_change(&mut self, change: Change, events: &mut Vec<Event>) {
        match change {
            Change::Joined(member) if member == self.id => {
                self.stage = Stage::Member;
                self.comparing = None;
                self.beats.begin_again();
                self.outbox.go_back();
                events.push(Event::Joined);
            }
            Change::Departed(member) if member == self.id => {
                let dropped = self.outbox.start_again();
                self.control.clear();
                self.beats.begin_again();
                self.id = MemberId(self.draw());
                self.stage = Stage::Reading;
                // It may have left.
                if !self.leaves || dropped > 0 {
                    events.push(Event::Expelled { dropped });
                }
            }
            Change::Joined(_) => {}
            Change::Departed(member) => self.beats.departed(member),
            Change::Moved { feed, owner } => {
                let name = self.replica.book().feeds().all().nth(usize::from(feed));
                let mut own = self.settings.feeds.iter();
                let index = own.position(|own| name.is_some_and(|(name, _)| name == own));
                if let Some(index) = index {
                    events.push(Event::Runs {
                        feed: index as u16,
                        is_own: owner == Some(self.id),
                    });
                }
            }
            Change::Began(_) => events.extend(self.replica.book().lineage().map(Event::Began)),
        }
    }

    /// A number that no other life draws.
    fn draw(&mut self) -> u64 {
        self.lives += 1;
        xxh3_64_with_seed(&self.lives.to_le_bytes(), self.settings.seed)
    }
}
