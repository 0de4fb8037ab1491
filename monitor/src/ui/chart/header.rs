//! The line at the top of a chart: title, style, scale.

use egui::{Align, Color32, Layout, Rect, Sense, Ui, UiBuilder, vec2};
use tickcast_protocol::topic::Topic;

use super::{
    pane::{ChartPane, PaneResponse},
    title,
};
use crate::{
    data::chart::{ChartStyle, ScaleMode, ValueBasis},
    ui::{
        own_window,
        scene::Scene,
        theme,
        widgets::{choice, styled},
    },
};

/// In narrower panes the buttons are in a menu, so that the title keeps its room.
const BUTTONS_FROM_WIDTH: f32 = 720.0;

/// In narrower panes the title has the room of the menu with the buttons. Keys and the menu of a
/// right click do the same.
const MENU_FROM_WIDTH: f32 = 180.0;

/// In narrower panes the longer candles are in a menu of their own.
const LONG_CANDLES_FROM_WIDTH: f32 = 1_200.0;

/// The line and the shortest candles always have a button.
const SHORT_STYLES: usize = 5;

/// Draws the line.
pub(super) fn show(
    pane: &mut ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    rect: Rect,
    (is_active, has_legend): (bool, bool),
    done: &mut PaneResponse,
) {
    let theme = scene.theme;
    let handle = ui.interact(rect, ui.scope_id().with("header"), Sense::click_and_drag());
    done.is_dragged = handle.drag_started();
    done.is_activated |= handle.clicked();
    let name = pane.topics.first().map_or("", Topic::as_str);
    handle.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::TitleBar, true, format!("Pane {name}"))
    });
    let hovered = ui.rect_contains_pointer(ui.max_rect());
    let inner = rect.shrink2(vec2(12.0, 2.0));
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(inner)
            .layout(Layout::right_to_left(Align::Center)),
    );
    let ui = &mut ui;
    ui.spacing_mut().item_spacing.x = 2.0;
    // Always there for the keyboard and for screen readers, visible where it is useful.
    let is_seen = hovered || is_active;
    let color = if is_seen {
        theme.muted
    } else {
        Color32::TRANSPARENT
    };
    if rect.width() >= theme::PANE_CLOSE_FROM_WIDTH {
        let close = egui::Button::new(styled("×", theme::text(), color)).frame_when_inactive(false);
        let close = ui.add(close).on_hover_text("Close this pane (Ctrl+W)");
        close.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Close {name}"))
        });
        done.is_closed = close.clicked();
    }
    if rect.width() >= theme::PANE_WINDOW_FROM_WIDTH {
        done.changes_window |= own_window::button(ui, scene, name, color);
    }
    let has_buttons = rect.width() >= BUTTONS_FROM_WIDTH;
    if has_buttons {
        buttons(pane, ui, scene, rect.width() >= LONG_CANDLES_FROM_WIDTH);
    } else if rect.width() >= MENU_FROM_WIDTH {
        let menu = egui::Button::new(styled("View", theme::small(), color));
        let menu = menu.frame_when_inactive(false);
        egui::containers::menu::MenuButton::from_button(menu).ui(ui, |ui| {
            ui.set_max_width(120.0);
            buttons(pane, ui, scene, true);
        });
    }
    let right = if is_seen || has_buttons {
        ui.available_rect_before_wrap().right()
    } else {
        inner.right()
    };
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(inner.with_max_x(right))
            .layout(Layout::left_to_right(Align::Center)),
    );
    ui.set_clip_rect(ui.max_rect().expand(2.0));
    title::show(pane, &mut ui, scene, is_active, has_legend);
}

fn buttons(pane: &mut ChartPane, ui: &mut Ui, scene: &Scene<'_>, has_long: bool) {
    let theme = scene.theme;
    ui.add_space(4.0);
    for (label, basis, tip) in [
        (
            "0–1",
            ValueBasis::Normalised,
            "Each series fills the height",
        ),
        (
            "%",
            ValueBasis::Percent,
            "Change from the first visible value (P)",
        ),
    ] {
        let chosen = pane.basis() == basis;
        let button = choice(ui, theme, chosen, label).on_hover_text(tip);
        if button.clicked() {
            pane.set_basis(if chosen { ValueBasis::Plain } else { basis });
        }
    }
    ui.label(styled("·", theme::small(), theme.dim));
    for (label, mode, tip) in [
        ("Log", ScaleMode::Log, "A logarithmic axis"),
        ("Lock", ScaleMode::Lock, "The range stays fixed"),
        (
            "Auto",
            ScaleMode::Auto,
            "The visible values fill the height",
        ),
    ] {
        let chosen = pane.scale_mode == mode;
        if choice(ui, theme, chosen, label)
            .on_hover_text(tip)
            .clicked()
        {
            pane.set_scale_mode(mode, scene.now_ns);
        }
    }
    ui.label(styled("·", theme::small(), theme.dim));
    let (short, long) = ChartStyle::ALL.split_at(SHORT_STYLES);
    if has_long {
        styles(pane, ui, scene, long);
    } else {
        let more = egui::Button::new(styled("…", theme::small(), theme.muted));
        let more = egui::containers::menu::MenuButton::from_button(more.frame_when_inactive(false));
        let (button, _) = more.ui(ui, |ui| styles(pane, ui, scene, long));
        button
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Longer candles"));
        // What is chosen is seen.
        let chosen = long.iter().filter(|(_, style)| *style == pane.style);
        let chosen: Vec<_> = chosen.copied().collect();
        styles(pane, ui, scene, &chosen);
    }
    styles(pane, ui, scene, short);
}

/// Draws the buttons of styles, from the last to the first.
fn styles(
    pane: &mut ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    styles: &[(&'static str, ChartStyle)],
) {
    for &(label, style) in styles.iter().rev() {
        let tip = match style {
            ChartStyle::Line => "Every update".to_owned(),
            ChartStyle::Candles(_) => format!("Candles of {label}"),
        };
        if choice(ui, scene.theme, pane.style == style, label)
            .on_hover_text(tip)
            .clicked()
        {
            pane.set_style(style, scene.now_ns);
        }
    }
}
