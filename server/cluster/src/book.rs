//! The book: members, feeds and the epoch. It decides which messages count.
//!
//! All nodes apply the same messages in the same order, so all have the same book. No clock decides
//! anything: that a member is gone is a message of another member, and it counts only if the member
//! has not spoken before it in the stream. A member that is expelled is out for ever: nothing that
//! it has written and that comes later counts, so its feeds cannot speak twice. It comes back as
//! another member.

use bincode::{Decode, Encode};
use tickcast_core::work::FeedId;
use tickcast_protocol::message::{EndedEpoch, Epoch, Lineage, Position};

use crate::{
    chain::{Chain, Compared},
    feeds::Feeds,
    ids::{MemberId, Sequence},
    message::{Begins, Body, Join, Message, NAME_MAX_BYTES},
};

/// Maximum number of members. Each reads what all write.
pub const MEMBERS_MAX: usize = 64;

/// Maximum number of earlier epochs that are known. Clients of older ones begin anew.
const EPOCHS_MAX: usize = 64;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    /// Which life of a node it is.
    pub id: MemberId,
    /// The node's name.
    pub node: String,
    /// The feeds that it can run, by their numbers in the cluster.
    pub feeds: Vec<FeedId>,
    /// The number of its last work.
    pub number: u64,
    /// The sequence of its last message.
    pub heard: Sequence,
    /// How far it had read then.
    pub read: Sequence,
}

/// Why a message does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Its node is not a member.
    Stranger,
    /// It was written twice.
    Double,
    /// Work before it is missing.
    Early,
    /// Its node has made something else of the same messages.
    Diverged,
    /// Its node has read more than the stream had before it: the stream has lost its end.
    Ahead,
    /// Its bytes say nothing.
    Unreadable,
    /// What it asks for is refused.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The book has changed since the request was made.
    Outdated,
    /// Nothing is lost, or another epoch has begun for the same reason.
    Known,
    /// There are too many members.
    TooManyMembers,
    /// There are too many feeds, or a name is too long.
    TooManyFeeds,
    /// The settings that all nodes must share are others.
    OtherRules,
}

/// What has changed in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A node is a member.
    Joined(MemberId),
    /// A member is gone.
    Departed(MemberId),
    /// A feed has another owner.
    Moved {
        /// The feed.
        feed: FeedId,
        /// Its owner.
        owner: Option<MemberId>,
    },
    /// An epoch has begun.
    Began(Epoch),
}

/// Members, feeds and the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Book {
    epoch: Option<Epoch>,
    continues: Vec<EndedEpoch>,
    /// In the order in which they joined.
    members: Vec<Member>,
    feeds: Feeds,
    /// The checksum of the settings that all members share.
    rules: u64,
    /// The sequence of the last message that counted.
    spoken: Sequence,
    /// The sequence at which the last member departed.
    departed: Sequence,
}

impl Book {
    /// The epoch, and the earlier ones that it continues; `None` before the first member.
    pub fn lineage(&self) -> Option<Lineage> {
        Some(Lineage {
            epoch: self.epoch?,
            continues: self.continues.clone(),
        })
    }

    /// The members, in the order in which they joined.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A member.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The feeds.
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Applies the message at a sequence. `chain` is that of the messages before it, and `position`
    /// the newest one.
    pub(crate) fn apply(
        &mut self,
        sequence: Sequence,
        message: &Message,
        chain: &Chain,
        position: Position,
    ) -> Result<Vec<Change>, Ignored> {
        match chain.compare(message.proof) {
            Compared::Same | Compared::Unknown => {}
            Compared::Other => return Err(Ignored::Diverged),
            Compared::Ahead => return Err(Ignored::Ahead),
        }
        let index = self.members.iter().position(|one| one.id == message.from);
        let changes = match (&message.body, index) {
            (Body::Join(join), None) => {
                if let Some(Begins::EndLost { read, .. }) = join.begins
                    && matches!(chain.compare(read), Compared::Same | Compared::Unknown)
                {
                    return Err(Ignored::Refused(Refusal::Known));
                }
                self.join(sequence, message, join, position)?
            }
            (Body::Join(_), Some(_)) => return Err(Ignored::Double),
            (_, None) => return Err(Ignored::Stranger),
            (Body::Beat, Some(_)) => Vec::new(),
            (Body::Leave, Some(index)) => self.depart(sequence, index),
            (Body::Expel { member, heard }, Some(_)) => self.expel(sequence, *member, *heard)?,
            (Body::Work { number, .. }, Some(index)) => {
                let last = &mut self.members[index].number;
                match number.checked_sub(*last) {
                    Some(1) => *last = *number,
                    None | Some(0) => return Err(Ignored::Double),
                    Some(_) => return Err(Ignored::Early),
                }
                Vec::new()
            }
        };
        self.spoken = sequence;
        let from = self.members.iter_mut().find(|one| one.id == message.from);
        if let Some(member) = from {
            member.heard = sequence;
            member.read = message.proof.sequence;
        }
        Ok(changes)
    }

    fn join(
        &mut self,
        sequence: Sequence,
        message: &Message,
        join: &Join,
        position: Position,
    ) -> Result<Vec<Change>, Ignored> {
        let refused = |refusal| Err(Ignored::Refused(refusal));
        let read = message.proof.sequence;
        let is_outdated = match join.begins {
            // A request of a life that is over must not count again, so a node asks again whenever
            // a member has departed after what it had read.
            None | Some(Begins::EndLost { .. }) => read < self.departed,
            // It is not alone if anything counted after what it had read.
            Some(Begins::Alone { .. }) => read < self.spoken,
        };
        if is_outdated || (join.begins.is_none() && self.members.is_empty()) {
            return refused(Refusal::Outdated);
        }
        if let Some(Begins::EndLost { before, kept, .. }) = join.begins {
            let known = self.lineage().and_then(|lineage| lineage.kept(before));
            if known.is_none_or(|known| known <= kept) {
                return refused(Refusal::Known);
            }
        }
        let is_alone = matches!(join.begins, Some(Begins::Alone { .. }));
        let remaining = if is_alone { 0 } else { self.members.len() };
        if remaining > 0 && join.rules != self.rules {
            return refused(Refusal::OtherRules);
        }
        if remaining >= MEMBERS_MAX {
            return refused(Refusal::TooManyMembers);
        }
        let mut names = join.feeds.iter().chain([&join.node]);
        if names.any(|name| name.len() > NAME_MAX_BYTES) {
            return refused(Refusal::TooManyFeeds);
        }
        let Some(feeds) = self.feeds.numbers(&join.feeds) else {
            return refused(Refusal::TooManyFeeds);
        };

        let mut changes = Vec::new();
        while is_alone && !self.members.is_empty() {
            changes.extend(self.depart(sequence, 0));
        }
        match join.begins {
            None => {}
            Some(Begins::Alone { epoch }) => changes.push(self.begin(epoch, position)),
            Some(Begins::EndLost { epoch, kept, .. }) => {
                changes.push(self.begin(epoch, kept.min(position)));
            }
        }
        self.rules = join.rules;
        let own = |feed: &FeedId| self.feeds.owner(*feed).is_none();
        let without: Vec<FeedId> = feeds.iter().copied().filter(own).collect();
        self.members.push(Member {
            id: message.from,
            node: join.node.clone(),
            feeds,
            number: 0,
            heard: sequence,
            read,
        });
        changes.push(Change::Joined(message.from));
        for feed in without {
            changes.push(self.give(feed, Some(message.from)));
        }
        Ok(changes)
    }

    fn begin(&mut self, epoch: Epoch, last: Position) -> Change {
        if let Some(epoch) = self.epoch.replace(epoch) {
            self.continues.push(EndedEpoch { epoch, last });
        }
        if self.continues.len() > EPOCHS_MAX {
            self.continues.remove(0);
        }
        Change::Began(epoch)
    }

    fn expel(
        &mut self,
        sequence: Sequence,
        member: MemberId,
        heard: Sequence,
    ) -> Result<Vec<Change>, Ignored> {
        let mut members = self.members.iter();
        let index = members.position(|one| one.id == member && one.heard == heard);
        match index {
            Some(index) => Ok(self.depart(sequence, index)),
            None => Err(Ignored::Refused(Refusal::Outdated)),
        }
    }

    fn depart(&mut self, sequence: Sequence, index: usize) -> Vec<Change> {
        let member = self.members.remove(index).id;
        self.departed = sequence;
        let mut changes = vec![Change::Departed(member)];
        for feed in self.feeds.of(member) {
            let able = self.members.iter().filter(|one| one.feeds.contains(&feed));
            let next = able.min_by_key(|one| self.feeds.of(one.id).len());
            let next = next.map(|one| one.id);
            changes.push(self.give(feed, next));
        }
        changes
    }

    fn give(&mut self, feed: FeedId, owner: Option<MemberId>) -> Change {
        self.feeds.give(feed, owner);
        Change::Moved { feed, owner }
    }
}
