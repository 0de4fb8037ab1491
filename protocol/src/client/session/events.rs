//! Events that wait for the caller, and the positions to which they move it.

use std::collections::VecDeque;

use crate::{client::event::Event, message::Resume, topic::Filter};

/// Where the caller is in one subscription after it has handled an event.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) filter: Filter,
    pub(super) token: Resume,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    waiting: VecDeque<(Event, Option<Move>)>,
    /// Of the event that the caller is handling.
    current_move: Option<Move>,
}

impl EventQueue {
    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        self.waiting.push_back((event, None));
    }

    /// Adds an event after which the caller is at `token`.
    pub(super) fn push_move(&mut self, event: Event, filter: Filter, token: Resume) {
        let moves = Move { filter, token };
        self.waiting.push_back((event, Some(moves)));
    }

    /// The next event for the caller.
    pub(super) fn next(&mut self) -> Option<Event> {
        let (event, moves) = self.waiting.pop_front()?;
        self.current_move = moves;
        Some(event)
    }

    /// The caller has handled the last event. Returns where it is now, if that changed.
    pub(super) fn handled(&mut self) -> Option<Move> {
        self.current_move.take()
    }
}
