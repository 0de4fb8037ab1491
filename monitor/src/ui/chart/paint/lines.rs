//! Lines and bands.

use egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use crate::{
    data::chart::{BandPiece, ChartLine, Extent, Point},
    ui::{
        chart::plot::Plot,
        theme::{self, Theme},
    },
};

/// Draws a line with its gaps.
pub(crate) fn line(painter: &Painter, plot: &Plot, line: &ChartLine, color: Color32) {
    match line {
        ChartLine::Points(pieces) => {
            for piece in pieces {
                points(painter, plot, piece, color);
            }
        }
        ChartLine::Strips(pieces) => {
            let feather = 1.0 / painter.pixels_per_point();
            let mut mesh = Mesh::default();
            for piece in pieces {
                strip(&mut mesh, plot, piece, color, feather);
            }
            painter.add(Shape::mesh(mesh));
        }
    }
}

fn points(painter: &Painter, plot: &Plot, piece: &[Point], color: Color32) {
    let points: Vec<Pos2> = piece
        .iter()
        .map(|point| plot.place(point.at, point.value))
        .collect();
    match points[..] {
        // A sample between two gaps.
        [alone] => {
            painter.circle_filled(alone, theme::LINE_WIDTH, color);
        }
        _ => {
            painter.line(points, Stroke::new(theme::LINE_WIDTH, color));
        }
    }
}

/// Fills the area of a dense line, with soft edges. This takes some vertices per column; a path
/// with joins would cost several times as much.
fn strip(mesh: &mut Mesh, plot: &Plot, piece: &[Extent], color: Color32, feather: f32) {
    let half = theme::LINE_WIDTH / 2.0 - feather / 2.0;
    let first = mesh.vertices.len() as u32;
    for extent in piece {
        let x = plot.x_of_offset(extent.at);
        let (top, bottom) = (plot.y(extent.high) - half, plot.y(extent.low) + half);
        mesh.colored_vertex(pos2(x, top - feather), Color32::TRANSPARENT);
        mesh.colored_vertex(pos2(x, top), color);
        mesh.colored_vertex(pos2(x, bottom), color);
        mesh.colored_vertex(pos2(x, bottom + feather), Color32::TRANSPARENT);
    }
    for column in 1..piece.len() as u32 {
        let right = first + column * 4;
        let left = right - 4;
        for edge in 0..3 {
            mesh.add_triangle(left + edge, right + edge, left + edge + 1);
            mesh.add_triangle(right + edge, right + edge + 1, left + edge + 1);
        }
    }
    if let [alone] = piece {
        let place = plot.place(alone.at, alone.high);
        let dot = Rect::from_center_size(place, vec2(2.0, 2.0) * theme::LINE_WIDTH);
        mesh.add_colored_rect(dot, color);
    }
}

/// Draws the band of a quote: filled between the lowest and the highest price, with lines on the
/// last bid and ask. Crossed quotes, whose bid is above the ask, are filled in the colour of
/// warnings.
pub(crate) fn band(
    painter: &Painter,
    plot: &Plot,
    pieces: &[BandPiece],
    color: Color32,
    theme: &Theme,
) {
    let mut fill = Mesh::default();
    let fill_color = color.gamma_multiply(0.22);
    let crossed_color = theme.warning.gamma_multiply(0.35);
    let mut bid = Vec::new();
    let mut ask = Vec::new();
    let edge = Stroke::new(1.0, color);
    for piece in pieces {
        let (from, to) = (plot.x_of_offset(piece.from), plot.x_of_offset(piece.to));
        let rect = Rect::from_min_max(pos2(from, plot.y(piece.high)), pos2(to, plot.y(piece.low)));
        let ground = if piece.is_crossed() {
            crossed_color
        } else {
            fill_color
        };
        fill.add_colored_rect(rect, ground);
        if piece.after_gap {
            painter.line(std::mem::take(&mut bid), edge);
            painter.line(std::mem::take(&mut ask), edge);
        }
        for (line, value) in [(&mut bid, piece.bid), (&mut ask, piece.ask)] {
            let y = plot.y(value);
            line.push(pos2(from, y));
            line.push(pos2(to, y));
        }
    }
    painter.add(Shape::mesh(fill));
    painter.line(bid, edge);
    painter.line(ask, edge);
}
