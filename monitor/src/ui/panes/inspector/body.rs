//! The payload of a message.

use egui::{Align2, ScrollArea, Sense, TextWrapMode, Ui, vec2};
use tickcast_protocol::{topic::Topic, value::Value};

use super::{content::PayloadView, state::InspectorPane};
use crate::{
    data::topics::{Message, MessageLog},
    ui::{scene::Scene, theme, widgets::styled},
};

/// Height of a line.
const LINE_HEIGHT: f32 = 17.0;

/// Draws a message in the chosen way.
pub(super) fn show(
    pane: &mut InspectorPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    topic: &Topic,
    messages: &MessageLog,
    message: &Message,
) {
    let theme = scene.theme;
    let place = messages
        .iter()
        .position(|other| other.position == message.position);
    let before = place.and_then(|at| messages.get(at.checked_sub(1)?));
    if pane.view == PayloadView::Payload
        && let Value::Bytes(bytes) = &message.value
        && pane.picture.make(ui, topic, message.position, bytes)
    {
        picture(pane, ui, scene);
        return;
    }
    if pane.view == PayloadView::Difference && before.is_none() {
        let text = "There is no message before this one.";
        ui.label(styled(text, theme::text(), theme.muted));
    }
    pane.content.make(topic, message, before, pane.view);
    let content = &pane.content;
    if content.rows() == 0 {
        ui.label(styled("The payload is empty.", theme::text(), theme.muted));
        return;
    }
    let area = ScrollArea::both().auto_shrink(false).id_salt("payload");
    // The space between rows counts for the height of all.
    ui.spacing_mut().item_spacing.y = 0.0;
    area.show_rows(ui, LINE_HEIGHT, content.rows(), |ui, range| {
        for at in range {
            let (text, ink) = content.row(at);
            let text = styled(text, theme::small_figures(), ink.color(theme));
            let label = egui::Label::new(text).wrap_mode(TextWrapMode::Extend);
            let size = vec2(ui.available_width(), LINE_HEIGHT);
            ui.allocate_ui(size, |ui| {
                ui.set_min_height(LINE_HEIGHT);
                // Parts of it can be selected and copied.
                ui.add(label.selectable(true));
            });
        }
    });
}

/// Draws the picture, as large as it is or as fits.
fn picture(pane: &InspectorPane, ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    if let Some(problem) = pane.picture.problem() {
        let text = format!("This picture cannot be drawn: {problem}");
        ui.label(styled(text, theme::text(), theme.warning));
        return;
    }
    let Some(texture) = pane.picture.texture() else {
        return;
    };
    let room = ui.available_size() - vec2(0.0, LINE_HEIGHT + 4.0);
    let size = texture.size_vec2();
    let factor = (room.x / size.x).min(room.y / size.y).clamp(0.01, 1.0);
    let (rect, response) = ui.allocate_exact_size(size * factor, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Picture"));
    let whole = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
    let white = egui::Color32::WHITE;
    ui.painter().image(texture.id(), rect, whole, white);
    let words = format!("{} × {}", size.x, size.y);
    ui.painter().text(
        rect.left_bottom() + vec2(0.0, 4.0),
        Align2::LEFT_TOP,
        words,
        theme::axis_figures(),
        theme.muted,
    );
}
