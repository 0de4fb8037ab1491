//! The last messages of a topic: a click shows one.

use egui::{Align2, ScrollArea, Sense, Ui, pos2, vec2};

use crate::{
    data::{
        format,
        topics::{Message, MessageLog},
    },
    ui::{scene::Scene, theme, widgets::paint_right},
};

/// Height of a row.
const ROW_HEIGHT: f32 = 22.0;

/// Draws the messages, newest first. Returns the one that was clicked.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    messages: &MessageLog,
    shown: Option<&Message>,
) -> Option<Message> {
    let theme = scene.theme;
    let mut clicked = None;
    let area = ScrollArea::vertical()
        .auto_shrink(false)
        .id_salt("messages");
    // The space between rows counts for the height of all.
    ui.spacing_mut().item_spacing.y = 0.0;
    area.show_rows(ui, ROW_HEIGHT, messages.len(), |ui, range| {
        for at in range {
            let Some(message) = messages.get(messages.len() - 1 - at) else {
                continue;
            };
            let size = vec2(ui.available_width(), ROW_HEIGHT);
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            let is_shown = shown.is_some_and(|shown| shown.position == message.position);
            let time = scene.zone.time(message.time_ns);
            response.widget_info(|| {
                let name = format!("Message {} at {time}", message.seq);
                egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_shown, name)
            });
            let painter = ui.painter();
            if is_shown || response.hovered() {
                painter.rect_filled(rect, egui::CornerRadius::ZERO, theme.raised);
            }
            let color = if is_shown { theme.text } else { theme.muted };
            let middle = rect.center().y;
            let font = theme::small_figures();
            let place = pos2(rect.left() + 8.0, middle);
            let drawn = painter.text(place, Align2::LEFT_CENTER, time, font, color);
            let bytes = format!("{} B", format::count(message.bytes() as u64));
            let width = painter.layout_no_wrap(bytes.clone(), theme::axis_figures(), theme.dim);
            let right = rect.right() - 8.0;
            if message.bytes() > 0 && right - width.size().x > drawn.right() + 8.0 {
                let place = pos2(right, middle);
                paint_right(painter, place, &bytes, theme::axis_figures(), theme.dim);
            }
            if response.clicked() {
                clicked = Some(message.clone());
            }
        }
    });
    clicked
}
