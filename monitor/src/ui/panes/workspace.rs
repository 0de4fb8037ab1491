//! The workspace: all panes and their layout.

use std::collections::HashSet;

use egui::{Id, Rect, Ui, Vec2};
use egui_tiles::{Tile, TileId, Tree};
use serde::{Serialize, de::DeserializeOwned};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{pane::Pane, placing, tiles::PaneTiles, welcome};
use crate::{
    data::{
        chart::{AxisSide, ChartStyle, ScaleMode, ValueBasis},
        derived::DerivedTopic,
    },
    files::saved_state::{PANES_MAX, SavedTree, SavedWorkspace},
    ui::{
        chart::{self, ChartPane, Crosshair},
        command::{Placement, SeriesAction, UiCommand, ViewAction},
        scene::Scene,
    },
};

/// The chart that was touched last.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveChart {
    /// Its topics.
    pub topics: Vec<Topic>,
    /// Start and end of the visible time.
    pub window: (TimeNs, TimeNs),
    /// Whether that is a time of the sources.
    pub has_source_times: bool,
}

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
    /// Whether all charts show the time of the active one.
    is_linked: bool,
    crosshair: Crosshair,
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
            is_linked: false,
            crosshair: Crosshair::default(),
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

    fn charts(&self) -> impl Iterator<Item = (TileId, &ChartPane)> {
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

    fn active_chart(&self) -> Option<&ChartPane> {
        match self.tree.tiles.get_pane(&self.active?)? {
            Pane::Chart(chart) => Some(&**chart),
            _ => None,
        }
    }

    fn active_chart_mut(&mut self) -> Option<&mut ChartPane> {
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
        self.bring_to_front();
        if has_pane { room } else { Some(NoRoom::Pane) }
    }

    /// Brings the active pane to the front of its tabs.
    fn bring_to_front(&mut self) {
        let active = self.active;
        self.tree.make_active(|id, _| Some(id) == active);
    }

    /// If the active pane lies behind another tab, the chart in front becomes the active one.
    fn activate_what_is_seen(&mut self) {
        let seen = self.tree.active_tiles();
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

    fn close(&mut self, id: TileId) {
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

    /// Changes the view of the active chart.
    pub(crate) fn step(&mut self, step: ViewAction, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.step(step, chart.now_ns(now_ns));
        }
    }

    /// Changes the style of the active chart.
    pub(crate) fn set_style(&mut self, style: ChartStyle, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.set_style(style, chart.now_ns(now_ns));
        }
    }

    /// Changes the value axis of the active chart.
    pub(crate) fn set_scale_mode(&mut self, mode: ScaleMode, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.set_scale_mode(mode, chart.now_ns(now_ns));
        }
    }

    /// Changes what the values of the active chart are shown as; chosen again, as they are.
    pub(crate) fn toggle_basis(&mut self, basis: ValueBasis) {
        if let Some(chart) = self.active_chart_mut() {
            let is_chosen = chart.basis() == basis;
            chart.set_basis(if is_chosen { ValueBasis::Plain } else { basis });
        }
    }

    /// Changes a series of the active chart.
    pub(crate) fn change_series(&mut self, topic: &Topic, action: SeriesAction) {
        if let Some(chart) = self.active_chart_mut() {
            chart.change_series(topic, action);
        }
    }

    /// Places two cursors on the active chart, or removes them.
    pub(crate) fn toggle_cursors(&mut self, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.toggle_cursors(chart.now_ns(now_ns));
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

    /// What the active chart shows, and where it was drawn.
    pub fn active(&self, now_ns: TimeNs) -> Option<ActiveChart> {
        let chart = self.active_chart()?;
        Some(ActiveChart {
            topics: chart.topics.clone(),
            window: chart.view().window(chart.now_ns(now_ns)),
            has_source_times: chart.has_source_times(),
        })
    }

    /// Where the active pane was drawn.
    pub(crate) fn active_rect(&self) -> Option<Rect> {
        self.tree.tiles.rect(self.active?)
    }

    /// Draws all panes and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        if self.is_empty() {
            welcome::show(ui, scene);
            return Vec::new();
        }
        if self
            .active
            .is_none_or(|id| self.tree.tiles.get(id).is_none())
        {
            self.active = self.charts().map(|(id, _)| id).min_by_key(|id| id.0);
        }
        self.crosshair.next_ns = None;
        let is_alone = self.panes().count() < 2;
        let mut behavior = PaneTiles {
            scene,
            crosshair: &mut self.crosshair,
            active: self.active,
            is_alone,
            activated: None,
            closed: None,
            touched: None,
            commands: Vec::new(),
        };
        self.tree.ui(&mut behavior, ui);
        let (activated, closed) = (behavior.activated, behavior.closed);
        let commands = behavior.commands;
        let touched = behavior.touched;
        self.active = activated.or(touched).or(self.active);
        self.activate_what_is_seen();
        self.link();
        // Panes drawn before the one under the pointer show its time with the next repaint. That
        // must come soon if the pointer moved; if only the chart moves below it, it can wait.
        let moved = ui.input(|input| input.pointer.delta() != Vec2::ZERO);
        if moved || self.crosshair.time_ns.is_some() != self.crosshair.next_ns.is_some() {
            ui.ctx().request_repaint();
        }
        self.crosshair.time_ns = self.crosshair.next_ns;
        if let Some(rect) = self.active.and_then(|id| self.tree.tiles.rect(id)) {
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
