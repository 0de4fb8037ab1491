//! What a sample has beside the values that are drawn: the side of a trade, the sizes of a quote,
//! the time of its source.

use std::ops::Range;

use tickcast_protocol::{message::TimeNs, value::Side};

use super::{kind::SeriesKind, ring::ChunkRing};

/// The greatest source time that is believed: the end of the year 2199. A broken clock must not
/// overflow what is calculated with times.
const SOURCE_MAX_NS: TimeNs = 7_258_118_400_000_000_000;

/// A sample without a source time.
const NO_SOURCE: TimeNs = TimeNs::MIN;

/// What a sample has beside its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SampleExtra {
    /// The side of a trade, if its source gives it.
    pub(crate) side: Option<Side>,
    /// The sizes at the bid and at the ask of a quote; not a number if its source does not give
    /// them.
    pub(crate) sizes: [f64; 2],
    /// When it happened by the clock of its source.
    pub(crate) source_ns: Option<TimeNs>,
}

impl Default for SampleExtra {
    fn default() -> Self {
        Self {
            side: None,
            sizes: [f64::NAN; 2],
            source_ns: None,
        }
    }
}

/// The extras of a series, as columns.
#[derive(Debug, Clone)]
pub(super) struct Extras {
    of_kind: KindExtras,
    /// Only if a sample has one.
    sources: Option<ChunkRing<TimeNs>>,
}

/// The extras of one kind of samples.
#[derive(Debug, Clone)]
enum KindExtras {
    None,
    Sides(ChunkRing<Option<Side>>),
    Sizes([ChunkRing<f64>; 2]),
}

impl Extras {
    pub(super) fn new(kind: SeriesKind) -> Self {
        Self {
            of_kind: KindExtras::new(kind),
            sources: None,
        }
    }

    /// Adds the extras of the sample after those at `held`, the indices from the start of a chunk.
    pub(super) fn push(&mut self, extra: SampleExtra, held: Range<u64>) {
        self.of_kind.push(extra);
        let source_ns = extra.source_ns;
        let believed = source_ns.filter(|source_ns| (0..SOURCE_MAX_NS).contains(source_ns));
        if self.sources.is_some() || believed.is_some() {
            let sources = self.sources.get_or_insert_with(|| {
                let mut sources = ChunkRing::starting_at(held.start);
                for _ in held {
                    sources.push(NO_SOURCE);
                }
                sources
            });
            sources.push(believed.unwrap_or(NO_SOURCE));
        }
    }

    pub(super) fn get(&self, index: u64) -> SampleExtra {
        SampleExtra {
            source_ns: self.source_ns(index),
            ..self.of_kind.get(index)
        }
    }

    /// The source time of a sample.
    pub(super) fn source_ns(&self, index: u64) -> Option<TimeNs> {
        let source_ns = self.sources.as_ref()?.get(index);
        (source_ns != NO_SOURCE).then_some(source_ns)
    }

    /// Whether a sample has a source time, or had one.
    pub(super) fn has_sources(&self) -> bool {
        self.sources.is_some()
    }

    pub(super) fn drop_chunk(&mut self) {
        self.of_kind.drop_chunk();
        if let Some(sources) = &mut self.sources {
            sources.drop_chunk();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.of_kind.bytes() + self.sources.as_ref().map_or(0, ChunkRing::bytes)
    }
}

impl KindExtras {
    fn new(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Reading => Self::None,
            SeriesKind::Trade => Self::Sides(ChunkRing::default()),
            SeriesKind::Quote => Self::Sizes(Default::default()),
        }
    }

    fn push(&mut self, extra: SampleExtra) {
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

    fn get(&self, index: u64) -> SampleExtra {
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

    fn drop_chunk(&mut self) {
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

    fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Sides(sides) => sides.bytes(),
            Self::Sizes(sizes) => sizes.iter().map(ChunkRing::bytes).sum(),
        }
    }
}
