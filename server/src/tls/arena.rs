//! Bytes that live for one turn.

/// Memory kept from one use to the next. More is freed: a turn that is this long is rare.
const KEPT_MAX_BYTES: usize = 1024 * 1024;

/// A growing row of bytes that is emptied and used again, without being cleared in between.
#[derive(Debug, Default)]
pub struct Arena {
    /// All of it is initialised; only the first `len` bytes are in use.
    bytes: Vec<u8>,
    len: usize,
}

impl Arena {
    /// Empties it.
    pub fn clear(&mut self) {
        self.len = 0;
        if self.bytes.len() > KEPT_MAX_BYTES {
            self.bytes = Vec::new();
        }
    }

    /// Number of bytes in use.
    pub fn used(&self) -> usize {
        self.len
    }

    /// The bytes in use.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Room for more bytes, of which [`commit`](Self::commit) says how many were written.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.len + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        &mut self.bytes[self.len..end]
    }

    /// Takes the first bytes of the last [`room`](Self::room) into use.
    pub fn commit(&mut self, bytes: usize) {
        self.len = (self.len + bytes).min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_appended_until_it_is_emptied_and_a_long_turn_is_forgotten() {
        let mut arena = Arena::default();
        for text in [&b"ab"[..], b"", b"cde"] {
            arena.room(text.len() + 3)[..text.len()].copy_from_slice(text);
            arena.commit(text.len());
        }
        assert_eq!((arena.bytes(), arena.used()), (&b"abcde"[..], 5));
        arena.clear();
        assert_eq!((arena.bytes(), arena.used()), (&b""[..], 0));
        assert!(!arena.bytes.is_empty());
        arena.room(KEPT_MAX_BYTES + 1);
        arena.commit(KEPT_MAX_BYTES + 1);
        arena.clear();
        assert!(arena.bytes.is_empty());
    }
}
