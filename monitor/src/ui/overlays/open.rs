//! The dialog that is open, if any.

use egui::{Align2, Id, Key, Modal, Ui, vec2};

use super::{
    alert_list::AlertList, derived::DerivedPanel, key_help, layout_name::LayoutName,
    login::LoginPanel, palette::Palette, preferences::PreferencesPanel, publish::PublishPanel,
    record::RecordPanel, recordings::RecordingList, servers::ServerList,
    topic_settings::TopicSettingsPanel,
};
use crate::ui::{
    command::{Overlay, UiCommand},
    scene::Scene,
    theme::Theme,
};

/// The dialog that is open, if any.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    open: Option<OpenOverlay>,
}

#[derive(Debug)]
enum OpenOverlay {
    Palette(Palette),
    Keys,
    Preferences(PreferencesPanel),
    Alerts(AlertList),
    SaveLayout(LayoutName),
    Record(RecordPanel),
    Recordings(RecordingList),
    Servers(ServerList),
    Topic(TopicSettingsPanel),
    Derived(DerivedPanel),
    Publish(PublishPanel),
    Login(LoginPanel),
}

/// What a dialog leaves free of the width of the window: its margins, and a strip of the window.
const MARGIN: f32 = 64.0;

/// The most of the height of the window that a dialog takes.
const HEIGHT_PART: f32 = 0.76;

impl OpenOverlay {
    /// Whether a list in it takes the height that is left, and scrolls alone.
    fn has_list(&self) -> bool {
        matches!(
            self,
            Self::Palette(_) | Self::Keys | Self::Alerts(_) | Self::Recordings(_)
        )
    }

    fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        match self {
            Self::Palette(palette) => palette.show(ui, scene, commands),
            Self::Keys => key_help::show(ui, scene),
            Self::Preferences(panel) => panel.show(ui, scene, commands),
            Self::Alerts(list) => list.show(ui, scene, commands),
            Self::SaveLayout(name) => name.show(ui, scene, commands),
            Self::Servers(servers) => servers.show(ui, scene, commands),
            Self::Derived(panel) => panel.show(ui, scene, commands),
            Self::Publish(panel) => panel.show(ui, scene, commands),
            Self::Login(panel) => panel.show(ui, scene, commands),
            Self::Topic(panel) => panel.show(ui, scene, commands),
            Self::Record(panel) => panel.show(ui, scene, commands),
            Self::Recordings(list) => list.show(ui, scene, commands),
        }
    }
}

impl Overlays {
    /// Opens a dialog, or closes it.
    pub(crate) fn set(&mut self, overlay: Option<Overlay>, scene: &Scene<'_>) {
        self.open = overlay.map(|overlay| match overlay {
            Overlay::Palette => OpenOverlay::Palette(Palette::default()),
            Overlay::Keys => OpenOverlay::Keys,
            Overlay::Preferences => {
                OpenOverlay::Preferences(PreferencesPanel::new(scene.preferences))
            }
            Overlay::Alerts => OpenOverlay::Alerts(AlertList::default()),
            Overlay::SaveLayout => OpenOverlay::SaveLayout(LayoutName::new(scene.layouts)),
            Overlay::Record => OpenOverlay::Record(RecordPanel::default()),
            Overlay::Recordings => {
                OpenOverlay::Recordings(RecordingList::find(scene.preferences.folder()))
            }
            Overlay::Servers => OpenOverlay::Servers(ServerList::default()),
            Overlay::Derived => OpenOverlay::Derived(DerivedPanel::new(scene)),
            Overlay::Publish => OpenOverlay::Publish(PublishPanel::new(scene)),
            Overlay::Login => OpenOverlay::Login(LoginPanel::default()),
            Overlay::Topic => OpenOverlay::Topic(TopicSettingsPanel::new(scene)),
        });
    }

    /// Whether a dialog is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Draws the dialog and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        let Some(open) = &mut self.open else {
            return Vec::new();
        };
        let theme = scene.theme;
        let (width, anchor): (f32, Align2) = match open {
            OpenOverlay::Palette(_) => (560.0, Align2::CENTER_TOP),
            OpenOverlay::Keys
            | OpenOverlay::Derived(_)
            | OpenOverlay::Recordings(_)
            | OpenOverlay::Servers(_) => (640.0, Align2::CENTER_CENTER),
            OpenOverlay::Preferences(_)
            | OpenOverlay::Login(_)
            | OpenOverlay::Publish(_)
            | OpenOverlay::Record(_)
            | OpenOverlay::SaveLayout(_)
            | OpenOverlay::Topic(_) => (440.0, Align2::CENTER_CENTER),
            OpenOverlay::Alerts(_) => (720.0, Align2::CENTER_CENTER),
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
                ui.set_width(width.min(ui.ctx().viewport_rect().width() - MARGIN));
                let height = height * HEIGHT_PART;
                ui.set_max_height(height);
                if open.has_list() {
                    return open.show(ui, scene, &mut commands);
                }
                // Where a dialog is higher than that, it is read and filled in part by part.
                egui::ScrollArea::vertical()
                    .auto_shrink([false, true])
                    .max_height(height)
                    .show(ui, |ui| open.show(ui, scene, &mut commands));
            });
        let escaped = ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Escape));
        if response.should_close() || escaped {
            commands.push(UiCommand::Overlay(None));
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
