//! The topics on the left: as a list, or as a tree.

use egui::{Rect, ScrollArea, Ui};

use super::{
    columns::LIST_NAME_MIN,
    empty,
    filter_line::FilterLine,
    group_row, headings,
    navigation::{enter_keys, offset_to_show, step_keys},
    rows::{ListRow, ListRows},
    topic_row::{self, RowPlace},
    tree::WatchTree,
};
use crate::{
    data::topics::TopicKey,
    files::saved_state::{ListOptions, SavedTopicList},
    ui::{command::UiCommand, scene::Scene, theme},
};

/// The topics: filter and order, and the rows that follow from them.
#[derive(Debug, Default)]
pub(crate) struct WatchList {
    options: ListOptions,
    is_tree: bool,
    tree: WatchTree,
    rows: ListRows,
    scroll_to_selected: bool,
    /// The filter of the rows that were drawn last: another one begins at the top.
    drawn_filter: String,
    /// Top and bottom of the visible part.
    visible: (f32, f32),
}

impl WatchList {
    /// The list as it was saved.
    pub(crate) fn new(saved: SavedTopicList) -> Self {
        Self {
            options: saved.options,
            is_tree: saved.is_tree,
            tree: WatchTree::new(saved.open_branches),
            ..Self::default()
        }
    }

    /// What to save.
    pub(crate) fn saved(&self) -> SavedTopicList {
        SavedTopicList {
            options: self.options.clone(),
            is_tree: self.is_tree,
            open_branches: self.tree.open_branches().clone(),
        }
    }

    /// Draws the list and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        let mut commands = Vec::new();
        let matching = self.matching();
        FilterLine {
            filter: &mut self.options.filter,
            is_tree: &mut self.is_tree,
        }
        .show(ui, scene, matching);
        if self.is_tree {
            self.tree.update(ui, scene, &self.options.filter);
            self.tree.keys(ui, scene, &mut commands);
        } else {
            self.rows.update(&self.options, scene);
            self.keys(ui, scene, &mut commands);
        }
        headings::show(ui, scene, &mut self.options, self.is_tree, &mut commands);
        let area = self.table(ui, scene, &mut commands);
        if self.matching() == 0 && empty::show(ui, scene, area) {
            self.options.filter.clear();
        }
        commands
    }

    /// Shows the topics as a tree, or as a list again.
    pub(crate) fn toggle_tree(&mut self) {
        self.is_tree = !self.is_tree;
    }

    /// How many topics the filter selects.
    fn matching(&self) -> usize {
        if self.is_tree {
            self.tree.matching()
        } else {
            self.rows.matching
        }
    }

    /// Moves the selection with j and k or the arrows, opens a chart with Enter.
    fn keys(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
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
                commands.push(UiCommand::Select(scene.store.topic(key).name.clone()));
                self.scroll_to_selected = true;
            }
        }
        if let (Some(placement), Some(topic)) = (enter, scene.selected) {
            commands.push(UiCommand::Chart {
                topic: topic.clone(),
                placement,
            });
        }
    }

    /// Draws the visible rows. Returns their area.
    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) -> Rect {
        ui.spacing_mut().item_spacing.y = 0.0;
        if self.is_tree {
            return self.tree.table(ui, scene, commands);
        }
        let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("topics");
        if self.drawn_filter != self.options.filter {
            self.drawn_filter.clone_from(&self.options.filter);
            area = area.vertical_scroll_offset(0.0);
        }
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
                    ListRow::Group { name, topics } => {
                        let is_folded = self.options.folded.contains(name);
                        if group_row::show(ui, scene.theme, name, *topics, is_folded) {
                            toggled = Some(name.clone());
                        }
                    }
                    ListRow::Topic { key, prefix } => {
                        let topic = scene.store.topic(*key);
                        let begin = RowPlace {
                            prefix: *prefix,
                            indent: 0.0,
                            name_min: LIST_NAME_MIN,
                        };
                        commands.extend(topic_row::show(ui, scene, topic, begin));
                    }
                }
            }
        });
        let top = output.state.clamped_offset().y;
        self.visible = (top, top + output.inner_rect.height());
        if let Some(name) = toggled
            && !self.options.folded.remove(&name)
        {
            self.options.folded.insert(name);
        }
        output.inner_rect
    }

    /// The scroll offset that makes the selected row visible, if it is not.
    fn offset_to_show_selected(&self, scene: &Scene<'_>) -> Option<f32> {
        let selected = scene
            .selected
            .and_then(|name| scene.store.find(name.as_str()))?;
        let at = self
            .rows
            .rows
            .iter()
            .position(|row| matches!(row, ListRow::Topic { key, .. } if *key == selected))?;
        offset_to_show(at, self.visible)
    }
}
