//! What operators order at one node, for all of them.
//!
//! An order is work like any other, so it counts once, and all nodes read it at the same place of
//! the stream. A node that was away when a token was revoked must know of it, so the last word on
//! each identity and token is a part of what nodes share, and of their checkpoints.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use tickcast_core::identity::{REVOCATIONS_MAX, Revoked};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Order {
    /// Connections end. The text names their clients, as the operator has written it.
    Kick(String),
    /// Something is revoked.
    Revoke(Revoked),
    /// A revocation is lifted.
    Restore(Revoked),
}

/// The last words on identities and tokens that were revoked or restored in the cluster, oldest
/// first: at most as many as a node may have revocations. The oldest one that was restored is
/// forgotten first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct LastWords {
    words: VecDeque<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Word {
    about: Revoked,
    is_revoked: bool,
}

impl LastWords {
    pub(crate) fn note(&mut self, order: &Order) {
        let (about, is_revoked) = match order {
            Order::Kick(_) => return,
            Order::Revoke(about) => (about.clone(), true),
            Order::Restore(about) => (about.clone(), false),
        };
        self.words.retain(|word| word.about != about);
        if self.words.len() >= REVOCATIONS_MAX {
            let restored = self.words.iter().position(|word| !word.is_revoked);
            self.words.remove(restored.unwrap_or(0));
        }
        self.words.push_back(Word { about, is_revoked });
    }

    /// What each word is about, and whether it is revoked.
    pub fn iter(&self) -> impl Iterator<Item = (&Revoked, bool)> {
        self.words.iter().map(|word| (&word.about, word.is_revoked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> Revoked {
        Revoked::Token(number.to_string().into())
    }

    #[test]
    fn the_last_word_counts_and_restored_ones_are_forgotten_first() {
        let mut words = LastWords::default();
        words.note(&Order::Kick("subject=a".to_owned()));
        words.note(&Order::Revoke(token(0)));
        words.note(&Order::Revoke(token(1)));
        words.note(&Order::Restore(token(1)));
        words.note(&Order::Revoke(token(2)));
        words.note(&Order::Restore(token(2)));
        words.note(&Order::Revoke(token(2)));
        let expected = [(token(0), true), (token(1), false), (token(2), true)];
        let found = |words: &LastWords| -> Vec<_> {
            let words = words.iter();
            words.map(|(about, is)| (about.clone(), is)).collect()
        };
        assert_eq!(found(&words), expected);
        for number in 3..=REVOCATIONS_MAX {
            words.note(&Order::Revoke(token(number)));
        }
        let found = found(&words);
        assert_eq!(found.len(), REVOCATIONS_MAX);
        assert_eq!(found[..2], [(token(0), true), (token(2), true)]);
        words.note(&Order::Revoke(token(REVOCATIONS_MAX + 1)));
        assert_eq!(words.iter().next(), Some((&token(2), true)));
    }
}
