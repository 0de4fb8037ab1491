//! The style of egui's own widgets.

use egui::{Color32, CornerRadius, Margin, Stroke, TextStyle, Visuals, vec2};

use super::{
    fonts::{small, small_figures, strong, text},
    palette::Theme,
    sizes::{CORNER, STEP},
};

/// Applies the theme to egui's own widgets.
pub(crate) fn apply(ctx: &egui::Context, theme: &Theme) {
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
