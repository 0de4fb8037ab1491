//! The line at the top of a chart: what it shows, and how.

use egui::{Align, Color32, FontId, Layout, Rect, Sense, Ui, UiBuilder, vec2};
use tickcast_protocol::{
    message::{Quality, Status},
    topic::Topic,
};

use super::{
    chart_pane::{ChartPane, PaneResponse},
    widgets::{choice, styled},
};
use crate::{
    chart::{ChartStyle, scale::ScaleMode},
    format::{self, SECOND},
    scene::Scene,
    store::{SeriesKind, TopicState},
    theme,
};

/// Narrower panes show their buttons only while the pointer is over them.
const BUTTONS_FROM_WIDTH: f32 = 620.0;

/// Where less is left for the name of a further topic, it is only counted.
const NAME_MIN_WIDTH: f32 = 56.0;

/// What the count of further topics needs.
const COUNT_WIDTH: f32 = 28.0;

impl ChartPane {
    /// Draws the line.
    pub(super) fn header(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        rect: Rect,
        is_active: bool,
        done: &mut PaneResponse,
    ) {
        let theme = scene.theme;
        let handle = ui.interact(rect, ui.scope_id().with("header"), Sense::click_and_drag());
        done.is_dragged = handle.drag_started();
        done.is_activated |= handle.clicked();
        let name = self.topics.first().map_or("", Topic::as_str);
        handle.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TitleBar, true, format!("Pane {name}"))
        });
        let hovered = ui.rect_contains_pointer(ui.max_rect());
        let inner = rect.shrink2(vec2(12.0, 2.0));
        let mut ui = ui.new_child(
            UiBuilder::new()
                .max_rect(inner)
                .layout(Layout::right_to_left(Align::Center)),
        );
        let ui = &mut ui;
        ui.spacing_mut().item_spacing.x = 2.0;
        // Always there for the keyboard and for screen readers, seen where it is of use.
        let color = if hovered || is_active {
            theme.muted
        } else {
            Color32::TRANSPARENT
        };
        let close = egui::Button::new(styled("×", theme::text(), color)).frame_when_inactive(false);
        let close = ui.add(close).on_hover_text("Close this pane (Ctrl+W)");
        close.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Close {name}"))
        });
        done.is_closed = close.clicked();
        if rect.width() >= BUTTONS_FROM_WIDTH || (hovered && rect.width() >= 420.0) {
            self.buttons(ui, scene);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.set_clip_rect(ui.max_rect().expand(2.0));
            self.title(ui, scene, is_active);
        });
    }

    fn buttons(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        ui.add_space(4.0);
        for (label, mode, tip) in [
            ("Log", ScaleMode::Log, "Values by powers of ten"),
            ("Lock", ScaleMode::Lock, "Values stay where they are"),
            ("Auto", ScaleMode::Auto, "What is visible fills the height"),
        ] {
            let chosen = self.scale_mode == mode;
            if choice(ui, theme, chosen, label)
                .on_hover_text(tip)
                .clicked()
            {
                self.set_scale_mode(mode);
            }
        }
        ui.label(styled("·", theme::small(), theme.dim));
        for (label, style) in ChartStyle::ALL.into_iter().rev() {
            let tip = match style {
                ChartStyle::Line => "Every update".to_owned(),
                ChartStyle::Candles(_) => format!("Candles of {label}"),
            };
            if choice(ui, theme, self.style == style, label)
                .on_hover_text(tip)
                .clicked()
            {
                self.style = style;
            }
        }
    }

    fn title(&self, ui: &mut Ui, scene: &Scene<'_>, is_active: bool) {
        let theme = scene.theme;
        ui.spacing_mut().item_spacing.x = 10.0;
        // Whole or not at all, but for the name; `kept` is room for what comes after.
        let label = |ui: &mut Ui, kept: f32, text: String, font: FontId, color| {
            let width = ui
                .painter()
                .layout_no_wrap(text.clone(), font.clone(), color)
                .size()
                .x;
            let fits = width <= ui.available_width() - kept;
            if fits {
                ui.add(egui::Label::new(styled(text, font, color)).extend());
            }
            fits
        };
        for (number, name) in self.topics.iter().enumerate() {
            let is_main = number == 0;
            let left = self.topics.len() - number;
            let kept = if left > 1 { COUNT_WIDTH } else { 0.0 };
            let room = ui.available_width() - kept;
            if !is_main && room < NAME_MIN_WIDTH {
                label(ui, 0.0, format!("+{left}"), theme::small(), theme.muted);
                return;
            }
            let color = match (is_main, is_active) {
                (true, true) => theme.text,
                (true, false) => theme.text.gamma_multiply(0.85),
                (false, _) => theme.series(number),
            };
            let font = if is_main {
                theme::strong()
            } else {
                theme::text()
            };
            ui.scope(|ui| {
                ui.set_max_width(room);
                ui.add(egui::Label::new(styled(name.as_str(), font, color)).truncate());
            });
            let topic = scene.store.topic_named(name.as_str());
            let Some(topic) = topic.filter(|topic| topic.latest.is_some()) else {
                let waiting = "waiting for it".to_owned();
                label(ui, kept, waiting, theme::small(), theme.dim);
                continue;
            };
            let change = topic.change_percent().filter(|_| is_main);
            let tint = match change {
                Some(change) if change > 0.0 => theme.up,
                Some(change) if change < 0.0 => theme.down,
                _ => theme.text,
            };
            // One side of a quote, if there is no room for both.
            let shown = [true, false].into_iter().any(|both_sides| {
                let mut value = format::latest(topic, both_sides);
                if let Some(unit) = &topic.unit {
                    value.push(' ');
                    value.push_str(unit);
                }
                label(ui, kept, value, theme::figures(), tint)
            });
            if let (true, Some(change)) = (shown, change) {
                let change = format!("{} %", format::signed(change, 2));
                label(ui, kept, change, theme::figures(), tint);
            }
            if is_main && self.topics.len() == 1 {
                label(ui, kept, about(topic, scene), theme::small(), theme.muted);
            }
            if let Some((words, color)) = status_words(scene, topic) {
                label(ui, kept, words, theme::small(), color);
            }
        }
    }
}

/// Why a topic's value is not to be taken for fresh, in words and a colour; `None` if it is.
fn status_words(scene: &Scene<'_>, topic: &TopicState) -> Option<(String, Color32)> {
    let theme = scene.theme;
    let since = match topic.status {
        Status::Live => String::new(),
        Status::Stale | Status::Dead => {
            let since_ns = (scene.now_ns - topic.status_since_ns).max(0);
            format!(" for {}", format::age(since_ns))
        }
    };
    match (topic.trust(), topic.quality) {
        (Status::Dead, _) => Some((format!("dead{since}"), theme.bad)),
        (Status::Stale, _) => Some((format!("stale{since}"), theme.warning)),
        (Status::Live, Quality::Retained) => {
            let words = "retained: an old value".to_owned();
            Some((words, theme.warning))
        }
        (Status::Live, _) => None,
    }
}

/// What a topic is, in a few words.
fn about(topic: &TopicState, scene: &Scene<'_>) -> String {
    let kind = topic.series.as_ref().map(|series| series.kind());
    let (what, details) = match kind {
        Some(SeriesKind::Trade) => ("trades/s", " · price, size"),
        Some(SeriesKind::Quote) => ("quotes/s", " · bid, ask"),
        Some(SeriesKind::Reading) | None => ("/s", ""),
    };
    let rate = match topic.rate.per_second(scene.now_ns) {
        Some(rate) if rate >= 0.5 => format!("{} {what}", format::rate(rate)),
        // A fast topic that fell silent has a short interval, which would mislead.
        Some(_) => match topic.rate.interval_ns() {
            Some(interval_ns) if interval_ns >= SECOND => {
                format!("every {}", format::age(interval_ns))
            }
            _ => String::new(),
        },
        None => String::new(),
    };
    let conflated = if topic.is_lossless() {
        ""
    } else {
        " · newest values only"
    };
    let about = format!("{rate}{details}{conflated}");
    about.trim_start_matches(" · ").to_owned()
}
