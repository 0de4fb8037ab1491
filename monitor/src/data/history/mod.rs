//! The history of one topic: samples, their summaries, and the gaps between them.

mod by_source;
mod extras;
mod gap;
mod kind;
mod pyramid;
mod ring;
mod series;
mod summary;

pub(crate) use self::{
    by_source::SeriesBySource, extras::SampleExtra, kind::LANE_SECOND, series::SeriesId,
    summary::ValueSummary,
};
pub use self::{
    gap::{GapCause, SeriesGap},
    kind::{LANE_MAIN, SeriesKind},
    ring::CHUNK_SAMPLES,
    series::SampleSeries,
};
