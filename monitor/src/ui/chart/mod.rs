//! One chart: its state, its drawing, and the pointer on it.

mod axes;
mod canvas;
mod cursor_table;
mod cursors;
mod denied;
mod drawing;
mod drawings;
mod dropping;
mod header;
mod input;
mod label_places;
mod lanes;
mod legend;
mod long_time;
mod marks;
mod menu;
pub(crate) mod paint;
mod pane;
mod picture;
mod placed_words;
pub(crate) mod plot;
mod pointer;
mod readout;
mod readout_lines;
mod show;
mod source_time;
mod title;
mod value_axis;
mod view;

pub(crate) use self::{
    lanes::state_color,
    pane::{ChartPane, PaneResponse, SERIES_MAX},
    pointer::Crosshair,
    show::show,
    view::samples_per_pixel,
};
