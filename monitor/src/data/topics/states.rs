//! The states of a topic without numbers, and the statuses of a topic: when each began.

use std::collections::VecDeque;

use tickcast_protocol::{
    message::{Status, TimeNs},
    value::Value,
};

/// The most changes that are kept; the oldest are forgotten.
const CHANGES_MAX: usize = 20_000;

/// The most different states: what has more is not a state but a text.
pub(crate) const STATES_MAX: usize = 64;

/// The longest name of a state, in characters.
const NAME_MAX_CHARS: usize = 80;

/// Number of a state within its history.
pub(crate) type StateNumber = u16;

/// When each state began.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateHistory {
    changes: VecDeque<(TimeNs, StateNumber)>,
    names: Vec<Box<str>>,
    /// Whether there were more than [`STATES_MAX`] states.
    has_too_many: bool,
}

/// The name of the state that a value without a number is.
fn name(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) => text,
        Value::Absent(word) if word.is_empty() || word == "null" => "no value",
        Value::Absent(word) => word,
        Value::Reading(_) | Value::Trade(_) | Value::Quote(_) | Value::Bytes(_) => return None,
    };
    Some(text.trim().chars().take(NAME_MAX_CHARS).collect())
}

impl StateHistory {
    fn number(&mut self, name: &str) -> Option<StateNumber> {
        if let Some(known) = self.names.iter().position(|known| **known == *name) {
            return Some(known as StateNumber);
        }
        if self.names.len() == STATES_MAX {
            self.has_too_many = true;
            return None;
        }
        self.names.push(name.into());
        Some((self.names.len() - 1) as StateNumber)
    }

    /// A value came. A repeated state is no change.
    pub(crate) fn push(&mut self, time_ns: TimeNs, value: &Value) {
        let Some(number) = name(value).and_then(|name| self.number(&name)) else {
            return;
        };
        if self.changes.back().is_some_and(|(_, last)| *last == number) {
            return;
        }
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        let time_ns = self
            .changes
            .back()
            .map_or(time_ns, |(last, _)| time_ns.max(*last));
        self.changes.push_back((time_ns, number));
    }

    /// Older values came, ascending.
    pub(crate) fn fill<'a>(&mut self, older: impl Iterator<Item = (TimeNs, &'a Value)>) {
        let first_ns = self.changes.front().map(|(time_ns, _)| *time_ns);
        let later = std::mem::take(&mut self.changes);
        for (time_ns, value) in older {
            if first_ns.is_none_or(|first_ns| time_ns <= first_ns) {
                self.push(time_ns, value);
            }
        }
        for (time_ns, number) in later {
            if self.changes.back().is_none_or(|(_, last)| *last != number) {
                self.changes.push_back((time_ns, number));
            }
        }
        while self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
    }

    /// Whether there is no state.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether these are texts rather than states.
    pub(crate) fn has_too_many(&self) -> bool {
        self.has_too_many
    }

    /// The stretches between two times: start, end, and the name of the state. The last one holds
    /// until `until_ns`.
    pub(crate) fn between(
        &self,
        start_ns: TimeNs,
        end_ns: TimeNs,
        until_ns: TimeNs,
    ) -> impl Iterator<Item = (TimeNs, TimeNs, StateNumber, &str)> {
        let from = self
            .changes
            .partition_point(|(time_ns, _)| *time_ns <= start_ns);
        let from = from.saturating_sub(1);
        let changes = self.changes.range(from..).enumerate();
        changes
            .take_while(move |(_, (time_ns, _))| *time_ns <= end_ns)
            .map(move |(at, &(time_ns, number))| {
                let next = self.changes.get(from + at + 1);
                let to_ns = next.map_or(until_ns.max(time_ns), |(next_ns, _)| *next_ns);
                (time_ns, to_ns, number, &*self.names[usize::from(number)])
            })
    }

    /// The stretch that contains a time.
    pub(crate) fn at(&self, time_ns: TimeNs, until_ns: TimeNs) -> Option<(TimeNs, TimeNs, &str)> {
        let mut found = self.between(time_ns, time_ns, until_ns);
        let (from_ns, to_ns, _, name) = found.next()?;
        (from_ns <= time_ns && time_ns <= to_ns).then_some((from_ns, to_ns, name))
    }
}

/// The most changes of a status that are kept.
const STATUSES_MAX: usize = 4_096;

/// When each status began.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatusHistory(VecDeque<(TimeNs, Status)>);

impl StatusHistory {
    /// A status holds since a time.
    pub(crate) fn push(&mut self, since_ns: TimeNs, status: Status) {
        if self.0.back().is_some_and(|(_, last)| *last == status) {
            return;
        }
        if self.0.len() == STATUSES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((since_ns, status));
    }

    /// The stretches in which the topic was not live: start, end, and the status.
    pub(crate) fn not_live(
        &self,
        until_ns: TimeNs,
    ) -> impl Iterator<Item = (TimeNs, TimeNs, Status)> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, (_, status))| *status != Status::Live).map(
            move |(at, &(from_ns, status))| {
                let next = self.0.get(at + 1);
                (
                    from_ns,
                    next.map_or(until_ns, |(next_ns, _)| *next_ns),
                    status,
                )
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn stretches(history: &StateHistory, start: TimeNs, end: TimeNs) -> Vec<(i64, i64, String)> {
        let found = history.between(start, end, 100);
        found
            .map(|(from, to, _, name)| (from, to, name.to_owned()))
            .collect()
    }

    #[test]
    fn only_changes_are_kept_and_the_last_state_holds() {
        let mut history = StateHistory::default();
        for (time, state) in [(10, "on"), (20, "on"), (30, "off"), (40, "on")] {
            history.push(time, &text(state));
        }
        history.push(50, &Value::Reading(1.0));
        let owned = |from, to, name: &str| (from, to, name.to_owned());
        let expected = [
            owned(10, 30, "on"),
            owned(30, 40, "off"),
            owned(40, 100, "on"),
        ];
        assert_eq!(stretches(&history, 0, 100), expected);
        assert_eq!(stretches(&history, 35, 38), [owned(30, 40, "off")]);
        assert_eq!(history.at(25, 100), Some((10, 30, "on")));
        assert_eq!(history.at(5, 100), None);
        let older = [(2, text("off")), (5, text("on"))];
        history.fill(older.iter().map(|(time, value)| (*time, value)));
        let expected = [owned(2, 5, "off"), owned(5, 30, "on")];
        assert_eq!(stretches(&history, 0, 25), expected);
    }

    #[test]
    fn what_has_many_different_values_is_a_text() {
        let mut history = StateHistory::default();
        for at in 0..=STATES_MAX {
            assert!(!history.has_too_many());
            history.push(at as i64, &text(&at.to_string()));
        }
        assert!(history.has_too_many());
        let mut statuses = StatusHistory::default();
        for (time, status) in [(1, Status::Live), (5, Status::Stale), (9, Status::Live)] {
            statuses.push(time, status);
            statuses.push(time + 1, status);
        }
        let found: Vec<_> = statuses.not_live(20).collect();
        assert_eq!(found, [(5, 9, Status::Stale)]);
    }
}
