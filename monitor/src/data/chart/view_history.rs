//! Undoes changes of a view, gesture by gesture.

use tickcast_protocol::message::TimeNs;

use crate::data::undo_steps::UndoSteps;

/// Turns of the wheel within this time are one gesture.
const WHEEL_NS: i64 = 700_000_000;

/// What changes a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gesture {
    /// A key, a click, or a drag, each of which is one step.
    Single,
    /// The wheel, which sends many events per turn.
    Wheel,
}

/// The views before each gesture.
#[derive(Debug, Clone)]
pub(crate) struct ViewHistory<T> {
    past: UndoSteps<T>,
    wheel_ns: Option<TimeNs>,
}

impl<T> Default for ViewHistory<T> {
    fn default() -> Self {
        Self {
            past: UndoSteps::default(),
            wheel_ns: None,
        }
    }
}

impl<T: PartialEq> ViewHistory<T> {
    /// Call it before a change of the view `before`.
    pub(crate) fn remember(&mut self, before: T, gesture: Gesture, now_ns: TimeNs) {
        let wheel_ns = match gesture {
            Gesture::Single => None,
            Gesture::Wheel => Some(now_ns),
        };
        let last = std::mem::replace(&mut self.wheel_ns, wheel_ns);
        let goes_on = match (last, wheel_ns) {
            (Some(last_ns), Some(now_ns)) => now_ns - last_ns <= WHEEL_NS,
            _ => false,
        };
        if goes_on {
            return;
        }
        self.past.push(before);
    }

    /// How many gestures it has remembered and not undone.
    pub(crate) fn depth(&self) -> usize {
        self.past.depth()
    }

    /// The view before the last gesture that changed anything, if that gesture came after the time
    /// at which the depth was `depth`.
    pub(crate) fn undo_since(&mut self, depth: usize, now: &T) -> Option<T> {
        self.wheel_ns = None;
        while self.depth() > depth {
            let before = self.past.pop()?;
            if before != *now {
                return Some(before);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gesture_is_one_step_and_one_without_effect_is_none() {
        let mut history = ViewHistory::default();
        let second = 1_000_000_000;
        history.remember(1, Gesture::Single, 0);
        history.remember(2, Gesture::Single, 1);
        for turn in 0..5 {
            history.remember(3 + turn, Gesture::Wheel, second + turn * 20_000_000);
        }
        history.remember(8, Gesture::Wheel, 3 * second);
        // A drag that moved nothing.
        history.remember(9, Gesture::Single, 4 * second);
        assert_eq!(history.undo_since(0, &9), Some(8));
        assert_eq!(history.undo_since(0, &8), Some(3));
        assert_eq!(history.undo_since(0, &3), Some(2));
        assert_eq!(history.undo_since(0, &2), Some(1));
        assert_eq!(history.undo_since(0, &1), None);
    }

    #[test]
    fn gestures_before_a_depth_are_not_undone() {
        let mut history = ViewHistory::default();
        for step in 0..=200 {
            history.remember(step, Gesture::Single, 0);
        }
        let depth = history.depth();
        assert_eq!(depth, 201, "the forgotten ones count");
        history.remember(300, Gesture::Single, 0);
        // A drag that moved nothing.
        history.remember(301, Gesture::Single, 0);
        assert_eq!(history.undo_since(depth, &301), Some(300));
        assert_eq!(history.undo_since(depth, &300), None);
        assert_eq!(history.depth(), depth);
        history.remember(300, Gesture::Single, 0);
        assert_eq!(history.undo_since(depth, &300), None, "it changed nothing");
        assert_eq!(history.undo_since(0, &300), Some(200));
    }
}
