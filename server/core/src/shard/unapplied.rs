//! The strips that a shard has taken and not applied yet.

use std::{collections::VecDeque, sync::Arc};

use crate::{tape::Strip, work::HistoryAnswer};

/// The strips of a shard that are not applied yet.
#[derive(Debug, Default)]
pub(super) struct Unapplied {
    pub(super) strips: VecDeque<Arc<Strip>>,
    /// Number of new topics of the first strip that are introduced.
    pub(super) topics: usize,
    /// Number of status changes of the first strip that are applied.
    pub(super) statuses: usize,
    /// Whether the first strip is on the tape.
    pub(super) is_begun: bool,
    /// Number of updates of the first strip that are applied.
    pub(super) updates: usize,
    /// Number of answers to publishes of the first strip that are sent.
    pub(super) acks: usize,
    /// Answers that come after the strips.
    pub(super) answers: Vec<HistoryAnswer>,
}

impl Unapplied {
    pub(super) fn is_empty(&self) -> bool {
        self.strips.is_empty()
    }

    /// Goes on to the next strip: the first one is applied.
    pub(super) fn next(&mut self) {
        self.strips.pop_front();
        *self = Self {
            strips: std::mem::take(&mut self.strips),
            answers: std::mem::take(&mut self.answers),
            ..Self::default()
        };
    }

    pub(super) fn push_answers(&mut self, answers: Vec<HistoryAnswer>) {
        self.answers.extend(answers);
    }
}
