//! A stretch of one topic's past: the answer to a question about history.

/// Consecutive updates of one topic, encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// End offset of each update in `bincode`, in order of position.
    pub ends: Box<[u32]>,
    /// The updates, one after another.
    pub bincode: Box<[u8]>,
    /// Whether the history holds older updates of the topic.
    pub more: bool,
}

impl Stretch {
    /// Number of updates.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no updates.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the update at `index`, which must be below the number of updates.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bincode[start as usize..self.ends[index] as usize]
    }
}
