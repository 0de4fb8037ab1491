//! The palettes: colours by what they mean.

use egui::{Color32, Stroke};

use crate::files::saved_state::ThemeChoice;

/// Colours by what they mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Whether the background is dark.
    pub is_dark: bool,
    /// Background of charts.
    pub background: Color32,
    /// Background of lists and bars.
    pub panel: Color32,
    /// Background of fields, chips and the selected row.
    pub raised: Color32,
    /// Lines between areas, and grid lines.
    pub hairline: Color32,
    /// Text.
    pub text: Color32,
    /// Explanations.
    pub muted: Color32,
    /// The least important text.
    pub dim: Color32,
    /// Selection, and the line of a chart.
    pub accent: Color32,
    /// Text on the accent colour.
    pub on_accent: Color32,
    /// A rising value.
    pub up: Color32,
    /// A falling value.
    pub down: Color32,
    /// Stale, p99, paused.
    pub warning: Color32,
    /// Lost, dead, not connected.
    pub bad: Color32,
    /// Further series on a chart, after the accent. Each is told from every other one, and from up,
    /// down and bad.
    pub further: [Color32; 4],
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Theme = Theme {
    is_dark: true,
    background: rgb(0x0d1014),
    panel: rgb(0x13171d),
    raised: rgb(0x181d24),
    hairline: rgb(0x232a33),
    text: rgb(0xdbe2ea),
    muted: rgb(0x7f8b99),
    dim: rgb(0x55606d),
    accent: rgb(0x5aa9ff),
    on_accent: rgb(0x0d1014),
    up: rgb(0x45b8ac),
    down: rgb(0xee8a55),
    warning: rgb(0xe3b341),
    bad: rgb(0xf2635f),
    further: [rgb(0xe3b341), rgb(0xc58af9), rgb(0x7fd1ff), rgb(0xf5e08c)],
};

const LIGHT: Theme = Theme {
    is_dark: false,
    background: rgb(0xffffff),
    panel: rgb(0xf6f7f9),
    raised: rgb(0xeceff3),
    hairline: rgb(0xdde2e8),
    text: rgb(0x1a2027),
    muted: rgb(0x5c6875),
    dim: rgb(0x8a95a1),
    accent: rgb(0x1668c7),
    on_accent: rgb(0xffffff),
    up: rgb(0x0f7f74),
    down: rgb(0xb8561b),
    warning: rgb(0x8a6100),
    bad: rgb(0xc22f2b),
    further: [rgb(0x8a6100), rgb(0x7b3fc4), rgb(0x0b7ea8), rgb(0x44505e)],
};

/// After the colour-blind-safe palette of the IBM Design Language (blue, purple, magenta, orange,
/// gold), made lighter.
const DARK_SAFE: Theme = Theme {
    accent: rgb(0xb3a1ff),
    up: rgb(0x79b8ff),
    down: rgb(0xff8a3d),
    warning: rgb(0xffd257),
    bad: rgb(0xff5c9d),
    further: [rgb(0xe3b341), rgb(0x3fbf8f), rgb(0xc9d3de), rgb(0xf5e08c)],
    ..DARK
};

/// The same, made darker.
const LIGHT_SAFE: Theme = Theme {
    accent: rgb(0x5b3fd6),
    up: rgb(0x0a63c9),
    down: rgb(0x8f3300),
    warning: rgb(0x836e00),
    bad: rgb(0xb8005c),
    further: [rgb(0x8a6100), rgb(0x00755a), rgb(0x0b7ea8), rgb(0x2b3440)],
    ..LIGHT
};

impl Theme {
    /// The colours of a choice.
    pub fn of(choice: ThemeChoice) -> &'static Theme {
        match choice {
            ThemeChoice::Dark => &DARK,
            ThemeChoice::Light => &LIGHT,
            ThemeChoice::DarkSafe => &DARK_SAFE,
            ThemeChoice::LightSafe => &LIGHT_SAFE,
        }
    }

    /// The colour of a series on a chart, by its number.
    pub(crate) fn series(&self, number: usize) -> Color32 {
        match number % (1 + self.further.len()) {
            0 => self.accent,
            number => self.further[number - 1],
        }
    }

    /// The line between two areas.
    pub(crate) fn hairline_stroke(&self) -> Stroke {
        Stroke::new(1.0, self.hairline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_stands_out_from_its_background() {
        for theme in ThemeChoice::ALL.map(Theme::of) {
            for ground in [theme.background, theme.panel, theme.raised] {
                for color in [
                    theme.text,
                    theme.accent,
                    theme.up,
                    theme.down,
                    theme.warning,
                    theme.bad,
                ] {
                    let contrast = contrast(color, ground);
                    assert!(contrast >= 4.0, "{color:?} on {ground:?}: {contrast:.2}");
                }
            }
        }
    }

    /// What a person without green cones sees (G. M. Machado et al., "A Physiologically-based Model
    /// for Simulation of Color Vision Deficiency", 2009, table for deuteranopia). The computation
    /// is in linear light; the result is coded as on a screen.
    fn without_green(color: Color32) -> [f64; 3] {
        let linear = [color.r(), color.g(), color.b()].map(|c| (f64::from(c) / 255.0).powf(2.2));
        let row = |row: [f64; 3]| row.iter().zip(linear).map(|(a, b)| a * b).sum::<f64>();
        [
            row([0.367322, 0.860646, -0.227968]),
            row([0.280085, 0.672501, 0.047413]),
            row([-0.011820, 0.042940, 0.968881]),
        ]
        .map(|light| light.max(0.0).powf(1.0 / 2.2))
    }

    /// Colours that are nearer to each other than this look alike, as lines of a chart do.
    const APART_MIN: f64 = 0.15;

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt()
    }

    /// Fails if two of the colours look alike in the eyes of `seen`.
    fn assert_differ(
        choice: ThemeChoice,
        pairs: impl Iterator<Item = (Color32, Color32)>,
        seen: fn(Color32) -> [f64; 3],
    ) {
        for (a, b) in pairs {
            let apart = distance(seen(a), seen(b));
            assert!(apart > APART_MIN, "{choice:?}: {a:?} and {b:?}: {apart:.2}");
        }
    }

    fn pairs(colors: &[Color32]) -> impl Iterator<Item = (Color32, Color32)> {
        let all = colors.iter().enumerate();
        all.flat_map(|(at, &a)| colors[..at].iter().map(move |&b| (a, b)))
    }

    #[test]
    fn colours_with_a_meaning_differ_without_green_cones() {
        for choice in [ThemeChoice::DarkSafe, ThemeChoice::LightSafe] {
            let theme = Theme::of(choice);
            let meanings = [theme.up, theme.down, theme.warning, theme.bad];
            assert_differ(choice, pairs(&meanings), without_green);
        }
    }

    #[test]
    fn every_two_series_differ_and_none_looks_like_up_down_or_bad() {
        for choice in ThemeChoice::ALL {
            let theme = Theme::of(choice);
            let plain = |c: Color32| [c.r(), c.g(), c.b()].map(|c| f64::from(c) / 255.0);
            let series: Vec<Color32> = (0..5).map(|number| theme.series(number)).collect();
            assert_differ(choice, pairs(&series), plain);
            if matches!(choice, ThemeChoice::DarkSafe | ThemeChoice::LightSafe) {
                assert_differ(choice, pairs(&series), without_green);
            }
            for meaning in [theme.up, theme.down, theme.bad] {
                let all = series.iter().map(|&series| (series, meaning));
                assert_differ(choice, all, plain);
            }
        }
    }
}
