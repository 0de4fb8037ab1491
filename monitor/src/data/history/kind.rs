//! What the samples of a series are.

/// What the samples of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKind {
    /// One value.
    Reading,
    /// Price, and size as the second value.
    Trade,
    /// Bid, and ask as the second value.
    Quote,
}

impl SeriesKind {
    /// Whether the values are prices.
    pub(crate) fn is_price(self) -> bool {
        self != Self::Reading
    }

    /// How many values a sample has.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Reading => 1,
            Self::Trade | Self::Quote => 2,
        }
    }
}

/// The reading, the price or the bid.
pub const LANE_MAIN: usize = 0;

/// The size of a trade or the ask of a quote.
pub(crate) const LANE_SECOND: usize = 1;
