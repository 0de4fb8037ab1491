//! Drawings of a series: lines with gaps, and bands.

use super::value_range::union_of;

/// A point of a line.
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

/// A line as pieces without gaps.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartLine {
    /// Few samples: each is a point.
    Points(Vec<Vec<Point>>),
    /// Many samples: the range of values in each column.
    Strips(Vec<Vec<Extent>>),
}

impl ChartLine {
    /// Smallest and largest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        match self {
            Self::Points(pieces) => {
                let points = pieces.iter().flatten();
                union_of(points.map(|point| (point.value, point.value)))
            }
            Self::Strips(pieces) => {
                let extents = pieces.iter().flatten();
                union_of(extents.map(|extent| (extent.low, extent.high)))
            }
        }
    }
}

/// A stretch of time in which a quote holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandPiece {
    /// Start, in nanoseconds since the start of the window.
    pub from: f64,
    /// End, in nanoseconds since the start of the window.
    pub to: f64,
    /// Lowest price, usually a bid.
    pub low: f64,
    /// Highest price, usually an ask.
    pub high: f64,
    /// Last bid.
    pub bid: f64,
    /// Last ask.
    pub ask: f64,
    /// Whether it follows a gap.
    pub after_gap: bool,
}

impl BandPiece {
    /// Whether the bid is above the ask.
    pub(crate) fn is_crossed(&self) -> bool {
        self.bid > self.ask
    }
}
