//! The pane itself.

use egui::{Align, CornerRadius, Layout, Rect, Ui, UiBuilder, vec2};
use tickcast_protocol::topic::Topic;

use super::{
    body,
    content::{PayloadView, laid_out},
    message_list,
    state::InspectorPane,
};
use crate::{
    data::{
        format,
        topics::{MESSAGES_MAX, Message, MonitoredTopic},
    },
    ui::{
        chart::PaneResponse,
        command::UiCommand,
        connection_words::waiting_words,
        panes::frame,
        scene::Scene,
        theme,
        widgets::{choice, styled},
    },
};

/// Width of the list of messages.
const LIST_WIDTH: f32 = 190.0;

/// A narrower pane has no list of messages.
const LIST_FROM_WIDTH: f32 = 440.0;

/// Height of the line with the buttons.
const BUTTONS_HEIGHT: f32 = 28.0;

/// Draws the pane.
pub(in crate::ui::panes) fn show(
    pane: &mut InspectorPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
) -> PaneResponse {
    let theme = scene.theme;
    let mut done = PaneResponse::default();
    let name = scene.selected.map_or("no topic", Topic::as_str);
    let body = frame::show(ui, scene, "Inspector", name, &mut done);
    let ui = &mut frame::inside(ui, body);
    let Some(name) = scene.selected else {
        let text = "Select a topic in the list.";
        ui.label(styled(text, theme::text(), theme.muted));
        return done;
    };
    let topic = scene.store.topic_named(name.as_str());
    let known = topic.and_then(|topic| {
        let messages = topic.messages().filter(|messages| messages.len() > 0)?;
        Some((topic, messages))
    });
    let Some((topic, messages)) = known else {
        let text = waiting_words(scene, "the first message");
        ui.label(styled(text, theme::text(), theme.muted));
        return done;
    };
    if messages.len() < MESSAGES_MAX && topic.wants_past(i64::MIN) {
        done.commands.push(UiCommand::PageBack(topic.name.clone()));
    }
    let chosen = pane.chosen.clone().filter(|(of, _)| *of == topic.name);
    let chosen = chosen.and_then(|(_, at)| messages.iter().find(|m| m.position == at));
    let is_newest = chosen.is_none();
    let Some(message) = chosen.or_else(|| messages.iter().next_back()).cloned() else {
        return done;
    };
    buttons(pane, ui, scene, &message, is_newest);
    facts(ui, scene, topic, &message);
    let area = ui.available_rect_before_wrap();
    let (payload, list) = if area.width() >= LIST_FROM_WIDTH {
        let (payload, list) = area.split_left_right_at_x(area.right() - LIST_WIDTH);
        (payload.with_max_x(payload.right() - 12.0), Some(list))
    } else {
        (area, None)
    };
    let mut part = ui.new_child(UiBuilder::new().max_rect(payload).id_salt("payload"));
    part.set_clip_rect(payload.intersect(body));
    body::show(pane, &mut part, scene, &topic.name, messages, &message);
    if let Some(list) = list {
        ui.painter()
            .vline(list.left() - 6.0, list.y_range(), theme.hairline_stroke());
        let mut part = ui.new_child(UiBuilder::new().max_rect(list).id_salt("list"));
        part.set_clip_rect(list.intersect(body));
        if let Some(clicked) = message_list::show(&mut part, scene, messages, Some(&message)) {
            pane.choose(topic.name.clone(), clicked.position);
        }
    }
    done
}

/// Draws the line with the ways to show a payload.
fn buttons(
    pane: &mut InspectorPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    message: &Message,
    is_newest: bool,
) {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), BUTTONS_HEIGHT);
    ui.allocate_ui_with_layout(
        size,
        Layout::left_to_right(Align::Center).with_main_wrap(true),
        |ui| {
            ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
            for (label, view, tip) in PayloadView::ALL {
                let response = choice(ui, theme, pane.view == view, label);
                if response.on_hover_text(tip).clicked() {
                    pane.view = view;
                }
            }
            ui.add_space(8.0);
            if choice(ui, theme, false, "Copy").clicked() {
                ui.copy_text(laid_out(&message.value));
            }
            if !is_newest && choice(ui, theme, true, "Show the newest").clicked() {
                pane.chosen = None;
            }
        },
    );
}

/// Draws what else is known of a message.
fn facts(ui: &mut Ui, scene: &Scene<'_>, topic: &MonitoredTopic, message: &Message) {
    let theme = scene.theme;
    let mut facts = vec![
        scene.zone.date_time(message.time_ns),
        format!("no. {}", format::count(message.seq)),
    ];
    if message.bytes() > 0 {
        facts.push(format!("{} bytes", format::count(message.bytes() as u64)));
    }
    if let Some(source_ns) = message.source_ns {
        let behind = format::duration(message.time_ns - source_ns);
        facts.push(format!("{behind} after its source's time"));
    }
    let messages = topic.messages().map_or(0, |messages| messages.len());
    facts.push(match messages {
        1 => "1 message kept".to_owned(),
        _ => format!("{messages} messages kept"),
    });
    if let Some(dropped) = topic.messages().map(|messages| messages.dropped())
        && dropped > 0
    {
        facts.push(format!("{} older ones dropped", format::count(dropped)));
    }
    let text = styled(facts.join(" · "), theme::small(), theme.muted);
    ui.add(egui::Label::new(text).truncate());
    ui.add_space(4.0);
    let rect = ui.available_rect_before_wrap();
    let line = Rect::from_min_size(rect.left_top(), vec2(rect.width(), 1.0));
    ui.painter()
        .rect_filled(line, CornerRadius::ZERO, theme.hairline);
    ui.add_space(6.0);
}
