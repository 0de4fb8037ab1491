//! Pure arithmetic of charts: from samples to drawings.

pub(crate) mod candles;
mod columns;
mod line;
mod reduction;
mod scale;
mod style;
pub(crate) mod ticks;
mod time_steps;
mod time_view;
mod view_history;
mod window;

pub use self::{line::ChartLine, reduction::Reduction, window::ChartWindow};
pub(crate) use self::{
    line::{BandPiece, Extent, Point},
    scale::{ScaleMode, ValueScale},
    style::ChartStyle,
    time_steps::round_interval,
    time_view::{SPAN_DEFAULT_NS, TimeView},
    view_history::{Gesture, ViewHistory},
};
