//! How values are drawn.

use serde::{Deserialize, Serialize};

use crate::data::time::{DAY, HOUR, MINUTE, SECOND};

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartStyle {
    /// A line; a band for quotes.
    #[default]
    Line,
    /// Candles of this length in nanoseconds.
    Candles(i64),
}

impl ChartStyle {
    /// The styles to choose from, each with its short name.
    pub(crate) const ALL: [(&str, Self); 9] = [
        ("Line", Self::Line),
        ("1 s", Self::Candles(SECOND)),
        ("10 s", Self::Candles(10 * SECOND)),
        ("1 m", Self::Candles(MINUTE)),
        ("5 m", Self::Candles(5 * MINUTE)),
        ("15 m", Self::Candles(15 * MINUTE)),
        ("1 h", Self::Candles(HOUR)),
        ("4 h", Self::Candles(4 * HOUR)),
        ("1 d", Self::Candles(DAY)),
    ];
}
