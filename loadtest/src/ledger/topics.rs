//! Topics as small numbers, shared by all receivers of a worker.

use hashbrown::HashMap;
use tickcast_protocol::message::{Epoch, TopicId};

use super::account::TopicKey;

/// Largest topic id that a worker accepts. Servers assign ids consecutively and hold at most a
/// million topics. A table indexed by ids costs 4 bytes each.
const TOPIC_ID_MAX: TopicId = 1 << 22;

const NO_KEY: TopicKey = TopicKey::MAX;

/// See the module.
#[derive(Debug, Default)]
pub struct WorkerTopics {
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, TopicKey>,
    by_id: Vec<(Epoch, Vec<TopicKey>)>,
}

/// The epoch to which ids belong: after a restart of the server some receivers may still read what
/// the old server sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochSlot(usize);

impl WorkerTopics {
    /// The key of a topic by its name. A new topic gets a new key.
    pub fn key(&mut self, name: &str) -> TopicKey {
        if let Some(&key) = self.by_name.get(name) {
            return key;
        }
        let key = self.names.len() as TopicKey;
        self.names.push(name.into());
        self.by_name.insert(name.into(), key);
        key
    }

    /// All keys and names.
    pub fn names(&self) -> impl Iterator<Item = (TopicKey, &str)> {
        let names = self.names.iter().enumerate();
        names.map(|(key, name)| (key as TopicKey, &**name))
    }

    /// The slot of an epoch.
    pub fn epoch(&mut self, epoch: Epoch) -> EpochSlot {
        let known = self.by_id.iter().position(|(known, _)| *known == epoch);
        EpochSlot(known.unwrap_or_else(|| {
            self.by_id.push((epoch, Vec::new()));
            self.by_id.len() - 1
        }))
    }

    /// The server introduced a topic. Returns `None` if the id is larger than any server's.
    pub fn introduce(&mut self, epoch: EpochSlot, id: TopicId, name: &str) -> Option<TopicKey> {
        if let Some(key) = self.by_id(epoch, id) {
            return Some(key);
        }
        if id > TOPIC_ID_MAX {
            return None;
        }
        let key = self.key(name);
        let keys = &mut self.by_id[epoch.0].1;
        let index = id as usize;
        if keys.len() <= index {
            keys.resize(index + 1, NO_KEY);
        }
        keys[index] = key;
        Some(key)
    }

    /// The key of a topic by its id.
    pub fn by_id(&self, epoch: EpochSlot, id: TopicId) -> Option<TopicKey> {
        let keys = &self.by_id[epoch.0].1;
        keys.get(id as usize).copied().filter(|&key| key != NO_KEY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_different_epochs_do_not_mix_and_names_keep_their_keys() {
        let mut topics = WorkerTopics::default();
        let old = topics.epoch(Epoch(1));
        let new = topics.epoch(Epoch(2));
        let a = topics.introduce(old, 7, "a").unwrap();
        let b = topics.introduce(new, 7, "b").unwrap();
        assert_ne!(a, b);
        assert_eq!(topics.by_id(old, 7), Some(a));
        assert_eq!(topics.by_id(new, 7), Some(b));
        assert_eq!(topics.by_id(new, 8), None);
        assert_eq!(topics.introduce(new, 3, "a"), Some(a));
        assert_eq!(topics.epoch(Epoch(1)), old);
        assert_eq!(topics.introduce(new, TopicId::MAX, "c"), None);
        let names: Vec<_> = topics.names().collect();
        assert_eq!(names, [(a, "a"), (b, "b")]);
    }
}
