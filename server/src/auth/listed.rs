//! The tokens of the identities file.

use std::{collections::HashMap, sync::Arc};

use subtle::ConstantTimeEq;
use tickcast_core::identity::Claims;

use super::secret::{Hash, hash};

/// Most tokens: each costs some hundred bytes.
pub(super) const TOKENS_MAX: usize = 100_000;

/// The tokens by their hashes.
#[derive(Debug, Default)]
pub(super) struct Listed {
    by_hash: HashMap<[u8; 8], Vec<(Hash, Claims)>>,
    by_id: HashMap<Arc<str>, Hash>,
}

impl Listed {
    /// Adds a token with its id and its hash. Returns whether both are new.
    pub(super) fn add(&mut self, id: Arc<str>, hash: Hash, claims: Claims) -> bool {
        let is_known = self.by_id.insert(id, hash).is_some();
        let same = self.by_hash.entry(begin(&hash)).or_default();
        let is_new = !is_known && same.iter().all(|(other, _)| *other != hash);
        same.push((hash, claims));
        is_new
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The claims of a token. What can be measured from outside depends on the hash of the text
    /// that the client has chosen, which tells nothing about other tokens.
    pub(super) fn find(&self, token: &str) -> Option<&Claims> {
        let hash = hash(token);
        let same = self.by_hash.get(&begin(&hash))?;
        let found = same.iter().find(|(other, _)| other.ct_eq(&hash).into());
        found.map(|(_, claims)| claims)
    }

    /// What a token says now, by its id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Claims> {
        let hash = self.by_id.get(id)?;
        let same = self.by_hash.get(&begin(hash))?;
        let found = same.iter().find(|(other, _)| other == hash);
        found.map(|(_, claims)| claims)
    }
}

fn begin(hash: &Hash) -> [u8; 8] {
    let mut begin = [0; 8];
    begin.copy_from_slice(&hash[..8]);
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_with_those_alone_whose_hashes_begin_the_same() {
        let mut listed = Listed::default();
        for (count, token) in (1..).zip(["tct_a", "tct_b", "tct_c"]) {
            let claims = Claims::anonymous("reader".into());
            assert!(listed.add(token.into(), hash(token), claims));
            assert_eq!((listed.len(), listed.by_hash.len()), (count, count));
        }
    }
}
