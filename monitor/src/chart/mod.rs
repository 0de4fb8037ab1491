//! Charts: pure arithmetic from samples to what is drawn, and a drawing that does as it is told.

pub mod candles;
pub mod draw;
pub mod plot;
pub mod reduce;
pub mod scale;
pub mod ticks;
pub mod view;
