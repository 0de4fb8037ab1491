//! Steps that can be undone, up to a bound.

use std::collections::VecDeque;

/// The most steps: the older ones are forgotten.
const UNDO_MAX: usize = 100;

/// What was before each step, the last one at the end.
#[derive(Debug, Clone)]
pub(crate) struct UndoSteps<T> {
    past: VecDeque<T>,
    forgotten: usize,
}

impl<T> Default for UndoSteps<T> {
    fn default() -> Self {
        Self {
            past: VecDeque::new(),
            forgotten: 0,
        }
    }
}

impl<T> UndoSteps<T> {
    /// Remembers what is before a step.
    pub(crate) fn push(&mut self, before: T) {
        if self.past.len() == UNDO_MAX {
            self.past.pop_front();
            self.forgotten += 1;
        }
        self.past.push_back(before);
    }

    /// What was before the last step, which is undone.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.past.pop_back()
    }

    /// What was before the last step.
    pub(crate) fn last(&self) -> Option<&T> {
        self.past.back()
    }

    /// How many steps were remembered and not undone, those that were forgotten among them.
    pub(crate) fn depth(&self) -> usize {
        self.forgotten + self.past.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_steps_is_forgotten_and_counts() {
        let mut steps = UndoSteps::default();
        for step in 0..=UNDO_MAX {
            steps.push(step);
        }
        assert_eq!(
            (steps.last(), steps.depth()),
            (Some(&UNDO_MAX), UNDO_MAX + 1)
        );
        let undone: Vec<usize> = std::iter::from_fn(|| steps.pop()).collect();
        assert!(undone.into_iter().eq((1..=UNDO_MAX).rev()));
        assert_eq!(steps.depth(), 1);
    }
}
