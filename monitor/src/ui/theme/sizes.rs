//! Sizes and times that are the same everywhere.

use egui::CornerRadius;

/// Step of spacing, in points.
pub(crate) const STEP: f32 = 4.0;
/// Height of a row in a table.
pub const ROW_HEIGHT: f32 = 28.0;
/// Height of the bar at the top.
pub(crate) const TOP_BAR_HEIGHT: f32 = 36.0;
/// Height of the line at the bottom.
pub(crate) const STATUS_BAR_HEIGHT: f32 = 26.0;
/// Height of the line with a pane's title.
pub(crate) const PANE_HEADER_HEIGHT: f32 = 32.0;
/// Corners of fields and buttons.
pub(crate) const CORNER: CornerRadius = CornerRadius::same(6);
/// Width of the lines of a chart.
pub(crate) const LINE_WIDTH: f32 = 1.4;
/// How long a changed value is highlighted.
pub(crate) const FLASH_NS: i64 = 150_000_000;

/// In a narrower pane the title has the room of the button that takes it out into a window. The
/// menu and W do the same.
pub(crate) const PANE_WINDOW_FROM_WIDTH: f32 = 132.0;

/// In a narrower pane the title has the room of the cross. Ctrl+W does the same.
pub(crate) const PANE_CLOSE_FROM_WIDTH: f32 = 92.0;
