//! Widths of the parts of a bar, before they are drawn.

use egui::{Color32, FontId, Ui};

use crate::ui::theme;

/// Space within a chip beside its content.
const CHIP_MARGIN: f32 = 16.0;

/// Width of a light, with the space after it.
pub(super) const LIGHT: f32 = 8.0 + 6.0;

/// The width of a text.
pub(super) fn text(ui: &Ui, text: &str, font: FontId) -> f32 {
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
    galley.size().x
}

/// The width of [`labelled_value`](crate::ui::widgets::labelled_value).
pub(super) fn labelled(ui: &Ui, before: &str, value: &str, after: &str) -> f32 {
    let words = [before, after].into_iter().filter(|word| !word.is_empty());
    let words: f32 = words.map(|word| text(ui, word, theme::small()) + 5.0).sum();
    words + text(ui, value, theme::small_figures())
}

/// The width of a chip around content of this width.
pub(super) fn chip(content: f32) -> f32 {
    content + CHIP_MARGIN
}

/// The width of [`key_and_name`](crate::ui::widgets::key_and_name).
pub(super) fn key_and_name(ui: &Ui, key: &str, name: &str) -> f32 {
    text(ui, key, theme::axis_figures()) + 16.0 + text(ui, name, theme::text())
}
