//! What was published.

use tickcast_protocol::{
    message::{Position, Quality, Seq},
    topic::Filter,
};

use super::TOPICS;

/// What was published, as the model knows it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Topic by position, from 1.
    pub(super) tape: Vec<usize>,
    /// Whether the shard's tape holds everything, so that it can count up to any position.
    pub(super) is_whole: bool,
    /// Each name that was told: the position of the update with it, and the topic. The names are
    /// the numbers of these, from 1.
    pub(super) told: Vec<(Position, usize)>,
}

impl Truth {
    pub(super) fn matching(
        &self,
        filter: &Filter,
        after: Position,
        until: Position,
    ) -> Vec<Position> {
        (after + 1..=until)
            .filter(|&position| filter.matches(TOPICS[self.tape[position as usize - 1]]))
            .collect()
    }

    /// Whether the update at a position is historical, and replaces no newer value therefore.
    pub(super) fn is_historical(&self, position: Position) -> bool {
        let index = position as usize - 1;
        quality(index) == Quality::Historical && self.tape[..index].contains(&self.tape[index])
    }

    /// The name of a topic at a position; 0 if it has none.
    pub(super) fn name(&self, topic: usize, position: Position) -> usize {
        let told = self
            .told
            .iter()
            .rposition(|&(at, of)| of == topic && at <= position);
        told.map_or(0, |index| index + 1)
    }

    pub(super) fn seq(&self, position: Position) -> Seq {
        let topic = self.tape[position as usize - 1];
        self.tape[..position as usize]
            .iter()
            .filter(|&&other| other == topic)
            .count() as Seq
    }
}

/// The quality of the update at an index of the tape.
pub(super) fn quality(index: usize) -> Quality {
    match index % 5 {
        3 => Quality::Historical,
        _ => Quality::Live,
    }
}
