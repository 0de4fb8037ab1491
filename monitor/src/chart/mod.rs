//! Charts: pure arithmetic from samples to what is drawn, and a drawing that does as it is told.

pub mod candles;
pub mod draw;
pub mod plot;
pub mod reduce;
pub mod scale;
pub mod ticks;
pub mod view;

use serde::{Deserialize, Serialize};

use crate::format::{MINUTE, SECOND};

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartStyle {
    /// A line; a band for quotes.
    #[default]
    Line,
    /// Candles of so many nanoseconds.
    Candles(i64),
}

impl ChartStyle {
    /// Those to choose from, each with its short name.
    pub const ALL: [(&str, Self); 5] = [
        ("Line", Self::Line),
        ("1 s", Self::Candles(SECOND)),
        ("10 s", Self::Candles(10 * SECOND)),
        ("1 m", Self::Candles(MINUTE)),
        ("5 m", Self::Candles(5 * MINUTE)),
    ];
}
