//! The icon of the program: three candles, computed.

use egui::{Color32, IconData};

use super::theme::Theme;
use crate::files::saved_state::ThemeChoice;

const SIZE: u32 = 64;

/// Left edge; top and bottom of the wick and of the body, in pixels from the top; whether it rises.
const CANDLES: [(u32, [u32; 4], bool); 3] = [
    (12, [26, 54, 32, 48], true),
    (27, [14, 44, 20, 36], true),
    (42, [10, 40, 16, 30], false),
];

const BODY_WIDTH: u32 = 10;
const WICK_WIDTH: u32 = 2;
const CORNER: f32 = 14.0;

/// The icon.
pub(crate) fn icon() -> IconData {
    let rgba = (0..SIZE * SIZE)
        .flat_map(|at| pixel(at % SIZE, at / SIZE).to_array())
        .collect();
    IconData {
        rgba,
        width: SIZE,
        height: SIZE,
    }
}

fn pixel(x: u32, y: u32) -> Color32 {
    let theme = Theme::of(ThemeChoice::Dark);
    for (left, [wick_top, wick_bottom, top, bottom], rises) in CANDLES {
        let wick_left = left + (BODY_WIDTH - WICK_WIDTH) / 2;
        let in_wick = (wick_left..wick_left + WICK_WIDTH).contains(&x)
            && (wick_top..wick_bottom).contains(&y);
        let in_body = (left..left + BODY_WIDTH).contains(&x) && (top..bottom).contains(&y);
        if in_wick || in_body {
            return if rises { theme.up } else { theme.down };
        }
    }
    // A square with round corners and a soft edge.
    let half = SIZE as f32 / 2.0;
    let beyond = |at: u32| ((at as f32 + 0.5 - half).abs() - (half - CORNER)).max(0.0);
    let distance = beyond(x).hypot(beyond(y)) - CORNER;
    theme
        .raised
        .gamma_multiply((0.5 - distance).clamp(0.0, 1.0))
}
