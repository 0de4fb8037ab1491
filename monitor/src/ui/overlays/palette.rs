//! The palette: all commands and topics by name. Type some letters and press Enter.

use egui::{CornerRadius, Key, Modifiers, Sense, Ui, pos2, vec2};

use super::palette_items::{self, PaletteItem};
use crate::ui::{
    command::{Placement, UiCommand},
    names::{Name, share},
    scene::Scene,
    theme,
    widgets::{paint_key, styled, text_field},
};

const ROW_HEIGHT: f32 = 30.0;

/// Width of the widest key.
const KEY_WIDTH: f32 = 90.0;

/// The width that a value keeps beside a long name.
const VALUE_KEPT: f32 = 90.0;

#[derive(Debug, Default)]
pub(super) struct Palette {
    query: String,
    at: usize,
}

impl Palette {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let field = egui::TextEdit::singleline(&mut self.query)
            .font(theme::text())
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let name = "A command or a topic";
        let response = text_field(ui, theme, name, name, field);
        response.request_focus();
        if response.changed() {
            self.at = 0;
        }
        let items = palette_items::matching(&self.query, scene);
        let (step, enter, new) = ui.input_mut(|input| {
            let down = input.consume_key(Modifiers::NONE, Key::ArrowDown);
            let up = input.consume_key(Modifiers::NONE, Key::ArrowUp);
            let new = input.consume_key(Modifiers::COMMAND, Key::Enter);
            let enter = input.key_pressed(Key::Enter) || new;
            (isize::from(down) - isize::from(up), enter, new)
        });
        self.at = self
            .at
            .saturating_add_signed(step)
            .min(items.len().saturating_sub(1));
        ui.add_space(6.0);
        let mut chosen = items
            .get(self.at)
            .filter(|_| enter)
            .map(|item| item.command.clone());
        egui::ScrollArea::vertical()
            .max_height(ui.available_height().max(240.0))
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (at, item) in items.iter().enumerate() {
                    if row(ui, scene, item, at == self.at, step != 0) {
                        chosen = Some(item.command.clone());
                    }
                }
                if items.is_empty() {
                    ui.label(styled(
                        "No command or topic matches",
                        theme::text(),
                        theme.muted,
                    ));
                }
            });
        if let Some(mut command) = chosen {
            if let (UiCommand::Chart { placement, .. }, true) = (&mut command, new) {
                *placement = Placement::New;
            }
            commands.push(UiCommand::Overlay(None));
            commands.push(command);
        }
    }
}

/// Draws a row. Returns whether it was clicked.
fn row(ui: &mut Ui, scene: &Scene<'_>, item: &PaletteItem, is_current: bool, scroll: bool) -> bool {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let name = format!("Do: {}", item.name);
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_current, name)
    });
    if is_current && scroll {
        ui.scroll_to_rect(rect, None);
    }
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let painter = ui.painter();
    if is_current || response.hovered() {
        painter.rect_filled(rect, CornerRadius::same(6), theme.raised);
    }
    let place = pos2(rect.left() + 10.0, rect.center().y);
    let right = pos2(rect.right() - 10.0, rect.center().y);
    let name = Name {
        text: &item.name,
        font: theme::text(),
        color: theme.text,
    };
    let room = right.x - place.x;
    if let Some(key) = &item.key {
        paint_key(painter, right, key, theme);
        name.paint(painter, place, room - KEY_WIDTH);
        return response.clicked();
    }
    let value = Name {
        text: item.value.as_deref().unwrap_or_default(),
        font: theme::small_figures(),
        color: theme.muted,
    };
    let (wanted, needed) = (name.width(painter), value.width(painter));
    let (name_width, value_width) = share(room, wanted, needed, VALUE_KEPT);
    name.paint(painter, place, name_width);
    value.paint_right(painter, right, value_width);
    response.clicked()
}
