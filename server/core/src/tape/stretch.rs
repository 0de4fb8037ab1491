//! A stretch of one topic's past, as the answer to a question about it.

/// Consecutive updates of one topic, encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// The end of each update in `bincode`, by position, ascending.
    pub ends: Box<[u32]>,
    /// The updates, one after the other.
    pub bincode: Box<[u8]>,
    /// Whether older ones are still held.
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
