//! Small widgets of several panels.

use egui::{
    Align, Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Response, RichText, Sense,
    Ui, pos2, text::LayoutJob, vec2,
};

use super::theme::{self, Theme};

/// Text in a font and a colour.
pub(super) fn styled(text: impl Into<String>, font: FontId, color: Color32) -> RichText {
    RichText::new(text).font(font).color(color)
}

/// Draws a sentence in the middle of an area, on a ground of its own, in several lines where it is
/// long.
pub(super) fn words_in_the_middle(
    painter: &Painter,
    area: Rect,
    text: impl ToString,
    theme: &Theme,
) {
    let room = (area.width() - 4.0 * theme::STEP).max(1.0);
    let mut job = LayoutJob::simple(text.to_string(), theme::text(), theme.muted, room);
    job.halign = Align::Center;
    let galley = painter.layout_job(job);
    let place = area.center() - vec2(0.0, galley.size().y / 2.0);
    let ground = galley.rect.translate(place.to_vec2());
    let ground = ground.expand2(vec2(2.0 * theme::STEP, theme::STEP));
    painter.rect_filled(ground, CornerRadius::ZERO, theme.background);
    painter.galley(place, galley, theme.muted);
}

/// Draws a round light in the colour of a state; the word for it is beside it.
pub(super) fn status_light(ui: &mut Ui, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(8.0, 16.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 3.5, color);
}

/// Draws `contents` on a raised background.
pub(super) fn chip<R>(ui: &mut Ui, theme: &Theme, contents: impl FnOnce(&mut Ui) -> R) -> R {
    egui::Frame::new()
        .fill(theme.raised)
        .corner_radius(theme::CORNER)
        .inner_margin(egui::Margin::symmetric(8, 2))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.horizontal(contents).inner
        })
        .inner
}

/// A button that is only text; a chosen one has a raised background.
pub(super) fn choice(ui: &mut Ui, theme: &Theme, chosen: bool, label: &str) -> Response {
    let color = if chosen { theme.text } else { theme.muted };
    let fill = if chosen {
        theme.raised
    } else {
        Color32::TRANSPARENT
    };
    ui.add(
        egui::Button::new(styled(label, theme::small(), color))
            .fill(fill)
            .selected(chosen)
            .min_size(vec2(0.0, 22.0)),
    )
}

/// A button that does something: it has a ground and a line, so that it is no choice and no text.
pub(super) fn action(ui: &mut Ui, theme: &Theme, label: &str) -> Response {
    action_if(ui, theme, true, label)
}

/// The same; it can be pressed only if it is enabled.
pub(super) fn action_if(ui: &mut Ui, theme: &Theme, is_enabled: bool, label: &str) -> Response {
    // No scope of its own: a scope is not wrapped into the next line.
    let usual = ui.visuals().widgets.clone();
    let widgets = &mut ui.visuals_mut().widgets;
    widgets.inactive.weak_bg_fill = theme.raised;
    widgets.inactive.bg_stroke = theme.hairline_stroke();
    widgets.inactive.fg_stroke.color = theme.text;
    for state in [&mut widgets.hovered, &mut widgets.active] {
        state.weak_bg_fill = theme.raised;
        state.bg_stroke.color = theme.accent;
    }
    let response = ui.add_enabled(is_enabled, egui::Button::new(label));
    ui.visuals_mut().widgets = usual;
    response
}

/// Adds a field for a line of text with its frame. Screen readers tell its name.
pub(super) fn text_field(
    ui: &mut Ui,
    theme: &Theme,
    name: &str,
    hint: &str,
    field: egui::TextEdit<'_>,
) -> Response {
    let hint = styled(hint, theme::small(), theme.dim);
    let response = ui.add(field.hint_text(hint).text_color(theme.text));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, name));
    field_frame(ui, theme, &response, false);
    response
}

fn paint_key_cap(
    painter: &Painter,
    rect: Rect,
    galley: std::sync::Arc<egui::Galley>,
    theme: &Theme,
) {
    painter.rect(
        rect,
        CornerRadius::same(4),
        theme.raised,
        theme.hairline_stroke(),
        egui::StrokeKind::Inside,
    );
    let place = rect.center() - galley.size() / 2.0;
    painter.galley(place, galley, theme.muted);
}

/// Paints a key with its right edge at a place.
pub(super) fn paint_key(painter: &Painter, right_center: Pos2, key: &str, theme: &Theme) {
    let galley = painter.layout_no_wrap(key.to_owned(), theme::axis_figures(), theme.muted);
    let size = galley.size() + vec2(10.0, 4.0);
    let rect = Rect::from_min_size(right_center - vec2(size.x, size.y / 2.0), size);
    paint_key_cap(painter, rect, galley, theme);
}

/// Draws the frame of a text field, whose ground may be that of its surroundings.
pub(super) fn field_frame(ui: &Ui, theme: &Theme, field: &Response, is_wrong: bool) {
    let line = match (is_wrong, field.has_focus()) {
        (true, _) => theme.bad,
        (false, true) => theme.accent,
        (false, false) => theme.hairline,
    };
    let stroke = egui::Stroke::new(1.0, line);
    let kind = egui::StrokeKind::Inside;
    ui.painter()
        .rect_stroke(field.rect, theme::CORNER, stroke, kind);
}

/// Paints text with its right edge at a place.
pub(super) fn paint_right(
    painter: &Painter,
    right_center: Pos2,
    text: &str,
    font: FontId,
    color: Color32,
) -> Rect {
    painter.text(right_center, Align2::RIGHT_CENTER, text, font, color)
}

/// Draws a value with words before and after it, in the direction of the layout: `1 px = 42
/// updates`.
pub(super) fn labelled_value(ui: &mut Ui, theme: &Theme, before: &str, value: &str, after: &str) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        if !before.is_empty() {
            ui.label(styled(before, theme::small(), theme.muted));
        }
        ui.label(styled(value, theme::small_figures(), theme.text));
        if !after.is_empty() {
            ui.label(styled(after, theme::small(), theme.muted));
        }
    });
}

/// Draws a key and its command. Returns whether it was clicked.
pub(super) fn key_and_name(ui: &mut Ui, theme: &Theme, key: &str, name: &str) -> bool {
    let cap = ui
        .painter()
        .layout_no_wrap(key.to_owned(), theme::axis_figures(), theme.muted);
    let name_galley = ui
        .painter()
        .layout_no_wrap(name.to_owned(), theme::text(), theme.muted);
    let cap_size = cap.size() + vec2(10.0, 4.0);
    let size = vec2(cap_size.x + 6.0 + name_galley.size().x, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    let painter = ui.painter();
    let left = pos2(rect.left(), rect.center().y - cap_size.y / 2.0);
    paint_key_cap(painter, Rect::from_min_size(left, cap_size), cap, theme);
    let color = if response.hovered() {
        theme.text
    } else {
        theme.muted
    };
    let place = pos2(
        rect.left() + cap_size.x + 6.0,
        rect.center().y - name_galley.size().y / 2.0,
    );
    painter.galley_with_override_text_color(place, name_galley, color);
    response.clicked()
}
