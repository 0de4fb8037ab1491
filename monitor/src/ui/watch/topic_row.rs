//! The row of a topic, in the list and in the tree.

use egui::{CornerRadius, CursorIcon, Painter, Rect, Sense, Ui, pos2, vec2};
use tickcast_protocol::message::{Quality, Status};

use super::{cells, columns::RowColumns, row_menu, tooltip};
use crate::{
    data::{format, topics::MonitoredTopic},
    ui::{
        command::{Placement, UiCommand},
        dragging,
        names::{Name, share},
        scene::Scene,
        theme::{self, Theme},
        widgets::paint_right,
    },
};

/// How a topic's row begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowPlace {
    /// The number of bytes of its name that rows above show.
    pub(super) prefix: usize,
    /// Indentation, in points.
    pub(super) indent: f32,
    /// The least width of names in this list.
    pub(super) name_min: f32,
}

/// Draws the row of a topic. Returns the commands that the user gave.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    begin: RowPlace,
) -> Vec<UiCommand> {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let is_selected = scene.selected == Some(&topic.name);
    let name = topic.name.as_str();
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_selected, name)
    });
    ground(ui.painter(), theme, rect, is_selected, response.hovered());
    let painter = ui.painter();
    let columns = RowColumns::of(rect, begin.name_min);
    let middle = rect.center().y;
    let is_quiet = topic.effective_status() != Status::Live;
    let ink = match topic.quality {
        _ if is_quiet => theme.dim,
        Quality::Retained => theme.muted,
        Quality::Live | Quality::Stale | Quality::Historical => theme.text,
    };
    name_and_value(painter, scene, topic, begin, &columns, ink, middle);
    if !is_quiet {
        if let Some(change) = columns.change {
            cells::change(painter, scene, topic, pos2(change.max, middle));
        }
        if let (Some(column), Some(rate)) = (columns.rate, topic.rate.per_second(scene.now_ns)) {
            let place = pos2(column.max, middle);
            let text = format::rate(rate);
            paint_right(painter, place, &text, theme::small_figures(), theme.muted);
        }
    }
    if let Some((lost, p99)) = columns.quality {
        cells::quality(painter, scene, topic, middle, (lost.max, p99.max));
    }
    let room = columns.age.max - columns.last.max - 4.0;
    cells::age(painter, scene, topic, pos2(columns.age.max, middle), room);

    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let response = response.on_hover_ui(|ui| tooltip::show(ui, scene, topic));
    dragging::start(&response, &topic.name);
    let mut commands = row_menu::show(&response, &topic.name);
    if response.clicked() {
        let modifiers = ui.input(|input| input.modifiers);
        let placement = if modifiers.command {
            Placement::New
        } else if modifiers.shift {
            Placement::Overlay
        } else {
            Placement::Active
        };
        commands.push(UiCommand::Chart {
            topic: topic.name.clone(),
            placement,
        });
    }
    commands
}

/// Draws the name, and the newest value in the rest of the width.
fn name_and_value(
    painter: &Painter,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    begin: RowPlace,
    columns: &RowColumns,
    ink: egui::Color32,
    middle: f32,
) {
    let name = Name {
        text: &topic.name.as_str()[begin.prefix..],
        font: theme::text(),
        color: ink,
    };
    let left = columns.name.min + begin.indent;
    let wanted = name.width(painter);
    let column = columns.last.span();
    let spark = columns.spark.filter(|_| topic.series.is_some());
    let (name_width, value_width) = match spark {
        // The sparkline is between them.
        Some(spark) => (spark.min - 4.0 - left, column),
        None => {
            let value = cells::last_width(painter, topic);
            share(columns.last.max - left, wanted, value, column)
        }
    };
    name.paint(painter, pos2(left, middle), name_width);
    let place = pos2(columns.last.max, middle);
    cells::last(painter, scene, topic, place, value_width, ink);
    if let Some(spark) = spark {
        let height = theme::ROW_HEIGHT / 2.0;
        let cell = Rect::from_x_y_ranges(spark, middle - height..=middle + height);
        cells::sparkline(painter, scene, topic, cell);
    }
}

/// Draws the background of a row.
pub(super) fn ground(
    painter: &Painter,
    theme: &Theme,
    rect: Rect,
    is_selected: bool,
    is_hovered: bool,
) {
    if is_selected {
        painter.rect_filled(rect, CornerRadius::ZERO, theme.raised);
        let bar = Rect::from_min_size(rect.left_top(), vec2(2.0, rect.height()));
        painter.rect_filled(bar, CornerRadius::ZERO, theme.accent);
    } else if is_hovered {
        let faint = theme.raised.gamma_multiply(0.6);
        painter.rect_filled(rect, CornerRadius::ZERO, faint);
    }
}
