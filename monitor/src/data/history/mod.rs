//! The history of one topic: samples, their summaries, and the gaps between them.

mod gap;
mod kind;
mod pyramid;
mod ring;
mod series;
mod summary;

pub use self::{
    gap::{GapCause, SeriesGap},
    kind::{LANE_MAIN, SeriesKind},
    ring::CHUNK_SAMPLES,
    series::SampleSeries,
};
pub(crate) use self::{kind::LANE_SECOND, series::SeriesId, summary::ValueSummary};
