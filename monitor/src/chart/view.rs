//! Which stretch of time a chart shows.

use serde::{Deserialize, Serialize};

use crate::{format::SECOND, store::TimeNs};

/// Shortest stretch: a thousand of the microseconds that a crosshair tells.
pub const SPAN_MIN_NS: i64 = 1_000_000;

/// Longest stretch: ten years.
pub const SPAN_MAX_NS: i64 = 10 * 366 * 24 * 3600 * SECOND;

/// What a new chart shows: short enough to see a market move, long enough to see where it came
/// from.
pub const SPAN_DEFAULT_NS: i64 = 60 * SECOND;

/// Room to the right of the live edge, as a part of the span, so that the newest value is not
/// glued to the axis.
const LEAD: f64 = 0.025;

/// Changes within this time are undone together: one turn of the wheel is many events.
const GESTURE_NS: i64 = 700_000_000;

/// Views that can be gone back to.
const UNDO_MAX: usize = 100;

/// Where the view ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Now, whenever that is.
    Live,
    /// At a fixed time.
    At(TimeNs),
}

/// A stretch of time that follows the clock or stands still. What is saved of it is its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct TimeView {
    span_ns: i64,
    edge: Edge,
    past: Vec<(i64, Edge)>,
    changed_at: TimeNs,
}

impl From<i64> for TimeView {
    fn from(span_ns: i64) -> Self {
        Self::following(span_ns)
    }
}

impl From<TimeView> for i64 {
    fn from(view: TimeView) -> Self {
        view.span_ns
    }
}

impl Default for TimeView {
    fn default() -> Self {
        Self::following(SPAN_DEFAULT_NS)
    }
}

impl TimeView {
    /// A view of the last `span_ns`.
    pub fn following(span_ns: i64) -> Self {
        Self {
            span_ns: span_ns.clamp(SPAN_MIN_NS, SPAN_MAX_NS),
            edge: Edge::Live,
            past: Vec::new(),
            changed_at: i64::MIN / 2,
        }
    }

    /// How much time is shown.
    pub fn span_ns(&self) -> i64 {
        self.span_ns
    }

    /// Start and end of what is shown.
    pub fn window(&self, now_ns: TimeNs) -> (TimeNs, TimeNs) {
        let end = match self.edge {
            Edge::Live => now_ns + self.lead_ns(),
            Edge::At(end) => end,
        };
        (end - self.span_ns, end)
    }

    fn lead_ns(&self) -> i64 {
        (self.span_ns as f64 * LEAD) as i64
    }

    /// Whether the newest samples are shown.
    pub fn is_following(&self) -> bool {
        self.edge == Edge::Live
    }

    /// How far the end of the view is behind now.
    pub fn behind_ns(&self, now_ns: TimeNs) -> i64 {
        match self.edge {
            Edge::Live => 0,
            Edge::At(end) => (now_ns - end).max(0),
        }
    }

    fn remember(&mut self, now_ns: TimeNs) {
        if now_ns - self.changed_at > GESTURE_NS {
            if self.past.len() == UNDO_MAX {
                self.past.remove(0);
            }
            self.past.push((self.span_ns, self.edge));
        }
        self.changed_at = now_ns;
    }

    /// Shows `factor` times as much time; smaller than 1 is closer. A view that follows goes on
    /// following, else the time `anchor_ns` stays where it is.
    pub fn zoom(&mut self, factor: f64, anchor_ns: TimeNs, now_ns: TimeNs) {
        self.remember(now_ns);
        let span = (self.span_ns as f64 * factor) as i64;
        let span = span.clamp(SPAN_MIN_NS, SPAN_MAX_NS);
        if let Edge::At(end) = self.edge {
            let factor = span as f64 / self.span_ns as f64;
            let right = ((end - anchor_ns) as f64 * factor) as i64;
            self.edge = Edge::At(anchor_ns.saturating_add(right));
        }
        self.span_ns = span;
    }

    /// Moves the view by so much time, backwards if negative. Whoever comes back to the live edge
    /// follows again.
    pub fn pan(&mut self, by_ns: i64, now_ns: TimeNs) {
        if by_ns == 0 || (by_ns > 0 && self.is_following()) {
            return;
        }
        self.remember(now_ns);
        let (_, end) = self.window(now_ns);
        let end = end.saturating_add(by_ns);
        self.edge = if end >= now_ns + self.lead_ns() {
            Edge::Live
        } else {
            Edge::At(end)
        };
    }

    /// Shows exactly this stretch.
    pub fn show(&mut self, from_ns: TimeNs, to_ns: TimeNs, now_ns: TimeNs) {
        self.remember(now_ns);
        self.span_ns = (to_ns - from_ns).clamp(SPAN_MIN_NS, SPAN_MAX_NS);
        self.edge = Edge::At(to_ns);
    }

    /// Stands still where it is.
    pub fn pause(&mut self, now_ns: TimeNs) {
        if self.is_following() {
            self.remember(now_ns);
            self.edge = Edge::At(self.window(now_ns).1);
        }
    }

    /// Shows the newest samples from now on.
    pub fn follow(&mut self, now_ns: TimeNs) {
        if !self.is_following() {
            self.remember(now_ns);
            self.edge = Edge::Live;
        }
    }

    /// Goes back to the view before the last change. Whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some((span_ns, edge)) = self.past.pop() else {
            return false;
        };
        self.span_ns = span_ns;
        self.edge = edge;
        self.changed_at = i64::MIN / 2;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000 * SECOND;

    fn paused() -> TimeView {
        let mut view = TimeView::following(100 * SECOND);
        view.pan(-200 * SECOND, NOW);
        view
    }

    #[test]
    fn a_view_that_follows_shows_the_newest_sample_and_moves_with_the_clock() {
        let view = TimeView::following(100 * SECOND);
        let (start, end) = view.window(NOW);
        assert!(start < NOW && NOW < end);
        assert_eq!(end - start, 100 * SECOND);
        assert_eq!(view.window(NOW + SECOND).1, end + SECOND);
    }

    #[test]
    fn zooming_keeps_following() {
        let mut view = TimeView::following(100 * SECOND);
        view.zoom(0.5, NOW - 80 * SECOND, NOW);
        assert!(view.is_following());
        assert_eq!(view.span_ns(), 50 * SECOND);
    }

    #[test]
    fn zooming_a_view_that_stands_still_keeps_the_time_under_the_cursor() {
        let mut view = paused();
        let (start, end) = view.window(NOW);
        let anchor = start + (end - start) / 4;
        view.zoom(0.5, anchor, NOW);
        let (start, end) = view.window(NOW);
        assert!((anchor - (start + (end - start) / 4)).abs() < 1000);
    }

    #[test]
    fn panning_into_the_past_pauses_and_panning_back_follows() {
        let mut view = paused();
        assert!(!view.is_following());
        assert!(view.behind_ns(NOW) > 190 * SECOND);
        assert_eq!(view.window(NOW), view.window(NOW + 5 * SECOND));
        view.pan(300 * SECOND, NOW);
        assert!(view.is_following());
    }

    #[test]
    fn a_change_of_view_can_be_undone_gesture_by_gesture() {
        let mut view = TimeView::following(100 * SECOND);
        for tick in 0..5 {
            view.zoom(0.9, NOW, NOW + tick * 20_000_000);
        }
        view.pan(-50 * SECOND, NOW + 10 * SECOND);
        assert!(view.undo());
        assert!(view.is_following());
        assert!(view.span_ns() < 60 * SECOND);
        assert!(view.undo());
        assert_eq!(view.span_ns(), 100 * SECOND);
        assert!(!view.undo());
    }

    #[test]
    fn spans_stay_within_their_limits() {
        let mut view = paused();
        for _ in 0..200 {
            view.zoom(0.5, NOW, NOW);
        }
        assert_eq!(view.span_ns(), SPAN_MIN_NS);
        for _ in 0..200 {
            view.zoom(2.0, NOW, NOW);
        }
        assert_eq!(view.span_ns(), SPAN_MAX_NS);
    }
}
