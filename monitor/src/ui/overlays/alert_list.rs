//! The rules of alerts, and what has fired.

use egui::Ui;

use super::{
    alert_rule::{self, AlertTexts, name_and_words},
    heading::heading,
};
use crate::{
    data::{alerts::AlertCondition, format},
    ui::{
        command::UiCommand,
        mute,
        names::Name,
        scene::Scene,
        theme,
        widgets::{action_if, choice, styled, text_field},
    },
};

/// Width of the word after the name of a topic.
const IS_WIDTH: f32 = 40.0;

/// The longest word that a value is compared with, in characters.
const WORD_MAX_CHARS: usize = 200;

/// The most events listed.
const EVENTS_SHOWN: usize = 100;

/// The condition of the button for moves.
const MOVES: AlertCondition = AlertCondition::Moves {
    percent: 1.0,
    within_s: 60,
};

#[derive(Debug, Default)]
pub(super) struct AlertList {
    /// The threshold, or the word that a value is compared with.
    value: String,
    texts: AlertTexts,
}

impl AlertList {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        heading(ui, scene.theme, "Alerts");
        self.new_alert(ui, scene, commands);
        ui.add_space(10.0);
        // Those of a recording are copies.
        let alerts = scene.live_alerts.unwrap_or(scene.alerts);
        egui::ScrollArea::vertical().show(ui, |ui| {
            for rule in alerts.rules() {
                alert_rule::show(&mut self.texts, ui, scene, rule, commands);
            }
            if !alerts.rules().is_empty() {
                let until_ns = alerts.muted_until_ns();
                commands.extend(mute::show(ui, scene, None, until_ns, "all alerts"));
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
            let field = egui::TextEdit::singleline(&mut self.value)
                .font(theme::small_figures())
                .char_limit(WORD_MAX_CHARS)
                .desired_width(120.0)
                .margin(egui::Margin::symmetric(8, 5));
            text_field(ui, theme, "Value or word", "value or word", field);
            let value = format::parse_number(&self.value.replace(',', ""));
            let word = Some(self.value.trim()).filter(|word| !word.is_empty());
            let word = word.map(str::to_owned);
            for (label, condition) in [
                ("Above", value.map(AlertCondition::Above)),
                ("Below", value.map(AlertCondition::Below)),
                ("Equals", word.clone().map(AlertCondition::Equals)),
                ("Contains", word.map(AlertCondition::Contains)),
                ("Changing", Some(AlertCondition::Changes)),
                ("Stale", Some(AlertCondition::Stale)),
                ("Dead", Some(AlertCondition::Dead)),
                ("Changing status", Some(AlertCondition::StatusChanges)),
                ("Moving 1 % in 60 s", Some(MOVES)),
                ("Losing updates", Some(AlertCondition::Gap)),
            ] {
                let button = action_if(ui, theme, condition.is_some(), label);
                if let (true, Some(condition)) = (button.clicked(), condition) {
                    add(condition);
                }
            }
        });
    }
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
        if scene.alerts.unseen().next().is_some() && choice(ui, theme, false, "Seen").clicked() {
            commands.push(UiCommand::AcknowledgeAlerts);
        }
    });
    for event in scene.alerts.events().rev().take(EVENTS_SHOWN) {
        ui.horizontal(|ui| {
            let time = scene.zone.date_time(event.time_ns);
            ui.label(styled(time, theme::small_figures(), theme.muted));
            let (text, color) = match event.is_muted {
                true => (format!("{} (muted)", event.text), theme.muted),
                false => (event.text.clone(), theme.bad),
            };
            name_and_words(ui, event.topic.as_str(), theme.text, &text, color);
        });
    }
}
