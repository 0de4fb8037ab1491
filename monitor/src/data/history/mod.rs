//! The history of one topic: samples, their summaries, and the gaps between them.

mod extras;
mod gap;
mod kind;
mod pyramid;
mod ring;
mod series;
mod summary;

pub(crate) use self::{
    extras::SampleExtra, kind::LANE_SECOND, series::SeriesId, summary::ValueSummary,
};
pub use self::{
    gap::{GapCause, SeriesGap},
    kind::{LANE_MAIN, SeriesKind},
    ring::CHUNK_SAMPLES,
    series::SampleSeries,
};
