//! Windows over the window. One is open at a time; Esc or a click beside it closes it.

mod alert_list;
mod key_help;
mod layout_name;
mod palette;
mod preferences;
mod recordings;
mod servers;

use egui::{Align2, Id, Key, Modal, Ui, vec2};

use super::widgets::styled;
use crate::{
    scene::{Command, Overlay, Scene},
    theme::{self, Theme},
};

/// The window over the window, if one is open.
#[derive(Debug, Default)]
pub struct Overlays {
    open: Option<Open>,
}

#[derive(Debug)]
enum Open {
    Palette(palette::Palette),
    Keys,
    Preferences(preferences::PreferencesPanel),
    Alerts(alert_list::AlertList),
    SaveLayout(layout_name::LayoutName),
    Recordings(recordings::Recordings),
    Servers(servers::Servers),
}

impl Overlays {
    /// Opens another one, or none.
    pub fn set(&mut self, overlay: Option<Overlay>, scene: &Scene<'_>) {
        self.open = overlay.map(|overlay| match overlay {
            Overlay::Palette => Open::Palette(palette::Palette::default()),
            Overlay::Keys => Open::Keys,
            Overlay::Preferences => {
                Open::Preferences(preferences::PreferencesPanel::new(scene.preferences))
            }
            Overlay::Alerts => Open::Alerts(alert_list::AlertList::default()),
            Overlay::SaveLayout => Open::SaveLayout(layout_name::LayoutName::new(scene.layouts)),
            Overlay::Recordings => {
                Open::Recordings(recordings::Recordings::find(scene.preferences.folder()))
            }
            Overlay::Servers => Open::Servers(servers::Servers::default()),
        });
    }

    /// Whether one is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Draws the one that is open and returns what the person wants.
    pub fn show(&mut self, ui: &Ui, scene: &Scene<'_>) -> Vec<Command> {
        let Some(open) = &mut self.open else {
            return Vec::new();
        };
        let theme = scene.theme;
        let (width, anchor): (f32, Align2) = match open {
            Open::Palette(_) => (560.0, Align2::CENTER_TOP),
            Open::Keys | Open::Recordings(_) | Open::Servers(_) => (640.0, Align2::CENTER_CENTER),
            Open::Preferences(_) | Open::SaveLayout(_) => (440.0, Align2::CENTER_CENTER),
            Open::Alerts(_) => (720.0, Align2::CENTER_CENTER),
        };
        let height = ui.ctx().viewport_rect().height();
        let offset = match anchor {
            Align2::CENTER_TOP => vec2(0.0, height * 0.12),
            _ => vec2(0.0, 0.0),
        };
        let area = Modal::default_area(Id::unique("overlay")).anchor(anchor, offset);
        let mut commands = Vec::new();
        let response = Modal::new(Id::unique("overlay"))
            .area(area)
            .backdrop_color(egui::Color32::from_black_alpha(110))
            .frame(frame(theme))
            .show(ui.ctx(), |ui| {
                ui.set_width(width.min(ui.ctx().viewport_rect().width() - 40.0));
                ui.set_max_height(height * 0.76);
                match open {
                    Open::Palette(palette) => palette.show(ui, scene, &mut commands),
                    Open::Keys => key_help::show(ui, scene),
                    Open::Preferences(panel) => panel.show(ui, scene, &mut commands),
                    Open::Alerts(list) => list.show(ui, scene, &mut commands),
                    Open::SaveLayout(name) => name.show(ui, scene, &mut commands),
                    Open::Servers(servers) => servers.show(ui, scene, &mut commands),
                    Open::Recordings(list) => list.show(ui, scene, &mut commands),
                }
            });
        let escaped = ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Escape));
        if response.should_close() || escaped {
            commands.push(Command::Overlay(None));
        }
        commands
    }
}

fn frame(theme: &Theme) -> egui::Frame {
    egui::Frame::new()
        .fill(theme.panel)
        .stroke(theme.hairline_stroke())
        .corner_radius(egui::CornerRadius::same(8))
        .inner_margin(egui::Margin::same(16))
        .shadow(egui::Shadow {
            offset: [0, 8],
            blur: 32,
            spread: 0,
            color: egui::Color32::from_black_alpha(120),
        })
}

fn heading(ui: &mut Ui, theme: &Theme, text: &str) {
    ui.label(styled(text, theme::strong(), theme.text));
    ui.add_space(8.0);
}
