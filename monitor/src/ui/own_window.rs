//! What takes a pane out into a window of its own, and puts it back.

use egui::{Button, Color32, Ui};

use super::{scene::Scene, theme, widgets::styled};

/// Draws the button in a pane's title. Returns whether it was clicked.
pub(super) fn button(ui: &mut Ui, scene: &Scene<'_>, pane: &str, color: Color32) -> bool {
    let (sign, does, tip) = match scene.is_own_window {
        false => ("↗", "Take out", "Take out into a window of its own (W)"),
        true => ("↙", "Put back", "Put back into the main window (W)"),
    };
    let button = Button::new(styled(sign, theme::text(), color)).frame_when_inactive(false);
    let response = ui.add(button).on_hover_text(tip);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{does} {pane}"))
    });
    response.clicked()
}

/// Draws the item of a pane's menu. Returns whether it was chosen.
pub(super) fn menu_item(ui: &mut Ui, scene: &Scene<'_>) -> bool {
    let label = match scene.is_own_window {
        false => "Open in a window of its own",
        true => "Put back into the main window",
    };
    let is_chosen = ui.button(label).clicked();
    if is_chosen {
        ui.close();
    }
    is_chosen
}
