//! Work for the sequencer, as a message carries it.

use bincode::{Decode, Encode};
use tickcast_core::work::{HistoryQuestion, NewUpdate, Once, Work};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::{
    message::{MessageError, append, take},
    orders::Order,
};

/// A piece of work that all nodes do. Feeds are indices into the list with which their member has
/// joined.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) enum Item {
    /// Updates that belong together: of a feed, or of a client.
    Updates {
        feed: Option<u16>,
        updates: Vec<NewUpdate>,
    },
    /// A feed has lost its source or has finished.
    FeedDown { feed: u16 },
    /// The sources of these topics of a feed are gone.
    TopicsDead { feed: u16, topics: Vec<Topic> },
    /// A feed has lost updates since a time.
    FeedLost { feed: u16, since: TimeNs },
    /// An operator's order.
    Order(Order),
    /// Updates of a client that count once, whichever nodes it has sent them to.
    Once { once: Once, updates: Vec<NewUpdate> },
}

impl Item {
    /// The item of a piece of work; the question if it is one, which each node answers by itself.
    pub(crate) fn of(work: Work) -> Result<Self, Box<HistoryQuestion>> {
        Ok(match work {
            Work::Updates(submission) => {
                let updates = submission.updates.into_vec();
                match (submission.once, submission.feed) {
                    (Some(once), _) => Self::Once { once, updates },
                    (None, feed) => Self::Updates { feed, updates },
                }
            }
            Work::FeedDown(feed) => Self::FeedDown { feed },
            Work::TopicsDead(feed, topics) => Self::TopicsDead { feed, topics },
            Work::History(question) => return Err(Box::new(question)),
        })
    }

    /// The feed that it is of.
    pub(crate) fn feed(&self) -> Option<u16> {
        match self {
            Self::Updates { feed, .. } => *feed,
            Self::Order(_) | Self::Once { .. } => None,
            Self::FeedDown { feed }
            | Self::TopicsDead { feed, .. }
            | Self::FeedLost { feed, .. } => Some(*feed),
        }
    }

    /// What tells it if it is written again under another number.
    pub(crate) fn once(&self) -> Option<Once> {
        match self {
            Self::Once { once, .. } => Some(*once),
            _ => None,
        }
    }

    /// Number of updates in it.
    pub(crate) fn updates(&self) -> u64 {
        match self {
            Self::Updates { updates, .. } | Self::Once { updates, .. } => updates.len() as u64,
            Self::FeedDown { .. }
            | Self::TopicsDead { .. }
            | Self::FeedLost { .. }
            | Self::Order(_) => 0,
        }
    }

    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        append(self, out);
    }

    /// All items of a message.
    pub(crate) fn all(mut bytes: &[u8]) -> Result<Vec<Self>, MessageError> {
        let mut items = Vec::new();
        while !bytes.is_empty() {
            let (item, length) = take(bytes)?;
            items.push(item);
            bytes = &bytes[length..];
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tickcast_core::{identity::Revoked, work::TopicFacts};
    use tickcast_protocol::{message::Quality, value::Value};

    use super::*;

    fn topic(name: &str) -> Topic {
        Topic::new(name).unwrap()
    }

    /// Old bytes stay readable.
    #[test]
    fn the_bytes_of_each_item_are_as_they_were() {
        let facts = TopicFacts {
            unit: Some(Arc::from("V")),
            name: None,
            state_class: None,
        };
        let update = NewUpdate {
            topic: topic("a"),
            value: Value::Text("b".to_owned()),
            source_time_ns: Some(3),
            quality: Quality::Retained,
            unit: Some(Arc::from("C")),
            facts: Some(Box::new([(topic("d"), facts)])),
        };
        let updates = Item::Updates {
            feed: None,
            updates: vec![update, NewUpdate::live(topic("a"), Value::Reading(1.0))],
        };
        let topics = vec![topic("a")];
        let subject = Revoked::Subject("a".into());
        let once = Once {
            publisher: 7,
            number: 9,
        };
        let of_updates = "0000020161030162010601010143010101640101560000016100000000000000f03f\
                          00000000";
        for (item, expected) in [
            (updates, of_updates),
            (Item::FeedDown { feed: 1 }, "0101"),
            (Item::TopicsDead { feed: 1, topics }, "0201010161"),
            (Item::FeedLost { feed: 1, since: 2 }, "030104"),
            (Item::Order(Order::Kick("a=b".to_owned())), "040003613d62"),
            (Item::Order(Order::Revoke(subject.clone())), "0401000161"),
            (Item::Order(Order::Restore(subject)), "0402000161"),
            (
                Item::Once {
                    once,
                    updates: vec![],
                },
                "05070900",
            ),
        ] {
            let mut bytes = Vec::new();
            item.append(&mut bytes);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "{item:?}");
            item.append(&mut bytes);
            assert_eq!(Item::all(&bytes), Ok(vec![item.clone(), item]));
        }
        assert!(Item::all(&[1, 1, 1]).is_err());
    }
}
