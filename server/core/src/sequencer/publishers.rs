//! Which publishes are on the tape already, so that one that is sent again is not put there again.
//!
//! ```text
//!  publisher    newest   positions of the last 64 numbers
//!  7c2f...        300    237 ... 298: 4711   299: none   300: 4720
//! ```
//!
//! A number above the newest is new, and so is one of the last 64 that has not come yet. An older
//! one cannot be told any more. A publisher that is not known begins with number 1: another number
//! may be a publish from before it was forgotten, or from before the server started.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use tickcast_protocol::message::{PUBLISHER_WINDOW, Position, PublishNumber, PublisherId};

use crate::work::Once;

/// Maximum number of publishers that are known: many times the clients of a server, in 40 MB. Above
/// it the one that has not published for the longest time is forgotten.
pub const PUBLISHERS_MAX: usize = 65_536;

/// What is known about a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publication {
    /// It is not on the tape.
    New,
    /// It is: its last update has this position.
    Known(Position),
    /// It may be there, or not.
    Forgotten,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Publishers {
    known: BTreeMap<PublisherId, Publisher>,
    /// The publishers by their last use.
    by_use: BTreeMap<u64, PublisherId>,
    uses: u64,
}

/// The publishers, with the one first that has not published for the longest time.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(super) struct PublishersSnapshot(Vec<(PublisherId, Numbers)>);

#[derive(Debug)]
struct Publisher {
    used: u64,
    numbers: Numbers,
}

/// What a publisher has published.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct Numbers {
    newest: PublishNumber,
    /// For each of the last [`PUBLISHER_WINDOW`] numbers up to the newest, or of fewer if no more
    /// are known: the position after its last update. 0 if it is not on the tape.
    ends: VecDeque<Position>,
}

impl Publishers {
    /// Number of publishers that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What is known about a publish. One that is known counts as a use of its publisher.
    pub(super) fn find(&mut self, once: Once) -> Publication {
        let Once { publisher, number } = once;
        let found = match self.known.get(&publisher) {
            Some(known) => known.numbers.find(number),
            None if number == 1 => Publication::New,
            None => Publication::Forgotten,
        };
        if matches!(found, Publication::Known(_)) {
            self.touch(publisher);
        }
        found
    }

    /// Notes a new publish, whose last update has this position.
    pub(super) fn note(&mut self, once: Once, position: Position) {
        let Once { publisher, number } = once;
        if self.known.len() >= PUBLISHERS_MAX
            && !self.known.contains_key(&publisher)
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.known.remove(&oldest);
        }
        let known = self.known.entry(publisher).or_insert_with(|| Publisher {
            used: 0,
            numbers: Numbers {
                newest: 0,
                ends: VecDeque::new(),
            },
        });
        known.numbers.note(number, position + 1);
        self.touch(publisher);
    }

    /// Notes a publish of before. Lower numbers than the first one of its publisher may be on the
    /// tape as well.
    pub(super) fn restore(&mut self, once: Once, position: Position) {
        let is_first = !self.known.contains_key(&once.publisher);
        self.note(once, position);
        if is_first && let Some(known) = self.known.get_mut(&once.publisher) {
            known.numbers.forget_lower();
        }
    }

    fn touch(&mut self, publisher: PublisherId) {
        if let Some(known) = self.known.get_mut(&publisher) {
            self.by_use.remove(&known.used);
            self.uses += 1;
            known.used = self.uses;
            self.by_use.insert(self.uses, publisher);
        }
    }

    pub(super) fn snapshot(&self) -> PublishersSnapshot {
        let by_use = self.by_use.values();
        let numbers = by_use.filter_map(|id| Some((*id, self.known.get(id)?.numbers.clone())));
        PublishersSnapshot(numbers.collect())
    }

    /// Goes on as the publishers of a snapshot would.
    pub(super) fn resume(&mut self, snapshot: &PublishersSnapshot) {
        for (id, numbers) in &snapshot.0 {
            let (used, numbers) = (0, numbers.clone());
            if let Some(before) = self.known.insert(*id, Publisher { used, numbers }) {
                self.by_use.remove(&before.used);
            }
            self.touch(*id);
        }
    }
}

impl Numbers {
    fn find(&self, number: PublishNumber) -> Publication {
        let Some(back) = self.newest.checked_sub(number) else {
            return Publication::New;
        };
        match self.end(back) {
            None => Publication::Forgotten,
            Some(0) => Publication::New,
            Some(end) => Publication::Known(end - 1),
        }
    }

    /// The end of the number that lies this far before the newest.
    fn end(&self, back: u64) -> Option<Position> {
        let back = usize::try_from(back).ok()?;
        let index = self.ends.len().checked_sub(back.checked_add(1)?)?;
        self.ends.get(index).copied()
    }

    /// Forgets all numbers below the newest.
    fn forget_lower(&mut self) {
        self.ends.drain(..self.ends.len().saturating_sub(1));
    }

    /// Notes the end of a number that [`find`](Self::find) calls new.
    fn note(&mut self, number: PublishNumber, end: Position) {
        let ahead = number.saturating_sub(self.newest);
        for _ in 0..ahead.min(PUBLISHER_WINDOW) {
            if self.ends.len() as u64 >= PUBLISHER_WINDOW {
                self.ends.pop_front();
            }
            self.ends.push_back(0);
        }
        self.newest = self.newest.max(number);
        let back = (self.newest - number) as usize;
        let index = self.ends.len().checked_sub(back + 1);
        if let Some(place) = index.and_then(|index| self.ends.get_mut(index)) {
            *place = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn once(publisher: PublisherId, number: PublishNumber) -> Once {
        Once { publisher, number }
    }

    /// Everything that a publisher has published, for ever.
    #[derive(Debug, Default)]
    struct Model(BTreeMap<PublisherId, BTreeMap<PublishNumber, Position>>);

    impl Model {
        fn find(&self, Once { publisher, number }: Once) -> Publication {
            let Some(all) = self.0.get(&publisher) else {
                return match number {
                    1 => Publication::New,
                    _ => Publication::Forgotten,
                };
            };
            let newest = *all.keys().next_back().unwrap();
            if number == 0 || newest >= PUBLISHER_WINDOW && number <= newest - PUBLISHER_WINDOW {
                return Publication::Forgotten;
            }
            let known = all.get(&number);
            known.map_or(Publication::New, |position| Publication::Known(*position))
        }
    }

    proptest! {
        #[test]
        fn random_publishes_are_known_as_long_as_the_window_says(
            publishes in prop::collection::vec(
                (0u64..3, prop_oneof![0u64..6, 0u64..200, Just(u64::MAX)], any::<bool>()),
                0..200,
            ),
        ) {
            let (mut publishers, mut model) = (Publishers::default(), Model::default());
            for (position, (publisher, number, is_resumed)) in (0..).zip(publishes) {
                if is_resumed {
                    let snapshot = publishers.snapshot();
                    publishers = Publishers::default();
                    publishers.resume(&snapshot);
                    prop_assert_eq!(publishers.snapshot(), snapshot);
                }
                let once = once(publisher, number);
                let found = publishers.find(once);
                prop_assert_eq!(found, model.find(once), "{:?}", once);
                if found == Publication::New {
                    publishers.note(once, position);
                    model.0.entry(publisher).or_default().insert(number, position);
                    prop_assert_eq!(publishers.find(once), Publication::Known(position));
                }
            }
        }
    }

    #[test]
    fn numbers_below_the_first_that_is_restored_are_not_known() {
        let mut publishers = Publishers::default();
        publishers.restore(once(7, 300), 10);
        publishers.restore(once(7, 302), 12);
        for (number, expected) in [
            (1, Publication::Forgotten),
            (299, Publication::Forgotten),
            (300, Publication::Known(10)),
            (301, Publication::New),
            (302, Publication::Known(12)),
            (303, Publication::New),
        ] {
            assert_eq!(publishers.find(once(7, number)), expected, "{number}");
        }
        publishers.note(once(7, 301), 13);
        publishers.note(once(7, 400), 14);
        assert_eq!(publishers.find(once(7, 336)), Publication::Forgotten);
        assert_eq!(publishers.find(once(7, 337)), Publication::New);
    }

    #[test]
    fn the_publisher_that_was_silent_for_the_longest_time_is_forgotten() {
        let mut publishers = Publishers::default();
        for publisher in 0..PUBLISHERS_MAX as u64 {
            publishers.note(once(publisher, 1), publisher);
        }
        // A repetition is a use as well.
        assert_eq!(publishers.find(once(0, 1)), Publication::Known(0));
        publishers.note(once(u64::MAX, 1), 7);
        assert_eq!(publishers.len(), PUBLISHERS_MAX);
        assert_eq!(publishers.find(once(0, 1)), Publication::Known(0));
        assert_eq!(publishers.find(once(1, 2)), Publication::Forgotten);
        assert_eq!(publishers.find(once(2, 1)), Publication::Known(2));
        assert_eq!(publishers.find(once(u64::MAX, 1)), Publication::Known(7));
    }
}
