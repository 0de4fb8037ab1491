//! The frame of a pane that is no chart: its title, its cross, its handle.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, vec2};

use crate::ui::{
    chart::PaneResponse, names::Name, own_window, scene::Scene, theme, widgets::styled,
};

/// What a pane is about is left out where there is less space: its few letters would tell nothing.
const ABOUT_MIN_WIDTH: f32 = 56.0;

/// Draws the title of a pane, on the ground that the window was cleared with. Returns the area
/// below.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    title: &str,
    about: &str,
    done: &mut PaneResponse,
) -> Rect {
    let theme = scene.theme;
    let area = ui.max_rect();
    let (header, body) = area.split_top_bottom_at_y(area.top() + theme::PANE_HEADER_HEIGHT);
    let handle = ui.interact(
        header,
        ui.scope_id().with("header"),
        Sense::click_and_drag(),
    );
    handle.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::TitleBar, true, format!("Pane {title}"))
    });
    done.is_dragged = handle.drag_started();
    let inner = header.shrink2(vec2(12.0, 2.0));
    let layout = Layout::right_to_left(Align::Center);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    // Always there for the keyboard and for screen readers.
    if header.width() >= theme::PANE_CLOSE_FROM_WIDTH {
        let close =
            egui::Button::new(styled("×", theme::text(), theme.muted)).frame_when_inactive(false);
        let close = ui.add(close);
        close.widget_info(|| {
            let name = format!("Close {}", title.to_lowercase());
            egui::WidgetInfo::labeled(egui::Role::Button, true, name)
        });
        done.is_closed = close.clicked();
    }
    if header.width() >= theme::PANE_WINDOW_FROM_WIDTH {
        done.changes_window = own_window::button(&mut ui, scene, title, theme.muted);
    }
    handle.context_menu(|ui| done.changes_window |= own_window::menu_item(ui, scene));
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        let words = Name {
            text: title,
            font: theme::strong(),
            color: theme.text,
        };
        words.show_cut_at_end(ui, f32::INFINITY);
        let name = Name {
            text: about,
            font: theme::small(),
            color: theme.muted,
        };
        let width = ui.available_width();
        if width >= ABOUT_MIN_WIDTH {
            name.show(ui, width);
        }
    });
    body
}

/// What is written into the area below the title, with a margin.
pub(super) fn inside(ui: &mut Ui, body: Rect) -> Ui {
    let inside = UiBuilder::new()
        .max_rect(body.shrink2(vec2(12.0, 4.0)))
        .layout(Layout::top_down(Align::Min));
    let mut ui = ui.new_child(inside);
    ui.set_clip_rect(body);
    ui
}
