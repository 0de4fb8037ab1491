//! What the series of a chart did between its two cursors, as a table below it.

use egui::{Align2, Color32, CornerRadius, Rect, Ui, pos2, vec2};

use super::{cursors::NAMES, pane::ChartPane};
use crate::{
    data::{
        chart::{ChartWindow, CoarsePart, Cursors, Measured, held_rows::held_rows, rows},
        format,
        topics::MonitoredTopic,
    },
    ui::{names::Name, scene::Scene, theme, widgets::styled},
};

/// Height of a row.
const ROW: f32 = 20.0;

/// The table takes at most this part of the chart's height.
const PART_MAX: f32 = 0.5;

/// Space between two columns.
const COLUMN_GAP: f32 = 14.0;

/// The least width of a name.
const NAME_MIN: f32 = 72.0;

/// Space at the left and the right.
const MARGIN: f32 = 12.0;

/// The headings, and how important each column is: 0 is shown first.
const COLUMNS: [(&str, u8); 8] = [
    ("A", 1),
    ("B", 2),
    ("Δ", 0),
    ("Δ %", 3),
    ("min", 5),
    ("max", 6),
    ("mean", 4),
    ("updates", 7),
];

/// The topics of the table's rows.
fn topics<'a>(pane: &ChartPane, scene: &Scene<'a>) -> Vec<(usize, &'a MonitoredTopic)> {
    let topics = pane.topics.iter().enumerate();
    let topics = topics.filter(|(_, name)| !pane.options.is_hidden(name));
    topics
        .filter_map(|(number, name)| {
            let topic = scene.store.topic_named(name.as_str())?;
            topic.series.as_ref().map(|_| (number, topic))
        })
        .collect()
}

/// The height of the table; 0 without cursors.
pub(super) fn height(pane: &ChartPane, scene: &Scene<'_>, body: Rect) -> f32 {
    if pane.options.cursors.is_none() {
        return 0.0;
    }
    let rows = 1 + topics(pane, scene).len();
    let wanted = rows as f32 * ROW + 8.0;
    wanted.min((body.height() * PART_MAX).max(ROW + 8.0))
}

/// Draws the table. Returns whether the cursors are to be removed.
pub(super) fn show(pane: &ChartPane, ui: &mut Ui, scene: &Scene<'_>, area: Rect) -> bool {
    let Some(cursors) = pane.options.cursors else {
        return false;
    };
    let theme = scene.theme;
    let painter = ui.painter().with_clip_rect(area);
    painter.rect_filled(area, CornerRadius::ZERO, theme.panel);
    painter.hline(area.x_range(), area.top(), theme.hairline_stroke());
    let (start_ns, end_ns) = pane.view.window(scene.now_ns);
    let window = ChartWindow {
        start_ns,
        end_ns,
        columns: area.width().max(1.0) as u32,
    };
    let mut coarse: Option<CoarsePart> = None;
    let rows: Vec<(usize, &MonitoredTopic, [String; 8])> = topics(pane, scene)
        .into_iter()
        .filter_map(|(number, topic)| {
            let measured = measured(scene, topic, cursors, &window)?;
            coarse = coarse.or(measured.coarse);
            Some((number, topic, cells(topic, &measured)))
        })
        .collect();
    let width = |text: &str| {
        let font = theme::small_figures();
        let galley = painter.layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
        galley.size().x
    };
    let widths: Vec<f32> = (0..COLUMNS.len())
        .map(|at| {
            let texts = rows.iter().map(|(.., cells)| width(&cells[at]));
            texts.fold(width(COLUMNS[at].0), f32::max) + COLUMN_GAP
        })
        .collect();
    let room = area.width() - 2.0 * MARGIN - NAME_MIN - 24.0;
    let shown = shown_columns(&widths, room);
    let used: f32 = shown.iter().map(|&at| widths[at]).sum();
    let right = area.right() - MARGIN - 24.0;
    let name_width = right - used - area.left() - MARGIN - 14.0;
    let mut y = area.top() + 4.0 + ROW / 2.0;
    let line = |y: f32, texts: &[String; 8], color: Color32| {
        let mut x = right - used;
        for &at in &shown {
            x += widths[at];
            let font = theme::small_figures();
            let place = pos2(x, y);
            painter.text(place, Align2::RIGHT_CENTER, &texts[at], font, color);
        }
    };
    let head = Name {
        text: &distance(scene, cursors, coarse),
        font: theme::small_figures(),
        color: theme.muted,
    };
    head.paint_cut_at_end(&painter, pos2(area.left() + MARGIN, y), name_width + 14.0);
    line(y, &COLUMNS.map(|(name, _)| name.to_owned()), theme.muted);
    let fits = ((area.height() - 8.0) / ROW) as usize;
    for (number, topic, cells) in rows.iter().take(fits.saturating_sub(1)) {
        y += ROW;
        let color = pane.color(scene, *number);
        let mark = Rect::from_center_size(pos2(area.left() + MARGIN + 4.0, y), vec2(8.0, 8.0));
        painter.rect_filled(mark, CornerRadius::same(2), color);
        let name = Name {
            text: topic.name.as_str(),
            font: theme::small(),
            color: theme.text,
        };
        let left = area.left() + MARGIN + 14.0;
        name.paint(&painter, pos2(left, y), name_width);
        line(y, cells, theme.text);
    }
    let place = pos2(area.right() - MARGIN - 8.0, area.top() + 4.0 + ROW / 2.0);
    let rect = Rect::from_center_size(place, vec2(20.0, 18.0));
    let close = egui::Button::new(styled("×", theme::text(), theme.muted));
    let close = ui.put(rect, close.frame_when_inactive(false));
    close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Remove the cursors"));
    close.on_hover_text("Remove the cursors (C)").clicked()
}

/// The columns that fit, in their order. The least important ones give way.
fn shown_columns(widths: &[f32], room: f32) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..COLUMNS.len()).collect();
    by_rank.sort_by_key(|&at| COLUMNS[at].1);
    let mut left = room;
    let mut shown: Vec<usize> = by_rank
        .into_iter()
        .take_while(|&at| {
            left -= widths[at];
            left >= 0.0
        })
        .collect();
    shown.sort_unstable();
    shown
}

/// What a topic did between the cursors, by the rows that the chart holds where not every update
/// is.
pub(super) fn measured(
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    cursors: Cursors,
    window: &ChartWindow,
) -> Option<Measured> {
    let shortest = rows::interval_of(window);
    let held = match scene.source_shift_ns {
        None => held_rows(topic, shortest, cursors.span(), scene.now_ns),
        // Rows are of times of arrival.
        Some(_) => Vec::new(),
    };
    Some(cursors.measure(scene.drawn(topic)?, &held))
}

/// The words about a part of which only rows are known.
pub(super) fn coarse_words(scene: &Scene<'_>, coarse: CoarsePart) -> String {
    let length = format::age(coarse.length_ns);
    let until = scene.zone.date_time(coarse.until_ns);
    format!("by intervals of {length} before {until}")
}

fn distance(scene: &Scene<'_>, cursors: Cursors, coarse: Option<CoarsePart>) -> String {
    let [a, b] = NAMES;
    let ns = cursors.distance_ns();
    let sign = if ns < 0 { "−" } else { "" };
    let time = format::duration(ns.saturating_abs());
    match coarse {
        Some(coarse) => format!("{a} → {b}  {sign}{time}, {}", coarse_words(scene, coarse)),
        None => format!("{a} → {b}  {sign}{time}"),
    }
}

fn cells(topic: &MonitoredTopic, measured: &Measured) -> [String; 8] {
    let none = || "–".to_owned();
    let number =
        |value: Option<f64>| value.map_or_else(none, |value| format::value(value, topic.decimals));
    let signed = |value: Option<f64>, decimals| {
        value.map_or_else(none, |value| format::signed(value, decimals))
    };
    let range = measured.range;
    [
        number(measured.at[0]),
        number(measured.at[1]),
        signed(measured.change(), topic.decimals),
        signed(measured.percent(), 3),
        number(range.map(|range| range.min)),
        number(range.map(|range| range.max)),
        number(range.and_then(|range| range.mean)),
        format::count(measured.count),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_columns_give_way_and_the_change_stays() {
        let widths = [60.0; 8];
        assert_eq!(shown_columns(&widths, 480.0), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(shown_columns(&widths, 300.0), [0, 1, 2, 3, 6]);
        assert_eq!(shown_columns(&widths, 70.0), [2]);
        assert!(shown_columns(&widths, 10.0).is_empty());
    }
}
