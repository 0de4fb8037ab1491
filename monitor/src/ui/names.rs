//! Names within limited widths. They are cut at the front, because their ends tell them apart.

use std::sync::Arc;

use egui::{
    Color32, FontId, Galley, Painter, Pos2, Rect, Response, Sense, Ui, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};

/// The least width of a name whatever its value: the value is cut first.
const NAME_KEPT: f32 = 64.0;

/// Space between a name and its value.
const NAME_GAP: f32 = 8.0;

/// The least letters of a text that is cut: fewer tell nothing.
const LETTERS_MIN: usize = 3;

/// How much the width of a text may differ from the widths of its letters, which are not rounded to
/// pixels.
const ROUNDING: f32 = 1.0;

/// A name in a font and a colour.
#[derive(Debug, Clone)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) font: FontId,
    pub(super) color: Color32,
}

impl Name<'_> {
    fn line(&self, painter: &Painter, text: String, wrap: TextWrapping) -> Arc<Galley> {
        let mut job = LayoutJob::simple_singleline(text, self.font.clone(), self.color);
        job.wrap = wrap;
        painter.layout_job(job)
    }

    /// The width of the whole name.
    pub(super) fn width(&self, painter: &Painter) -> f32 {
        let galley = self.line(painter, self.text.to_owned(), TextWrapping::no_max_width());
        galley.size().x
    }

    /// The text, cut at its end to `width`. A text as wide as that is whole: widths that were asked
    /// for are rounded to pixels.
    fn cut_at_end(&self, painter: &Painter, width: f32) -> Arc<Galley> {
        let whole = self.line(painter, self.text.to_owned(), TextWrapping::no_max_width());
        if whole.size().x <= width + ROUNDING {
            return whole;
        }
        let wrap = TextWrapping::truncate_at_width(width.max(0.0));
        self.line(painter, self.text.to_owned(), wrap)
    }

    /// The name, cut at the front to at most `width`.
    fn layout(&self, painter: &Painter, width: f32) -> Arc<Galley> {
        let whole = self.line(painter, self.text.to_owned(), TextWrapping::no_max_width());
        if whole.size().x <= width {
            return whole;
        }
        let ellipsis = self.line(painter, "…".to_owned(), TextWrapping::no_max_width());
        let room = width - ellipsis.size().x;
        let glyphs = whole.rows.first().map_or(&[][..], |row| &row.glyphs);
        let end = whole.size().x;
        let cut = glyphs.iter().position(|glyph| end - glyph.pos.x <= room);
        let rest = self.text.chars().skip(cut.unwrap_or(glyphs.len()));
        let text: String = std::iter::once('…').chain(rest).collect();
        // A glyph may stand for several characters; what is still too wide is cut at the end too.
        let wrap = TextWrapping::truncate_at_width(width.max(0.0));
        self.line(painter, text, wrap)
    }

    /// Paints the name with its left edge at a place.
    pub(super) fn paint(&self, painter: &Painter, left_center: Pos2, width: f32) -> Rect {
        let galley = self.layout(painter, width);
        let place = pos2(left_center.x, left_center.y - galley.size().y / 2.0);
        let rect = Rect::from_min_size(place, galley.size());
        painter.galley(place, galley, self.color);
        rect
    }

    /// Paints a text with its left edge at a place; it is cut at its end. Nothing is painted where
    /// fewer than [`LETTERS_MIN`] letters fit. Returns the right edge of a text that is whole.
    pub(super) fn paint_cut_at_end(
        &self,
        painter: &Painter,
        left_center: Pos2,
        width: f32,
    ) -> Option<f32> {
        let galley = self.cut_at_end(painter, width);
        if galley.elided && !tells(&galley) {
            return None;
        }
        let place = pos2(left_center.x, left_center.y - galley.size().y / 2.0);
        let whole = (!galley.elided).then_some(place.x + galley.size().x);
        painter.galley(place, galley, self.color);
        whole
    }

    /// Paints a value with its right edge at a place; it is cut at its end.
    pub(super) fn paint_right(&self, painter: &Painter, right_center: Pos2, width: f32) {
        let galley = self.cut_at_end(painter, width);
        let place = right_center - vec2(galley.size().x, galley.size().y / 2.0);
        painter.galley(place, galley, self.color);
    }

    /// Adds the text as a label that is cut at its end: texts begin with what they are about. A
    /// tooltip has the whole text. Where fewer than [`LETTERS_MIN`] letters fit there is none.
    pub(super) fn show_cut_at_end(&self, ui: &mut Ui, width: f32) -> Response {
        let width = width.min(ui.available_width()).max(0.0);
        let galley = self.cut_at_end(ui.painter(), width);
        self.label(ui, galley, width)
    }

    /// Adds the name as a label of at most `width`. A tooltip has the whole name. Where fewer than
    /// [`LETTERS_MIN`] letters fit there is none.
    pub(super) fn show(&self, ui: &mut Ui, width: f32) -> Response {
        let width = width.min(ui.available_width()).max(0.0);
        let galley = self.layout(ui.painter(), width);
        self.label(ui, galley, width)
    }

    /// Adds the name as a button without a frame, of at most `width`.
    pub(super) fn button(&self, ui: &mut Ui, width: f32) -> Response {
        let galley = self.layout(ui.painter(), width.max(0.0));
        let size = vec2(galley.size().x.min(width.max(0.0)), galley.size().y);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, self.text));
        ui.painter().galley(rect.min, galley, self.color);
        response.on_hover_cursor(egui::CursorIcon::PointingHand)
    }

    fn label(&self, ui: &mut Ui, galley: Arc<Galley>, width: f32) -> Response {
        let is_cut = galley.elided || galley.text() != self.text;
        if is_cut && !tells(&galley) {
            return ui.allocate_exact_size(vec2(0.0, 0.0), Sense::hover()).1;
        }
        let size = vec2(galley.size().x.min(width), galley.size().y);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, self.text));
        ui.painter().galley(rect.min, galley, self.color);
        if is_cut {
            response.on_hover_text(self.text)
        } else {
            response
        }
    }
}

/// Whether enough is left of a text that was cut. One glyph is the ellipsis.
fn tells(cut: &Galley) -> bool {
    let glyphs = cut.rows.first().map_or(0, |row| row.glyphs.len());
    glyphs > LETTERS_MIN
}

/// Shares `room` between a name and a value of these widths, with a gap between them. The value is
/// cut first, but not below `value_min` as long as the name keeps [`NAME_KEPT`]. Returns the widths
/// of the name and of the value.
pub(super) fn share(room: f32, name: f32, value: f32, value_min: f32) -> (f32, f32) {
    let room = (room - NAME_GAP).max(0.0);
    let least = value_min.min((room - NAME_KEPT).max(0.0));
    let value = value.min((room - name).max(least));
    (room - value, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_cut_before_the_name() {
        assert_eq!(share(208.0, 100.0, 80.0, 90.0), (120.0, 80.0), "both fit");
        assert_eq!(share(208.0, 100.0, 400.0, 90.0), (100.0, 100.0));
        assert_eq!(share(208.0, 300.0, 400.0, 90.0), (110.0, 90.0));
        assert_eq!(share(208.0, 300.0, 40.0, 90.0), (160.0, 40.0));
        assert_eq!(share(100.0, 300.0, 400.0, 90.0), (64.0, 28.0));
        assert_eq!(share(50.0, 300.0, 400.0, 90.0), (42.0, 0.0));
    }
}
