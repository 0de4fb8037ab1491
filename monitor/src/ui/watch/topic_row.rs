//! The row of a topic, in the list and in the tree.

use egui::{CornerRadius, CursorIcon, Painter, Rect, Sense, Ui, pos2, vec2};
use tickcast_protocol::message::{Quality, Status};

use super::{cells, columns::RowColumns, tooltip};
use crate::{
    data::{format, topics::MonitoredTopic},
    ui::{
        command::{Placement, UiCommand},
        scene::Scene,
        theme::{self, Theme},
        widgets::{paint_cut, paint_right},
    },
};

/// How a topic's row begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowPlace {
    /// The number of bytes of its name that rows above show.
    pub(super) prefix: usize,
    /// Indentation, in points.
    pub(super) indent: f32,
}

/// Draws the row of a topic. Returns the command that the user gave.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    begin: RowPlace,
) -> Option<UiCommand> {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let is_selected = scene.selected == Some(&topic.name);
    let name = topic.name.as_str();
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_selected, name)
    });
    ground(ui.painter(), theme, rect, is_selected, response.hovered());
    let painter = ui.painter();
    let columns = RowColumns::of(rect);
    let middle = rect.center().y;
    let is_quiet = topic.effective_status() != Status::Live;
    let ink = match topic.quality {
        _ if is_quiet => theme.dim,
        Quality::Retained => theme.muted,
        Quality::Live | Quality::Stale | Quality::Historical => theme.text,
    };

    let name_left = columns.name.min + begin.indent;
    let name_place = pos2(name_left, middle);
    let last_place = pos2(columns.last.max, middle);
    let last_left = cells::last(painter, scene, topic, last_place, ink, is_quiet);
    let name_end = match columns.spark {
        Some(spark) => {
            cells::sparkline(
                painter,
                scene,
                topic,
                Rect::from_x_y_ranges(spark, rect.y_range()),
            );
            spark.min
        }
        None => last_left,
    };
    let width = name_end - 8.0 - name_left;
    paint_cut(
        painter,
        name_place,
        width,
        &name[begin.prefix..],
        theme::text(),
        ink,
    );
    if !is_quiet {
        cells::change(painter, theme, topic, pos2(columns.change.max, middle));
        if let Some(rate) = topic.rate.per_second(scene.now_ns) {
            let place = pos2(columns.rate.max, middle);
            let text = format::rate(rate);
            paint_right(painter, place, &text, theme::small_figures(), theme.muted);
        }
    }
    if let Some((lost, p99)) = columns.quality {
        cells::quality(painter, scene, topic, middle, (lost.max, p99.max));
    }
    cells::age(painter, scene, topic, pos2(columns.age.max, middle));

    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let response = response.on_hover_ui(|ui| tooltip::show(ui, scene, topic));
    response.clicked().then(|| {
        let modifiers = ui.input(|input| input.modifiers);
        let placement = if modifiers.command {
            Placement::New
        } else if modifiers.shift {
            Placement::Overlay
        } else {
            Placement::Active
        };
        UiCommand::Chart {
            topic: topic.name.clone(),
            placement,
        }
    })
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
