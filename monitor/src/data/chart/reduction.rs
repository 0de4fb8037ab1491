//! Reduces samples to the number of pixels.
//!
//! Columns are one pixel wide and lie on a grid of absolute time, so that the drawing does not
//! flicker while the window moves. Minimum and maximum of a column are exact. The columns of one
//! repaint are reused by the next: only new samples are computed.

use std::collections::VecDeque;

use tickcast_protocol::message::TimeNs;

use super::{
    columns::{PixelColumn, columns},
    line::{BandPiece, ChartLine, Extent, Point},
    window::ChartWindow,
};
use crate::data::history::{LANE_MAIN, SampleSeries, SeriesId};

/// Columns of the last repaint.
#[derive(Debug, Clone, Default)]
pub struct Reduction {
    of: Option<(SeriesId, i64)>,
    columns: VecDeque<PixelColumn>,
}

impl Reduction {
    /// Computes the columns of the samples `from..to`, the first one as a whole.
    fn update(&mut self, series: &SampleSeries, width_ns: i64, from: u64, to: u64) {
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

    /// The line of the main values.
    pub fn line(&mut self, series: &SampleSeries, window: &ChartWindow) -> ChartLine {
        self.line_from(series, window, series.start())
    }

    /// The line of the main values of the samples from `first` on.
    pub(crate) fn line_from(
        &mut self,
        series: &SampleSeries,
        window: &ChartWindow,
        first: u64,
    ) -> ChartLine {
        let (from, to) = window.range_from(series, first);
        if window.is_raw(from, to) {
            return ChartLine::Points(points(series, window, from, to));
        }
        let width_ns = window.column_ns();
        self.update(series, width_ns, from, to);
        let half = width_ns as f64 / 2.0;
        let mut pieces: Vec<Vec<Extent>> = Vec::new();
        let mut before: Option<&PixelColumn> = None;
        for column in &self.columns {
            let at = window.offset(column.start_ns) + half;
            let mut extent = Extent {
                at,
                low: column.main.min,
                high: column.main.max,
            };
            match (before, pieces.last_mut()) {
                (Some(before), Some(piece)) if !column.after_gap => {
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
        ChartLine::Strips(pieces)
    }

    /// The band between bid and ask. A quote holds until the next one, or until `until_ns`.
    pub fn band(
        &mut self,
        series: &SampleSeries,
        window: &ChartWindow,
        until_ns: TimeNs,
    ) -> Vec<BandPiece> {
        self.band_from(series, window, until_ns, series.start())
    }

    /// The band of the samples from `first` on.
    pub(crate) fn band_from(
        &mut self,
        series: &SampleSeries,
        window: &ChartWindow,
        until_ns: TimeNs,
        first: u64,
    ) -> Vec<BandPiece> {
        let (from, to) = window.range_from(series, first);
        let is_raw = window.is_raw(from, to);
        // A column of one nanosecond holds one sample, or several of the same time.
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
                before.to = if column.after_gap {
                    window.offset(series.time(column.from - 1)).max(before.from)
                } else {
                    start
                };
            }
            pieces.push(BandPiece {
                from: start,
                to: start,
                low: column.main.min.min(asks.min),
                high: asks.max.max(column.main.max),
                bid: column.main.last,
                ask: asks.last,
                after_gap: column.after_gap,
            });
        }
        if let Some(last) = pieces.last_mut() {
            // After a value that is no quote, it is unknown which quote holds.
            let until_ns = match series.open_gap() {
                Some((from_ns, ..)) => until_ns.min(from_ns),
                None => until_ns,
            };
            let end = until_ns.clamp(window.start_ns, window.end_ns);
            last.to = window.offset(end).max(last.from);
        }
        pieces
    }
}

/// A straight line across columns without samples, split into columns: a strip is as thick as its
/// extents are high, so a steep strip in one piece would be invisible. Outside of the window one
/// extent is enough.
fn across(
    window: &ChartWindow,
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
    let after = (end < columns).then(|| thin(to, last));
    let inside = (begin as u64..end as u64).map(move |column| {
        let column = column as f64;
        let (left, right) = (value(column), value(column + 1.0));
        Extent {
            at: from + (column + 0.5) * width,
            low: left.min(right),
            high: left.max(right),
        }
    });
    before.into_iter().chain(inside).chain(after)
}

/// One point per sample.
fn points(series: &SampleSeries, window: &ChartWindow, from: u64, to: u64) -> Vec<Vec<Point>> {
    let times = series.times(from, to).flatten();
    let values = series.values(LANE_MAIN, from, to).flatten();
    let mut next_gap = series.next_gap_after(from);
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for (index, (&time, &value)) in (from..).zip(times.zip(values)) {
        let point = Point {
            at: window.offset(time),
            value,
        };
        let is_after_gap = next_gap == Some(index);
        if is_after_gap {
            next_gap = series.next_gap_after(index);
        }
        match pieces.last_mut() {
            Some(piece) if !is_after_gap => piece.push(point),
            _ => pieces.push(vec![point]),
        }
    }
    pieces
}
