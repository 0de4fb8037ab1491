//! All keys, and what the mouse does.

use egui::{Sense, Ui, vec2};

use super::heading::heading;
use crate::ui::{
    keyboard,
    names::Name,
    scene::Scene,
    theme,
    widgets::{paint_key, styled},
};

const LINE_HEIGHT: f32 = 24.0;

/// Width of the column of keys.
const KEYS_WIDTH: f32 = 116.0;

pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>) {
    heading(ui, scene.theme, "Keys");
    egui::ScrollArea::vertical().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (key, what) in keyboard::GESTURES {
            line(ui, scene, key, what);
        }
        ui.add_space(10.0);
        for action in keyboard::actions() {
            if let Some(shortcut) = action.shortcut {
                let key = keyboard::key_name(&shortcut);
                line(ui, scene, &key, action.name);
            }
        }
        ui.add_space(10.0);
        ui.label(styled(
            "Ctrl + and Ctrl − change the size of everything.",
            theme::small(),
            scene.theme.muted,
        ));
    });
}

fn line(ui: &mut Ui, scene: &Scene<'_>, key: &str, what: &str) {
    let size = vec2(ui.available_width(), LINE_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{key}: {what}"))
    });
    let middle = rect.left_center();
    paint_key(
        ui.painter(),
        middle + vec2(KEYS_WIDTH, 0.0),
        key,
        scene.theme,
    );
    let width = rect.width() - KEYS_WIDTH - 16.0;
    let place = middle + vec2(KEYS_WIDTH + 16.0, 0.0);
    let name = Name {
        text: what,
        font: theme::text(),
        color: scene.theme.text,
    };
    name.paint_cut_at_end(ui.painter(), place, width);
}
