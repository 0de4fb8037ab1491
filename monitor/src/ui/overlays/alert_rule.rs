//! One alert in the list: what it waits for, and what it does.

use std::collections::HashMap;

use egui::{Align, Color32, Layout, Ui};

use crate::{
    data::{
        alerts::{AlertRule, AlertRuleId},
        format,
    },
    ui::{
        command::UiCommand,
        mute,
        names::Name,
        scene::Scene,
        theme,
        widgets::{choice, styled, text_field},
    },
};

/// The part of a line that a name keeps, however long the words about it are.
const NAME_PART: f32 = 0.5;

/// The second line begins below the name.
const INDENT: f32 = 24.0;

/// The texts of alerts that are being edited.
#[derive(Debug, Default)]
pub(super) struct AlertTexts {
    programs: HashMap<AlertRuleId, String>,
    margins: HashMap<AlertRuleId, String>,
}

/// Draws an alert in two lines.
pub(super) fn show(
    texts: &mut AlertTexts,
    ui: &mut Ui,
    scene: &Scene<'_>,
    rule: &AlertRule,
    commands: &mut Vec<UiCommand>,
) {
    let theme = scene.theme;
    let topic = scene.store.topic_named(rule.topic.as_str());
    let decimals = topic.map_or(2, |topic| topic.decimals);
    let condition = rule.condition.words(decimals);
    let words = format!("{} {condition}", rule.topic);
    ui.horizontal(|ui| {
        let mut is_on = rule.is_on;
        let switch = ui.checkbox(&mut is_on, "");
        switch.widget_info(|| {
            let label = format!("Watch {words}");
            egui::WidgetInfo::selected(egui::Role::CheckBox, true, is_on, label)
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
            let until_ns = rule.muted_until_ns;
            commands.extend(mute::show(ui, scene, Some(rule.id), until_ns, &words));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                name_and_words(ui, rule.topic.as_str(), color, &condition, color);
            });
        });
    });
    ui.horizontal(|ui| {
        ui.add_space(INDENT);
        if choice(ui, theme, rule.sound, "Sound").clicked() {
            commands.push(UiCommand::SetAlertSound(rule.id, !rule.sound));
        }
        let program = texts.programs.entry(rule.id);
        let program = program.or_insert_with(|| rule.command.clone());
        let label = format!("Program for {words}");
        if field(ui, scene, program, "run a program", 220.0, &label) && *program != rule.command {
            commands.push(UiCommand::SetAlertCommand(rule.id, program.clone()));
        }
        if rule.condition.has_margin() {
            margin(texts, ui, scene, rule, &words, commands);
        }
    });
    ui.add_space(4.0);
}

/// Draws how far the value must come back.
fn margin(
    texts: &mut AlertTexts,
    ui: &mut Ui,
    scene: &Scene<'_>,
    rule: &AlertRule,
    words: &str,
    commands: &mut Vec<UiCommand>,
) {
    let theme = scene.theme;
    let text = texts
        .margins
        .entry(rule.id)
        .or_insert_with(|| match rule.margin {
            0.0 => String::new(),
            margin => margin.to_string(),
        });
    ui.label(styled("again after", theme::small(), theme.muted));
    let label = format!("Margin for {words}");
    let has_ended = field(ui, scene, text, "any return", 88.0, &label);
    ui.label(styled("back", theme::small(), theme.muted))
        .on_hover_text(
            "How far the value must come back before the alert can fire again, in its unit or in %",
        );
    let given = match text.trim() {
        "" => Some(0.0),
        text => format::parse_number(text).filter(|margin| *margin >= 0.0),
    };
    match given {
        Some(given) if has_ended && given != rule.margin => {
            commands.push(UiCommand::SetAlertMargin(rule.id, given));
        }
        Some(_) => {}
        None => {
            ui.label(styled("a number from 0", theme::small(), theme.bad));
        }
    }
}

/// Draws a text field. Returns whether its text was entered.
fn field(
    ui: &mut Ui,
    scene: &Scene<'_>,
    text: &mut String,
    hint: &str,
    width: f32,
    label: &str,
) -> bool {
    let field = egui::TextEdit::singleline(text)
        .font(theme::small_figures())
        .margin(egui::Margin::symmetric(8, 5))
        .desired_width(width);
    text_field(ui, scene.theme, label, hint, field).lost_focus()
}

/// Draws the name of a topic, and words about it. The words keep their width, the name is cut.
pub(super) fn name_and_words(ui: &mut Ui, name: &str, ink: Color32, words: &str, color: Color32) {
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
