//! One chart: its state, its drawing, and the pointer on it.

mod axes;
mod canvas;
mod drawings;
mod header;
mod input;
mod lanes;
mod marks;
mod menu;
pub(crate) mod paint;
mod pane;
mod picture;
pub(crate) mod plot;
mod pointer;
mod readout;
mod readout_lines;
mod show;
mod title;
mod view;

pub(crate) use self::{
    pane::{ChartPane, PaneResponse},
    pointer::Crosshair,
    show::show,
    view::samples_per_pixel,
};
