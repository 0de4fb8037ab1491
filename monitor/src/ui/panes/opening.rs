//! Opening panes that are no charts.

use egui_tiles::Tile;
use tickcast_protocol::{message::Position, topic::Topic};

use super::{
    dashboard::{self, DashboardPane},
    health::HealthPane,
    log::LogPane,
    pane::Pane,
    trades::TradesPane,
    workspace::{NoRoom, Workspace},
};
use crate::{data::topics::MonitoredTopic, files::saved_state::TileKind};

impl Workspace {
    /// The topics of all tiles: their newest values are enough.
    pub(crate) fn tile_topics(&self) -> impl Iterator<Item = &Topic> {
        self.panes().flat_map(|(_, pane)| match pane {
            Pane::Dashboard(dashboard) => dashboard.tiles.iter().map(|tile| &tile.topic).collect(),
            _ => Vec::new(),
        })
    }

    /// The topics of all sparklines, whose past is kept.
    pub(crate) fn sparklines(&self) -> impl Iterator<Item = &Topic> {
        let all = self.panes().filter_map(|(_, pane)| match pane {
            Pane::Dashboard(dashboard) => Some(&dashboard.tiles),
            _ => None,
        });
        let all = all
            .flatten()
            .filter(|tile| tile.kind == TileKind::Sparkline);
        all.map(|tile| &tile.topic)
    }

    /// Adds a tile to the dashboard, which is opened if there is none. Returns why there was no
    /// space for it, if there was none.
    pub(crate) fn add_tile(
        &mut self,
        topic: Topic,
        known: Option<&MonitoredTopic>,
    ) -> Option<NoRoom> {
        let kind = dashboard::usual_kind(known);
        let is_dashboard = |pane: &Pane| matches!(pane, Pane::Dashboard(_));
        if !self.show_or_insert(is_dashboard, || Pane::Dashboard(DashboardPane::default())) {
            return Some(NoRoom::Pane);
        }
        let mut dashboards = self.dashboards_mut();
        let has_room = dashboards.next().is_none_or(|pane| pane.add(topic, kind));
        (!has_room).then_some(NoRoom::Series)
    }

    /// Shows a topic of the dashboard as the next kind of tile.
    pub(crate) fn next_tile_kind(&mut self, topic: &Topic) {
        for dashboard in self.dashboards_mut() {
            dashboard.next_kind(topic);
        }
    }

    fn dashboards_mut(&mut self) -> impl Iterator<Item = &mut DashboardPane> {
        self.tree.tiles.tiles_mut().filter_map(|tile| match tile {
            Tile::Pane(Pane::Dashboard(dashboard)) => Some(dashboard),
            _ => None,
        })
    }

    /// Shows the trades of a topic. Returns whether there was space for them.
    pub(crate) fn open_trades(&mut self, topic: Topic) -> bool {
        let is_shown = |pane: &Pane| matches!(pane, Pane::Trades(trades) if trades.topic == topic);
        self.show_or_insert(is_shown, || Pane::Trades(TradesPane::new(topic.clone())))
    }

    /// Shows the health pane. Returns whether there was space for it.
    pub(crate) fn open_health(&mut self) -> bool {
        let is_health = |pane: &Pane| matches!(pane, Pane::Health(_));
        self.show_or_insert(is_health, || Pane::Health(HealthPane))
    }

    /// Shows the inspector. Returns whether there was space for it.
    pub(crate) fn open_inspector(&mut self) -> bool {
        let is_inspector = |pane: &Pane| matches!(pane, Pane::Inspector(_));
        self.show_or_insert(is_inspector, || Pane::Inspector(Box::default()))
    }

    /// Shows a message in the inspector. Returns whether there was space for one.
    pub(crate) fn inspect(&mut self, topic: &Topic, position: Position) -> bool {
        let has_room = self.open_inspector();
        for tile in self.tree.tiles.tiles_mut() {
            if let Tile::Pane(Pane::Inspector(inspector)) = tile {
                inspector.choose(topic.clone(), position);
            }
        }
        has_room
    }

    /// Adds a topic to the log, or takes it off. Returns whether there was space for a log.
    pub(crate) fn toggle_log(&mut self, topic: Topic) -> bool {
        let log = self.tree.tiles.tiles_mut().find_map(|tile| match tile {
            Tile::Pane(Pane::Log(log)) => Some(log),
            _ => None,
        });
        if let Some(log) = log {
            log.toggle(topic);
            return true;
        }
        self.show_or_insert(|_| false, || Pane::Log(Box::new(LogPane::new(vec![topic]))))
    }

    /// Brings a pane to the front, or inserts one. The active chart stays active.
    fn show_or_insert(
        &mut self,
        is_wanted: impl Fn(&Pane) -> bool,
        make: impl FnOnce() -> Pane,
    ) -> bool {
        let shown = self.panes().find(|(_, pane)| is_wanted(pane));
        if let Some(shown) = shown.map(|(id, _)| id) {
            self.used = Some(shown);
            if !self.raise(shown) {
                self.tree.make_active(|id, _| id == shown);
            }
            return true;
        }
        let active = self.active;
        let done = self.insert(make());
        self.used = self.active.filter(|_| done).or(self.used);
        self.active = active.or(self.active);
        done
    }
}
