//! From samples to as many points as there are pixels.
//!
//! Columns are one pixel wide and lie on a grid of absolute time, so that what is drawn does not
//! flicker while the window moves over it. Within a column minimum and maximum are exact.

use crate::store::{LANE_MAIN, LANE_SECOND, Series, Summary, TimeNs};

/// What to reduce to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First time shown.
    pub start_ns: TimeNs,
    /// Last time shown.
    pub end_ns: TimeNs,
    /// Width in pixels.
    pub columns: u32,
}

/// Up to so many samples per column are drawn one by one.
const RAW_PER_COLUMN: u64 = 2;

impl Window {
    /// How much time a column covers.
    pub fn column_ns(&self) -> i64 {
        ((self.end_ns - self.start_ns) / i64::from(self.columns.max(1))).max(1)
    }

    /// The samples to draw: those inside, and one more on either side, so that lines enter and
    /// leave.
    fn range(&self, series: &Series) -> (u64, u64) {
        let from = series.index_at(self.start_ns);
        let to = series.index_at(self.end_ns.saturating_add(1));
        (
            from.saturating_sub(1).max(series.start()),
            (to + 1).min(series.end()),
        )
    }

    /// How many samples lie inside.
    pub fn samples(&self, series: &Series) -> u64 {
        series.index_at(self.end_ns.saturating_add(1)) - series.index_at(self.start_ns)
    }

    fn is_raw(&self, from: u64, to: u64) -> bool {
        to - from <= u64::from(self.columns) * RAW_PER_COLUMN
    }
}

/// A place on a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Nanoseconds since the start of the window.
    pub at: f64,
    /// The value.
    pub value: f64,
}

/// A line with holes in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// All points, by time.
    pub points: Vec<Point>,
    /// Where in `points` a new piece begins: the one before is not to be joined.
    pub breaks: Vec<usize>,
}

impl Line {
    /// The pieces without holes.
    pub fn pieces(&self) -> impl Iterator<Item = &[Point]> {
        let ends = self.breaks.iter().copied().chain([self.points.len()]);
        let mut from = 0;
        ends.filter_map(move |end| {
            let piece = &self.points[from..end];
            from = end;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Smallest and largest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        let first = self.points.first()?.value;
        Some(self.points.iter().fold((first, first), |(min, max), p| {
            (min.min(p.value), max.max(p.value))
        }))
    }

    fn push(&mut self, at: f64, value: f64) {
        let point = Point { at, value };
        let is_piece_start = self.breaks.last() == Some(&self.points.len());
        if is_piece_start || self.points.last() != Some(&point) {
            self.points.push(point);
        }
    }

    fn cut(&mut self) {
        if !self.points.is_empty() {
            self.breaks.push(self.points.len());
        }
    }
}

/// The line of one lane.
pub fn line(series: &Series, lane: usize, window: &Window) -> Line {
    let (from, to) = window.range(series);
    let mut line = Line::default();
    if window.is_raw(from, to) {
        let times = series.times(from, to).flatten();
        let values = series.values(lane, from, to).flatten();
        let mut next_gap = series.next_gap_after(from);
        for (index, (&time, &value)) in (from..).zip(times.zip(values)) {
            if next_gap == Some(index) {
                line.cut();
                next_gap = series.next_gap_after(index);
            }
            line.push((time - window.start_ns) as f64, value);
        }
        return line;
    }
    for column in columns(series, window.column_ns(), from, to) {
        let Some(summary) = series.summary(lane, column.from, column.to) else {
            continue;
        };
        if column.behind_gap {
            line.cut();
        }
        push_column(&mut line, column.middle_ns(window), summary);
    }
    line
}

/// A column as a stroke from its first value over both extremes to its last: joined with its
/// neighbours it covers exactly the pixels that the full line would.
fn push_column(line: &mut Line, at: f64, summary: Summary) {
    let Summary {
        min,
        max,
        first,
        last,
        ..
    } = summary;
    line.push(at, first);
    // The nearer extreme first, so that the stroke does not cross itself.
    if (first - min).abs() < (max - first).abs() {
        line.push(at, min);
        line.push(at, max);
    } else {
        line.push(at, max);
        line.push(at, min);
    }
    line.push(at, last);
}

/// Samples that share a pixel column.
#[derive(Debug, Clone, Copy)]
struct Column {
    from: u64,
    to: u64,
    start_ns: TimeNs,
    width_ns: i64,
    behind_gap: bool,
}

impl Column {
    fn middle_ns(&self, window: &Window) -> f64 {
        (self.start_ns + self.width_ns / 2 - window.start_ns) as f64
    }
}

/// Cuts samples into columns of `width_ns` on the grid of absolute time, and at gaps.
fn columns(
    series: &Series,
    width_ns: i64,
    from: u64,
    to: u64,
) -> impl Iterator<Item = Column> + '_ {
    let mut at = from;
    let mut next_gap = series.next_gap_after(from);
    std::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let behind_gap = next_gap == Some(at);
        if behind_gap {
            next_gap = series.next_gap_after(at);
        }
        let start_ns = series.time(at).div_euclid(width_ns) * width_ns;
        let end = series
            .index_at_from(at, start_ns.saturating_add(width_ns))
            .min(next_gap.unwrap_or(u64::MAX))
            .clamp(at + 1, to);
        let column = Column {
            from: at,
            to: end,
            start_ns,
            width_ns,
            behind_gap,
        };
        at = end;
        Some(column)
    })
}

/// A stretch of a quote: what holds from one time to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandPiece {
    /// From when, nanoseconds since the start of the window.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// Lowest bid.
    pub low: f64,
    /// Highest ask.
    pub high: f64,
    /// Last bid.
    pub bid: f64,
    /// Last ask.
    pub ask: f64,
    /// Whether something is missing before it.
    pub behind_gap: bool,
}

/// The band between bid and ask. A quote holds until the next one, or until `now_ns`.
pub fn band(series: &Series, window: &Window, now_ns: TimeNs) -> Vec<BandPiece> {
    let (from, to) = window.range(series);
    let width_ns = if window.is_raw(from, to) {
        1
    } else {
        window.column_ns()
    };
    let offset = |time_ns: TimeNs| (time_ns - window.start_ns) as f64;
    let mut pieces: Vec<BandPiece> = Vec::new();
    let mut gap_starts = Vec::new();
    for column in columns(series, width_ns, from, to) {
        let bids = series.summary(LANE_MAIN, column.from, column.to);
        let asks = series.summary(LANE_SECOND, column.from, column.to);
        let Some((bids, asks)) = bids.zip(asks) else {
            continue;
        };
        if column.behind_gap {
            let until = series.time(column.from - 1);
            gap_starts.push((pieces.len(), offset(until)));
        }
        let first = offset(series.time(column.from));
        let start = if width_ns == 1 {
            first
        } else {
            offset(column.start_ns)
        };
        pieces.push(BandPiece {
            from: start,
            to: start,
            low: bids.min,
            high: asks.max,
            bid: bids.last,
            ask: asks.last,
            behind_gap: column.behind_gap,
        });
    }
    for at in 0..pieces.len() {
        pieces[at].to = match pieces.get(at + 1) {
            Some(next) => next.from,
            None => offset(now_ns.clamp(window.start_ns, window.end_ns)).max(pieces[at].from),
        };
    }
    for (at, until) in gap_starts {
        if let Some(before) = at.checked_sub(1) {
            pieces[before].to = until.max(pieces[before].from);
        }
    }
    pieces
}
