//! The glyph for a character that no font has: a box with its code point, as browsers draw it.
//!
//! Our fonts have Latin, Greek and Cyrillic; for the rest the window asks the system. Where the
//! system has no font either, two names would look the same without their numbers, and some fonts
//! draw nothing at all.

use egui::{Color32, ColorImage, GlyphBitmap, GlyphRasterizer, RasterizedGlyph, vec2};

/// Width and height of a digit, in dots.
const DIGIT: (usize, usize) = (3, 5);

/// Around and between digits, in dots.
const SPACE: usize = 1;

/// Width of the box's line, in dots.
const LINE: usize = 1;

/// Text up to this size has dots of one pixel; larger text has larger dots.
const DOT_TEXT_PX: f32 = 16.0;

/// Digits 0 to F, row by row from the top, the leftmost dot first.
const DIGITS: [[u8; 5]; 16] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
    [0b010, 0b101, 0b111, 0b101, 0b101],
    [0b110, 0b101, 0b110, 0b101, 0b110],
    [0b011, 0b100, 0b100, 0b100, 0b011],
    [0b110, 0b101, 0b101, 0b101, 0b110],
    [0b111, 0b100, 0b111, 0b100, 0b111],
    [0b111, 0b100, 0b110, 0b100, 0b100],
];

/// Draws characters that no font has.
pub(crate) fn rasterizer() -> GlyphRasterizer {
    GlyphRasterizer::new("tickcast::missing_glyph", |request| {
        let character = request.cluster.chars().next()?;
        let dot = (request.font_size_px / DOT_TEXT_PX).round().max(1.0) as usize;
        Some(glyph(character, dot))
    })
}

/// Draws a box with two rows of digits; `dot` is the size of a dot in pixels.
fn glyph(character: char, dot: usize) -> RasterizedGlyph {
    let code = u32::from(character);
    let columns = if code > 0xffff { 3 } else { 2 };
    let edge = LINE + SPACE;
    let width = 2 * edge + columns * (DIGIT.0 + SPACE) - SPACE;
    let height = 2 * edge + 2 * (DIGIT.1 + SPACE) - SPACE;
    let mut image = ColorImage::filled([width * dot, height * dot], Color32::TRANSPARENT);
    let mut set = |x: usize, y: usize| {
        for pixel in 0..dot * dot {
            image[(x * dot + pixel % dot, y * dot + pixel / dot)] = Color32::WHITE;
        }
    };
    for x in 0..width {
        set(x, 0);
        set(x, height - 1);
    }
    for y in 1..height - 1 {
        set(0, y);
        set(width - 1, y);
    }
    for place in 0..2 * columns {
        let digit = (code >> (4 * (2 * columns - 1 - place)) & 0xf) as usize;
        let left = edge + place % columns * (DIGIT.0 + SPACE);
        let top = edge + place / columns * (DIGIT.1 + SPACE);
        for (y, row) in DIGITS[digit].iter().enumerate() {
            for x in 0..DIGIT.0 {
                if row >> (DIGIT.0 - 1 - x) & 1 == 1 {
                    set(left + x, top + y);
                }
            }
        }
    }
    let below_baseline = (3 * dot) as f32;
    RasterizedGlyph {
        advance_px: ((width + 2 * SPACE) * dot) as f32,
        bitmap: GlyphBitmap {
            offset_px: vec2((SPACE * dot) as f32, below_baseline - (height * dot) as f32),
            image,
            is_color: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_shows_the_code_point_in_hex() {
        let drawn = glyph('温', 1).bitmap.image;
        let rows: Vec<String> = (0..drawn.height())
            .map(|y| {
                let dots = (0..drawn.width()).map(|x| drawn[(x, y)] == Color32::WHITE);
                dots.map(|dot| if dot { '#' } else { ' ' }).collect()
            })
            .collect();
        // U+6E29.
        let expected = [
            "###########",
            "#         #",
            "# ### ### #",
            "# #   #   #",
            "# ### ### #",
            "# # # #   #",
            "# ### ### #",
            "#         #",
            "# ### ### #",
            "#   # # # #",
            "# ### ### #",
            "# #     # #",
            "# ### ### #",
            "#         #",
            "###########",
        ];
        assert_eq!(rows, expected);
        assert!(glyph('😀', 1).bitmap.image.width() > drawn.width());
        assert_eq!(glyph('温', 2).bitmap.image.width(), 2 * drawn.width());
    }
}
