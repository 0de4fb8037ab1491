//! The progress of the recording being written.

use egui::{Align, Layout, Sense, Ui, UiBuilder, vec2};

use super::measure;
use crate::{
    data::format,
    files::recording::{RecordedScope, RecordingWriter},
    ui::{
        command::UiCommand,
        scene::Scene,
        theme,
        widgets::{status_light, styled},
    },
};

const STOP: &str = "Stop";

const HEIGHT: f32 = 24.0;

/// What is recorded, how much of it, and what is missing.
fn words(recorder: &RecordingWriter) -> String {
    let progress = recorder.progress();
    let what = match recorder.scope() {
        RecordedScope::EveryUpdate if progress.holds.thinned == 0 => "every update".to_owned(),
        _ => format!(
            "{} in full, {} thinned",
            format::count(progress.holds.full as u64),
            format::count(progress.holds.thinned as u64)
        ),
    };
    let bytes = usize::try_from(progress.bytes).unwrap_or(usize::MAX);
    let mut text = format!(
        "recording {what} · {} · {} MiB",
        format::count(progress.lines),
        format::mebibytes(bytes)
    );
    if progress.left_out > 0 {
        text = format!("{text} · {} left out", format::count(progress.left_out));
    }
    text
}

/// The width of the part; 0 if nothing is recorded.
pub(super) fn width(ui: &Ui, scene: &Scene<'_>) -> f32 {
    scene.recorder.map_or(0.0, |recorder| {
        let text = measure::text(ui, &words(recorder), theme::small());
        let stop = measure::text(ui, STOP, theme::small());
        measure::chip(text + measure::LIGHT + stop + 24.0)
    })
}

/// Draws the part.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let Some(recorder) = scene.recorder else {
        return;
    };
    let theme = scene.theme;
    let tip = format!(
        "{}\nHolds {}",
        recorder.path().display(),
        recorder.progress().holds.words()
    );
    // From left to right, whatever the layout around it.
    let size = vec2(width(ui, scene), HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, theme::CORNER, theme.raised);
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let layout = Layout::left_to_right(Align::Center);
    let ui = &mut ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    ui.spacing_mut().item_spacing.x = 6.0;
    status_light(ui, theme.bad);
    ui.label(styled(words(recorder), theme::small(), theme.bad))
        .on_hover_text(&tip);
    let stop = egui::Button::new(styled(STOP, theme::small(), theme.text)).frame(false);
    if ui.add(stop).on_hover_text(&tip).clicked() {
        commands.push(UiCommand::ToggleRecording);
    }
}
