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
    /// The bytes of each update.
    pub fn updates(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bincode[start as usize..end as usize])
    }
}
