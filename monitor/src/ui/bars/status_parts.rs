//! What the line at the bottom says, part by part.

use egui::{Color32, Ui};
use tickcast_protocol::message::TimeNs;

use super::measure;
use crate::{
    data::{
        connection_state::ConnectionState,
        format,
        time::{MINUTE, SECOND},
    },
    ui::{
        panes::Workspace,
        scene::{Quiet, Scene},
        theme,
    },
};

/// A part of the line: a value with words before and after it, or a text in a colour.
#[derive(Debug, Default)]
pub(super) struct StatusPart {
    pub(super) before: &'static str,
    pub(super) value: String,
    pub(super) after: &'static str,
    /// `None` for a value.
    pub(super) color: Option<Color32>,
    pub(super) tip: &'static str,
    /// How important it is, from 0.
    pub(super) rank: u8,
    pub(super) is_at_right: bool,
}

impl StatusPart {
    pub(super) fn width(&self, ui: &Ui) -> f32 {
        match self.color {
            _ if self.value.is_empty() => 0.0,
            Some(_) => measure::text(ui, &self.value, theme::small()),
            None => measure::labelled(ui, self.before, &self.value, self.after),
        }
    }

    fn value(rank: u8, before: &'static str, value: String, after: &'static str) -> Self {
        Self {
            before,
            value,
            after,
            rank,
            ..Self::default()
        }
    }

    fn text(rank: u8, color: Color32, value: String, tip: &'static str) -> Self {
        Self {
            value,
            color: Some(color),
            tip,
            rank,
            ..Self::default()
        }
    }
}

/// All parts, from left to right; those at the right edge from right to left.
pub(super) fn all(scene: &Scene<'_>, charts: &Workspace) -> Vec<StatusPart> {
    let mut parts = Vec::new();
    if let Some(samples) = charts.samples_per_pixel(scene) {
        let samples = format::rate(samples);
        parts.push(StatusPart::value(8, "1 px =", samples, "updates"));
    }
    if let Some(oldest) = oldest(scene) {
        let depth = format::duration(scene.now_ns - oldest);
        parts.push(StatusPart::value(6, "history", depth, ""));
    }
    let store = scene.store;
    let memory = format!(
        "{} / {} MiB",
        format::mebibytes(store.bytes()),
        format::mebibytes(store.memory_limit())
    );
    parts.push(StatusPart::value(7, "memory", memory, ""));
    parts.extend(servers(scene));
    losses(scene, &mut parts);
    let zone = scene.zone;
    let step_ns = match scene.quiet() {
        Quiet::No | Quiet::Seconds => SECOND,
        // The window is not repainted more often.
        Quiet::Minutes => MINUTE,
    };
    let time = zone.clock(scene.now_ns, step_ns);
    let time = format!("{time} {}", zone.name(scene.now_ns));
    let cost = scene.repaints.cost().as_secs_f64() * 1e3;
    let right = [
        StatusPart {
            color: None,
            ..StatusPart::value(3, "", time, "")
        },
        StatusPart::value(9, "repaint", format!("{cost:.1} ms"), ""),
    ];
    parts.extend(right.map(|part| StatusPart {
        is_at_right: true,
        ..part
    }));
    parts
}

/// How many servers answer, if there are several.
fn servers(scene: &Scene<'_>) -> Option<StatusPart> {
    let all = scene.tabs.len();
    let is_answering = |tab: &&crate::ui::scene::ServerTab| {
        matches!(tab.connection, ConnectionState::Connected { .. })
    };
    let answering = scene.tabs.iter().filter(is_answering).count();
    let (rank, color) = if answering < all {
        (1, scene.theme.bad)
    } else {
        (5, scene.theme.muted)
    };
    let text = format!("{answering} of {all} servers");
    (all > 1).then(|| StatusPart::text(rank, color, text, ""))
}

/// Time of the oldest sample of the selected topic.
fn oldest(scene: &Scene<'_>) -> Option<TimeNs> {
    let topic = scene.store.topic_named(scene.selected?.as_str())?;
    topic.series.as_ref()?.first_time()
}

fn losses(scene: &Scene<'_>, parts: &mut Vec<StatusPart>) {
    let theme = scene.theme;
    let totals = scene.store.totals();
    if totals.gaps == 0 {
        parts.push(StatusPart::value(4, "gaps", "0".to_owned(), ""));
    } else {
        let text = format!(
            "{} lost in {} {}",
            format::count(totals.lost),
            format::count(totals.gaps),
            if totals.gaps == 1 { "gap" } else { "gaps" }
        );
        parts.push(StatusPart::text(0, theme.bad, text, ""));
    }
    if totals.dropped > 0 {
        let text = format!("{} dropped here", format::count(totals.dropped));
        let tip = "There are more topics than the monitor keeps";
        parts.push(StatusPart::text(0, theme.bad, text, tip));
    }
    if totals.hidden > 0 {
        let text = format!("{} hidden by derived topics", format::count(totals.hidden));
        let tip = "The server has a topic with the name of a derived one: delete the derived one, \
                   or give it another name";
        parts.push(StatusPart::text(1, theme.warning, text, tip));
    }
    if totals.restarts > 0 {
        let text = match totals.restarts {
            1 => "1 server restart".to_owned(),
            restarts => format!("{restarts} server restarts"),
        };
        let tip = "Updates during a restart are unknown";
        parts.push(StatusPart::text(2, theme.warning, text, tip));
    }
    let held_back = scene.health.held_back;
    if held_back.times > 0 {
        let waited = i64::try_from(held_back.total.as_nanos()).unwrap_or(i64::MAX);
        let waited = format::duration(waited);
        let text = format!("held back {} x, {waited}", held_back.times);
        let tip =
            "The window was too slow, so the server had to wait. The monitor dropped nothing.";
        parts.push(StatusPart::text(5, theme.warning, text, tip));
    }
}
