//! From samples to as much as there are pixels for.
//!
//! Columns are one pixel wide and lie on a grid of absolute time, so that what is drawn does not
//! flicker while the window moves over it. Within a column minimum and maximum are exact. What was
//! computed for one repaint serves the next: only what came in since is computed anew.

use std::collections::VecDeque;

use crate::store::{LANE_MAIN, LANE_SECOND, Series, SeriesId, SeriesKind, Summary, TimeNs};

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

    fn offset(&self, time_ns: TimeNs) -> f64 {
        (time_ns - self.start_ns) as f64
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

/// What a line covers at one place: the values between `low` and `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Nanoseconds since the start of the window.
    pub at: f64,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// A line with holes, as pieces without.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// Few samples: each is a point.
    Points(Vec<Vec<Point>>),
    /// Many samples: what they cover, column by column.
    Strips(Vec<Vec<Extent>>),
}

impl Line {
    /// Smallest and largest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        let merge = |range: Option<(f64, f64)>, low: f64, high: f64| match range {
            Some((min, max)) => Some((min.min(low), max.max(high))),
            None => Some((low, high)),
        };
        match self {
            Self::Points(pieces) => pieces
                .iter()
                .flatten()
                .fold(None, |range, p| merge(range, p.value, p.value)),
            Self::Strips(pieces) => pieces
                .iter()
                .flatten()
                .fold(None, |range, extent| merge(range, extent.low, extent.high)),
        }
    }
}

/// Samples that share a pixel column.
#[derive(Debug, Clone, Copy)]
struct Column {
    from: u64,
    to: u64,
    start_ns: TimeNs,
    behind_gap: bool,
    main: Summary,
    /// Of quotes only.
    second: Option<Summary>,
}

/// Cuts samples into columns of `width_ns` on the grid of absolute time, and at gaps.
fn columns(
    series: &Series,
    width_ns: i64,
    from: u64,
    to: u64,
) -> impl Iterator<Item = Column> + '_ {
    let mut at = from;
    // The first column may itself lie behind a gap.
    let mut next_gap = match from.checked_sub(1) {
        Some(before) => series.next_gap_after(before),
        None => series.next_gap_after(0),
    };
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
        let second = match series.kind() {
            SeriesKind::Quote => series.summary(LANE_SECOND, at, end),
            SeriesKind::Reading | SeriesKind::Trade => None,
        };
        let column = Column {
            from: at,
            to: end,
            start_ns,
            behind_gap,
            main: series.summary(LANE_MAIN, at, end)?,
            second,
        };
        at = end;
        Some(column)
    })
}

/// Columns of the last repaint.
#[derive(Debug, Clone, Default)]
pub struct Reduction {
    of: Option<(SeriesId, i64)>,
    columns: VecDeque<Column>,
}

impl Reduction {
    /// Makes the columns of samples `from..to` of the window, the first of them as a whole.
    fn update(&mut self, series: &Series, width_ns: i64, from: u64, to: u64) {
        let from = if from < to {
            let column_ns = series.time(from).div_euclid(width_ns) * width_ns;
            series.index_at(column_ns)
        } else {
            from
        };
        let of = Some((series.id(), width_ns));
        let reaches_back = self.columns.front().is_some_and(|first| first.from <= from);
        if self.of != of || !reaches_back {
            self.of = of;
            self.columns.clear();
        }
        while self.columns.front().is_some_and(|first| first.to <= from) {
            self.columns.pop_front();
        }
        // The newest column may have grown since.
        while self.columns.back().is_some_and(|last| last.to >= to) {
            self.columns.pop_back();
        }
        self.columns.pop_back();
        let resume = self.columns.back().map_or(from, |last| last.to);
        self.columns.extend(columns(series, width_ns, resume, to));
    }

    /// The line of the main lane.
    pub fn line(&mut self, series: &Series, window: &Window) -> Line {
        let (from, to) = window.range(series);
        if window.is_raw(from, to) {
            return Line::Points(points(series, window, from, to));
        }
        let width_ns = window.column_ns();
        self.update(series, width_ns, from, to);
        let half = width_ns as f64 / 2.0;
        let mut pieces: Vec<Vec<Extent>> = Vec::new();
        let mut before: Option<&Column> = None;
        for column in &self.columns {
            let at = window.offset(column.start_ns) + half;
            let mut extent = Extent {
                at,
                low: column.main.min,
                high: column.main.max,
            };
            match (before, pieces.last_mut()) {
                (Some(before), Some(piece)) if !column.behind_gap => {
                    let (last, first) = (before.main.last, column.main.first);
                    if before.start_ns + width_ns == column.start_ns {
                        // Neighbours meet halfway.
                        let middle = (last + first) / 2.0;
                        extent.low = extent.low.min(middle);
                        extent.high = extent.high.max(middle);
                        if let Some(end) = piece.last_mut() {
                            end.low = end.low.min(middle);
                            end.high = end.high.max(middle);
                        }
                    } else {
                        let from = window.offset(before.start_ns) + 2.0 * half;
                        let (start, end) = ((from, last), (at - half, first));
                        piece.extend(across(window, start, end));
                    }
                    piece.push(extent);
                }
                _ => pieces.push(vec![extent]),
            }
            before = Some(column);
        }
        Line::Strips(pieces)
    }

    /// The band between bid and ask. A quote holds until the next one, or until `until_ns`.
    pub fn band(&mut self, series: &Series, window: &Window, until_ns: TimeNs) -> Vec<BandPiece> {
        let (from, to) = window.range(series);
        let is_raw = window.is_raw(from, to);
        // A column of a nanosecond holds one sample, or several of the same time.
        let width_ns = if is_raw { 1 } else { window.column_ns() };
        self.update(series, width_ns, from, to);
        let mut pieces: Vec<BandPiece> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(asks) = column.second else { continue };
            let start = if is_raw {
                window.offset(series.time(column.from))
            } else {
                window.offset(column.start_ns)
            };
            if let Some(before) = pieces.last_mut() {
                before.to = if column.behind_gap {
                    window.offset(series.time(column.from - 1)).max(before.from)
                } else {
                    start
                };
            }
            pieces.push(BandPiece {
                from: start,
                to: start,
                low: column.main.min,
                high: asks.max,
                bid: column.main.last,
                ask: asks.last,
                behind_gap: column.behind_gap,
            });
        }
        if let Some(last) = pieces.last_mut() {
            let end = until_ns.clamp(window.start_ns, window.end_ns);
            last.to = window.offset(end).max(last.from);
        }
        pieces
    }
}

/// A straight line across columns without samples, from one time and value to another, in columns
/// as well: a strip is as thick as its extents are high, and a steep one would not be seen. Outside of
/// the window one extent is enough.
fn across(
    window: &Window,
    (from, first): (f64, f64),
    (to, last): (f64, f64),
) -> impl Iterator<Item = Extent> {
    let width = window.column_ns() as f64;
    let columns = ((to - from) / width).round().max(1.0);
    let visible = |at: f64| ((at - from) / width).clamp(0.0, columns);
    let begin = (visible(0.0) - 1.0).max(0.0).floor();
    let end = (visible(window.offset(window.end_ns)) + 1.0)
        .min(columns)
        .ceil();
    let value = move |part: f64| first + (last - first) * part / columns;
    let thin = |at, value| Extent {
        at,
        low: value,
        high: value,
    };
    let before = (begin > 0.0).then(|| thin(from, first));
    let behind = (end < columns).then(|| thin(to, last));
    let inside = (begin as u64..end as u64).map(move |column| {
        let column = column as f64;
        let (left, right) = (value(column), value(column + 1.0));
        Extent {
            at: from + (column + 0.5) * width,
            low: left.min(right),
            high: left.max(right),
        }
    });
    before.into_iter().chain(inside).chain(behind)
}

/// Each sample a point.
fn points(series: &Series, window: &Window, from: u64, to: u64) -> Vec<Vec<Point>> {
    let times = series.times(from, to).flatten();
    let values = series.values(LANE_MAIN, from, to).flatten();
    let mut next_gap = series.next_gap_after(from);
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for (index, (&time, &value)) in (from..).zip(times.zip(values)) {
        let point = Point {
            at: window.offset(time),
            value,
        };
        let is_behind_gap = next_gap == Some(index);
        if is_behind_gap {
            next_gap = series.next_gap_after(index);
        }
        match pieces.last_mut() {
            Some(piece) if !is_behind_gap => piece.push(point),
            _ => pieces.push(vec![point]),
        }
    }
    pieces
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
