//! Rows: the range of values of each interval as a band, and their means as a line.

use egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2};

use crate::{
    data::chart::rows::{ChartRow, ChartRows},
    ui::{chart::plot::Plot, theme},
};

/// Draws rows.
pub(crate) fn rows(painter: &Painter, plot: &Plot, rows: &ChartRows, color: Color32) {
    let ground = color.gamma_multiply(0.25);
    let mut bands = Mesh::default();
    for piece in rows.pieces() {
        let mut middles: Vec<Pos2> = Vec::with_capacity(piece.len());
        let mut before: Option<[Pos2; 2]> = None;
        for row in piece {
            let x = plot.x(row.start_ns + (row.end_ns - row.start_ns) / 2);
            let ends = [pos2(x, plot.y(row.high)), pos2(x, plot.y(row.low))];
            if let Some(before) = before {
                quad(&mut bands, before, ends, ground);
            }
            before = Some(ends);
            middles.push(pos2(x, plot.y(row.middle)));
        }
        if let [alone] = piece {
            lone(&mut bands, plot, alone, ground);
            painter.circle_filled(middles[0], theme::LINE_WIDTH, color);
        } else {
            painter.line(middles, Stroke::new(theme::LINE_WIDTH, color));
        }
    }
    painter.add(Shape::mesh(bands));
}

fn quad(mesh: &mut Mesh, left: [Pos2; 2], right: [Pos2; 2], color: Color32) {
    let first = mesh.vertices.len() as u32;
    for place in [left[0], left[1], right[0], right[1]] {
        mesh.colored_vertex(place, color);
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first + 1, first + 3, first + 2);
}

/// A row without neighbours is as wide as its interval.
fn lone(mesh: &mut Mesh, plot: &Plot, row: &ChartRow, color: Color32) {
    let (left, right) = (plot.x(row.start_ns), plot.x(row.end_ns));
    let (top, bottom) = (plot.y(row.high), plot.y(row.low));
    mesh.add_colored_rect(
        Rect::from_min_max(pos2(left, top), pos2(right, bottom)),
        color,
    );
}
