//! What a sample has beside the values that are drawn: the side of a trade, the sizes of a quote.

use tickcast_protocol::value::Side;

use super::{kind::SeriesKind, ring::ChunkRing};

/// What a sample has beside its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SampleExtra {
    /// The side of a trade, if its source gives it.
    pub(crate) side: Option<Side>,
    /// The sizes at the bid and at the ask of a quote; not a number if its source does not give
    /// them.
    pub(crate) sizes: [f64; 2],
}

impl Default for SampleExtra {
    fn default() -> Self {
        Self {
            side: None,
            sizes: [f64::NAN; 2],
        }
    }
}

/// The extras of a series, as columns.
#[derive(Debug, Clone)]
pub(super) enum Extras {
    None,
    Sides(ChunkRing<Option<Side>>),
    Sizes([ChunkRing<f64>; 2]),
}

impl Extras {
    pub(super) fn new(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Reading => Self::None,
            SeriesKind::Trade => Self::Sides(ChunkRing::default()),
            SeriesKind::Quote => Self::Sizes(Default::default()),
        }
    }

    pub(super) fn push(&mut self, extra: SampleExtra) {
        match self {
            Self::None => {}
            Self::Sides(sides) => sides.push(extra.side),
            Self::Sizes(sizes) => {
                for (ring, size) in sizes.iter_mut().zip(extra.sizes) {
                    ring.push(size);
                }
            }
        }
    }

    pub(super) fn get(&self, index: u64) -> SampleExtra {
        match self {
            Self::None => SampleExtra::default(),
            Self::Sides(sides) => SampleExtra {
                side: sides.get(index),
                ..SampleExtra::default()
            },
            Self::Sizes(sizes) => SampleExtra {
                sizes: [sizes[0].get(index), sizes[1].get(index)],
                ..SampleExtra::default()
            },
        }
    }

    pub(super) fn drop_chunk(&mut self) {
        match self {
            Self::None => {}
            Self::Sides(sides) => {
                sides.drop_chunk();
            }
            Self::Sizes(sizes) => {
                for ring in sizes {
                    ring.drop_chunk();
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Sides(sides) => sides.bytes(),
            Self::Sizes(sizes) => sizes.iter().map(ChunkRing::bytes).sum(),
        }
    }
}
