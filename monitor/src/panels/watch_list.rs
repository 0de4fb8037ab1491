//! The topics on the left: as a list, or as a tree.

use egui::{Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use serde::{Deserialize, Serialize};

use super::{
    watch_row::{self, Columns, RowPlace},
    watch_rows::{Order, Row, Rows, Sort},
    watch_tree::WatchTree,
    widgets::paint_right,
};
use crate::{
    scene::{Command, Place, Scene},
    store::TopicKey,
    theme,
};

/// The list: what the person wants to see of the topics, and the rows that follow from it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchList {
    #[serde(flatten)]
    pub(super) order: Order,
    pub(super) is_tree: bool,
    tree: WatchTree,
    #[serde(skip)]
    rows: Rows,
    #[serde(skip)]
    scroll_to_selected: bool,
    /// Top and bottom of what is in view.
    #[serde(skip)]
    visible: (f32, f32),
}

impl Clone for WatchList {
    /// What is saved; the rest is made anew.
    fn clone(&self) -> Self {
        Self {
            order: self.order.clone(),
            is_tree: self.is_tree,
            tree: self.tree.clone(),
            ..Self::default()
        }
    }
}

impl WatchList {
    /// Draws the list and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        self.filter_field(ui, scene);
        if self.is_tree {
            self.tree.update(ui, scene, &self.order.filter);
            self.tree.keys(ui, scene, &mut commands);
        } else {
            self.rows.update(&self.order, scene);
            self.keys(ui, scene, &mut commands);
        }
        self.header(ui, scene);
        let area = self.table(ui, scene, &mut commands);
        if self.matching() == 0 {
            nothing(ui, scene, area);
        }
        commands
    }

    /// Shows the topics as a tree, or as a list again.
    pub fn toggle_tree(&mut self) {
        self.is_tree = !self.is_tree;
    }

    /// How many topics the filter selects.
    pub(super) fn matching(&self) -> usize {
        if self.is_tree {
            self.tree.matching()
        } else {
            self.rows.matching
        }
    }

    /// j and k or the arrows move the selection, Enter opens a chart.
    fn keys(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        if scene.is_covered || ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let (step, enter) = (step_keys(ui), enter_keys(ui));
        if step != 0 {
            let topics: Vec<TopicKey> = self.rows.topics().collect();
            let selected = scene
                .selected
                .and_then(|name| scene.store.find(name.as_str()));
            let at = topics.iter().position(|&key| Some(key) == selected);
            let next = match at {
                Some(at) => at
                    .saturating_add_signed(step)
                    .min(topics.len().saturating_sub(1)),
                None => 0,
            };
            if let Some(&key) = topics.get(next) {
                commands.push(Command::Select(scene.store.topic(key).name.clone()));
                self.scroll_to_selected = true;
            }
        }
        if let (Some(place), Some(topic)) = (enter, scene.selected) {
            commands.push(Command::Chart {
                topic: topic.clone(),
                place,
            });
        }
    }

    fn header(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
        let columns = Columns::of(rect);
        for (label, sort, range, tip) in columns.headings() {
            let is_right = sort != Sort::Name;
            let cell = Rect::from_x_y_ranges(range, rect.y_range());
            let response = ui
                .interact(cell, ui.scope_id().with(("heading", label)), Sense::click())
                .on_hover_text(tip);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {label}"))
            });
            let is_current = self.order.sort == sort && !self.is_tree;
            let color = if response.hovered() || (is_current && sort != Sort::Name) {
                theme.text
            } else {
                theme.muted
            };
            let arrow = match (is_current, self.order.is_reversed) {
                (true, true) => " ▴",
                (true, false) if sort != Sort::Name => " ▾",
                _ => "",
            };
            let text = format!("{label}{arrow}");
            if is_right {
                let place = pos2(range.max, cell.center().y);
                paint_right(ui.painter(), place, &text, theme::small(), color);
            } else {
                ui.painter().text(
                    pos2(range.min, cell.center().y),
                    egui::Align2::LEFT_CENTER,
                    text,
                    theme::small(),
                    color,
                );
            }
            // A tree has one order.
            if response.clicked() && !self.is_tree {
                if is_current {
                    self.order.is_reversed = !self.order.is_reversed;
                } else {
                    self.order.sort = sort;
                    self.order.is_reversed = false;
                }
            }
        }
    }

    /// Draws the lines in view. Returns where they are.
    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) -> Rect {
        ui.spacing_mut().item_spacing.y = 0.0;
        if self.is_tree {
            return self.tree.table(ui, scene, commands);
        }
        let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("topics");
        if std::mem::take(&mut self.scroll_to_selected)
            && let Some(offset) = self.offset_to_show_selected(scene)
        {
            area = area.vertical_scroll_offset(offset);
        }
        let rows = &self.rows.rows;
        let mut toggled = None;
        let output = area.show_rows(ui, theme::ROW_HEIGHT, rows.len(), |ui, range| {
            for row in &rows[range] {
                match row {
                    Row::Group { name, topics } => {
                        let is_folded = self.order.folded.contains(name);
                        if watch_row::group(ui, scene.theme, name, *topics, is_folded) {
                            toggled = Some(name.clone());
                        }
                    }
                    Row::Topic { key, prefix } => {
                        let topic = scene.store.topic(*key);
                        let begin = RowPlace {
                            prefix: *prefix,
                            indent: 0.0,
                        };
                        commands.extend(watch_row::topic(ui, scene, topic, begin));
                    }
                }
            }
        });
        let top = output.state.clamped_offset().y;
        self.visible = (top, top + output.inner_rect.height());
        if let Some(name) = toggled
            && !self.order.folded.remove(&name)
        {
            self.order.folded.insert(name);
        }
        output.inner_rect
    }

    /// The scroll offset that brings the row with the selection into view, if it is not.
    fn offset_to_show_selected(&self, scene: &Scene<'_>) -> Option<f32> {
        let selected = scene
            .selected
            .and_then(|name| scene.store.find(name.as_str()))?;
        let at = self
            .rows
            .rows
            .iter()
            .position(|row| matches!(row, Row::Topic { key, .. } if *key == selected))?;
        offset_to_show(at, self.visible)
    }
}

/// The scroll offset that brings line number `at` into view, if it is not between top and bottom of
/// what is visible.
pub(super) fn offset_to_show(at: usize, (top, bottom): (f32, f32)) -> Option<f32> {
    let line = at as f32 * theme::ROW_HEIGHT;
    if line < top {
        Some(line)
    } else if line + theme::ROW_HEIGHT > bottom {
        Some(line + theme::ROW_HEIGHT - (bottom - top))
    } else {
        None
    }
}

/// How many lines j and k or the arrows move.
pub(super) fn step_keys(ui: &Ui) -> isize {
    ui.input_mut(|input| {
        let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
        let down = pressed(Key::J) || pressed(Key::ArrowDown);
        let up = pressed(Key::K) || pressed(Key::ArrowUp);
        isize::from(down) - isize::from(up)
    })
}

/// Where Enter opens a chart, if it was pressed.
pub(super) fn enter_keys(ui: &Ui) -> Option<Place> {
    // The plain key comes last, because it is pressed in the others too.
    let keys = [
        (Modifiers::COMMAND, Place::New),
        (Modifiers::SHIFT, Place::Overlay),
        (Modifiers::NONE, Place::Active),
    ];
    ui.input_mut(|input| {
        keys.into_iter()
            .find(|(modifiers, _)| input.consume_key(*modifiers, Key::Enter))
            .map(|(_, place)| place)
    })
}

/// Says why there is no line.
fn nothing(ui: &Ui, scene: &Scene<'_>, area: Rect) {
    let text = if scene.store.valued().is_empty() {
        "No topics yet"
    } else {
        "No topic matches the filter"
    };
    ui.painter().text(
        area.center_top() + vec2(0.0, 32.0),
        egui::Align2::CENTER_CENTER,
        text,
        theme::text(),
        scene.theme.muted,
    );
}
