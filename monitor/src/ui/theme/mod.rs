//! Colours, fonts and sizes: the one place that decides how things look.

mod fonts;
mod missing_glyph;
mod palette;
mod sizes;
mod style;

pub(crate) use self::{
    fonts::{axis_figures, axis_text, figures, install_fonts, small, small_figures, strong, text},
    sizes::{
        CORNER, FLASH_NS, LINE_WIDTH, PANE_CLOSE_FROM_WIDTH, PANE_HEADER_HEIGHT,
        PANE_WINDOW_FROM_WIDTH, STATUS_BAR_HEIGHT, STEP, TOP_BAR_HEIGHT,
    },
    style::apply,
};
pub use self::{palette::Theme, sizes::ROW_HEIGHT};
