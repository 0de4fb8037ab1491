//! The charts: panes that can be split, dragged and closed.

use std::collections::HashSet;

use egui::{Id, Rect, Ui, Vec2};
use egui_tiles::{Container, Tile, TileId, Tree};
use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::{
    chart_pane::ChartPane,
    chart_view::{self, Crosshair},
    health_pane::HealthPane,
    panes::Panes,
    welcome,
};
use crate::{
    chart::{ChartStyle, scale::ScaleMode},
    scene::{Command, Place, Scene, ViewStep},
    store::TimeNs,
};

/// Most panes: each wants every update of its topics, and more do not fit a screen.
const PANES_MAX: usize = 24;

/// Most panes and containers of a layout that is read from a file.
const TILES_MAX: usize = 4 * PANES_MAX;

/// The part of the height that the first pane keeps when others come below it.
const MAIN_PART: f32 = 0.7;

/// Panes in a row before another row is begun.
const ROW_MAX: usize = 4;

/// A part of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pane {
    /// A chart.
    Chart(ChartPane),
    /// Latencies, losses and clock of a topic.
    Health(HealthPane),
}

/// The chart that was touched last.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveChart {
    /// What it shows.
    pub topics: Vec<Topic>,
    /// From when to when.
    pub window: (TimeNs, TimeNs),
    /// Where it was drawn.
    pub rect: Rect,
}

/// All panes and how they are laid out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    tree: Tree<Pane>,
    active: Option<TileId>,
    /// Whether all charts show the time of the active one.
    #[serde(default)]
    is_linked: bool,
    #[serde(skip)]
    crosshair: Crosshair,
    #[serde(skip)]
    active_width: f32,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            tree: Tree::empty(Id::unique("workspace")),
            active: None,
            is_linked: false,
            crosshair: Crosshair::default(),
            active_width: 0.0,
        }
    }
}

impl Workspace {
    /// Whether there is no pane.
    pub fn is_empty(&self) -> bool {
        self.tree.root().is_none()
    }

    /// Whether it can be drawn: no part is within itself, and each chart has a topic. What was read
    /// from a file may be anything; parts that are missing do no harm.
    pub fn is_sound(&self) -> bool {
        let mut seen = HashSet::new();
        let mut waiting: Vec<TileId> = self.tree.root().into_iter().collect();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                return false;
            }
            match self.tree.tiles.get(id) {
                Some(Tile::Container(container)) => waiting.extend(container.children()),
                Some(Tile::Pane(_)) | None => {}
            }
        }
        let has_root = self
            .tree
            .root()
            .is_none_or(|id| self.tree.tiles.get(id).is_some());
        has_root
            && seen.len() <= TILES_MAX
            && self.charts().all(|(_, chart)| !chart.topics.is_empty())
    }

    fn panes(&self) -> impl Iterator<Item = (TileId, &Pane)> {
        self.tree.tiles.iter().filter_map(|(&id, tile)| match tile {
            Tile::Pane(pane) => Some((id, pane)),
            Tile::Container(_) => None,
        })
    }

    fn charts(&self) -> impl Iterator<Item = (TileId, &ChartPane)> {
        self.panes().filter_map(|(id, pane)| match pane {
            Pane::Chart(chart) => Some((id, chart)),
            Pane::Health(_) => None,
        })
    }

    fn charts_mut(&mut self) -> impl Iterator<Item = &mut ChartPane> {
        self.tree.tiles.tiles_mut().filter_map(|tile| match tile {
            Tile::Pane(Pane::Chart(chart)) => Some(chart),
            Tile::Pane(Pane::Health(_)) | Tile::Container(_) => None,
        })
    }

    /// All topics that are charted.
    pub fn topics(&self) -> HashSet<Topic> {
        self.charts()
            .flat_map(|(_, chart)| chart.topics.iter().cloned())
            .collect()
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
            Pane::Chart(chart) => Some(chart),
            Pane::Health(_) => None,
        }
    }

    fn active_chart_mut(&mut self) -> Option<&mut ChartPane> {
        match self.tree.tiles.get_mut(self.active?)? {
            Tile::Pane(Pane::Chart(chart)) => Some(chart),
            Tile::Pane(Pane::Health(_)) | Tile::Container(_) => None,
        }
    }

    /// Whether all charts show the newest samples.
    pub fn is_following(&self) -> bool {
        self.charts().all(|(_, chart)| chart.is_following())
    }

    /// All charts show the newest samples from now on.
    pub fn follow_all(&mut self, now_ns: TimeNs) {
        for chart in self.charts_mut() {
            chart.follow(now_ns);
        }
    }

    /// How many samples a pixel of the active chart stands for.
    pub fn samples_per_pixel(&self, scene: &Scene<'_>) -> Option<f64> {
        chart_view::samples_per_pixel(scene, self.active_chart()?, self.active_width)
    }

    /// Opens a chart. Whether there was room for it.
    pub fn open(&mut self, topic: Topic, place: Place) -> bool {
        let shown = self
            .charts()
            .find(|(_, chart)| chart.topics.first() == Some(&topic))
            .map(|(id, _)| id);
        match (place, shown) {
            (Place::Active, Some(shown)) => {
                self.active = Some(shown);
                self.tree.make_active(|id, _| id == shown);
            }
            (Place::Active, None) => match self.active_chart_mut() {
                Some(chart) => chart.replace(topic),
                None => return self.insert(Pane::Chart(ChartPane::new(topic))),
            },
            (Place::Overlay, _) => match self.active_chart_mut() {
                Some(chart) => chart.overlay(topic),
                None => return self.insert(Pane::Chart(ChartPane::new(topic))),
            },
            (Place::New, _) => return self.insert(Pane::Chart(ChartPane::new(topic))),
        }
        true
    }

    /// Shows the health pane.
    pub fn open_health(&mut self) -> bool {
        let shown = self
            .panes()
            .find(|(_, pane)| matches!(pane, Pane::Health(_)))
            .map(|(id, _)| id);
        match shown {
            Some(shown) => {
                self.tree.make_active(|id, _| id == shown);
                true
            }
            None => {
                let active = self.active;
                let done = self.insert(Pane::Health(HealthPane::default()));
                self.active = active.or(self.active);
                done
            }
        }
    }

    /// Puts a pane where there is room: the first has it all, the next go into a row below it.
    fn insert(&mut self, pane: Pane) -> bool {
        if self.panes().count() >= PANES_MAX {
            return false;
        }
        let tiles = &mut self.tree.tiles;
        let new = tiles.insert_pane(pane);
        self.active = Some(new);
        let Some(root) = self.tree.root else {
            self.tree.root = Some(new);
            return true;
        };
        let last = match tiles.get_container(root) {
            Some(Container::Linear(linear)) if linear.dir == egui_tiles::LinearDir::Vertical => {
                linear
                    .children
                    .last()
                    .copied()
                    .filter(|_| linear.children.len() > 1)
            }
            _ => None,
        };
        let Some(last) = last else {
            let column = egui_tiles::Linear::new_binary(
                egui_tiles::LinearDir::Vertical,
                [root, new],
                MAIN_PART,
            );
            self.tree.root = Some(tiles.insert_container(column));
            return true;
        };
        if let Some(Tile::Container(Container::Linear(row))) = tiles.get_mut(last) {
            if row.children.len() < ROW_MAX {
                row.add_child(new);
            } else if let Some(Tile::Container(column)) = tiles.get_mut(root) {
                column.add_child(new);
            }
            return true;
        }
        let row = tiles.insert_horizontal_tile(vec![last, new]);
        if let Some(Tile::Container(column)) = tiles.get_mut(root) {
            let share = match column {
                Container::Linear(linear) => Some(linear.shares[last]),
                _ => None,
            };
            let replaced = column.replace_child(last, row);
            if let (Container::Linear(linear), Some(share), Some(_)) = (column, share, replaced) {
                linear.shares.set_share(row, share);
            }
        }
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
    pub fn close_active(&mut self) {
        if let Some(id) = self.active {
            self.close(id);
        }
    }

    /// All charts show the same time from now on, or each its own.
    pub fn toggle_link(&mut self) {
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
        let Some(view) = self.active_chart().map(|chart| chart.view.clone()) else {
            return;
        };
        for chart in self.charts_mut().filter(|chart| chart.view != view) {
            chart.view = view.clone();
        }
    }

    /// Changes the view of the active chart.
    pub fn step(&mut self, step: ViewStep, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.step(step, now_ns);
        }
    }

    /// Draws the active chart in another way.
    pub fn set_style(&mut self, style: ChartStyle) {
        if let Some(chart) = self.active_chart_mut() {
            chart.style = style;
        }
    }

    /// Lays the values of the active chart out in another way.
    pub fn set_scale_mode(&mut self, mode: ScaleMode) {
        if let Some(chart) = self.active_chart_mut() {
            chart.set_scale_mode(mode);
        }
    }

    /// The next chart becomes the active one, in the order in which they were opened.
    pub fn next_pane(&mut self) {
        let mut charts: Vec<TileId> = self.charts().map(|(id, _)| id).collect();
        charts.sort_by_key(|id| id.0);
        let at = charts.iter().position(|&id| Some(id) == self.active);
        let next = at.map_or(0, |at| (at + 1) % charts.len());
        self.active = charts.get(next).copied().or(self.active);
        let active = self.active;
        self.tree.make_active(|id, _| Some(id) == active);
    }

    /// What the active chart shows, and where it was drawn.
    pub fn active(&self, now_ns: TimeNs) -> Option<ActiveChart> {
        let chart = self.active_chart()?;
        Some(ActiveChart {
            topics: chart.topics.clone(),
            window: chart.view.window(now_ns),
            rect: self.tree.tiles.rect(self.active?)?,
        })
    }

    /// Draws all panes and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
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
        let mut behavior = Panes {
            scene,
            crosshair: &mut self.crosshair,
            active: self.active,
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
        self.link();
        // Panes drawn before the one under the pointer learn of it with the next repaint, which must
        // come soon if the pointer moved; that the chart moves below it can wait.
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
