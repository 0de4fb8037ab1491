//! What the user sets for one topic: name, unit, decimals, colour, limits, reference.

use egui::{Color32, CornerRadius, Key, Modifiers, Sense, Ui, vec2};
use tickcast_protocol::topic::Topic;

use super::heading::heading;
use crate::{
    data::{
        format,
        topics::{DECIMALS_SET_MAX, TopicSettings},
    },
    ui::{
        command::UiCommand,
        names::Name,
        scene::Scene,
        theme,
        widgets::{action, choice, field_frame, styled, text_field},
    },
};

/// Width of the labels.
const LABEL_WIDTH: f32 = 150.0;

/// The longest name and unit, in characters: both are shown beside values.
const TEXT_MAX_CHARS: usize = 60;

/// How many colours are offered.
const COLORS: u8 = 5;

/// The settings while they are edited, as texts.
#[derive(Debug, Default)]
pub(super) struct TopicSettingsPanel {
    topic: Option<Topic>,
    texts: [String; 6],
    color: Option<u8>,
    was_focused: bool,
}

const NAME: usize = 0;
const UNIT: usize = 1;
const DECIMALS: usize = 2;
const LOW: usize = 3;
const HIGH: usize = 4;
const REFERENCE: usize = 5;

const FIELDS: [(&str, &str); 6] = [
    ("Name", "as its source says"),
    ("Unit", "as its source says"),
    ("Decimals", "as its source sends"),
    ("Too low below", "no limit"),
    ("Too high above", "no limit"),
    ("Change from", "no value: \"%\" is then empty"),
];

impl TopicSettingsPanel {
    /// The settings of the selected topic.
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let Some(name) = scene.selected else {
            return Self::default();
        };
        let topic = scene.store.topic_named(name.as_str());
        let set = topic.and_then(|topic| topic.settings.as_deref().cloned());
        let set = set.unwrap_or_default();
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        Self {
            topic: Some(name.clone()),
            texts: [
                set.name.clone().unwrap_or_default(),
                set.unit.clone().unwrap_or_default(),
                set.decimals.map_or(String::new(), |n| n.to_string()),
                number(set.low),
                number(set.high),
                number(set.reference),
            ],
            color: set.color,
            was_focused: false,
        }
    }

    /// The settings as typed, or the field that is wrong and why.
    fn settings(&self) -> Result<TopicSettings, (usize, String)> {
        let text = |field: usize| {
            let text = self.texts[field].trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let number = |field: usize| match text(field) {
            None => Ok(None),
            Some(text) => match format::parse_number(&text) {
                Some(number) => Ok(Some(number)),
                None => Err((field, format!("{text:?} is not a number"))),
            },
        };
        let decimals = match text(DECIMALS) {
            None => None,
            Some(text) => match text.parse() {
                Ok(decimals) if decimals <= DECIMALS_SET_MAX => Some(decimals),
                _ => {
                    let why = format!("{text:?} is not a number from 0 to {DECIMALS_SET_MAX}");
                    return Err((DECIMALS, why));
                }
            },
        };
        Ok(TopicSettings {
            name: text(NAME),
            unit: text(UNIT),
            decimals,
            color: self.color,
            low: number(LOW)?,
            high: number(HIGH)?,
            reference: number(REFERENCE)?,
        })
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Settings of a topic");
        let Some(topic) = self.topic.clone() else {
            let text = "Select a topic in the list first.";
            ui.label(styled(text, theme::text(), theme.muted));
            return;
        };
        let name = Name {
            text: topic.as_str(),
            font: theme::text(),
            color: theme.text,
        };
        let width = ui.available_width();
        name.show(ui, width);
        ui.add_space(8.0);
        let settings = self.settings();
        for (field, (label, hint)) in FIELDS.into_iter().enumerate() {
            let is_wrong = matches!(&settings, Err((wrong, _)) if *wrong == field);
            self.field(ui, scene, field, label, hint, is_wrong);
        }
        ui.horizontal(|ui| {
            label(ui, scene, "Colour");
            self.colors(ui, scene);
        });
        ui.add_space(8.0);
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        match settings {
            Ok(settings) => {
                ui.horizontal(|ui| {
                    if action(ui, theme, "Apply").clicked() || enter {
                        commands.push(UiCommand::SetTopic(topic.clone(), settings));
                        commands.push(UiCommand::Overlay(None));
                    }
                    if action(ui, theme, "Set nothing").clicked() {
                        let settings = TopicSettings::default();
                        commands.push(UiCommand::SetTopic(topic.clone(), settings));
                        commands.push(UiCommand::Overlay(None));
                    }
                });
            }
            Err((field, why)) => {
                let (label, _) = FIELDS[field];
                ui.label(styled(format!("{label}: {why}"), theme::small(), theme.bad));
            }
        }
    }

    fn field(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        field: usize,
        name: &'static str,
        hint: &str,
        is_wrong: bool,
    ) {
        let theme = scene.theme;
        ui.horizontal(|ui| {
            label(ui, scene, name);
            let edit = egui::TextEdit::singleline(&mut self.texts[field])
                .char_limit(TEXT_MAX_CHARS)
                .desired_width(f32::INFINITY)
                .margin(egui::Margin::symmetric(8, 5));
            let response = text_field(ui, theme, name, hint, edit);
            if is_wrong {
                field_frame(ui, theme, &response, true);
            }
            if field == NAME && !std::mem::replace(&mut self.was_focused, true) {
                response.request_focus();
            }
        });
    }

    fn colors(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        if choice(ui, theme, self.color.is_none(), "By its place").clicked() {
            self.color = None;
        }
        for color in 0..COLORS {
            let (rect, response) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::click());
            let is_chosen = self.color == Some(color);
            response.widget_info(|| {
                let name = format!("Colour {}", color + 1);
                egui::WidgetInfo::selected(egui::Role::RadioButton, true, is_chosen, name)
            });
            let ink = theme.series(usize::from(color));
            let line = match is_chosen {
                true => theme.text,
                false => Color32::TRANSPARENT,
            };
            ui.painter().rect(
                rect.shrink(3.0),
                CornerRadius::same(4),
                ink,
                egui::Stroke::new(2.0, line),
                egui::StrokeKind::Outside,
            );
            if response.clicked() {
                self.color = Some(color);
            }
        }
    }
}

fn label(ui: &mut Ui, scene: &Scene<'_>, text: &str) {
    let (rect, _) = ui.allocate_exact_size(vec2(LABEL_WIDTH, 24.0), Sense::hover());
    ui.painter().text(
        rect.left_center(),
        egui::Align2::LEFT_CENTER,
        text,
        theme::text(),
        scene.theme.muted,
    );
}
