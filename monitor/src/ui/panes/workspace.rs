//! The workspace: all panes and their layout.

use std::collections::HashSet;

use egui::{Id, Rect, Ui, Vec2};
use egui_tiles::{Behavior, Tile, TileId, Tree};
use serde::{Serialize, de::DeserializeOwned};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{pane::Pane, placing, tiles::PaneTiles, welcome, window::WorkspaceWindow};
use crate::{
    data::{
        chart::AxisSide,
        derived::DerivedTopic,
        pane_windows::{PaneId, PaneWindows},
    },
    files::saved_state::{PANES_MAX, SavedTree, SavedWorkspace},
    ui::{
        chart::{self, ChartPane, Crosshair},
        command::{Placement, UiCommand},
        scene::Scene,
    },
};

/// Why a chart could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// There are too many panes.
    Pane,
    /// The chart has too many series, or the dashboard too many tiles.
    Series,
}

/// All panes and how they are laid out.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(super) tree: Tree<Pane>,
    pub(super) active: Option<TileId>,
    /// The pane that was clicked or opened last, of any kind.
    pub(super) used: Option<TileId>,
    /// The panes in windows of their own. In the tree they are invisible.
    pub(super) windows: PaneWindows,
    /// The window that is to come to the front.
    pub(super) raised: Option<PaneId>,
    /// Whether other windows have something new to show.
    pub(super) has_news: bool,
    /// Whether all charts show the time of the active one.
    is_linked: bool,
    crosshair: Crosshair,
    /// The window with the pointer on a chart.
    pointed: Option<WorkspaceWindow>,
    /// Where the active pane was drawn, if it is in the window that was drawn last.
    active_rect: Option<Rect>,
    active_width: f32,
    /// The panes that are not behind other tabs.
    seen: Vec<TileId>,
    /// The derived topics of a saved layout.
    derived: Vec<DerivedTopic>,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            tree: Tree::empty(Id::unique("workspace")),
            active: None,
            used: None,
            windows: PaneWindows::default(),
            raised: None,
            has_news: false,
            is_linked: false,
            crosshair: Crosshair::default(),
            pointed: None,
            active_rect: None,
            active_width: 0.0,
            seen: Vec::new(),
            derived: Vec::new(),
        }
    }
}

impl Workspace {
    /// The workspace as it was saved.
    pub(crate) fn new(saved: &SavedWorkspace) -> Self {
        let mut workspace = Self {
            active: saved.active.map(TileId),
            is_linked: saved.is_linked,
            derived: saved.derived.clone(),
            ..Self::default()
        };
        if !saved.is_empty() {
            match converted(&saved.tree) {
                Ok(tree) => workspace.tree = tree,
                Err(error) => tracing::error!("cannot use the saved panes: {error}"),
            }
        }
        workspace.restore_windows(&saved.windows);
        workspace
    }

    /// What to save.
    pub(crate) fn saved(&self) -> SavedWorkspace {
        let tree = converted(&self.tree).unwrap_or_else(|error| {
            tracing::error!("cannot save the panes: {error}");
            SavedTree::default()
        });
        SavedWorkspace {
            tree,
            active: self.active.map(|id| id.0),
            is_linked: self.is_linked,
            derived: self.derived.clone(),
            windows: self.windows.all().to_vec(),
        }
    }

    /// The derived topics of a saved layout.
    pub(crate) fn derived(&self) -> &[DerivedTopic] {
        &self.derived
    }

    /// Sets the derived topics of a layout to be saved.
    pub(crate) fn set_derived(&mut self, derived: Vec<DerivedTopic>) {
        self.derived = derived;
    }

    /// Whether there is no pane.
    pub fn is_empty(&self) -> bool {
        self.tree.root().is_none()
    }

    pub(super) fn panes(&self) -> impl Iterator<Item = (TileId, &Pane)> {
        self.tree.tiles.iter().filter_map(|(&id, tile)| match tile {
            Tile::Pane(pane) => Some((id, pane)),
            Tile::Container(_) => None,
        })
    }

    pub(super) fn charts(&self) -> impl Iterator<Item = (TileId, &ChartPane)> {
        self.panes().filter_map(|(id, pane)| match pane {
            Pane::Chart(chart) => Some((id, &**chart)),
            _ => None,
        })
    }

    fn charts_mut(&mut self) -> impl Iterator<Item = &mut ChartPane> {
        self.tree.tiles.tiles_mut().filter_map(|tile| match tile {
            Tile::Pane(Pane::Chart(chart)) => Some(&mut **chart),
            _ => None,
        })
    }

    /// All charted topics.
    pub fn topics(&self) -> HashSet<Topic> {
        let mut topics: HashSet<Topic> = self
            .charts()
            .flat_map(|(_, chart)| chart.topics.iter().cloned())
            .collect();
        topics.extend(self.panes().filter_map(|(_, pane)| match pane {
            Pane::Trades(trades) => Some(trades.topic.clone()),
            _ => None,
        }));
        topics
    }

    /// The charts' topics, pane by pane.
    pub fn chart_topics(&self) -> Vec<Vec<Topic>> {
        self.charts()
            .map(|(_, chart)| chart.topics.clone())
            .collect()
    }

    /// The main topic of the chart that was touched last, or of any.
    pub fn main_topic(&self) -> Option<Topic> {
        let chart = self.active_chart().or_else(|| {
            self.charts()
                .min_by_key(|(id, _)| id.0)
                .map(|(_, chart)| chart)
        });
        chart?.topics.first().cloned()
    }

    pub(super) fn active_chart(&self) -> Option<&ChartPane> {
        match self.tree.tiles.get_pane(&self.active?)? {
            Pane::Chart(chart) => Some(&**chart),
            _ => None,
        }
    }

    pub(super) fn active_chart_mut(&mut self) -> Option<&mut ChartPane> {
        match self.tree.tiles.get_mut(self.active?)? {
            Tile::Pane(Pane::Chart(chart)) => Some(&mut **chart),
            _ => None,
        }
    }

    /// Whether all charts show the newest samples.
    pub fn is_following(&self) -> bool {
        self.charts().all(|(_, chart)| chart.is_following())
    }

    /// Lets all charts follow the newest samples.
    pub(crate) fn follow_all(&mut self, now_ns: TimeNs) {
        for chart in self.charts_mut() {
            chart.follow(chart.now_ns(now_ns));
        }
    }

    /// The number of samples per pixel of the active chart.
    pub(crate) fn samples_per_pixel(&self, scene: &Scene<'_>) -> Option<f64> {
        chart::samples_per_pixel(scene, self.active_chart()?, self.active_width)
    }

    /// Opens a chart. Returns why there was no space for it, if there was none.
    pub(crate) fn open(&mut self, topic: Topic, placement: Placement) -> Option<NoRoom> {
        let shown = self
            .charts()
            .find(|(_, chart)| chart.topics.first() == Some(&topic))
            .map(|(id, _)| id);
        let mut room = None;
        let has_pane = match (placement, shown, self.active_chart_mut()) {
            (Placement::Active, Some(shown), _) => {
                self.active = Some(shown);
                self.raise(shown);
                true
            }
            (Placement::Active, None, Some(chart)) => {
                chart.replace(topic);
                true
            }
            (Placement::Overlay, _, Some(chart)) => {
                room = (!chart.overlay(topic)).then_some(NoRoom::Series);
                true
            }
            (Placement::SecondAxis, _, Some(chart)) => {
                room = (!chart.add(topic, AxisSide::Left)).then_some(NoRoom::Series);
                true
            }
            (Placement::New, ..) | (_, _, None) => self.insert(Pane::chart(topic)),
        };
        self.used = self.active;
        self.bring_to_front();
        if has_pane { room } else { Some(NoRoom::Pane) }
    }

    /// Brings the active pane to the front of its tabs.
    fn bring_to_front(&mut self) {
        if let Some(active) = self.active.filter(|&active| !self.is_out(active)) {
            self.tree.make_active(|id, _| id == active);
        }
    }

    /// If the active pane lies behind another tab, the chart in front becomes the active one.
    fn activate_what_is_seen(&mut self) {
        let mut seen = self.tree.active_tiles();
        seen.extend(self.tiles_out());
        if self.active.is_none_or(|active| seen.contains(&active)) {
            self.seen = seen;
            return;
        }
        let charts = self.charts().map(|(id, _)| id);
        let charts = charts.filter(|id| seen.contains(id));
        // The tab that was clicked was not seen before.
        let next = charts.min_by_key(|id| (self.seen.contains(id), id.0));
        self.active = next.or(self.active);
        self.seen = seen;
    }

    /// The topics whose messages are shown.
    pub(crate) fn inspected(&self, selected: Option<&Topic>) -> HashSet<Topic> {
        self.panes()
            .flat_map(|(_, pane)| pane.inspected(selected))
            .collect()
    }

    /// Inserts a pane if there are not too many. Returns whether it did.
    pub(super) fn insert(&mut self, pane: Pane) -> bool {
        if self.panes().count() >= PANES_MAX {
            return false;
        }
        self.active = Some(placing::insert(&mut self.tree, pane));
        true
    }

    pub(super) fn close(&mut self, id: TileId) {
        self.windows.closed(PaneId(id.0));
        self.has_news = true;
        self.tree.remove_recursively(id);
        if self
            .tree
            .root
            .is_some_and(|root| self.tree.tiles.get(root).is_none())
        {
            self.tree.root = None;
        }
        if self.active == Some(id) {
            self.active = self.charts().map(|(id, _)| id).min_by_key(|id| id.0);
        }
    }

    /// Closes the active pane.
    pub(crate) fn close_active(&mut self) {
        if let Some(id) = self.active {
            self.close(id);
        }
    }

    /// Links the times of all charts, or unlinks them.
    pub(crate) fn toggle_link(&mut self) {
        self.is_linked = !self.is_linked;
        self.link();
    }

    /// Whether all charts show the same time.
    pub fn is_linked(&self) -> bool {
        self.is_linked
    }

    fn link(&mut self) {
        if !self.is_linked {
            return;
        }
        let Some(view) = self.active_chart().map(|chart| *chart.view()) else {
            return;
        };
        for chart in self.charts_mut().filter(|chart| *chart.view() != view) {
            chart.set_view(view);
        }
    }

    /// Makes the next chart active, in the order in which they were opened.
    pub(crate) fn next_pane(&mut self) {
        let mut charts: Vec<TileId> = self.charts().map(|(id, _)| id).collect();
        charts.sort_by_key(|id| id.0);
        let at = charts.iter().position(|&id| Some(id) == self.active);
        let next = at.map_or(0, |at| (at + 1) % charts.len());
        self.active = charts.get(next).copied().or(self.active);
        self.bring_to_front();
    }

    /// Where the active pane was drawn, if it is in the window that was drawn last.
    pub(crate) fn active_rect(&self) -> Option<Rect> {
        self.active_rect
    }

    /// Draws the panes of the main window and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        if self.is_empty() {
            self.active_rect = None;
            welcome::show(ui, scene);
            return Vec::new();
        }
        self.draw(ui, scene, WorkspaceWindow::Main)
    }

    /// Draws the panes of a window and returns the commands that the user gave.
    pub(super) fn draw(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        window: WorkspaceWindow,
    ) -> Vec<UiCommand> {
        if self
            .active
            .is_none_or(|id| self.tree.tiles.get(id).is_none())
        {
            self.active = self.charts().map(|(id, _)| id).min_by_key(|id| id.0);
        }
        self.crosshair.next_ns = None;
        let in_main = self.panes().filter(|&(id, _)| !self.is_out(id)).count();
        let is_alone = window != WorkspaceWindow::Main || in_main < 2;
        let whole = ui.max_rect();
        let mut behavior = PaneTiles {
            scene,
            crosshair: &mut self.crosshair,
            active: self.active,
            is_alone,
            activated: None,
            closed: None,
            touched: None,
            used: None,
            commands: Vec::new(),
        };
        match window {
            WorkspaceWindow::Main if in_main == 0 => welcome::all_panes_out(ui, scene),
            WorkspaceWindow::Main => self.tree.ui(&mut behavior, ui),
            WorkspaceWindow::Pane(id) => {
                if let Some(Tile::Pane(pane)) = self.tree.tiles.get_mut(id) {
                    // A drag of its title has no place to go to here.
                    let _ = behavior.pane_ui(ui, id, pane);
                }
            }
        }
        let PaneTiles {
            activated,
            closed,
            touched,
            used,
            commands,
            ..
        } = behavior;
        self.used = used.or(self.used);
        let before = self.active;
        self.active = activated.or(touched).or(self.active);
        self.activate_what_is_seen();
        self.link();
        self.has_news |= self.active != before || (touched.is_some() && self.is_linked);
        // Panes drawn before the one under the pointer show its time with the next repaint. That
        // must come soon if the pointer moved; if only the chart moves below it, it can wait.
        let moved = ui.input(|input| input.pointer.delta() != Vec2::ZERO);
        let is_pointed = self.crosshair.next_ns.is_some();
        if is_pointed || self.pointed == Some(window) {
            if moved || self.crosshair.time_ns.is_some() != is_pointed {
                ui.ctx().request_repaint();
                self.has_news = true;
            }
            self.crosshair.time_ns = self.crosshair.next_ns;
            self.pointed = is_pointed.then_some(window);
        }
        self.active_rect = match (self.active, window) {
            (Some(id), WorkspaceWindow::Main) => self.tree.tiles.rect(id),
            (active, WorkspaceWindow::Pane(id)) => (active == Some(id)).then_some(whole),
            (None, WorkspaceWindow::Main) => None,
        };
        if let Some(rect) = self.active_rect {
            self.active_width = rect.width();
        }
        if let Some(id) = closed {
            self.close(id);
        }
        commands
    }
}

/// Converts between the panes' tree and the saved one, which have the same form.
fn converted<T: DeserializeOwned>(tree: &impl Serialize) -> serde_json::Result<T> {
    serde_json::to_value(tree).and_then(serde_json::from_value)
}
