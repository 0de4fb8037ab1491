//! Candles and volume.

use egui::{CornerRadius, Mesh, Painter, Rect, Shape, Stroke, pos2};

use crate::{
    data::chart::{Known, candles::Candle},
    ui::{chart::plot::Plot, theme::Theme},
};

/// The space between candles, as a part of their interval.
const CANDLE_SPACE: f32 = 0.3;

/// Height of the volume bars, as a part of the chart's height.
const VOLUME_HEIGHT: f32 = 0.14;

/// Draws candles of `interval_ns`. A candle that is not final is hollow, with a dashed outline.
pub(crate) fn candles(
    painter: &Painter,
    plot: &Plot,
    candles: &[Candle],
    interval_ns: i64,
    theme: &Theme,
) {
    let width = (interval_ns as f64 / plot.ns_per_point()) as f32;
    let half = (width * (1.0 - CANDLE_SPACE) / 2.0).max(0.5);
    for candle in candles {
        let color = if candle.is_up() { theme.up } else { theme.down };
        let x = plot.x(candle.start_ns + interval_ns / 2);
        let (open, close) = (plot.y(candle.open), plot.y(candle.close));
        let (top, bottom) = (open.min(close), open.max(close).max(open.min(close) + 1.0));
        let body = Rect::from_min_max(pos2(x - half, top), pos2(x + half, bottom));
        let stroke = Stroke::new(1.0, color);
        painter.vline(x, plot.y(candle.high)..=top, stroke);
        painter.vline(x, bottom..=plot.y(candle.low), stroke);
        if candle.known == Known::Complete || half < 2.0 {
            painter.rect_filled(body, CornerRadius::ZERO, color);
        } else {
            let outline = [
                body.left_top(),
                body.right_top(),
                body.right_bottom(),
                body.left_bottom(),
                body.left_top(),
            ];
            painter.extend(Shape::dashed_line(&outline, stroke, 2.5, 2.0));
        }
    }
}

/// Draws volume bars at the lower edge, coloured by whether the price rose.
pub(crate) fn volume(
    painter: &Painter,
    plot: &Plot,
    candles: &[Candle],
    interval_ns: i64,
    theme: &Theme,
) {
    let largest = candles.iter().map(|c| c.volume).fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    let bottom = plot.rect.bottom();
    let height = plot.rect.height() * VOLUME_HEIGHT;
    let width = ((interval_ns as f64 / plot.ns_per_point()) as f32 * (1.0 - CANDLE_SPACE)).max(1.0);
    let mut bars = Mesh::default();
    for candle in candles {
        let x = plot.x(candle.start_ns + interval_ns / 2);
        let color = if candle.is_up() { theme.up } else { theme.down };
        let top = bottom - (candle.volume / largest) as f32 * height;
        bars.add_colored_rect(
            Rect::from_min_max(pos2(x - width / 2.0, top), pos2(x + width / 2.0, bottom)),
            color.gamma_multiply(0.55),
        );
    }
    painter.add(Shape::mesh(bars));
}
