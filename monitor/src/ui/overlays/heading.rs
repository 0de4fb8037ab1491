//! The heading of a dialog.

use egui::Ui;

use crate::ui::{
    theme::{self, Theme},
    widgets::styled,
};

/// Draws the heading.
pub(super) fn heading(ui: &mut Ui, theme: &Theme, text: &str) {
    ui.label(styled(text, theme::strong(), theme.text));
    ui.add_space(8.0);
}
