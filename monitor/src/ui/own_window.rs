//! What takes a pane out into a window of its own, and puts it back.

use egui::{Button, CentralPanel, Color32, Frame, Ui};

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

/// Draws a window whose pane was put back, until the main window closes it. On Wayland that waits
/// until the main window is shown, and nothing but the user can show it.
pub(crate) fn put_back(ui: &mut Ui, scene: &Scene<'_>) {
    let frame = Frame::NONE.fill(scene.theme.background);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        let words = "The pane is in the main window again: show that, and this one closes.";
        ui.centered_and_justified(|ui| {
            ui.label(styled(words, theme::small(), scene.theme.muted));
        });
    });
}
