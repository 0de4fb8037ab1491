//! Pure arithmetic of charts: from samples to drawings.

mod basis;
pub(crate) mod candles;
mod columns;
mod cursors;
pub(crate) mod held_rows;
pub(crate) mod joined_candles;
mod known;
mod line;
mod reduction;
pub(crate) mod rows;
mod scale;
mod series_options;
pub(crate) mod spark_past;
mod style;
pub(crate) mod ticks;
mod time_steps;
mod time_view;
mod value_range;
mod view_history;
mod window;

pub(crate) use self::{
    basis::{ShownAs, ValueBasis},
    cursors::{CoarsePart, Cursors, Measured},
    known::{Known, incomplete_times},
    line::{BandPiece, Extent, Point},
    scale::{ScaleMode, ValueScale},
    series_options::{AxisSide, SeriesOptions},
    time_steps::round_interval,
    time_view::{SPAN_DEFAULT_NS, TimeView},
    value_range::union_of,
    view_history::{Gesture, ViewHistory},
};
pub use self::{line::ChartLine, reduction::Reduction, style::ChartStyle, window::ChartWindow};
