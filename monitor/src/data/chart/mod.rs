//! Pure arithmetic of charts: from samples to drawings.

pub(crate) mod candles;
mod columns;
pub(crate) mod joined_candles;
mod line;
mod reduction;
pub(crate) mod rows;
mod scale;
mod style;
pub(crate) mod ticks;
mod time_steps;
mod time_view;
mod view_history;
mod window;

pub use self::{line::ChartLine, reduction::Reduction, style::ChartStyle, window::ChartWindow};
pub(crate) use self::{
    line::{BandPiece, Extent, Point},
    scale::{ScaleMode, ValueScale},
    time_steps::round_interval,
    time_view::{SPAN_DEFAULT_NS, TimeView},
    view_history::{Gesture, ViewHistory},
};
