//! Mutes alerts for a time.

use egui::{Ui, containers::menu::MenuButton};
use tickcast_protocol::message::TimeNs;

use super::{
    command::UiCommand,
    scene::Scene,
    theme,
    widgets::{choice, styled},
};
use crate::data::{
    alerts::AlertRuleId,
    time::{DAY, HOUR, MINUTE},
};

/// The times for which alerts are muted.
const TIMES: [(&str, i64); 4] = [
    ("for 10 min", 10 * MINUTE),
    ("for 1 h", HOUR),
    ("for 8 h", 8 * HOUR),
    ("for 24 h", DAY),
];

/// Draws a button that mutes a rule, or all without a rule; a muted one is no longer muted by a
/// click. `what` tells apart the buttons of a list.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    rule: Option<AlertRuleId>,
    until_ns: Option<TimeNs>,
    what: &str,
) -> Option<UiCommand> {
    let all = if rule.is_none() { " all" } else { "" };
    if let Some(until_ns) = until_ns {
        let until = scene.zone.clock(until_ns, MINUTE);
        let label = format!("Muted{all} until {until}");
        let whole = scene.zone.date_time(until_ns);
        let tip = format!("What fires until {whole} is only listed; click to end that");
        let button = choice(ui, scene.theme, true, &label).on_hover_text(tip);
        button.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Unmute {what}"))
        });
        return button
            .clicked()
            .then_some(UiCommand::MuteAlerts { rule, for_ns: None });
    }
    let text = styled(format!("Mute{all}"), theme::small(), scene.theme.muted);
    let (button, chosen) = MenuButton::from_button(egui::Button::new(text)).ui(ui, |ui| {
        let mut chosen = None;
        for (label, for_ns) in TIMES {
            if ui.button(label).clicked() {
                chosen = Some(for_ns);
                ui.close();
            }
        }
        chosen
    });
    button.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Mute {what}"))
    });
    let for_ns = chosen.and_then(|chosen| chosen.inner)?;
    Some(UiCommand::MuteAlerts {
        rule,
        for_ns: Some(for_ns),
    })
}
