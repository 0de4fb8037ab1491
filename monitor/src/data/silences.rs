//! Stretches of time in which the server sent nothing, not even its heartbeats.

use std::collections::VecDeque;

use tickcast_protocol::message::TimeNs;

/// The most stretches that are kept; the oldest are forgotten.
const SILENCES_MAX: usize = 256;

/// The silences of a server, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silences(VecDeque<(TimeNs, TimeNs)>);

impl Silences {
    /// Adds a silence.
    pub(crate) fn add(&mut self, from_ns: TimeNs, to_ns: TimeNs) {
        if self.0.len() == SILENCES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((from_ns, to_ns));
    }

    /// The silences that touch the time between `start_ns` and `end_ns`.
    pub(crate) fn between(
        &self,
        start_ns: TimeNs,
        end_ns: TimeNs,
    ) -> impl Iterator<Item = (TimeNs, TimeNs)> {
        let all = self.0.iter().copied();
        all.filter(move |(from_ns, to_ns)| *to_ns >= start_ns && *from_ns <= end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_silences_are_forgotten() {
        let mut silences = Silences::default();
        for at in 0..300 {
            silences.add(at * 10, at * 10 + 5);
        }
        assert_eq!(silences.between(0, 10_000).count(), SILENCES_MAX);
        let found: Vec<_> = silences.between(2_985, 2_990).collect();
        assert_eq!(found, [(2_980, 2_985), (2_990, 2_995)]);
    }
}
