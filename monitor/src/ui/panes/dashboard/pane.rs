//! The tiles of a dashboard in a grid, and what is done with them.

use egui::{CornerRadius, Rect, Response, ScrollArea, Sense, Ui, UiBuilder, vec2};
use tickcast_protocol::topic::Topic;

use super::tile;
use crate::{
    data::topics::MonitoredTopic,
    files::saved_state::{SavedDashboard, SavedTile, TILES_MAX, TileKind},
    ui::{
        chart::PaneResponse,
        command::{Overlay, Placement, UiCommand},
        dragging,
        panes::frame,
        scene::Scene,
        theme,
        widgets::{styled, words_in_the_middle},
    },
};

/// The least size of a tile, and its greatest height.
const WIDTH_MIN: f32 = 168.0;
const HEIGHT_MIN: f32 = 92.0;
const HEIGHT_MAX: f32 = 190.0;

/// Space around and between tiles.
const GAP: f32 = 8.0;

/// A dashboard.
#[derive(Debug, Clone, Default)]
pub(in crate::ui::panes) struct DashboardPane {
    pub(in crate::ui::panes) tiles: Vec<SavedTile>,
}

/// A tile that is dragged to another place of its dashboard.
struct DraggedTile(usize);

/// What the user did with a tile.
enum TileAction {
    Show(TileKind),
    MoveTo(usize),
    Remove,
}

impl DashboardPane {
    /// The dashboard as it was saved.
    pub(in crate::ui::panes) fn new(saved: SavedDashboard) -> Self {
        let mut tiles = saved.tiles;
        tiles.truncate(TILES_MAX);
        Self { tiles }
    }

    /// Adds a tile. Returns whether there was room for it.
    pub(in crate::ui::panes) fn add(&mut self, topic: Topic, kind: TileKind) -> bool {
        if self.tiles.iter().any(|tile| tile.topic == topic) {
            return true;
        }
        if self.tiles.len() >= TILES_MAX {
            return false;
        }
        self.tiles.push(SavedTile { topic, kind });
        true
    }

    /// Shows a topic as the next kind.
    pub(in crate::ui::panes) fn next_kind(&mut self, topic: &Topic) {
        for tile in self.tiles.iter_mut().filter(|tile| tile.topic == *topic) {
            tile.kind = tile.kind.next();
        }
    }

    fn change(&mut self, number: usize, action: TileAction) {
        match action {
            TileAction::Show(kind) => {
                if let Some(tile) = self.tiles.get_mut(number) {
                    tile.kind = kind;
                }
            }
            TileAction::MoveTo(to) if number < self.tiles.len() => {
                let tile = self.tiles.remove(number);
                let to = to.min(self.tiles.len());
                self.tiles.insert(to, tile);
            }
            TileAction::Remove if number < self.tiles.len() => {
                self.tiles.remove(number);
            }
            TileAction::MoveTo(_) | TileAction::Remove => {}
        }
    }
}

/// What a topic is shown as at first.
pub(in crate::ui::panes) fn usual_kind(topic: Option<&MonitoredTopic>) -> TileKind {
    match topic {
        Some(topic) if topic.number.is_none() && topic.series.is_none() => TileKind::State,
        Some(topic) => {
            let has_both = topic
                .settings
                .as_ref()
                .is_some_and(|set| set.low.is_some() && set.high.is_some());
            if has_both {
                TileKind::Gauge
            } else {
                TileKind::Number
            }
        }
        None => TileKind::Number,
    }
}

/// Draws the pane.
pub(in crate::ui::panes) fn show(
    pane: &mut DashboardPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
) -> PaneResponse {
    let theme = scene.theme;
    let mut done = PaneResponse::default();
    let outside = pane
        .tiles
        .iter()
        .filter_map(|tile| scene.store.topic_named(tile.topic.as_str()))
        .filter(|topic| topic.is_outside())
        .count();
    let about = match outside {
        0 => format!("{} topics", pane.tiles.len()),
        _ => format!(
            "{} topics, {outside} outside of their limits",
            pane.tiles.len()
        ),
    };
    let body = frame::show(ui, scene, "Dashboard", &about, &mut done);
    let target = ui.interact(body, ui.scope_id().with("tiles"), Sense::hover());
    let mut change = None;
    if pane.tiles.is_empty() {
        let text = "Drag topics from the list to here, or press Ctrl+B for the selected one.";
        words_in_the_middle(ui.painter(), body, text, theme);
    } else {
        let mut ui = ui.new_child(UiBuilder::new().max_rect(body.shrink(GAP / 2.0)));
        ui.set_clip_rect(body);
        let area = ScrollArea::vertical().auto_shrink(false).id_salt("tiles");
        area.show(&mut ui, |ui| {
            change = grid(pane, ui, scene, body, &mut done)
        });
    }
    if dragging::hovering(&target).is_some() {
        let stroke = egui::Stroke::new(1.5, theme.accent);
        let kind = egui::StrokeKind::Inside;
        ui.painter()
            .rect_stroke(body.shrink(2.0), CornerRadius::same(4), stroke, kind);
    }
    if let Some(topic) = dragging::dropped(&target) {
        let kind = usual_kind(scene.store.topic_named(topic.as_str()));
        if !pane.add(topic, kind) {
            let words = format!("Cannot add another tile (limit {TILES_MAX}): remove one first.");
            done.commands.push(UiCommand::Notify(words));
        }
    }
    if let Some((number, action)) = change {
        pane.change(number, action);
    }
    done
}

fn grid(
    pane: &DashboardPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    body: Rect,
    done: &mut PaneResponse,
) -> Option<(usize, TileAction)> {
    let width = ui.available_width();
    let columns = ((width / WIDTH_MIN) as usize).clamp(1, pane.tiles.len().max(1));
    let rows = pane.tiles.len().div_ceil(columns);
    let height = (body.height() - GAP) / rows as f32;
    let size = vec2(width / columns as f32, height.clamp(HEIGHT_MIN, HEIGHT_MAX));
    let all = vec2(width, size.y * rows as f32);
    let (area, _) = ui.allocate_exact_size(all, Sense::hover());
    let mut change = None;
    for (number, saved) in pane.tiles.iter().enumerate() {
        let at = vec2((number % columns) as f32, (number / columns) as f32);
        let rect = Rect::from_min_size(area.min + at * size, size).shrink(GAP / 2.0);
        if !ui.is_rect_visible(rect) {
            continue;
        }
        let id = ui.scope_id().with(("tile", &saved.topic));
        let response = ui.interact(rect, id, Sense::click_and_drag());
        let topic = scene.store.topic_named(saved.topic.as_str());
        response.widget_info(|| {
            let words = tile::words(scene, saved, topic);
            egui::WidgetInfo::labeled(egui::Role::Button, true, words)
        });
        let asked = tile::paint(ui, scene, saved, topic, rect, response.hovered());
        done.commands.extend(asked);
        if response.clicked() {
            done.commands.push(UiCommand::Select(saved.topic.clone()));
        }
        if response.double_clicked() {
            done.commands.push(UiCommand::Chart {
                topic: saved.topic.clone(),
                placement: Placement::Active,
            });
        }
        if response.drag_started_by(egui::PointerButton::Primary) {
            response.dnd_set_drag_payload(DraggedTile(number));
        }
        if let Some(dragged) = response.dnd_release_payload::<DraggedTile>() {
            change = Some((dragged.0, TileAction::MoveTo(number)));
        }
        if let Some(action) = menu(&response, saved, number, done) {
            change = Some((number, action));
        }
    }
    change
}

/// Offers what can be done with a tile on a right click.
fn menu(
    response: &Response,
    saved: &SavedTile,
    number: usize,
    done: &mut PaneResponse,
) -> Option<TileAction> {
    let mut chosen = None;
    response.context_menu(|ui| {
        for (name, kind) in TileKind::ALL {
            let button = egui::Button::new(name).selected(saved.kind == kind);
            if ui.add(button).clicked() {
                chosen = Some(TileAction::Show(kind));
                ui.close();
            }
        }
        ui.separator();
        for (label, action) in [
            (
                "Move to the left",
                TileAction::MoveTo(number.saturating_sub(1)),
            ),
            ("Move to the right", TileAction::MoveTo(number + 1)),
            ("Remove the tile", TileAction::Remove),
        ] {
            if ui.button(label).clicked() {
                chosen = Some(action);
                ui.close();
            }
        }
        let select = UiCommand::Select(saved.topic.clone());
        let limits = styled(
            "Name, unit, limits …",
            theme::text(),
            ui.visuals().text_color(),
        );
        if ui.button(limits).clicked() {
            done.commands.push(select);
            done.commands.push(UiCommand::Overlay(Some(Overlay::Topic)));
            ui.close();
        }
    });
    chosen
}
