//! Draws panes within the tree of tiles, and collects what the user did with them.

use egui::{Color32, CornerRadius, Rect, Stroke, Ui};
use egui_tiles::{
    Behavior, ResizeState, SimplificationOptions, TabState, TileId, Tiles, UiResponse,
};

use super::{dashboard, health, inspector, log, pane::Pane, trades};
use crate::{
    data::{format, pane_windows::PaneId},
    ui::{
        chart::{self, Crosshair, PaneResponse},
        command::UiCommand,
        scene::Scene,
        theme::{self, Theme},
        widgets::styled,
    },
};

/// The most characters of a tab's name.
const TAB_CHARS: usize = 36;

/// Height of the line above the active pane.
const ACTIVE_LINE: f32 = 2.0;

/// Draws panes, and collects what the user did with them.
pub(super) struct PaneTiles<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) crosshair: &'a mut Crosshair,
    pub(super) active: Option<TileId>,
    /// Whether only one pane is seen.
    pub(super) is_alone: bool,
    pub(super) activated: Option<TileId>,
    pub(super) closed: Option<TileId>,
    /// The pane whose view was changed: linked panes follow it.
    pub(super) touched: Option<TileId>,
    /// The pane that was clicked, of any kind.
    pub(super) used: Option<TileId>,
    pub(super) commands: Vec<UiCommand>,
}

impl PaneTiles<'_> {
    fn theme(&self) -> &Theme {
        self.scene.theme
    }
}

impl Behavior<Pane> for PaneTiles<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, id: TileId, pane: &mut Pane) -> UiResponse {
        let is_active = self.active == Some(id);
        let is_pressed = ui.input(|input| input.pointer.any_pressed());
        if is_pressed && ui.rect_contains_pointer(ui.max_rect()) {
            self.used = Some(id);
        }
        let done = match pane {
            Pane::Chart(chart) => chart::show(chart, ui, self.scene, self.crosshair, is_active),
            Pane::Health(_) => health::show(ui, self.scene),
            Pane::Inspector(inspector) => inspector::show(inspector, ui, self.scene),
            Pane::Log(log) => log::show(log, ui, self.scene),
            Pane::Dashboard(pane) => dashboard::show(pane, ui, self.scene),
            Pane::Trades(pane) => trades::show(pane, ui, self.scene),
        };
        let PaneResponse {
            is_activated,
            is_dragged,
            is_closed,
            changes_window,
            is_touched,
            commands,
        } = done;
        if is_touched {
            self.touched = Some(id);
        }
        self.commands.extend(commands);
        if changes_window {
            let pane = Some(PaneId(id.0));
            self.commands.push(UiCommand::ToggleWindow(pane));
        }
        if is_activated && matches!(pane, Pane::Chart(_)) {
            self.activated = Some(id);
        }
        if is_closed {
            self.closed = Some(id);
        }
        if is_dragged {
            UiResponse::DragStarted
        } else {
            UiResponse::None
        }
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        format::cut_front(pane.title(), TAB_CHARS).into()
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions {
            all_panes_must_have_tabs: false,
            ..SimplificationOptions::default()
        }
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn resize_stroke(&self, _style: &egui::Style, state: ResizeState) -> Stroke {
        match state {
            ResizeState::Idle => self.theme().hairline_stroke(),
            ResizeState::Hovering | ResizeState::Dragging => Stroke::new(2.0, self.theme().accent),
        }
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> Color32 {
        self.theme().panel
    }

    fn tab_bg_color(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _id: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.theme().background
        } else {
            Color32::TRANSPARENT
        }
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _id: TileId,
        state: &TabState,
    ) -> Stroke {
        if state.active {
            Stroke::new(1.0, self.theme().accent)
        } else {
            Stroke::NONE
        }
    }

    fn tab_text_color(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _id: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.theme().text
        } else {
            self.theme().muted
        }
    }

    fn paint_on_top_of_tile(
        &self,
        painter: &egui::Painter,
        _style: &egui::Style,
        id: TileId,
        rect: Rect,
    ) {
        if self.active == Some(id) && !self.is_alone {
            let line = rect.with_max_y(rect.top() + ACTIVE_LINE);
            painter.rect_filled(line, CornerRadius::ZERO, self.theme().accent);
        }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        28.0
    }

    fn drag_ui(&mut self, _tiles: &Tiles<Pane>, ui: &mut Ui, _id: TileId) {
        egui::Frame::popup(ui.style()).show(ui, |ui| {
            let text = "Drop the pane at its new place";
            ui.label(styled(text, theme::small(), self.theme().text));
        });
    }
}
