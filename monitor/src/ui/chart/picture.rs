//! The title of a chart in a picture: everything that the picture needs to be understood alone.

use egui::{Color32, CornerRadius, Rect, Ui, pos2, text::LayoutJob, vec2};
use tickcast_protocol::message::TimeNs;

use super::pane::ChartPane;
use crate::{
    data::chart::{ChartStyle, ScaleMode, ValueBasis},
    ui::{scene::Scene, theme},
};

/// Space around the title.
const MARGIN: f32 = 12.0;

/// Width of the mark in the colour of a series.
const MARK: f32 = 14.0;

/// Draws the whole names of the topics with their units, and the time range. Returns the height.
pub(super) fn title(
    pane: &ChartPane,
    ui: &Ui,
    scene: &Scene<'_>,
    area: Rect,
    (start_ns, end_ns): (TimeNs, TimeNs),
) -> f32 {
    let theme = scene.theme;
    let painter = ui.painter();
    let width = area.width() - 2.0 * MARGIN;
    let mut at = area.left_top() + vec2(MARGIN, MARGIN);
    for (number, name) in pane.topics.iter().enumerate() {
        if pane.options.is_hidden(name) {
            continue;
        }
        let topic = scene.store.topic_named(name.as_str());
        let unit = topic.and_then(|topic| topic.unit.as_deref());
        let friendly = topic.and_then(|topic| topic.friendly_name.as_deref());
        let mut job = LayoutJob::default();
        let mut add = |text: &str, font, color: Color32| {
            job.append(text, 0.0, egui::TextFormat::simple(font, color));
        };
        add(name.as_str(), theme::strong(), theme.text);
        if let Some(unit) = unit {
            add(&format!("  in {unit}"), theme::text(), theme.muted);
        }
        if let Some(friendly) = friendly {
            add(&format!("  {friendly}"), theme::text(), theme.muted);
        }
        // Long names are wrapped, not cut.
        job.wrap.max_width = width - MARK;
        let galley = painter.layout_job(job);
        let mark = Rect::from_min_size(at + vec2(0.0, 4.0), vec2(8.0, 8.0));
        painter.rect_filled(mark, CornerRadius::same(2), pane.color(scene, number));
        let height = galley.size().y;
        painter.galley(at + vec2(MARK, 0.0), galley, theme.text);
        at.y += height + 4.0;
    }
    let range = format!(
        "{} – {} {} · {}",
        scene.zone.date_time(start_ns),
        scene.zone.date_time(end_ns),
        scene.zone.name(end_ns),
        style(pane)
    ) + match scene.source_shift_ns {
        Some(_) => ", by source time",
        None => "",
    };
    let galley = painter.layout(range, theme::small_figures(), theme.muted, width);
    let height = galley.size().y;
    painter.galley(pos2(at.x, at.y), galley, theme.muted);
    at.y + height + 8.0 - area.top()
}

fn style(pane: &ChartPane) -> String {
    let scale = match pane.scale_mode {
        ScaleMode::Auto | ScaleMode::Lock => "",
        ScaleMode::Log => ", logarithmic",
    };
    let style = match pane.style {
        ChartStyle::Line => "every update".to_owned(),
        ChartStyle::Candles(_) => {
            let known = ChartStyle::ALL.iter();
            let mut known = known.filter(|(_, style)| *style == pane.style);
            let label = known.next().map_or("", |(label, _)| label);
            format!("candles of {label}")
        }
    };
    let basis = match pane.basis() {
        ValueBasis::Plain => "",
        ValueBasis::Percent => ", change in % from the first visible value",
        ValueBasis::Normalised => ", each series from its smallest to its largest visible value",
    };
    format!("{style}{scale}{basis}")
}
