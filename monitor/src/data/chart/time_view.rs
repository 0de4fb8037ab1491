//! The stretch of time that a chart shows.

use tickcast_protocol::message::TimeNs;

use crate::data::time::SECOND;

/// The shortest stretch: a thousand times the microsecond that a crosshair shows.
pub(crate) const SPAN_MIN_NS: i64 = 1_000_000;

/// The longest stretch: ten years.
pub(crate) const SPAN_MAX_NS: i64 = 10 * 366 * 24 * 3600 * SECOND;

/// The stretch of a new chart: short enough to see a market move, long enough to see its recent
/// past.
pub(crate) const SPAN_DEFAULT_NS: i64 = 60 * SECOND;

/// Space to the right of the live edge, as a part of the span, so that the newest value does not
/// touch the axis.
const LEAD: f64 = 0.025;

/// The end of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// The current time.
    Live,
    /// At a fixed time.
    At(TimeNs),
}

/// A stretch of time that follows the clock or is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeView {
    span_ns: i64,
    edge: Edge,
}

impl Default for TimeView {
    fn default() -> Self {
        Self::following(SPAN_DEFAULT_NS)
    }
}

impl TimeView {
    /// A view of the last `span_ns`.
    pub(crate) fn following(span_ns: i64) -> Self {
        Self {
            span_ns: span_ns.clamp(SPAN_MIN_NS, SPAN_MAX_NS),
            edge: Edge::Live,
        }
    }

    /// How much time is shown.
    pub(crate) fn span_ns(&self) -> i64 {
        self.span_ns
    }

    /// Start and end of the visible time.
    pub(crate) fn window(&self, now_ns: TimeNs) -> (TimeNs, TimeNs) {
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
    pub(crate) fn is_following(&self) -> bool {
        self.edge == Edge::Live
    }

    /// How far the end of the view lags behind the current time.
    pub(crate) fn lag_ns(&self, now_ns: TimeNs) -> i64 {
        match self.edge {
            Edge::Live => 0,
            Edge::At(end) => (now_ns - end).max(0),
        }
    }

    /// Multiplies the span by `factor`; less than 1 zooms in. A view that follows keeps following;
    /// in a paused one the time `anchor_ns` keeps its place.
    pub(crate) fn zoom(&mut self, factor: f64, anchor_ns: TimeNs) {
        let span = (self.span_ns as f64 * factor) as i64;
        let span = span.clamp(SPAN_MIN_NS, SPAN_MAX_NS);
        if let Edge::At(end) = self.edge {
            let factor = span as f64 / self.span_ns as f64;
            let right = ((end - anchor_ns) as f64 * factor) as i64;
            self.edge = Edge::At(anchor_ns.saturating_add(right));
        }
        self.span_ns = span;
    }

    /// Moves the view by this much time, backwards if negative. A view that reaches the live edge
    /// follows again.
    pub(crate) fn pan(&mut self, by_ns: i64, now_ns: TimeNs) {
        if by_ns == 0 || (by_ns > 0 && self.is_following()) {
            return;
        }
        let (_, end) = self.window(now_ns);
        let end = end.saturating_add(by_ns);
        self.edge = if end >= now_ns + self.lead_ns() {
            Edge::Live
        } else {
            Edge::At(end)
        };
    }

    /// Shows exactly this stretch.
    pub(crate) fn show(&mut self, from_ns: TimeNs, to_ns: TimeNs) {
        self.span_ns = (to_ns - from_ns).clamp(SPAN_MIN_NS, SPAN_MAX_NS);
        self.edge = Edge::At(to_ns);
    }

    /// Pauses the view.
    pub(crate) fn pause(&mut self, now_ns: TimeNs) {
        if self.is_following() {
            self.edge = Edge::At(self.window(now_ns).1);
        }
    }

    /// Shows the newest samples from now on.
    pub(crate) fn follow(&mut self) {
        self.edge = Edge::Live;
    }

    /// Shows this much time; the end stays.
    pub(crate) fn set_span(&mut self, span_ns: i64) {
        self.span_ns = span_ns.clamp(SPAN_MIN_NS, SPAN_MAX_NS);
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
        view.zoom(0.5, NOW - 80 * SECOND);
        assert!(view.is_following());
        assert_eq!(view.span_ns(), 50 * SECOND);
    }

    #[test]
    fn zooming_a_paused_view_keeps_the_time_under_the_cursor() {
        let mut view = paused();
        let (start, end) = view.window(NOW);
        let anchor = start + (end - start) / 4;
        view.zoom(0.5, anchor);
        let (start, end) = view.window(NOW);
        assert!((anchor - (start + (end - start) / 4)).abs() < 1000);
    }

    #[test]
    fn panning_into_the_past_pauses_and_panning_back_follows() {
        let mut view = paused();
        assert!(!view.is_following());
        assert!(view.lag_ns(NOW) > 190 * SECOND);
        assert_eq!(view.window(NOW), view.window(NOW + 5 * SECOND));
        view.pan(300 * SECOND, NOW);
        assert!(view.is_following());
    }

    #[test]
    fn spans_stay_within_their_limits() {
        let mut view = paused();
        for _ in 0..200 {
            view.zoom(0.5, NOW);
        }
        assert_eq!(view.span_ns(), SPAN_MIN_NS);
        for _ in 0..200 {
            view.zoom(2.0, NOW);
        }
        assert_eq!(view.span_ns(), SPAN_MAX_NS);
    }
}
