//! The topics as a tree, level by level of their names.

use std::collections::BTreeSet;

use egui::{Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};

use super::{
    branch_row::{self, arrow, branch_name},
    columns::{LIST_NAME_MIN, TREE_NAME_MIN},
    navigation::{enter_keys, offset_to_show, step_keys},
    text_filter::TextFilter,
    topic_row::{self, RowPlace},
};
use crate::{
    data::tree::{NodeId, TopicTree, TreeRow},
    ui::{command::UiCommand, scene::Scene, theme},
};

/// Indentation of each level.
const INDENT: f32 = 14.0;

/// The most indentation, as a part of the width: names of 100 levels are allowed.
const INDENT_MAX_PART: f32 = 0.4;

/// The tree, and the user's place in it. Only the open branches are saved.
#[derive(Debug, Default)]
pub(super) struct WatchTree {
    tree: TopicTree,
    /// The filter of the rows.
    filter: String,
    cursor: Option<NodeId>,
    scroll_to_cursor: bool,
    /// Another filter begins at the top.
    scroll_to_top: bool,
    /// Top and bottom of the visible part.
    visible: (f32, f32),
}

impl WatchTree {
    /// A tree whose branches with these paths are open.
    pub(super) fn new(open_branches: BTreeSet<String>) -> Self {
        Self {
            tree: TopicTree::new(open_branches),
            ..Self::default()
        }
    }

    /// The paths of the open branches.
    pub(super) fn open_branches(&self) -> &BTreeSet<String> {
        self.tree.open()
    }

    /// Inserts new topics.
    pub(super) fn update(&mut self, ui: &Ui, scene: &Scene<'_>, filter: &str) {
        if self.filter != filter {
            filter.clone_into(&mut self.filter);
            self.tree.refilter();
            self.scroll_to_top = true;
        }
        let text_filter = TextFilter::of(filter);
        if !self
            .tree
            .update(scene.store, |name| text_filter.matches(name))
        {
            ui.ctx().request_repaint();
        }
    }

    /// How many topics the filter selects, among those filtered so far.
    pub(super) fn matching(&self) -> usize {
        self.tree.matching()
    }

    fn at(&self, scene: &Scene<'_>) -> Option<usize> {
        let selected = scene
            .selected
            .and_then(|topic| scene.store.find(topic.as_str()));
        let rows = self.tree.rows();
        let cursor = rows.iter().position(|row| Some(row.node) == self.cursor);
        cursor.or_else(|| {
            rows.iter()
                .position(|row| row.topic.is_some() && row.topic == selected)
        })
    }

    /// Moves with j and k or the arrows, opens and closes branches with l and h; Enter charts a
    /// topic or opens a branch.
    pub(super) fn keys(&mut self, ui: &Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        if scene.is_covered || ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let step = step_keys(ui);
        let (closing, opening) = ui.input_mut(|input| {
            (
                input.consume_key(Modifiers::NONE, Key::H),
                input.consume_key(Modifiers::NONE, Key::L),
            )
        });
        let at = self.at(scene);
        if step != 0 {
            let last = self.tree.rows().len().saturating_sub(1);
            let next = at.map_or(0, |at| at.saturating_add_signed(step).min(last));
            self.go_to(next, scene, commands);
        }
        let Some(row) = at.and_then(|at| self.tree.rows().get(at)).copied() else {
            return;
        };
        if let Some(placement) = enter_keys(ui) {
            match row.topic {
                Some(key) => commands.push(UiCommand::Chart {
                    topic: scene.store.topic(key).name.clone(),
                    placement,
                }),
                None => self.toggle(scene, &row),
            }
        }
        match row.is_open {
            Some(true) if closing => self.toggle(scene, &row),
            Some(false) if opening => self.toggle(scene, &row),
            Some(true) if opening => self.go_to(at.map_or(0, |at| at + 1), scene, commands),
            _ if closing => {
                let parent = self.tree.parent(row.node);
                let rows = self.tree.rows();
                if let Some(at) = rows.iter().position(|row| Some(row.node) == parent) {
                    self.go_to(at, scene, commands);
                }
            }
            _ => {}
        }
    }

    fn go_to(&mut self, at: usize, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let Some(row) = self.tree.rows().get(at) else {
            return;
        };
        self.cursor = Some(row.node);
        self.scroll_to_cursor = true;
        if let Some(key) = row.topic {
            commands.push(UiCommand::Select(scene.store.topic(key).name.clone()));
        }
    }

    fn toggle(&mut self, scene: &Scene<'_>, row: &TreeRow) {
        self.cursor = Some(row.node);
        let is_open = row.is_open != Some(true);
        self.tree.set_open(scene.store, row.node, is_open);
    }

    /// Draws the visible rows. Returns their area.
    pub(super) fn table(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        commands: &mut Vec<UiCommand>,
    ) -> Rect {
        let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("tree");
        if std::mem::take(&mut self.scroll_to_cursor)
            && let Some(at) = self.at(scene)
            && let Some(offset) = offset_to_show(at, self.visible)
        {
            area = area.vertical_scroll_offset(offset);
        }
        if std::mem::take(&mut self.scroll_to_top) {
            area = area.vertical_scroll_offset(0.0);
        }
        let rows = self.tree.rows();
        let mut toggled = None;
        let mut touched = None;
        let output = area.show_rows(ui, theme::ROW_HEIGHT, rows.len(), |ui, range| {
            for row in &rows[range] {
                let done = self.row(ui, scene, row);
                if done.is_toggled {
                    toggled = Some(*row);
                }
                if !done.commands.is_empty() {
                    touched = Some(row.node);
                    commands.extend(done.commands);
                }
            }
        });
        let top = output.state.clamped_offset().y;
        self.visible = (top, top + output.inner_rect.height());
        self.cursor = touched.or(self.cursor);
        if let Some(row) = toggled {
            self.toggle(scene, &row);
        }
        output.inner_rect
    }

    fn row(&self, ui: &mut Ui, scene: &Scene<'_>, row: &TreeRow) -> RowDone {
        let indent = f32::from(row.depth) * INDENT;
        let indent = indent.min(ui.available_width() * INDENT_MAX_PART);
        // A deep level is not indented so far that nothing is left of its name.
        let indent = indent.min(TREE_NAME_MIN - LIST_NAME_MIN / 2.0 - 13.0);
        let label = self.tree.label(scene.store, row.node);
        let is_here = self.cursor == Some(row.node);
        let Some(key) = row.topic else {
            let is_toggled = branch_row::show(ui, scene, row, label, indent, is_here);
            return RowDone {
                is_toggled,
                commands: Vec::new(),
            };
        };
        let topic = scene.store.topic(key);
        let place = RowPlace {
            prefix: topic.name.as_str().len() - label.len(),
            indent: indent + 13.0,
            name_min: TREE_NAME_MIN,
        };
        let line = ui.available_rect_before_wrap();
        let mut commands = topic_row::show(ui, scene, topic, place);
        let mut is_toggled = false;
        if let Some(is_open) = row.is_open {
            // The arrow of a topic that has others below it is a button of its own.
            let left = line.left() + indent + 6.0;
            let cell = Rect::from_min_size(pos2(left, line.top()), vec2(18.0, theme::ROW_HEIGHT));
            let response = ui.interact(cell, ui.scope_id().with(("branch", key)), Sense::click());
            response.widget_info(|| {
                let name = branch_name(row, label);
                egui::WidgetInfo::labeled(egui::Role::Button, true, name)
            });
            let color = if response.hovered() {
                scene.theme.text
            } else {
                scene.theme.muted
            };
            arrow(ui, pos2(left + 6.0, cell.center().y), is_open, color);
            is_toggled = response.clicked();
        }
        if is_toggled {
            commands.clear();
        }
        RowDone {
            is_toggled,
            commands,
        }
    }
}

/// What the user did with a row.
struct RowDone {
    is_toggled: bool,
    commands: Vec<UiCommand>,
}
