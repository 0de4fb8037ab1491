//! The line at the bottom: liveness, notices, losses, memory, time.

use egui::{Align, Color32, Layout, Ui};

use super::{
    fitting::{BarPart, fitting},
    measure,
    status_parts::{self, StatusPart},
};
use crate::{
    data::connection_state::ConnectionState,
    files::recording::RecordingPlayer,
    ui::{
        command::UiCommand,
        names::Name,
        panes::Workspace,
        scene::Scene,
        theme,
        widgets::{labelled_value, status_light, styled},
    },
};

/// Space between two parts.
const GAP: f32 = 20.0;

/// A notice gets at least this much, or what it needs.
const NOTICE_MIN: f32 = 240.0;

/// Draws the line and returns the commands that the user gave.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>, charts: &Workspace) -> Vec<UiCommand> {
    let mut commands = Vec::new();
    let parts = status_parts::all(scene, charts);
    let (words, color) = liveness_words(scene, charts);
    let live = measure::LIGHT + measure::text(ui, words, theme::small());
    let notice = scene.notice.unwrap_or_default();
    let notice_width = match notice {
        "" => 0.0,
        notice => measure::text(ui, notice, theme::small()).min(NOTICE_MIN) + GAP,
    };
    let room = ui.available_width() - live - GAP - notice_width;
    let widths: Vec<BarPart> = parts
        .iter()
        .map(|part| BarPart {
            width: part.width(ui),
            rank: part.rank,
        })
        .collect();
    let shown = fitting(&widths, room, GAP);
    let shown = parts.iter().zip(shown).filter(|(_, shown)| *shown);
    let (right, left): (Vec<_>, Vec<_>) = shown
        .map(|(part, _)| part)
        .partition(|part| part.is_at_right);
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        liveness(ui, words, color, &mut commands);
        for part in left {
            draw(ui, scene, part);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            for part in right {
                draw(ui, scene, part);
            }
            if !notice.is_empty() {
                let name = Name {
                    text: notice,
                    font: theme::small(),
                    color: scene.theme.warning,
                };
                let width = ui.available_width();
                name.show_cut_at_end(ui, width);
            }
        });
    });
    commands
}

fn draw(ui: &mut Ui, scene: &Scene<'_>, part: &StatusPart) {
    let theme = scene.theme;
    let response = ui
        .scope(|ui| match part.color {
            Some(color) => {
                ui.label(styled(&part.value, theme::small(), color));
            }
            // Laid out from right to left, the words change places.
            None if part.is_at_right => {
                labelled_value(ui, theme, part.after, &part.value, part.before);
            }
            None => labelled_value(ui, theme, part.before, &part.value, part.after),
        })
        .response;
    if !part.tip.is_empty() {
        response.on_hover_text(part.tip);
    }
}

/// Whether what is shown is live, in words and a colour.
fn liveness_words(scene: &Scene<'_>, charts: &Workspace) -> (&'static str, Color32) {
    let theme = scene.theme;
    match scene.connection {
        _ if scene.player.is_some_and(RecordingPlayer::is_at_end) => ("At the end", theme.muted),
        _ if scene.player.is_some() && charts.is_following() => ("Playing", theme.up),
        _ if scene.player.is_some() => ("Paused", theme.warning),
        ConnectionState::Connected { .. } if charts.is_empty() => ("Live", theme.up),
        ConnectionState::Connected { .. } if charts.is_following() => ("Following", theme.up),
        ConnectionState::Connected { .. } => ("Paused", theme.warning),
        ConnectionState::Silent { .. } => ("Server silent", theme.bad),
        ConnectionState::Connecting { .. } => ("Connecting", theme.warning),
        ConnectionState::BackingOff { .. } | ConnectionState::Ended { .. } => {
            ("No connection", theme.bad)
        }
    }
}

fn liveness(ui: &mut Ui, words: &str, color: Color32, commands: &mut Vec<UiCommand>) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        status_light(ui, color);
        let button = egui::Button::new(styled(words, theme::small(), color)).frame(false);
        let response = ui.add(button);
        if words == "Paused" && response.on_hover_text("Follow again (End)").clicked() {
            commands.push(UiCommand::FollowAll);
        }
    });
}
