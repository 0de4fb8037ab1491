//! Makes and removes derived topics.

use egui::{Key, Modifiers, ScrollArea, Ui};
use tickcast_protocol::topic::Topic;

use super::heading::heading;
use crate::{
    data::{
        derived::{DerivedError, DerivedRule, DerivedTopic},
        format,
    },
    ui::{
        command::{Overlay, Placement, UiCommand},
        names::Name,
        scene::Scene,
        theme,
        widgets::{action, choice, styled, text_field},
    },
};

/// The kinds, each with its name and what it is.
const KINDS: [(Kind, &str, &str); 6] = [
    (
        Kind::Mean,
        "Mean",
        "Mean of the values of the last time, or of a number of updates",
    ),
    (
        Kind::Rate,
        "Rate",
        "Change per second, over at most that time",
    ),
    (
        Kind::Vwap,
        "VWAP",
        "Price of the trades of the last time, weighted by size",
    ),
    (Kind::Spread, "Spread", "A minus B"),
    (Kind::Ratio, "Ratio", "A divided by B"),
    (
        Kind::Formula,
        "Formula",
        "Any of + - * / ^, brackets, sqrt, abs, ln, min, max …",
    ),
];

/// How many topics are offered for a name that is being typed.
const OFFERED_MAX: usize = 4;

/// The longest texts that can be typed.
const TEXT_MAX_CHARS: usize = 1024;

/// Height of the list of what exists.
const LIST_HEIGHT: f32 = 120.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mean,
    Rate,
    Vwap,
    Spread,
    Ratio,
    Formula,
}

/// What is being typed.
#[derive(Debug)]
pub(super) struct DerivedPanel {
    kind: Kind,
    name: String,
    first: String,
    second: String,
    window: String,
    formula: String,
    was_focused: bool,
}

impl DerivedPanel {
    /// A derived topic of the selected one.
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let first = scene.selected.map_or(String::new(), Topic::to_string);
        let formula = match first.is_empty() {
            true => String::new(),
            false => format!("{{{first}}}"),
        };
        Self {
            kind: Kind::Mean,
            name: String::new(),
            first,
            second: String::new(),
            window: "30 s".to_owned(),
            formula,
            was_focused: false,
        }
    }

    /// The definition as typed, or why it is none.
    fn definition(&self) -> Result<DerivedTopic, DerivedError> {
        let topic = |text: &str| {
            Topic::new(text.trim()).map_err(|why| DerivedError::NoTopic {
                name: text.trim().to_owned(),
                why,
            })
        };
        let window = || format::parse_duration(&self.window).ok_or(DerivedError::Window);
        let rule = match self.kind {
            Kind::Mean => match count_of_updates(&self.window) {
                Some(count) => DerivedRule::MeanOf {
                    source: topic(&self.first)?,
                    count,
                },
                None => DerivedRule::Mean {
                    source: topic(&self.first)?,
                    window_ns: window()?,
                },
            },
            Kind::Rate => DerivedRule::Rate {
                source: topic(&self.first)?,
                window_ns: window()?,
            },
            Kind::Vwap => DerivedRule::Vwap {
                source: topic(&self.first)?,
                window_ns: window()?,
            },
            Kind::Spread => DerivedRule::Spread {
                a: topic(&self.first)?,
                b: topic(&self.second)?,
            },
            Kind::Ratio => DerivedRule::Ratio {
                a: topic(&self.first)?,
                b: topic(&self.second)?,
            },
            Kind::Formula => DerivedRule::Formula {
                text: self.formula.trim().to_owned(),
            },
        };
        let name = match self.name.trim() {
            "" => self.suggested_name(),
            name => name.to_owned(),
        };
        Ok(DerivedTopic { name, rule })
    }

    /// The name while none is typed.
    fn suggested_name(&self) -> String {
        let kind = KINDS.iter().find(|(kind, ..)| *kind == self.kind);
        let kind = kind.map_or("", |(_, name, _)| name).to_lowercase();
        match self.kind {
            Kind::Formula => kind,
            _ => format!("{kind}/{}", self.first.trim()),
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Derived topics");
        self.existing(ui, scene, commands);
        ui.horizontal_wrapped(|ui| {
            for (kind, name, tip) in KINDS {
                let button = choice(ui, theme, self.kind == kind, name);
                if button.on_hover_text(tip).clicked() {
                    self.kind = kind;
                }
            }
        });
        let about = KINDS.iter().find(|(kind, ..)| *kind == self.kind);
        let about = about.map_or("", |(.., about)| about);
        ui.label(styled(about, theme::small(), theme.muted));
        ui.add_space(4.0);
        self.fields(ui, scene);
        ui.add_space(6.0);
        let checked = self.definition().and_then(|definition| {
            scene.derived.check(&definition, scene.store)?;
            Ok(definition)
        });
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        match checked {
            Ok(definition) => {
                let words = definition.rule.words();
                ui.label(styled(words, theme::small(), theme.muted));
                let topic = definition.topic().ok();
                ui.horizontal(|ui| {
                    let add = action(ui, theme, "Add").clicked() || enter;
                    let chart = action(ui, theme, "Add to the active chart").clicked();
                    if add || chart {
                        commands.push(UiCommand::AddDerived(definition));
                    }
                    if let (true, Some(topic)) = (chart, topic) {
                        let placement = Placement::Overlay;
                        commands.push(UiCommand::Chart { topic, placement });
                        commands.push(UiCommand::Overlay(None));
                    } else if add {
                        commands.push(UiCommand::Overlay(Some(Overlay::Derived)));
                    }
                });
            }
            Err(error) => {
                let text = format!("Not yet: {error}");
                ui.label(styled(text, theme::small(), theme.bad));
            }
        }
    }

    fn existing(&self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        if scene.derived.is_empty() {
            let text = "None yet. A derived topic is computed here from others, gaps included.";
            ui.label(styled(text, theme::small(), theme.muted));
            ui.add_space(6.0);
            return;
        }
        let area = ScrollArea::vertical().max_height(LIST_HEIGHT);
        area.id_salt("derived topics").show(ui, |ui| {
            for (topic, definition) in scene.derived.all() {
                ui.horizontal(|ui| {
                    let remove = ui.button(styled("Delete", theme::small(), theme.muted));
                    remove.widget_info(|| {
                        let name = format!("Delete {topic}");
                        egui::WidgetInfo::labeled(egui::Role::Button, true, name)
                    });
                    if remove.clicked() {
                        commands.push(UiCommand::RemoveDerived(topic.clone()));
                    }
                    let name = Name {
                        text: topic.as_str(),
                        font: theme::text(),
                        color: theme.text,
                    };
                    let width = ui.available_width() / 2.0;
                    name.show(ui, width);
                    let words = definition.rule.words();
                    let about = Name {
                        text: &words,
                        font: theme::small(),
                        color: theme.muted,
                    };
                    let width = ui.available_width();
                    about.show_cut_at_end(ui, width);
                });
            }
        });
        ui.add_space(6.0);
    }

    fn fields(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let suggested = self.suggested_name();
        let is_first = !std::mem::replace(&mut self.was_focused, true);
        match self.kind {
            Kind::Mean | Kind::Rate | Kind::Vwap => {
                topic_field(ui, scene, "Topic", &mut self.first, is_first);
                let hint = match self.kind {
                    Kind::Mean => "such as 30 s, 5 min or 20 updates",
                    _ => "such as 30 s or 5 min",
                };
                field(ui, scene, ("Over", hint), &mut self.window);
            }
            Kind::Spread | Kind::Ratio => {
                topic_field(ui, scene, "A", &mut self.first, is_first);
                topic_field(ui, scene, "B", &mut self.second, false);
            }
            Kind::Formula => {
                let hint = "{market/a} - 2 * {market/b}";
                field(ui, scene, ("Text", hint), &mut self.formula);
            }
        }
        field(ui, scene, ("Name", &suggested), &mut self.name);
    }
}

/// A window such as `20 updates`, if it is one.
fn count_of_updates(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix("updates")?;
    // A number that is too large for this is too large for a window.
    Some(
        number
            .trim()
            .parse::<u64>()
            .ok()?
            .try_into()
            .unwrap_or(u32::MAX),
    )
}

fn field(
    ui: &mut Ui,
    scene: &Scene<'_>,
    (name, hint): (&str, &str),
    text: &mut String,
) -> egui::Response {
    let theme = scene.theme;
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(70.0, 24.0), egui::Sense::hover());
        let place = rect.left_center();
        let align = egui::Align2::LEFT_CENTER;
        ui.painter()
            .text(place, align, name, theme::text(), theme.muted);
        let edit = egui::TextEdit::singleline(text)
            .char_limit(TEXT_MAX_CHARS)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(8, 5));
        text_field(ui, theme, name, hint, edit)
    })
    .inner
}

/// A field for a topic; below it are topics whose names contain what was typed.
fn topic_field(ui: &mut Ui, scene: &Scene<'_>, name: &str, text: &mut String, is_first: bool) {
    let response = field(ui, scene, (name, "a topic"), text);
    if is_first {
        response.request_focus();
    }
    let typed = text.trim().to_lowercase();
    if scene.store.find(text.trim()).is_some() || typed.is_empty() {
        return;
    }
    let known = scene.store.with_value().iter();
    let names = known.map(|key| &scene.store.topic(*key).name);
    let offered: Vec<Topic> = names
        .filter(|topic| topic.as_str().to_lowercase().contains(&typed))
        .take(OFFERED_MAX)
        .cloned()
        .collect();
    ui.horizontal_wrapped(|ui| {
        ui.add_space(78.0);
        for topic in offered {
            let label = styled(topic.as_str(), theme::small(), scene.theme.text);
            if ui.button(label).clicked() {
                *text = topic.to_string();
            }
        }
    });
}
