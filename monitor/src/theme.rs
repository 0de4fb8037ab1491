//! Colours, type and spacing: the one place that decides how things look.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    TextStyle, Visuals, vec2,
};
use serde::{Deserialize, Serialize};

use crate::missing_glyph;

/// Spacing goes in steps of so many points.
pub const STEP: f32 = 4.0;
/// Height of a row in a table.
pub const ROW_HEIGHT: f32 = 28.0;
/// Height of the bar at the top.
pub const TOP_BAR_HEIGHT: f32 = 36.0;
/// Height of the line at the bottom.
pub const STATUS_BAR_HEIGHT: f32 = 26.0;
/// Height of the line with a pane's title.
pub const PANE_HEADER_HEIGHT: f32 = 32.0;
/// Corners of fields and buttons.
pub const CORNER: CornerRadius = CornerRadius::same(6);
/// Width of the lines of a chart.
pub const LINE_WIDTH: f32 = 1.4;
/// How long a changed value is highlighted.
pub const FLASH_NS: i64 = 150_000_000;

const TEXT_SIZE: f32 = 13.0;
const TABLE_SIZE: f32 = 12.0;
const AXIS_SIZE: f32 = 11.0;

const SEMIBOLD: &str = "semibold";

/// Which of the palettes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// Dark, in colours that colour-blind eyes tell apart.
    DarkSafe,
    /// Light, in colours that colour-blind eyes tell apart.
    LightSafe,
}

/// The colours, by what they mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Whether the ground is dark.
    pub is_dark: bool,
    /// Behind charts.
    pub background: Color32,
    /// Behind lists and bars.
    pub panel: Color32,
    /// Behind what lies on a panel: fields, chips, the selected row.
    pub raised: Color32,
    /// Between areas, and grid lines.
    pub hairline: Color32,
    /// What is to be read.
    pub text: Color32,
    /// What explains it.
    pub muted: Color32,
    /// What is there if one looks for it.
    pub dim: Color32,
    /// Selection, and the line of a chart.
    pub accent: Color32,
    /// What is written on the accent colour.
    pub on_accent: Color32,
    /// It rose.
    pub up: Color32,
    /// It fell.
    pub down: Color32,
    /// Stale, p99, paused.
    pub warning: Color32,
    /// Lost, dead, not connected.
    pub bad: Color32,
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
};

/// After the colour-blind-safe palette of the IBM Design Language (blue, purple, magenta, orange,
/// gold), made lighter.
const DARK_SAFE: Theme = Theme {
    accent: rgb(0xb3a1ff),
    up: rgb(0x79b8ff),
    down: rgb(0xff8a3d),
    warning: rgb(0xffd257),
    bad: rgb(0xff5c9d),
    ..DARK
};

/// The same, made darker.
const LIGHT_SAFE: Theme = Theme {
    accent: rgb(0x5b3fd6),
    up: rgb(0x0a63c9),
    down: rgb(0x8f3300),
    warning: rgb(0x836e00),
    bad: rgb(0xb8005c),
    ..LIGHT
};

impl ThemeChoice {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::DarkSafe, Self::LightSafe];

    /// Its colours.
    pub fn theme(self) -> &'static Theme {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
            Self::DarkSafe => &DARK_SAFE,
            Self::LightSafe => &LIGHT_SAFE,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "Dark",
            Self::Light => "Light",
            Self::DarkSafe => "Dark, colour-blind safe",
            Self::LightSafe => "Light, colour-blind safe",
        }
    }
}

impl Theme {
    /// Colours for further series on a chart, after the accent: told apart by colour-blind people
    /// too (after Okabe and Ito, "Color Universal Design", 2008), and never the colours of up,
    /// down and bad.
    pub fn series(&self, number: usize) -> Color32 {
        const ON_DARK: [u32; 5] = [0x5aa9ff, 0xe3b341, 0xc58af9, 0x7fd1ff, 0xf5e08c];
        const ON_LIGHT: [u32; 5] = [0x1668c7, 0x8a6100, 0x7b3fc4, 0x0b7ea8, 0x6b6300];
        let colors = if self.is_dark { ON_DARK } else { ON_LIGHT };
        match number % colors.len() {
            0 => self.accent,
            number => rgb(colors[number]),
        }
    }

    /// The thin line between two areas.
    pub fn hairline_stroke(&self) -> Stroke {
        Stroke::new(1.0, self.hairline)
    }
}

/// Text.
pub fn text() -> FontId {
    FontId::proportional(TEXT_SIZE)
}

/// Text that stands out.
pub fn strong() -> FontId {
    FontId::new(TEXT_SIZE, FontFamily::Name(SEMIBOLD.into()))
}

/// Text in tables and explanations.
pub fn small() -> FontId {
    FontId::proportional(TABLE_SIZE)
}

/// Figures in headings.
pub fn figures() -> FontId {
    FontId::monospace(TEXT_SIZE)
}

/// Figures in tables.
pub fn small_figures() -> FontId {
    FontId::monospace(TABLE_SIZE)
}

/// Figures on axes.
pub fn axis_figures() -> FontId {
    FontId::monospace(AXIS_SIZE)
}

/// Text on axes and in charts.
pub fn axis_text() -> FontId {
    FontId::proportional(AXIS_SIZE)
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let files: [(&str, &'static [u8]); 3] = [
        ("Inter", include_bytes!("../assets/fonts/Inter-Regular.otf")),
        (
            "Inter SemiBold",
            include_bytes!("../assets/fonts/Inter-SemiBold.otf"),
        ),
        (
            "JetBrains Mono",
            include_bytes!("../assets/fonts/JetBrainsMono-Regular.ttf"),
        ),
    ];
    for (name, bytes) in files {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    // Each falls back on the other for the symbols it lacks, then on what egui brings.
    let mut family = |family: FontFamily, first: [&str; 2]| {
        let base = match family {
            FontFamily::Monospace => FontFamily::Monospace,
            _ => FontFamily::Proportional,
        };
        let rest = FontDefinitions::default().families[&base].clone();
        let names = first.iter().map(|name| (*name).to_owned()).chain(rest);
        fonts.families.insert(family, names.collect());
    };
    family(FontFamily::Proportional, ["Inter", "JetBrains Mono"]);
    family(FontFamily::Monospace, ["JetBrains Mono", "Inter"]);
    family(
        FontFamily::Name(SEMIBOLD.into()),
        ["Inter SemiBold", "JetBrains Mono"],
    );
    fonts
}

/// Installs the fonts. Once, at the start.
pub fn install_fonts(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.add_glyph_rasterizer(missing_glyph::rasterizer());
}

/// Makes everything that egui draws by itself follow the theme.
pub fn apply(ctx: &egui::Context, theme: &Theme) {
    ctx.set_theme(if theme.is_dark {
        egui::Theme::Dark
    } else {
        egui::Theme::Light
    });
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, strong()),
            (TextStyle::Body, text()),
            (TextStyle::Button, text()),
            (TextStyle::Small, small()),
            (TextStyle::Monospace, small_figures()),
        ]
        .into();
        let spacing = &mut style.spacing;
        spacing.item_spacing = vec2(2.0 * STEP, STEP);
        spacing.button_padding = vec2(2.0 * STEP, 3.0);
        spacing.interact_size = vec2(24.0, 24.0);
        spacing.menu_margin = Margin::same(6);
        spacing.window_margin = Margin::same(12);
        spacing.scroll.bar_width = 8.0;
        spacing.scroll.floating_width = 4.0;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.4;
        style.visuals = visuals(theme);
        style.animation_time = 0.1;
    });
}

fn visuals(theme: &Theme) -> Visuals {
    let mut visuals = if theme.is_dark {
        Visuals::dark()
    } else {
        Visuals::light()
    };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(theme.muted);
    visuals.hyperlink_color = theme.accent;
    visuals.faint_bg_color = theme.panel;
    visuals.extreme_bg_color = theme.background;
    visuals.code_bg_color = theme.raised;
    visuals.warn_fg_color = theme.warning;
    visuals.error_fg_color = theme.bad;
    visuals.panel_fill = theme.panel;
    visuals.window_fill = theme.raised;
    visuals.window_stroke = theme.hairline_stroke();
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CORNER;
    visuals.selection.bg_fill = theme.accent.gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(1.0, theme.text);
    visuals.button_frame = true;
    let widgets = &mut visuals.widgets;
    for (state, fill, text, line) in [
        (
            &mut widgets.noninteractive,
            theme.panel,
            theme.text,
            theme.hairline,
        ),
        (
            &mut widgets.inactive,
            Color32::TRANSPARENT,
            theme.muted,
            Color32::TRANSPARENT,
        ),
        (
            &mut widgets.hovered,
            theme.raised,
            theme.text,
            theme.hairline,
        ),
        (&mut widgets.active, theme.raised, theme.text, theme.accent),
        (&mut widgets.open, theme.raised, theme.text, theme.hairline),
    ] {
        state.weak_bg_fill = fill;
        state.bg_fill = if fill == Color32::TRANSPARENT {
            theme.raised
        } else {
            fill
        };
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, text);
        state.corner_radius = CORNER;
        state.expansion = 0.0;
    }
    visuals
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
    fn what_is_to_be_read_stands_out_from_its_ground() {
        for theme in ThemeChoice::ALL.map(ThemeChoice::theme) {
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
    /// for Simulation of Color Vision Deficiency", 2009, table for deuteranopia): its light is linear, what comes out is as coded on a screen.
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

    #[test]
    fn colours_with_a_meaning_are_told_apart_without_green_cones() {
        for choice in [ThemeChoice::DarkSafe, ThemeChoice::LightSafe] {
            let theme = choice.theme();
            let meanings = [theme.up, theme.down, theme.warning, theme.bad];
            for (at, &a) in meanings.iter().enumerate() {
                for &b in &meanings[..at] {
                    let (a, b) = (without_green(a), without_green(b));
                    let distance = (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt();
                    assert!(
                        distance > 0.15,
                        "{choice:?}: {a:?} and {b:?}: {distance:.2}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_symbol_that_the_program_shows_has_a_glyph() {
        // The harness panics if a glyph is missing.
        let mut is_prepared = false;
        egui_kittest::Harness::new_ui(|ui| {
            if !std::mem::replace(&mut is_prepared, true) {
                install_fonts(ui.ctx());
                return;
            }
            for font in [text(), strong(), figures()] {
                ui.label(egui::RichText::new("·–…●○▾▸▴→Δ±µ°×−∞").font(font));
            }
        })
        .run_steps(2);
    }
}
