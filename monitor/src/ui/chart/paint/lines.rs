//! Lines and bands.

use egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use crate::{
    data::chart::{BandPiece, ChartLine, Extent, Point},
    ui::{
        chart::plot::Plot,
        theme::{self, Theme},
    },
};

/// Edges that rise more than this from one column to the next have no soft edge: it would be as
/// narrow as the column, and a renderer without a graphics card takes most of its time for such
/// slivers.
const STEEP: f32 = 3.0;

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

/// Fills the area of a dense line: two triangles per column, and two more for a soft edge where it
/// is seen. A path with joins would cost several times as much.
fn strip(mesh: &mut Mesh, plot: &Plot, piece: &[Extent], color: Color32, feather: f32) {
    let half = theme::LINE_WIDTH / 2.0 - feather / 2.0;
    let mut before: Option<([Pos2; 2], u32)> = None;
    for extent in piece {
        let x = plot.x_of_offset(extent.at);
        let ends = [
            pos2(x, plot.y(extent.high) - half),
            pos2(x, plot.y(extent.low) + half),
        ];
        let first = mesh.vertices.len() as u32;
        for place in ends {
            mesh.colored_vertex(place, color);
        }
        if let Some((left, number)) = before.replace((ends, first)) {
            mesh.add_triangle(number, number + 1, first);
            mesh.add_triangle(number + 1, first, first + 1);
            for (edge, away) in [(0, -feather), (1, feather)] {
                if (left[edge].y - ends[edge].y).abs() <= STEEP {
                    let edge_of = [number, first].map(|vertex| vertex + edge as u32);
                    soften(mesh, [left[edge], ends[edge]], edge_of, away);
                }
            }
        }
    }
    if let [alone] = piece {
        let place = plot.place(alone.at, alone.high);
        let dot = Rect::from_center_size(place, vec2(2.0, 2.0) * theme::LINE_WIDTH);
        mesh.add_colored_rect(dot, color);
    }
}

/// Softens an edge between two vertices, which lie at `ends`.
fn soften(mesh: &mut Mesh, ends: [Pos2; 2], edge: [u32; 2], away: f32) {
    let outer = mesh.vertices.len() as u32;
    for place in ends {
        mesh.colored_vertex(place + vec2(0.0, away), Color32::TRANSPARENT);
    }
    mesh.add_triangle(edge[0], edge[1], outer);
    mesh.add_triangle(edge[1], outer, outer + 1);
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
