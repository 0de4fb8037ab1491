//! The pane itself.

use egui::{Align2, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use tickcast_protocol::{topic::Topic, value::Side};

use super::rows::{ROWS_MAX, TradeRow, rows};
use crate::{
    data::{format, history::SeriesKind},
    ui::{
        chart::PaneResponse,
        command::UiCommand,
        connection_words::waiting_words,
        dragging,
        panes::frame,
        scene::Scene,
        theme,
        widgets::{styled, words_in_the_middle},
    },
};

/// Height of a row.
const ROW: f32 = 20.0;

/// The most decimals of a size.
const SIZE_DECIMALS: u8 = 8;

/// The trades of a topic.
#[derive(Debug, Clone)]
pub(in crate::ui::panes) struct TradesPane {
    pub(in crate::ui::panes) topic: Topic,
    /// While the user has scrolled back, new trades do not move the rows: the list ends here.
    held: Option<u64>,
    /// The newest row is to be shown again.
    returns: bool,
}

impl TradesPane {
    /// The trades of this topic.
    pub(in crate::ui::panes) fn new(topic: Topic) -> Self {
        Self {
            topic,
            held: None,
            returns: false,
        }
    }

    /// Shows another topic.
    pub(in crate::ui::panes) fn replace(&mut self, topic: Topic) {
        *self = Self::new(topic);
    }
}

/// Draws the pane.
pub(in crate::ui::panes) fn show(
    pane: &mut TradesPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
) -> PaneResponse {
    let theme = scene.theme;
    let mut done = PaneResponse::default();
    let body = frame::show(ui, scene, "Time and sales", pane.topic.as_str(), &mut done);
    let target = ui.interact(body, ui.scope_id().with("trades"), Sense::hover());
    if dragging::hovering(&target).is_some() {
        let stroke = egui::Stroke::new(1.5, theme.accent);
        let kind = egui::StrokeKind::Inside;
        ui.painter()
            .rect_stroke(body.shrink(2.0), theme::CORNER, stroke, kind);
    }
    if let Some(topic) = dragging::dropped(&target) {
        pane.replace(topic);
    }
    let topic = scene.store.topic_named(pane.topic.as_str());
    let series = topic.and_then(|topic| topic.series.as_ref());
    let series = series.filter(|series| series.kind() == SeriesKind::Trade);
    let (Some(topic), Some(series)) = (topic, series) else {
        let text = match topic.and_then(|topic| topic.latest.as_ref()) {
            Some(_) => "This topic has no trades".to_owned(),
            None => waiting_words(scene, "the first trade"),
        };
        words_in_the_middle(ui.painter(), body, text, theme);
        return done;
    };
    let (head, table) = body.split_top_bottom_at_y(body.top() + ROW);
    let columns = Columns::of(body);
    columns.line(
        ui,
        head,
        ["Time", "Side", "Price", "Size"].map(|text| (text, theme.muted)),
    );
    let all = rows(series, pane.held.unwrap_or(series.end()));
    // Earlier trades move the place at which a held list ends.
    if all.len() < ROWS_MAX && pane.held.is_none() && topic.wants_past(i64::MIN) {
        done.commands.push(UiCommand::PageBack(topic.name.clone()));
    }
    let mut ui = ui.new_child(UiBuilder::new().max_rect(table));
    ui.set_clip_rect(table);
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("trades");
    if std::mem::take(&mut pane.returns) {
        area = area.vertical_scroll_offset(0.0);
    }
    let output = area.show_rows(&mut ui, ROW, all.len(), |ui, range| {
        for row in &all[range] {
            let (rect, response) =
                ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
            let rect = Rect::from_x_y_ranges(body.x_range(), rect.y_range());
            match row {
                TradeRow::Gap(lost) => {
                    let text = match lost {
                        Some(lost) => format!("{} lost", format::count(*lost)),
                        None => "some are missing".to_owned(),
                    };
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::Label, true, format!("gap: {text}"))
                    });
                    ui.painter().rect_filled(
                        rect,
                        egui::CornerRadius::ZERO,
                        theme.bad.gamma_multiply(0.12),
                    );
                    let font = theme::small();
                    let place = rect.center();
                    ui.painter().text(
                        place,
                        Align2::CENTER_CENTER,
                        format!("gap · {text}"),
                        font,
                        theme.bad,
                    );
                }
                TradeRow::Trade {
                    time_ns,
                    side,
                    price,
                    size,
                    change,
                } => {
                    let (word, side_color) = match side {
                        Some(Side::Buy) => ("buy", theme.up),
                        Some(Side::Sell) => ("sell", theme.down),
                        None => ("", theme.muted),
                    };
                    let price_color = match change {
                        Some(change) if *change > 0.0 => theme.up,
                        Some(change) if *change < 0.0 => theme.down,
                        _ => theme.text,
                    };
                    let time = columns.time(scene, *time_ns);
                    let price = format::value(*price, topic.decimals);
                    let size = size_text(*size);
                    response.widget_info(|| {
                        let words = format!("{time} {word} {price} {size}");
                        egui::WidgetInfo::labeled(egui::Role::Label, true, words)
                    });
                    let cells = [
                        (&*time, theme.muted),
                        (word, side_color),
                        (&*price, price_color),
                        (&*size, theme.text),
                    ];
                    columns.line(ui, rect, cells);
                }
            }
        }
    });
    // Rows that are being read do not move.
    let is_back = output.state.clamped_offset().y > 0.0;
    pane.held = is_back.then(|| pane.held.unwrap_or(series.end()));
    if let Some(held) = pane.held {
        let new = series.end().saturating_sub(held);
        let text = format!("+{} new: back to the newest", format::count(new));
        let button = egui::Button::new(styled(text, theme::small(), theme.warning));
        let button = button.fill(theme.raised).stroke(theme.hairline_stroke());
        let size = vec2(190.0f32.min(body.width() - 8.0), 24.0);
        let place = pos2(body.right() - size.x - 8.0, body.bottom() - size.y - 8.0);
        if ui.put(Rect::from_min_size(place, size), button).clicked() {
            pane.held = None;
            pane.returns = true;
        }
    }
    done
}

/// A size without the zeros at its end.
fn size_text(size: f64) -> String {
    let text = format::number(size, SIZE_DECIMALS);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The widths that columns need; prices and sizes of most markets fit.
const TIME_US: f32 = 150.0;
const TIME: f32 = 100.0;
const SIDE: f32 = 40.0;
const PRICE: f32 = 92.0;
const SIZE: f32 = 80.0;

/// The places of the columns. In a narrow pane times give way first, then sides, then sizes.
struct Columns {
    left: f32,
    time: f32,
    side: f32,
    /// The right edges.
    price: f32,
    size: Option<f32>,
}

impl Columns {
    fn of(body: Rect) -> Self {
        let (left, right) = (body.left() + 12.0, body.right() - 14.0);
        let width = right - left;
        let needed = PRICE + SIZE;
        let side = if width >= needed + SIDE { SIDE } else { 0.0 };
        let time = [TIME_US, TIME].into_iter();
        let time = time.filter(|time| width >= needed + side + time);
        let time = time.fold(0.0, f32::max);
        let rest = width - time - side;
        let has_sizes = width >= needed;
        Self {
            left,
            time,
            side,
            price: match has_sizes {
                true => left + time + side + rest * PRICE / needed,
                false => right,
            },
            size: has_sizes.then_some(right),
        }
    }

    fn time(&self, scene: &Scene<'_>, time_ns: i64) -> String {
        if self.time >= TIME_US {
            scene.zone.time_us(time_ns)
        } else {
            scene.zone.time(time_ns)
        }
    }

    fn line(&self, ui: &Ui, rect: Rect, cells: [(&str, egui::Color32); 4]) {
        let painter = ui.painter();
        let y = rect.center().y;
        let [time, side, price, size] = cells;
        let side_at = pos2(self.left + self.time, y);
        let places = [
            (
                self.time > 0.0,
                pos2(self.left, y),
                Align2::LEFT_CENTER,
                time,
            ),
            (self.side > 0.0, side_at, Align2::LEFT_CENTER, side),
            (true, pos2(self.price, y), Align2::RIGHT_CENTER, price),
            (
                self.size.is_some(),
                pos2(self.size.unwrap_or(0.0), y),
                Align2::RIGHT_CENTER,
                size,
            ),
        ];
        let shown = places.into_iter().filter(|(is_shown, ..)| *is_shown);
        for (_, place, align, (text, color)) in shown {
            painter.text(place, align, text, theme::small_figures(), color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_list_keeps_its_prices_whole() {
        let columns =
            |width: f32| Columns::of(Rect::from_min_size(pos2(0.0, 0.0), vec2(width, 9.0)));
        let wide = columns(600.0);
        assert_eq!((wide.time, wide.side), (TIME_US, SIDE));
        assert!(wide.size.is_some() && wide.price - wide.left - wide.time - wide.side >= PRICE);
        let middle = columns(340.0);
        assert_eq!((middle.time, middle.side), (TIME, SIDE));
        let narrow = columns(210.0);
        assert_eq!((narrow.time, narrow.side), (0.0, 0.0));
        assert!(narrow.size.is_some_and(|size| size - narrow.price >= SIZE));
        let least = columns(118.0);
        assert_eq!((least.size, least.price - least.left), (None, PRICE));
    }
}
