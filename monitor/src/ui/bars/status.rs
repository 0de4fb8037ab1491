//! The line at the bottom: liveness, samples per pixel, memory, losses.

use egui::{Align, Layout, Ui};
use tickcast_protocol::message::TimeNs;

use crate::{
    data::{
        connection_state::ConnectionState,
        format,
        time::{MINUTE, SECOND},
    },
    files::recording::RecordingPlayer,
    ui::{
        command::UiCommand,
        panes::Workspace,
        scene::{Quiet, Scene},
        theme,
        widgets::{labelled_value, status_light, styled},
    },
};

/// Draws the line and returns the commands that the user gave.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>, charts: &Workspace) -> Vec<UiCommand> {
    let theme = scene.theme;
    let mut commands = Vec::new();
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 20.0;
        liveness(ui, scene, charts, &mut commands);
        if let Some(samples) = charts.samples_per_pixel(scene) {
            labelled_value(ui, theme, "1 px =", &format::rate(samples), "updates");
        }
        if let Some(oldest) = oldest(scene) {
            let depth = format::duration(scene.now_ns - oldest);
            labelled_value(ui, theme, "history", &depth, "");
        }
        let store = scene.store;
        let memory = format!(
            "{} / {} MiB",
            format::mebibytes(store.bytes()),
            format::mebibytes(store.memory_limit())
        );
        labelled_value(ui, theme, "memory", &memory, "");
        servers(ui, scene);
        losses(ui, scene);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 20.0;
            let zone = scene.zone;
            let step_ns = match scene.quiet() {
                Quiet::No | Quiet::Seconds => SECOND,
                // The window is not repainted more often.
                Quiet::Minutes => MINUTE,
            };
            let time = zone.clock(scene.now_ns, step_ns);
            let time = format!("{time} {}", zone.name(scene.now_ns));
            ui.label(styled(time, theme::small_figures(), theme.muted));
            let cost = scene.health.repaints.cost().as_secs_f64() * 1e3;
            // Laid out from right to left.
            labelled_value(ui, theme, "", &format!("{cost:.1} ms"), "repaint");
            if let Some((notice, _)) = &scene.health.notice {
                let notice = format::cut(notice, 100);
                ui.label(styled(notice, theme::small(), theme.warning));
            }
        });
    });
    commands
}

fn liveness(ui: &mut Ui, scene: &Scene<'_>, charts: &Workspace, commands: &mut Vec<UiCommand>) {
    let theme = scene.theme;
    let (words, color) = match scene.connection {
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
    };
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

/// How many servers answer, if there are several.
fn servers(ui: &mut Ui, scene: &Scene<'_>) {
    let all = scene.tabs.len();
    if all < 2 {
        return;
    }
    let answering = scene
        .tabs
        .iter()
        .filter(|tab| matches!(tab.connection, ConnectionState::Connected { .. }))
        .count();
    let text = format!("{answering} of {all} servers");
    let color = if answering < all {
        scene.theme.bad
    } else {
        scene.theme.muted
    };
    ui.label(styled(text, theme::small(), color));
}

/// Time of the oldest sample of the selected topic.
fn oldest(scene: &Scene<'_>) -> Option<TimeNs> {
    let topic = scene.store.topic_named(scene.selected?.as_str())?;
    topic.series.as_ref()?.first_time()
}

fn losses(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let totals = scene.store.totals();
    if totals.gaps == 0 {
        labelled_value(ui, theme, "gaps", "0", "");
    } else {
        let text = format!(
            "{} lost in {} {}",
            format::count(totals.lost),
            format::count(totals.gaps),
            if totals.gaps == 1 { "gap" } else { "gaps" }
        );
        ui.label(styled(text, theme::small(), theme.bad));
    }
    if totals.restarts > 0 {
        let text = match totals.restarts {
            1 => "1 server restart".to_owned(),
            restarts => format!("{restarts} server restarts"),
        };
        let tip = "Updates during a restart are unknown";
        ui.label(styled(text, theme::small(), theme.warning))
            .on_hover_text(tip);
    }
    if totals.dropped > 0 {
        let text = format!("{} dropped here", format::count(totals.dropped));
        let tip = "There are more topics than the monitor keeps";
        ui.label(styled(text, theme::small(), theme.bad))
            .on_hover_text(tip);
    }
    let held_back = scene.health.held_back;
    if held_back.times > 0 {
        let waited = i64::try_from(held_back.total.as_nanos()).unwrap_or(i64::MAX);
        let text = format!(
            "held back {} x, {}",
            held_back.times,
            format::duration(waited)
        );
        let tip =
            "The window was too slow, so the server had to wait. The monitor dropped nothing.";
        ui.label(styled(text, theme::small(), theme.warning))
            .on_hover_text(tip);
    }
}
