//! Dragging topics from the list onto panes.

use egui::{Align2, Id, LayerId, Order, Response, Ui, vec2};
use tickcast_protocol::topic::Topic;

use super::{command::UiCommand, scene::Scene, theme};
use crate::data::format;

/// The most characters of the name beside the pointer.
const NAME_CHARS: usize = 40;

/// A topic that is being dragged.
#[derive(Debug, Clone)]
struct DraggedTopic(Topic);

/// Makes a row the start of a drag.
pub(super) fn start(response: &Response, topic: &Topic) {
    if response.drag_started_by(egui::PointerButton::Primary) {
        response.dnd_set_drag_payload(DraggedTopic(topic.clone()));
    }
}

/// The topic that is dragged over a widget.
pub(super) fn hovering(response: &Response) -> Option<Topic> {
    let dragged = response.dnd_hover_payload::<DraggedTopic>()?;
    Some(dragged.0.clone())
}

/// The topic that was dropped on a widget.
pub(super) fn dropped(response: &Response) -> Option<Topic> {
    let dragged = response.dnd_release_payload::<DraggedTopic>()?;
    Some(dragged.0.clone())
}

/// Draws the name of the dragged topic beside the pointer. The system sends the pointer to the
/// window in which a drag began, so a drop beside it can only be answered by what to do instead.
pub(crate) fn show(ui: &Ui, scene: &Scene<'_>, has_windows: bool) -> Option<UiCommand> {
    let dragged = egui::DragAndDrop::payload::<DraggedTopic>(ui.ctx())?;
    let (place, is_released) = ui.input(|input| {
        let is_released = input.pointer.any_released();
        (input.pointer.latest_pos(), is_released)
    });
    let place = place?;
    let is_outside = !ui.ctx().viewport_rect().contains(place);
    if has_windows && is_released && is_outside {
        let words = "A topic cannot be dragged into another window: \
            click that window, then Shift+click the topic.";
        return Some(UiCommand::Notify(words.to_owned()));
    }
    let theme = scene.theme;
    let layer = LayerId::new(Order::Tooltip, Id::unique("dragged topic"));
    let painter = ui.ctx().layer_painter(layer);
    let text = format::cut_front(dragged.0.as_str(), NAME_CHARS);
    let galley = painter.layout_no_wrap(text, theme::text(), theme.text);
    let corner = place + vec2(14.0, 10.0);
    let rect = egui::Rect::from_min_size(corner, galley.size() + vec2(16.0, 8.0));
    let (fill, stroke) = (theme.raised, egui::Stroke::new(1.0, theme.accent));
    painter.rect(rect, theme::CORNER, fill, stroke, egui::StrokeKind::Inside);
    let place = Align2::LEFT_TOP.anchor_size(corner + vec2(8.0, 4.0), galley.size());
    painter.galley(place.min, galley, theme.text);
    ui.ctx().set_cursor_icon(egui::CursorIcon::Grabbing);
    None
}
