//! How panes are drawn within the tree of tiles, and what the person did with them.

use egui::{Stroke, Ui};
use egui_tiles::{Behavior, ResizeState, SimplificationOptions, TileId, Tiles, UiResponse};
use tickcast_protocol::topic::Topic;

use super::{chart_pane::PaneResponse, chart_view::Crosshair, workspace::Pane};
use crate::{
    scene::{Command, Scene},
    theme::{self, Theme},
};

/// Draws panes, and keeps what was done with them for the workspace.
pub(super) struct Panes<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) crosshair: &'a mut Crosshair,
    pub(super) active: Option<TileId>,
    pub(super) activated: Option<TileId>,
    pub(super) closed: Option<TileId>,
    /// Its view was changed: the others follow it if they are linked.
    pub(super) touched: Option<TileId>,
    pub(super) commands: Vec<Command>,
}

impl Panes<'_> {
    fn theme(&self) -> &Theme {
        self.scene.theme
    }
}

impl Behavior<Pane> for Panes<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, id: TileId, pane: &mut Pane) -> UiResponse {
        let is_active = self.active == Some(id);
        let done = match pane {
            Pane::Chart(chart) => chart.show(ui, self.scene, self.crosshair, is_active),
            Pane::Health(health) => health.show(ui, self.scene),
        };
        let PaneResponse {
            is_activated,
            is_dragged,
            is_closed,
            is_touched,
            commands,
        } = done;
        if is_touched {
            self.touched = Some(id);
        }
        self.commands.extend(commands);
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
        match pane {
            Pane::Chart(chart) => chart.topics.first().map_or("", Topic::as_str).into(),
            Pane::Health(_) => "Health".into(),
        }
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

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        self.theme().panel
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        28.0
    }

    fn drag_ui(&mut self, _tiles: &Tiles<Pane>, ui: &mut Ui, _id: TileId) {
        egui::Frame::popup(ui.style()).show(ui, |ui| {
            let text = "Drop where it shall be";
            ui.label(super::widgets::styled(
                text,
                theme::small(),
                self.theme().text,
            ));
        });
    }
}
