//! Fonts, and what each is used for.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily, FontId};

use super::missing_glyph;

const TEXT_SIZE: f32 = 13.0;
const TABLE_SIZE: f32 = 12.0;
const AXIS_SIZE: f32 = 11.0;

const SEMIBOLD: &str = "semibold";

/// Text.
pub(crate) fn text() -> FontId {
    FontId::proportional(TEXT_SIZE)
}

/// Text that stands out.
pub(crate) fn strong() -> FontId {
    FontId::new(TEXT_SIZE, FontFamily::Name(SEMIBOLD.into()))
}

/// Text in tables and explanations.
pub(crate) fn small() -> FontId {
    FontId::proportional(TABLE_SIZE)
}

/// Figures in headings.
pub(crate) fn figures() -> FontId {
    FontId::monospace(TEXT_SIZE)
}

/// Figures in tables.
pub(crate) fn small_figures() -> FontId {
    FontId::monospace(TABLE_SIZE)
}

/// Figures on axes.
pub(crate) fn axis_figures() -> FontId {
    FontId::monospace(AXIS_SIZE)
}

/// Text on axes and in charts.
pub(crate) fn axis_text() -> FontId {
    FontId::proportional(AXIS_SIZE)
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let files: [(&str, &'static [u8]); 3] = [
        (
            "Inter",
            include_bytes!("../../../assets/fonts/Inter-Regular.otf"),
        ),
        (
            "Inter SemiBold",
            include_bytes!("../../../assets/fonts/Inter-SemiBold.otf"),
        ),
        (
            "JetBrains Mono",
            include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf"),
        ),
    ];
    for (name, bytes) in files {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    // Each falls back on the other for missing symbols, then on the fonts of egui.
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

/// Installs the fonts. Call it once, at the start.
pub(crate) fn install_fonts(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.add_glyph_rasterizer(missing_glyph::rasterizer());
}

#[cfg(test)]
mod tests {
    use super::*;

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
