//! The pane itself.

use egui::{Align2, CornerRadius, ScrollArea, Sense, Ui, pos2, vec2};
use tickcast_protocol::topic::Topic;

use super::lines::{self, LogLine, Severity};
use crate::{
    data::{format, topics::MESSAGES_MAX},
    ui::{
        chart::PaneResponse,
        command::UiCommand,
        connection_words::waiting_words,
        names::Name,
        panes::frame,
        scene::Scene,
        theme,
        widgets::{styled, text_field},
    },
};

/// The most topics of a log: the colours of more cannot be told apart.
pub(in crate::ui::panes) const TOPICS_MAX: usize = 8;

/// Height of a line.
const LINE_HEIGHT: f32 = 18.0;

/// The most characters of a topic's name before its lines.
const NAME_CHARS: usize = 22;

/// The log of some topics.
#[derive(Debug, Clone, Default)]
pub(in crate::ui::panes) struct LogPane {
    pub(in crate::ui::panes) topics: Vec<Topic>,
    /// Only lines with these words are shown.
    filter: String,
}

impl LogPane {
    /// A log of these topics.
    pub(in crate::ui::panes) fn new(topics: Vec<Topic>) -> Self {
        Self {
            topics,
            filter: String::new(),
        }
    }

    /// Adds a topic, or takes it off again. The last one stays.
    pub(in crate::ui::panes) fn toggle(&mut self, topic: Topic) {
        match self.topics.iter().position(|known| *known == topic) {
            Some(at) if self.topics.len() > 1 => {
                self.topics.remove(at);
            }
            None if self.topics.len() < TOPICS_MAX => self.topics.push(topic),
            _ => {}
        }
    }
}

/// Asks for the messages before those that are there, as long as more are kept.
fn older<'a>(pane: &'a LogPane, scene: &'a Scene<'_>) -> impl Iterator<Item = UiCommand> + 'a {
    let topics = pane.topics.iter();
    let topics = topics.filter_map(|name| scene.store.topic_named(name.as_str()));
    let topics = topics.filter(|topic| {
        let messages = topic.messages();
        messages.is_some_and(|messages| messages.len() < MESSAGES_MAX) && topic.wants_past(i64::MIN)
    });
    topics.map(|topic| UiCommand::PageBack(topic.name.clone()))
}

/// Space between the parts of a line.
const PART_GAP: f32 = 10.0;

/// The greatest width of a whole line, which then has several rows.
const TOOLTIP_WIDTH: f32 = 560.0;

/// Draws the pane.
pub(in crate::ui::panes) fn show(
    pane: &mut LogPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
) -> PaneResponse {
    let theme = scene.theme;
    let mut done = PaneResponse::default();
    let about = match &pane.topics[..] {
        [only] => only.to_string(),
        topics => format!("{} topics", topics.len()),
    };
    let body = frame::show(ui, scene, "Log", &about, &mut done);
    let ui = &mut frame::inside(ui, body);
    let field = egui::TextEdit::singleline(&mut pane.filter)
        .font(theme::small())
        .desired_width(220.0)
        .margin(egui::Margin::symmetric(8, 4));
    text_field(ui, theme, "Only lines with", "Only lines with …", field);
    ui.add_space(4.0);
    done.commands.extend(older(pane, scene));
    let lines = lines::lines(scene.store, &pane.topics, &pane.filter);
    if lines.is_empty() {
        let text = match pane.filter.trim() {
            "" => {
                let waits = waiting_words(scene, "the first message");
                format!("{waits}. Ctrl+J adds the selected topic, or takes it off.")
            }
            _ => "No line contains these words.".to_owned(),
        };
        ui.label(styled(text, theme::text(), theme.muted));
        return done;
    }
    let area = ScrollArea::vertical()
        .auto_shrink(false)
        // New lines are seen, unless the user has scrolled back.
        .stick_to_bottom(true)
        .id_salt("log");
    // The space between rows counts for the height of all.
    ui.spacing_mut().item_spacing.y = 0.0;
    area.show_rows(ui, LINE_HEIGHT, lines.len(), |ui, range| {
        for line in &lines[range] {
            done.commands.extend(show_line(pane, ui, scene, line));
        }
    });
    done
}

/// Draws a line, cut at its end. The whole line is in its tooltip, and its message in the inspector
/// after a click.
fn show_line(pane: &LogPane, ui: &mut Ui, scene: &Scene<'_>, line: &LogLine) -> Option<UiCommand> {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), LINE_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &line.text));
    let painter = ui.painter();
    if response.hovered() {
        painter.rect_filled(rect, CornerRadius::ZERO, theme.raised);
    }
    let middle = rect.center().y;
    let mut left = rect.left();
    let mut part = |text: String, color| {
        let place = pos2(left, middle);
        let font = theme::small_figures();
        let drawn = painter.text(place, Align2::LEFT_CENTER, text, font, color);
        left = drawn.right() + PART_GAP;
    };
    part(scene.zone.time(line.time_ns), theme.dim);
    if pane.topics.len() > 1 {
        let name = format::cut_front(pane.topics[line.topic].as_str(), NAME_CHARS);
        part(format!("{name:<NAME_CHARS$}"), theme.series(line.topic));
    }
    let color = match line.severity {
        Severity::Plain => theme.text,
        Severity::Warning => theme.warning,
        Severity::Error => theme.bad,
    };
    let text = Name {
        text: &line.text,
        font: theme::small_figures(),
        color,
    };
    let is_whole = text
        .paint_cut_at_end(painter, pos2(left, middle), rect.right() - left)
        .is_some();
    let response = if is_whole {
        response
    } else {
        response.on_hover_ui(|ui| {
            ui.set_max_width(TOOLTIP_WIDTH);
            let whole = styled(&line.text, theme::small_figures(), color);
            ui.add(egui::Label::new(whole).wrap());
        })
    };
    let topic = &pane.topics[line.topic];
    let inspect = || UiCommand::Inspect(topic.clone(), line.position);
    let mut given = response.clicked().then(inspect);
    response.context_menu(|ui| {
        if ui.button("Inspect the message").clicked() {
            given = Some(inspect());
            ui.close();
        }
        if ui.button("Copy the line").clicked() {
            ui.copy_text(line.text.clone());
            ui.close();
        }
    });
    given
}
