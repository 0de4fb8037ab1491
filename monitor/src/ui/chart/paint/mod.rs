//! Paints what was computed, without decisions of its own.

mod candles;
mod gap;
mod labels;
mod lines;
mod rows;

pub(crate) use self::{
    candles::{candles, volume},
    gap::{covered, gap, incomplete},
    labels::{BoxLine, axis_label, dashed, marker, text_box},
    lines::{band, line},
    rows::rows,
};
