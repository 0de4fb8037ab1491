//! Publishes a value, and shows what the server answered.

use egui::{Key, Modifiers, Ui};
use tickcast_protocol::{topic::Topic, value::Value};

use super::heading::heading;
use crate::{
    data::{format, published::PublishState},
    ui::{
        command::UiCommand,
        scene::Scene,
        theme,
        widgets::{action, choice, styled, text_field},
    },
};

/// The longest value that can be typed.
const VALUE_MAX_CHARS: usize = 4_096;

/// What is being typed.
#[derive(Debug)]
pub(super) struct PublishPanel {
    topic: String,
    value: String,
    /// Whether a number is published as a text.
    is_text: bool,
    was_focused: bool,
}

impl PublishPanel {
    /// A value for the selected topic.
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        Self {
            topic: scene.selected.map_or(String::new(), Topic::to_string),
            value: String::new(),
            is_text: false,
            was_focused: false,
        }
    }

    /// The topic and the value as typed, or why they cannot be published.
    fn publication(&self, scene: &Scene<'_>) -> Result<(Topic, Value), String> {
        let name = self.topic.trim();
        let topic = Topic::new(name).map_err(|why| format!("{name:?} is no topic: {why}"))?;
        if scene.derived.has(&topic) {
            return Err(format!("{topic} is computed here: it cannot be published"));
        }
        if self.value.is_empty() {
            return Err("type a value".to_owned());
        }
        let number = format::parse_number(&self.value).filter(|_| !self.is_text);
        let value = match number {
            Some(number) => Value::Reading(number),
            None => Value::Text(self.value.clone()),
        };
        Ok((topic, value))
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Publish a value");
        let field = |ui: &mut Ui, name: &str, text: &mut String, limit: usize| {
            ui.label(styled(name, theme::small(), theme.muted));
            let edit = egui::TextEdit::singleline(text)
                .char_limit(limit)
                .desired_width(f32::INFINITY)
                .margin(egui::Margin::symmetric(10, 6));
            let response = text_field(ui, theme, name, "", edit);
            ui.add_space(4.0);
            response
        };
        field(ui, "To the topic", &mut self.topic, 256);
        let response = field(ui, "Value", &mut self.value, VALUE_MAX_CHARS);
        if !std::mem::replace(&mut self.was_focused, true) {
            response.request_focus();
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if choice(ui, theme, !self.is_text, "A number, if it is one").clicked() {
                self.is_text = false;
            }
            if choice(ui, theme, self.is_text, "A text").clicked() {
                self.is_text = true;
            }
        });
        ui.add_space(6.0);
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        match self.publication(scene) {
            Ok((topic, value)) => {
                let kind = match value {
                    Value::Reading(_) => "Publish the number",
                    _ => "Publish the text",
                };
                if action(ui, theme, kind).clicked() || enter {
                    commands.push(UiCommand::Publish(topic, value));
                    response.request_focus();
                }
            }
            Err(why) => {
                ui.label(styled(
                    format!("Not yet: {why}"),
                    theme::small(),
                    theme.muted,
                ));
            }
        }
        if let Some(last) = scene.published {
            ui.add_space(8.0);
            let color = match &last.state {
                PublishState::Waiting => theme.muted,
                PublishState::Done(_) => theme.up,
                PublishState::Failed(_) => theme.bad,
            };
            let text = last.words();
            ui.label(styled(text, theme::small(), color));
        }
    }
}
