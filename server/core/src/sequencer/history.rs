//! The recent past of each topic, for charts. It is kept once, beside the sequencer, as the bytes
//! that were encoded for the tape.
//!
//! Each topic has a bounded list, and all lists together are bounded in bytes. When they exceed the
//! bound, the history visits the topics in turn, and each visited topic drops the older half of its
//! list. This way a quiet topic is not the first to lose everything.

use std::collections::VecDeque;

use tickcast_protocol::message::{Position, TopicId};

use crate::{growth::Pages, tape::Stretch};

/// Maximum number of updates in one answer: twice the default number of updates kept per topic.
pub const HISTORY_ANSWER_MAX_UPDATES: usize = 4096;

/// Maximum bytes of updates in one answer, measured as on the tape.
pub const HISTORY_ANSWER_MAX_BYTES: usize = 128 * 1024;

/// Cost of an update besides its bytes: its entry, and the spare capacity of growing lists.
const UPDATE_OVERHEAD_BYTES: usize = 2 * size_of::<UpdateSize>();

/// How much history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistorySettings {
    /// Maximum updates per topic; 0 keeps no history.
    pub updates: usize,
    /// Approximate maximum bytes of all topics together.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct UpdateSize {
    position: Position,
    len: u32,
}

/// One topic's past: the entries and their bytes, in the same order.
#[derive(Debug, Default)]
struct Past {
    entries: VecDeque<UpdateSize>,
    bytes: VecDeque<u8>,
}

impl Past {
    fn forget(&mut self, updates: usize) -> usize {
        let bytes: usize = self.entries.drain(..updates).map(|e| e.len as usize).sum();
        self.bytes.drain(..bytes);
        bytes + updates * UPDATE_OVERHEAD_BYTES
    }
}

/// The history of all topics; see the module.
#[derive(Debug, Default)]
pub struct History {
    settings: HistorySettings,
    /// Indexed by topic id.
    topics: Pages<Past>,
    bytes: usize,
    /// The topic that last dropped half of its list.
    last_halved: usize,
    forgotten: u64,
}

impl History {
    /// An empty history.
    pub fn new(settings: HistorySettings) -> Self {
        Self {
            settings,
            topics: Pages::default(),
            bytes: 0,
            last_halved: 0,
            forgotten: 0,
        }
    }

    /// Whether any history is kept.
    pub fn is_kept(&self) -> bool {
        self.settings.updates > 0
    }

    /// Adds the next update of a topic, as stored on the tape.
    pub fn push(&mut self, topic: TopicId, position: Position, bincode: &[u8]) {
        if !self.is_kept() {
            return;
        }
        let topic = topic as usize;
        if topic >= self.topics.len() {
            self.topics.grow_to(topic + 1, Past::default);
        }
        let past = &mut self.topics[topic];
        if past.entries.len() >= self.settings.updates {
            self.bytes -= past.forget(1);
        }
        past.entries.push_back(UpdateSize {
            position,
            len: u32::try_from(bincode.len()).expect("an update is much smaller than 4 GiB"),
        });
        past.bytes.extend(bincode);
        self.bytes += bincode.len() + UPDATE_OVERHEAD_BYTES;
        while self.bytes > self.settings.bytes {
            self.halve_next();
        }
    }

    fn halve_next(&mut self) {
        self.last_halved = (self.last_halved + 1) % self.topics.len();
        let past = &mut self.topics[self.last_halved];
        let updates = past.entries.len().div_ceil(2);
        self.bytes -= past.forget(updates);
        self.forgotten += updates as u64;
        past.entries.shrink_to(past.entries.len() * 2);
        past.bytes.shrink_to(past.bytes.len() * 2);
    }

    /// The newest updates of a topic before a position: at most `limit`, and no more than one
    /// answer may hold.
    pub fn before(&self, topic: TopicId, before: Option<Position>, limit: usize) -> Stretch {
        let Some(past) = self.topics.get(topic as usize) else {
            return Stretch::default();
        };
        let end = before.map_or(past.entries.len(), |before| {
            past.entries.partition_point(|e| e.position < before)
        });
        let mut bytes = 0;
        let fits = |entry: &&UpdateSize| {
            bytes += entry.len as usize;
            bytes <= HISTORY_ANSWER_MAX_BYTES
        };
        let newest_first = past.entries.range(..end).rev();
        let found = newest_first.take_while(fits).count();
        // A single update above the byte limit is sent alone; otherwise no client could get past
        // it.
        let found = found
            .max(1)
            .min(limit)
            .min(HISTORY_ANSWER_MAX_UPDATES)
            .min(end);
        self.stretch(past, end - found, end)
    }

    fn stretch(&self, past: &Past, start: usize, end: usize) -> Stretch {
        let len = |entry: &UpdateSize| entry.len as usize;
        let skip: usize = past.entries.range(..start).map(len).sum();
        let mut at = 0;
        let ends = past.entries.range(start..end).map(|entry| {
            at += entry.len;
            at
        });
        let ends: Box<[u32]> = ends.collect();
        let take = ends.last().map_or(0, |&end| end as usize);
        Stretch {
            bincode: past.bytes.range(skip..skip + take).copied().collect(),
            ends,
            more: start > 0,
        }
    }

    /// Approximate cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Updates dropped because all topics together exceeded the byte limit.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that identify their update.
    fn bytes_of(position: Position, len: usize) -> Vec<u8> {
        (0..len)
            .map(|i| (position as usize * 7 + i) as u8)
            .collect()
    }

    fn updates(stretch: &Stretch) -> Vec<&[u8]> {
        (0..stretch.len()).map(|index| stretch.get(index)).collect()
    }

    fn kept(updates: usize, bytes: usize) -> History {
        History::new(HistorySettings { updates, bytes })
    }

    #[test]
    fn a_limit_of_zero_updates_keeps_no_history() {
        let mut history = kept(0, 1 << 20);
        history.push(0, 1, b"x");
        assert_eq!(history.before(0, None, 10), Stretch::default());
        assert_eq!(history.bytes(), 0);
    }

    #[test]
    fn an_update_longer_than_an_answer_is_returned_alone() {
        let mut history = kept(10, 1 << 30);
        for position in 1..=3 {
            history.push(
                0,
                position,
                &vec![position as u8; HISTORY_ANSWER_MAX_BYTES + 1],
            );
        }
        let stretch = history.before(0, Some(3), 10);
        let updates = updates(&stretch);
        assert_eq!((updates.len(), updates[0][0], stretch.more), (1, 2, true));
    }

    #[test]
    fn above_the_byte_limit_topics_drop_their_older_half_and_quiet_topics_keep_some() {
        let mut history = kept(1_000, 100 * (10 + UPDATE_OVERHEAD_BYTES));
        for position in 1..=10 {
            history.push(0, position, &bytes_of(position, 10));
        }
        for position in 11..=200 {
            history.push(1, position, &bytes_of(position, 10));
        }
        let quiet = history.before(0, None, 1_000);
        let lively = history.before(1, None, 1_000);
        assert!(quiet.ends.len() >= 2, "{}", quiet.ends.len());
        assert!(lively.ends.len() >= 40, "{}", lively.ends.len());
        assert_eq!(updates(&lively).pop(), Some(&*bytes_of(200, 10)));
        let held = (quiet.ends.len() + lively.ends.len()) as u64;
        assert_eq!(history.forgotten() + held, 200);
    }

    #[test]
    fn the_byte_limit_can_be_reached_exactly() {
        let mut history = kept(1_000, 10 * (5 + UPDATE_OVERHEAD_BYTES));
        for position in 1..=10 {
            history.push(0, position, &bytes_of(position, 5));
        }
        assert_eq!(
            (history.forgotten(), history.bytes()),
            (0, history.settings.bytes)
        );
        history.push(0, 11, &[]);
        assert_eq!(history.forgotten(), 6);
    }

    proptest! {
        #[test]
        fn the_history_answers_like_a_plain_list(
            pushes in prop::collection::vec((0..4u32, 0..40usize, 1..4u64), 0..300),
            max in 1..50usize,
            questions in prop::collection::vec((0..5u32, prop::option::of(0..900u64), 0..60usize), 1..20),
        ) {
            let mut history = kept(max, 1 << 20);
            let mut model: Vec<Vec<(Position, Vec<u8>)>> = vec![vec![]; 5];
            let mut position = 0;
            for (topic, len, step) in pushes {
                position += step;
                let bytes = bytes_of(position, len);
                history.push(topic, position, &bytes);
                let past = &mut model[topic as usize];
                past.push((position, bytes));
                if past.len() > max {
                    past.remove(0);
                }
            }
            for (topic, before, limit) in questions {
                let stretch = history.before(topic, before, limit);
                let older: Vec<_> = model[topic as usize]
                    .iter()
                    .filter(|(position, _)| before.is_none_or(|before| *position < before))
                    .collect();
                let expected = &older[older.len().saturating_sub(limit)..];
                let found = updates(&stretch);
                let bytes: Vec<_> = expected.iter().map(|(_, bytes)| bytes.as_slice()).collect();
                prop_assert_eq!(found, bytes);
                prop_assert_eq!(stretch.more, older.len() > expected.len());
            }
            let cost = |(_, bytes): &(Position, Vec<u8>)| bytes.len() + UPDATE_OVERHEAD_BYTES;
            let held: usize = model.iter().flatten().map(cost).sum();
            prop_assert_eq!(history.bytes(), held);
        }

        #[test]
        fn the_history_stays_below_its_byte_limit_and_keeps_the_newest_updates_without_gaps(
            pushes in prop::collection::vec((0..4u32, 0..200usize), 1..400),
        ) {
            let max_bytes = 4_000;
            let mut history = kept(1_000, max_bytes);
            let mut model: Vec<Vec<Vec<u8>>> = vec![vec![]; 4];
            for (position, (topic, len)) in (1..).zip(pushes) {
                let bytes = bytes_of(position, len);
                history.push(topic, position, &bytes);
                model[topic as usize].push(bytes);
                prop_assert!(history.bytes() <= max_bytes);
            }
            let mut held = 0;
            for (topic, model) in (0..).zip(&model) {
                let stretch = history.before(topic, None, usize::MAX);
                let found: Vec<_> = updates(&stretch).into_iter().map(<[u8]>::to_vec).collect();
                held += found.iter().map(|bytes| bytes.len() + UPDATE_OVERHEAD_BYTES).sum::<usize>();
                prop_assert_eq!(&found[..], &model[model.len() - found.len()..]);
                prop_assert!(!stretch.more);
            }
            prop_assert_eq!(held, history.bytes());
        }
    }
}
