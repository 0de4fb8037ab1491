//! The legend of a chart with several series: names, newest values, and what can be done with each.

use egui::{Align, Color32, CornerRadius, Layout, Rect, Response, Sense, Ui, UiBuilder, vec2};
use tickcast_protocol::topic::Topic;

use super::{canvas::Areas, lanes, pane::ChartPane};
use crate::{
    data::{
        chart::{AxisSide, ValueBasis},
        format,
        percentage::NO_PERCENTAGE,
        topics::MonitoredTopic,
    },
    ui::{
        command::SeriesAction,
        names::{Name, share},
        scene::Scene,
        theme,
        widgets::styled,
    },
};

/// Height of a row.
const ROW: f32 = 22.0;

/// Space around the legend.
const MARGIN: f32 = 8.0;

/// The widest legend, and the least area of a chart that has one.
const WIDTH_MAX: f32 = 380.0;
const AREA_MIN: (f32, f32) = (240.0, 120.0);

/// Width of the button that hides a series, and of the two at the right.
const EYE: f32 = 18.0;
const BUTTONS: f32 = 40.0;

/// The least width of a name.
const NAME_MIN: f32 = 56.0;

/// Whether a chart of this size has a legend. Timelines have their names beside them: where both do
/// not fit, the legend gives way.
pub(super) fn is_shown(pane: &ChartPane, scene: &Scene<'_>, area: Rect) -> bool {
    let rows = pane.topics.len();
    let below = if pane.has_values(scene) {
        ROW
    } else {
        lanes::STEP_MIN
    };
    rows > 1
        && area.width() >= AREA_MIN.0
        && area.height() >= AREA_MIN.1.max(rows as f32 * (ROW + below))
}

/// The height that a legend takes at the top of a chart; 0 without one.
pub(super) fn height(pane: &ChartPane, scene: &Scene<'_>, area: Rect) -> f32 {
    if is_shown(pane, scene, area) {
        MARGIN + rows_height(pane)
    } else {
        0.0
    }
}

fn rows_height(pane: &ChartPane) -> f32 {
    pane.topics.len() as f32 * ROW + 4.0
}

/// Draws the legend, and carries out what the user did with it. Returns the topic that was chosen.
pub(super) fn show(
    pane: &mut ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    areas: &Areas,
) -> Option<Topic> {
    let theme = scene.theme;
    let rows = pane.topics.clone();
    let corner = areas.plot.left_top() + vec2(MARGIN, MARGIN);
    let width = (areas.plot.width() - 2.0 * MARGIN).min(WIDTH_MAX);
    let area = Rect::from_min_size(corner, vec2(width, rows_height(pane)));
    ui.painter().rect(
        area,
        theme::CORNER,
        theme.panel.gamma_multiply(0.88),
        theme.hairline_stroke(),
        egui::StrokeKind::Inside,
    );
    // What is clicked here is not a click on the chart.
    ui.interact(area, ui.scope_id().with("legend"), Sense::click_and_drag());
    let mut done = Done::default();
    for (number, name) in rows.iter().enumerate() {
        let top = area.top() + 2.0 + number as f32 * ROW;
        let line = Rect::from_min_size(area.left_top(), vec2(width, ROW));
        let line = line
            .translate(vec2(0.0, top - area.top()))
            .shrink2(vec2(6.0, 0.0));
        row(pane, ui, scene, line, (number, name), &mut done);
    }
    if let Some((topic, action)) = done.change {
        pane.change_series(&topic, action);
    }
    done.chosen
}

/// What the user did with the legend.
#[derive(Default)]
struct Done {
    change: Option<(Topic, SeriesAction)>,
    chosen: Option<Topic>,
}

fn row(
    pane: &ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    line: Rect,
    (number, name): (usize, &Topic),
    done: &mut Done,
) {
    let theme = scene.theme;
    let is_hidden = pane.options.is_hidden(name);
    let color = pane.color(scene, number);
    let mut ui = ui.new_child(
        UiBuilder::new()
            .id_salt(("legend", number))
            .max_rect(line)
            .layout(Layout::left_to_right(Align::Center)),
    );
    let ui = &mut ui;
    ui.spacing_mut().item_spacing.x = 0.0;
    let eye = eye(ui, color, is_hidden);
    let verb = if is_hidden { "Show" } else { "Hide" };
    if named(&eye, format!("{verb} {name}")).clicked() {
        done.change = Some((name.clone(), SeriesAction::Hide));
    }
    let topic = scene.store.topic_named(name.as_str());
    let ink = if is_hidden { theme.dim } else { theme.text };
    let value_color = match topic {
        Some(topic) if topic.is_outside() => theme.bad,
        _ => ink,
    };
    let font = theme::small_figures();
    let painter = ui.painter().clone();
    let room = line.width() - EYE - BUTTONS;
    let label = Name {
        text: name.as_str(),
        font: theme::small(),
        color: ink,
    };
    let wanted = label.width(&painter);
    // A number that is cut would be read as another one: it is shown whole or not at all. The name
    // is cut only where the shortest text leaves too little room for it.
    let mut texts = topic.map_or_else(Vec::new, |topic| newest(pane, topic));
    let width = |text: &String| {
        let galley = painter.layout_no_wrap(text.clone(), font.clone(), value_color);
        galley.size().x
    };
    texts.retain(|text| width(text) <= room - NAME_MIN);
    let with_whole_name = texts
        .iter()
        .position(|text| share(room, wanted, width(text), width(text)).0 >= wanted);
    let value = match with_whole_name {
        Some(at) => texts.swap_remove(at),
        None => texts.pop().unwrap_or_default(),
    };
    let galley = painter.layout_no_wrap(value.clone(), font.clone(), value_color);
    let (name_width, value_width) = share(room, wanted, galley.size().x, galley.size().x);
    let left = line.left() + EYE;
    let chosen = Rect::from_min_size(line.left_top(), vec2(room, line.height()));
    let chosen = chosen.translate(vec2(EYE, 0.0));
    let response = ui.interact(chosen, ui.scope_id().with("name"), Sense::click());
    if named(&response, format!("Select {name}")).clicked() {
        done.chosen = Some(name.clone());
    }
    if scene.selected == Some(name) {
        painter.rect_filled(chosen, CornerRadius::same(3), theme.raised);
    }
    label.paint(
        &painter,
        egui::pos2(left + 2.0, line.center().y),
        name_width,
    );
    let value = Name {
        text: &value,
        font,
        color: value_color,
    };
    let right = egui::pos2(left + room - 4.0, line.center().y);
    value.paint_right(&painter, right, value_width);
    let buttons = Rect::from_min_max(egui::pos2(left + room, line.top()), line.right_bottom());
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(buttons)
            .layout(Layout::left_to_right(Align::Center)),
    );
    // Buttons as high as the row, so that all of its texts stand on one line.
    let spacing = ui.spacing_mut();
    spacing.interact_size.y = 0.0;
    spacing.button_padding = egui::Vec2::ZERO;
    let (mark, other) = match pane.options.side(name) {
        AxisSide::Right => ("R", "left"),
        AxisSide::Left => ("L", "right"),
    };
    let side = button(&mut ui, scene, mark, theme::axis_text());
    let side = side.on_hover_text(format!("Move to the {other} axis (Y)"));
    if named(&side, format!("Move {name} to the {other} axis")).clicked() {
        done.change = Some((name.clone(), SeriesAction::MoveAxis));
    }
    let remove = button(&mut ui, scene, "×", theme::text());
    let remove = remove.on_hover_text("Remove from the chart (Shift+Enter)");
    if named(&remove, format!("Remove {name}")).clicked() {
        done.change = Some((name.clone(), SeriesAction::Remove));
    }
}

/// The newest value and its change where percentages are shown, the longest text first.
fn newest(pane: &ChartPane, topic: &MonitoredTopic) -> Vec<String> {
    let short = format::latest(topic, false);
    let mut text = format::latest(topic, true);
    if let (Some(unit), Some(_)) = (&topic.unit, topic.number) {
        text = format!("{text} {unit}");
    }
    let map = pane.state.shown_as.get(topic.name.as_str());
    match (pane.options.basis, map, topic.number) {
        (ValueBasis::Percent, Some(Some(map)), Some(number)) => {
            let percent = format!("{} %", format::signed(map.shown(number), 2));
            vec![
                format!("{text}  {percent}"),
                format!("{short}  {percent}"),
                percent,
            ]
        }
        (ValueBasis::Percent, Some(None), _) => {
            vec![format!("{text}  {NO_PERCENTAGE}"), NO_PERCENTAGE.to_owned()]
        }
        _ => vec![text, short],
    }
}

fn named(response: &Response, name: String) -> &Response {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    response
}

/// A mark in the colour of the series: filled while it is shown.
fn eye(ui: &mut Ui, color: Color32, is_hidden: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(EYE, ROW), Sense::click());
    let mark = Rect::from_center_size(rect.center(), vec2(10.0, 10.0));
    let (fill, line) = if is_hidden {
        (Color32::TRANSPARENT, color.gamma_multiply(0.7))
    } else {
        (color, color)
    };
    let (corner, stroke) = (CornerRadius::same(3), egui::Stroke::new(1.2, line));
    let kind = egui::StrokeKind::Inside;
    ui.painter().rect(mark, corner, fill, stroke, kind);
    response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .on_hover_text("Hide or show (X)")
}

fn button(ui: &mut Ui, scene: &Scene<'_>, text: &str, font: egui::FontId) -> Response {
    let button = egui::Button::new(styled(text, font, scene.theme.muted));
    let button = button.frame_when_inactive(false);
    ui.add_sized(vec2(BUTTONS / 2.0, ROW - 2.0), button)
}
