//! Rows: the range of values of each interval as a band, and their means as a line.

use egui::{Color32, Mesh, Painter, Pos2, Shape, Stroke, pos2};

use crate::{
    data::chart::rows::{ChartRow, ChartRows},
    ui::{chart::plot::Plot, theme},
};

/// Draws rows.
pub(crate) fn rows(painter: &Painter, plot: &Plot, rows: &ChartRows, color: Color32) {
    let ground = color.gamma_multiply(0.25);
    let mut bands = Mesh::default();
    for piece in rows.pieces() {
        let mut middles: Vec<Pos2> = Vec::with_capacity(piece.len() + 2);
        let mut before: Option<[Pos2; 2]> = None;
        let mut reach = |time_ns: i64, row: &ChartRow| {
            let x = plot.x(time_ns);
            let ends = [pos2(x, plot.y(row.high)), pos2(x, plot.y(row.low))];
            if let Some(before) = before {
                quad(&mut bands, before, ends, ground);
            }
            before = Some(ends);
            middles.push(pos2(x, plot.y(row.middle)));
        };
        // From edge to edge, so that finer values go on where they end.
        if let Some(first) = piece.first() {
            reach(first.start_ns, first);
        }
        for row in piece {
            reach(row.start_ns + (row.end_ns - row.start_ns) / 2, row);
        }
        if let Some(last) = piece.last() {
            reach(last.end_ns, last);
        }
        painter.line(middles, Stroke::new(theme::LINE_WIDTH, color));
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
