//! Panes in windows of their own: which ones, and where.
//!
//! Pure: the panes and the windows themselves are the caller's.

mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::place::{ScreenArea, WindowPlace};
use super::undo_steps::UndoSteps;

/// The most windows beside the main one. Each is painted by itself, which without a graphics card
/// takes up to 40 ms of CPU time, and eight fill the screens of a large desk.
pub(crate) const PANE_WINDOWS_MAX: usize = 8;

/// Number of a pane within its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaneId(pub u64);

/// A pane in a window of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PaneWindow {
    /// The pane.
    pub(crate) pane: PaneId,
    /// Where the window is.
    pub(crate) place: WindowPlace,
    /// Where it was opened; `None` until it is.
    #[serde(skip)]
    opened: Option<WindowPlace>,
}

/// How many changes of view each chart could undo.
pub(crate) type UndoDepths = BTreeMap<PaneId, usize>;

/// The windows before a step, and what the charts could undo then.
#[derive(Debug, Clone)]
struct WindowStep {
    before: Vec<PaneWindow>,
    depths: UndoDepths,
}

/// The panes in windows of their own.
///
/// Steps of the user: [`Self::take_out`], [`Self::put_back`], [`Self::put_all_back`], each of which
/// [`Self::undo`] takes back. What the system tells: [`Self::moved`]. What happens to panes:
/// [`Self::closed`].
#[derive(Debug, Clone, Default)]
pub(crate) struct PaneWindows {
    /// In the order in which they were taken out.
    open: Vec<PaneWindow>,
    past: UndoSteps<WindowStep>,
}

impl PaneWindows {
    /// The windows as they were saved. A file may contain anything: what is not a pane, what comes
    /// twice and what is too much is left out, and sizes that no window can have are replaced.
    pub(crate) fn new(saved: &[PaneWindow], is_pane: impl Fn(PaneId) -> bool) -> Self {
        let mut windows = Self::default();
        for window in saved {
            let is_new = is_pane(window.pane) && !windows.has(window.pane);
            if is_new && windows.open.len() < PANE_WINDOWS_MAX {
                windows.open.push(PaneWindow {
                    pane: window.pane,
                    place: window.place.repaired(),
                    opened: None,
                });
            }
        }
        windows
    }

    /// All of them, in the order in which they were taken out.
    pub(crate) fn all(&self) -> &[PaneWindow] {
        &self.open
    }

    /// Whether a pane is in a window of its own.
    pub(crate) fn has(&self, pane: PaneId) -> bool {
        self.open.iter().any(|window| window.pane == pane)
    }

    /// Takes a pane out. Returns whether there was room for another window.
    pub(crate) fn take_out(
        &mut self,
        pane: PaneId,
        place: WindowPlace,
        depths: UndoDepths,
    ) -> bool {
        if self.has(pane) {
            return true;
        }
        if self.open.len() >= PANE_WINDOWS_MAX {
            return false;
        }
        self.remember(depths);
        self.open.push(PaneWindow {
            pane,
            place,
            opened: None,
        });
        true
    }

    /// Puts a pane back.
    pub(crate) fn put_back(&mut self, pane: PaneId, depths: UndoDepths) {
        if self.has(pane) {
            self.remember(depths);
            self.open.retain(|window| window.pane != pane);
        }
    }

    /// Puts all panes back, as one step.
    pub(crate) fn put_all_back(&mut self, depths: UndoDepths) {
        if !self.open.is_empty() {
            self.remember(depths);
            self.open.clear();
        }
    }

    /// A pane was closed. Undo does not bring it back.
    pub(crate) fn closed(&mut self, pane: PaneId) {
        self.open.retain(|window| window.pane != pane);
    }

    /// The user has moved or resized a window.
    pub(crate) fn moved(&mut self, pane: PaneId, place: WindowPlace) {
        for window in &mut self.open {
            if window.pane == pane {
                window.place = place;
            }
        }
    }

    /// The place at which a window is opened: the first time the saved one, moved onto a screen.
    /// Later it is the same, wherever the user moves the window. Without `screens` nothing is known
    /// about them.
    pub(crate) fn opened(&mut self, pane: PaneId, screens: &[ScreenArea]) -> Option<WindowPlace> {
        let window = self.open.iter_mut().find(|window| window.pane == pane)?;
        let place = window.place;
        Some(
            *window
                .opened
                .get_or_insert_with(|| place.on_screens(screens)),
        )
    }

    /// Whether a window was not opened yet.
    pub(crate) fn wants_places(&self) -> bool {
        self.open.iter().any(|window| window.opened.is_none())
    }

    /// Opens all windows again, where they were last.
    pub(crate) fn reopen(&mut self) {
        for window in &mut self.open {
            window.opened = None;
        }
    }

    /// How many changes of view a chart could undo at the last step: what it could undo since then
    /// is newer than that step.
    pub(crate) fn depth(&self, chart: PaneId) -> usize {
        let last = self.past.last();
        last.and_then(|step| step.depths.get(&chart).copied())
            .unwrap_or(0)
    }

    /// Takes back the last step that changed anything. A window that is open stays where it is.
    pub(crate) fn undo(&mut self, is_pane: impl Fn(PaneId) -> bool) {
        while let Some(WindowStep { before, .. }) = self.past.pop() {
            let windows = before.into_iter().filter(|window| is_pane(window.pane));
            let before: Vec<PaneWindow> = windows
                .map(|window| {
                    let now = self.open.iter().find(|now| now.pane == window.pane);
                    now.cloned().unwrap_or(PaneWindow {
                        opened: None,
                        ..window
                    })
                })
                .collect();
            if before != self.open {
                self.open = before;
                return;
            }
        }
    }

    fn remember(&mut self, depths: UndoDepths) {
        self.past.push(WindowStep {
            before: self.open.clone(),
            depths,
        });
    }
}
