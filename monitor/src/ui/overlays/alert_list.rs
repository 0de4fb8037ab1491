//! The rules of alerts, and what has fired.

use std::collections::HashMap;

use egui::{Align, Color32, Layout, Ui};

use super::heading::heading;
use crate::{
    data::alerts::{AlertCondition, AlertRule, AlertRuleId},
    ui::{
        command::UiCommand,
        names::Name,
        scene::Scene,
        theme,
        widgets::{choice, styled},
    },
};

/// Width of the word after the name of a topic.
const IS_WIDTH: f32 = 40.0;

/// The part of a line that a name keeps, however long the words about it are.
const NAME_PART: f32 = 0.5;

/// The most events listed.
const EVENTS_SHOWN: usize = 100;

/// The condition of the button for moves.
const MOVES: AlertCondition = AlertCondition::Moves {
    percent: 1.0,
    within_s: 60,
};

#[derive(Debug, Default)]
pub(super) struct AlertList {
    threshold: String,
    /// The texts of programs that are being edited.
    programs: HashMap<AlertRuleId, String>,
}

impl AlertList {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        heading(ui, scene.theme, "Alerts");
        self.new_alert(ui, scene, commands);
        ui.add_space(10.0);
        egui::ScrollArea::vertical().show(ui, |ui| {
            for rule in scene.alerts.rules() {
                self.rule(ui, scene, rule, commands);
            }
            events(ui, scene, commands);
        });
    }

    fn new_alert(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let Some(topic) = scene.selected else {
            let text = "Select a topic to add an alert.";
            ui.label(styled(text, theme::text(), theme.muted));
            return;
        };
        let mut add = |condition| {
            commands.push(UiCommand::AddAlert {
                topic: topic.clone(),
                condition,
            });
        };
        ui.horizontal(|ui| {
            ui.label(styled("Alert when", theme::text(), theme.muted));
            let name = Name {
                text: topic.as_str(),
                font: theme::text(),
                color: theme.text,
            };
            let width = ui.available_width() - IS_WIDTH;
            name.show(ui, width);
            ui.label(styled("is …", theme::text(), theme.muted));
        });
        ui.horizontal_wrapped(|ui| {
            let field = egui::TextEdit::singleline(&mut self.threshold)
                .hint_text(styled("value", theme::small(), theme.dim))
                .font(theme::small_figures())
                .desired_width(96.0)
                .margin(egui::Margin::symmetric(8, 5));
            let response = ui.add(field);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Threshold")
            });
            let value = self.threshold.replace([' ', ','], "").parse::<f64>();
            let value = value.ok().filter(|value| value.is_finite());
            for (label, condition) in [
                ("Above", value.map(AlertCondition::Above)),
                ("Below", value.map(AlertCondition::Below)),
                ("Stale", Some(AlertCondition::Stale)),
                ("Dead", Some(AlertCondition::Dead)),
                ("Moving 1 % in 60 s", Some(MOVES)),
                ("Losing updates", Some(AlertCondition::Gap)),
            ] {
                let button = ui.add_enabled(condition.is_some(), egui::Button::new(label));
                if let (true, Some(condition)) = (button.clicked(), condition) {
                    add(condition);
                }
            }
        });
    }

    fn rule(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        rule: &AlertRule,
        commands: &mut Vec<UiCommand>,
    ) {
        let theme = scene.theme;
        let topic = scene.store.topic_named(rule.topic.as_str());
        let decimals = topic.map_or(2, |topic| topic.decimals);
        let words = format!("{} {}", rule.topic, rule.condition.words(decimals));
        ui.horizontal(|ui| {
            let mut is_on = rule.is_on;
            let switch = ui.checkbox(&mut is_on, "");
            switch.widget_info(|| {
                egui::WidgetInfo::selected(
                    egui::Role::CheckBox,
                    true,
                    is_on,
                    format!("Watch {words}"),
                )
            });
            if switch.changed() {
                commands.push(UiCommand::SwitchAlert(rule.id, is_on));
            }
            let color = if is_on { theme.text } else { theme.dim };
            // The controls come first, so that no name pushes them away.
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let remove = ui.button(styled("Delete", theme::small(), theme.muted));
                remove.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Delete {words}"))
                });
                if remove.clicked() {
                    commands.push(UiCommand::RemoveAlert(rule.id));
                }
                if choice(ui, theme, rule.sound, "Sound").clicked() {
                    commands.push(UiCommand::SetAlertSound(rule.id, !rule.sound));
                }
                let program = self
                    .programs
                    .entry(rule.id)
                    .or_insert_with(|| rule.command.clone());
                let field = egui::TextEdit::singleline(program)
                    .hint_text(styled("run a program", theme::small(), theme.dim))
                    .font(theme::small_figures())
                    .margin(egui::Margin::symmetric(8, 5))
                    .desired_width(150.0);
                let response = ui.add(field);
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(
                        egui::Role::TextInput,
                        true,
                        format!("Program for {words}"),
                    )
                });
                if response.lost_focus() && *program != rule.command {
                    commands.push(UiCommand::SetAlertCommand(rule.id, program.clone()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let condition = rule.condition.words(decimals);
                    name_and_words(ui, rule.topic.as_str(), color, &condition, color);
                });
            });
        });
    }
}

/// Draws the name of a topic, and words about it. The words keep their width, the name is cut.
fn name_and_words(ui: &mut Ui, name: &str, ink: Color32, words: &str, color: Color32) {
    let text = |text, color| Name {
        text,
        font: theme::text(),
        color,
    };
    let (name, words) = (text(name, ink), text(words, color));
    let room = ui.available_width() - ui.spacing().item_spacing.x;
    let rest = room - words.width(ui.painter());
    name.show(ui, rest.max(room * NAME_PART));
    let width = ui.available_width();
    words.show_cut_at_end(ui, width);
}

fn events(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let theme = scene.theme;
    ui.add_space(10.0);
    if scene.alerts.events().len() == 0 {
        let text = "No alert has fired yet.";
        ui.label(styled(text, theme::small(), theme.muted));
        return;
    }
    ui.horizontal(|ui| {
        ui.label(styled("Alerts that fired", theme::small(), theme.muted));
        if scene.alerts.unseen().len() > 0 && choice(ui, theme, false, "Seen").clicked() {
            commands.push(UiCommand::AcknowledgeAlerts);
        }
    });
    for event in scene.alerts.events().rev().take(EVENTS_SHOWN) {
        ui.horizontal(|ui| {
            let time = scene.zone.date_time(event.time_ns);
            ui.label(styled(time, theme::small_figures(), theme.muted));
            name_and_words(ui, event.topic.as_str(), theme.text, &event.text, theme.bad);
        });
    }
}
