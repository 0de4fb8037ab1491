//! Which member has each feed. A feed stays where it is until its member goes; then the member that
//! can run it and has the fewest gets it.

use bincode::{Decode, Encode};
use tickcast_core::work::FeedId;

use crate::ids::MemberId;

/// Maximum number of feeds of a cluster: as many as a feed's number can name.
pub const FEEDS_MAX: usize = FeedId::MAX as usize;

/// A feed, and which member runs it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Feed {
    name: String,
    owner: Option<MemberId>,
}

/// The feeds of all members, by the numbers that they have in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Feeds {
    feeds: Vec<Feed>,
}

impl Feeds {
    /// The name of each, with the member that runs it.
    pub fn all(&self) -> impl Iterator<Item = (&str, Option<MemberId>)> {
        self.feeds
            .iter()
            .map(|feed| (feed.name.as_str(), feed.owner))
    }

    /// The member that runs a feed.
    pub fn owner(&self, feed: FeedId) -> Option<MemberId> {
        self.feeds.get(usize::from(feed))?.owner
    }

    /// The numbers of feeds by their names. Returns `None` if there would be too many.
    pub(crate) fn numbers(&mut self, names: &[String]) -> Option<Vec<FeedId>> {
        let is_new = |name: &&String| !self.feeds.iter().any(|feed| feed.name == **name);
        if self.feeds.len() + names.iter().filter(is_new).count() > FEEDS_MAX {
            return None;
        }
        let number = |name: &String| {
            let index = self.feeds.iter().position(|feed| feed.name == *name);
            let index = index.unwrap_or_else(|| {
                let (name, owner) = (name.clone(), None);
                self.feeds.push(Feed { name, owner });
                self.feeds.len() - 1
            });
            index as FeedId
        };
        Some(names.iter().map(number).collect())
    }

    /// Gives a feed to a member.
    pub(crate) fn give(&mut self, feed: FeedId, owner: Option<MemberId>) {
        self.feeds[usize::from(feed)].owner = owner;
    }

    /// The feeds of a member.
    pub(crate) fn of(&self, member: MemberId) -> Vec<FeedId> {
        let feeds = (0..).zip(&self.feeds);
        let own = feeds.filter(|(_, feed)| feed.owner == Some(member));
        own.map(|(id, _)| id).collect()
    }
}
