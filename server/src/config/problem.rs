//! What is wrong with the settings, in the order in which a reader corrects it.

use super::entry::Origin;

/// One line: the place, the value, and what is expected.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// Its byte in the file. Flags and variables have none.
    at: Option<usize>,
    text: String,
}

impl Problem {
    pub(super) fn new(origin: &Origin, text: impl Into<String>) -> Self {
        let (at, text) = (origin.at(), text.into());
        Self { at, text }
    }
}

/// The lines: first those of flags and variables, then those of the file from its start to its end.
pub(super) fn in_order(mut problems: Vec<Problem>) -> Vec<String> {
    problems.sort_by_key(|problem| problem.at);
    problems.into_iter().map(|problem| problem.text).collect()
}
