//! The topics with the earliest positions out of any number, found without keeping all of them.

use tickcast_protocol::message::{Position, TopicId};

/// Collects the topics with the earliest positions; see the module.
#[derive(Debug)]
pub(super) struct Earliest {
    found: Vec<(Position, TopicId)>,
    limit: usize,
    /// Enough topics with positions below this bound are found.
    bound: Position,
}

impl Earliest {
    /// Keeps up to `limit` topics. The limit must be at least 1.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            found: Vec::new(),
            limit,
            bound: Position::MAX,
        }
    }

    pub(super) fn push(&mut self, position: Position, topic: TopicId) {
        if position < self.bound {
            self.found.push((position, topic));
            // Cutting only now and then keeps the cost per topic independent of their number.
            if self.found.len() >= 2 * self.limit {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.limit {
            let (_, &mut (first_left_out, _), _) = self.found.select_nth_unstable(self.limit);
            self.bound = first_left_out;
            self.found.truncate(self.limit);
        }
    }

    /// The topics in order of position. Also returns whether these are all.
    pub(super) fn finish(mut self) -> (Vec<(Position, TopicId)>, bool) {
        self.cut();
        self.found.sort_unstable();
        (self.found, self.bound == Position::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn twice_the_limit_is_collected_before_it_is_cut_to_the_limit() {
        const LIMIT: usize = 10;
        let mut earliest = Earliest::new(LIMIT);
        let mut lens = Vec::new();
        // Each position is earlier than all before it.
        for position in (1..=35).rev() {
            earliest.push(position, 0);
            lens.push(earliest.found.len());
        }
        let rising = |from: usize, to: usize| from..=to;
        let expected = rising(1, 19).chain(rising(10, 19)).chain(rising(10, 15));
        assert_eq!(lens, expected.collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn the_earliest_topics_of_many_are_found(
            mut positions in prop::collection::hash_set(1..1000u64, 0..200),
            limit in 1..20usize,
        ) {
            let mut earliest = Earliest::new(limit);
            for &position in &positions {
                earliest.push(position, position as TopicId);
            }
            let mut expected: Vec<_> = positions.drain().map(|p| (p, p as TopicId)).collect();
            expected.sort_unstable();
            let is_all = expected.len() <= limit;
            expected.truncate(limit);
            prop_assert_eq!(earliest.finish(), (expected, is_all));
        }
    }
}
