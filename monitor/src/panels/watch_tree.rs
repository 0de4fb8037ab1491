//! The topics as a tree, level by level of their names.

use egui::{Color32, Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    watch_list,
    watch_row::{self, RowPlace},
    watch_rows::Selection,
    widgets::{paint_cut, paint_right},
};
use crate::{
    format,
    scene::{Command, Scene},
    theme,
    tree::{NodeId, TopicTree, TreeRow},
};

/// A level lies so much farther to the right than the one above it.
const INDENT: f32 = 14.0;

/// No level lies farther to the right than this part of the list: names of 100 levels are allowed.
const INDENT_MAX_PART: f32 = 0.4;

/// The tree, and where the person is in it. Of it only the open branches are saved.
#[derive(Debug, Default)]
pub(super) struct WatchTree {
    tree: TopicTree,
    /// What was filtered by.
    filter: String,
    cursor: Option<NodeId>,
    scroll_to_cursor: bool,
    /// Top and bottom of what is in view.
    visible: (f32, f32),
}

impl Clone for WatchTree {
    /// What is saved; the rest is made anew.
    fn clone(&self) -> Self {
        Self {
            tree: TopicTree::new(self.tree.open().clone()),
            ..Self::default()
        }
    }
}

impl Serialize for WatchTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tree.open().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WatchTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let open = Deserialize::deserialize(deserializer)?;
        Ok(Self {
            tree: TopicTree::new(open),
            ..Self::default()
        })
    }
}

impl WatchTree {
    /// Takes in what is new.
    pub(super) fn update(&mut self, ui: &Ui, scene: &Scene<'_>, filter: &str) {
        if self.filter != filter {
            filter.clone_into(&mut self.filter);
            self.tree.refilter();
        }
        let selection = Selection::of(filter);
        if !self
            .tree
            .update(scene.store, |name| selection.matches(name))
        {
            ui.ctx().request_repaint();
        }
    }

    /// How many topics the filter selects, as far as they went through it.
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

    /// j and k or the arrows move through the lines, l and h open and close branches, Enter charts
    /// a topic or opens a branch.
    pub(super) fn keys(&mut self, ui: &Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        if scene.is_covered || ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let step = watch_list::step_keys(ui);
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
        if let Some(place) = watch_list::enter_keys(ui) {
            match row.topic {
                Some(key) => commands.push(Command::Chart {
                    topic: scene.store.topic(key).name.clone(),
                    place,
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

    fn go_to(&mut self, at: usize, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        let Some(row) = self.tree.rows().get(at) else {
            return;
        };
        self.cursor = Some(row.node);
        self.scroll_to_cursor = true;
        if let Some(key) = row.topic {
            commands.push(Command::Select(scene.store.topic(key).name.clone()));
        }
    }

    fn toggle(&mut self, scene: &Scene<'_>, row: &TreeRow) {
        self.cursor = Some(row.node);
        let is_open = row.is_open != Some(true);
        self.tree.set_open(scene.store, row.node, is_open);
    }

    /// Draws the lines in view. Returns where they are.
    pub(super) fn table(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        commands: &mut Vec<Command>,
    ) -> Rect {
        let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("tree");
        if std::mem::take(&mut self.scroll_to_cursor)
            && let Some(at) = self.at(scene)
            && let Some(offset) = watch_list::offset_to_show(at, self.visible)
        {
            area = area.vertical_scroll_offset(offset);
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
                if let Some(command) = done.command {
                    touched = Some(row.node);
                    commands.push(command);
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
        let label = self.tree.label(scene.store, row.node);
        let is_here = self.cursor == Some(row.node);
        let Some(key) = row.topic else {
            let is_toggled = branch(ui, scene, row, label, indent, is_here);
            return RowDone {
                is_toggled,
                command: None,
            };
        };
        let topic = scene.store.topic(key);
        let place = RowPlace {
            prefix: topic.name.as_str().len() - label.len(),
            indent: indent + 13.0,
        };
        let line = ui.available_rect_before_wrap();
        let command = watch_row::topic(ui, scene, topic, place);
        let mut is_toggled = false;
        if let Some(is_open) = row.is_open {
            // A topic that others lie below: its arrow is a button of its own.
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
        RowDone {
            is_toggled,
            command: command.filter(|_| !is_toggled),
        }
    }
}

/// What the person did with a line.
struct RowDone {
    is_toggled: bool,
    command: Option<Command>,
}

fn arrow(ui: &Ui, place: egui::Pos2, is_open: bool, color: Color32) {
    let arrow = if is_open { "▾" } else { "▸" };
    let align = egui::Align2::LEFT_CENTER;
    ui.painter()
        .text(place, align, arrow, theme::small(), color);
}

/// A branch in words, for those who do not see it.
fn branch_name(row: &TreeRow, label: &str) -> String {
    let state = match row.is_open {
        Some(true) => "open",
        _ => "closed",
    };
    let counts = row.counts;
    let topics = match counts.topics {
        1 => "1 topic".to_owned(),
        topics => format!("{topics} topics"),
    };
    let mut name = format!("Branch {label}, {state}, {topics}");
    for (count, word) in [(counts.stale, "stale"), (counts.dead, "dead")] {
        if count > 0 {
            name = format!("{name}, {count} {word}");
        }
    }
    name
}

/// A branch that is no topic itself. Whether it was clicked.
fn branch(
    ui: &mut Ui,
    scene: &Scene<'_>,
    row: &TreeRow,
    label: &str,
    indent: f32,
    is_here: bool,
) -> bool {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, branch_name(row, label))
    });
    let painter = ui.painter();
    watch_row::ground(painter, theme, rect, is_here, response.hovered());
    let color = if response.hovered() || is_here {
        theme.text
    } else {
        theme.muted
    };
    let middle = rect.center().y;
    let left = rect.left() + 12.0 + indent;
    arrow(ui, pos2(left, middle), row.is_open == Some(true), color);
    let counts = row.counts;
    let mut right = rect.right() - 12.0;
    let count = |n: u32| format::count(u64::from(n));
    for (text, color) in [
        (Some(count(counts.topics)), theme.dim),
        (
            (counts.stale > 0).then(|| format!("{} stale", count(counts.stale))),
            theme.warning,
        ),
        (
            (counts.dead > 0).then(|| format!("{} dead", count(counts.dead))),
            theme.bad,
        ),
    ] {
        if let Some(text) = text {
            let place = pos2(right, middle);
            let drawn = paint_right(painter, place, &text, theme::axis_figures(), color);
            right = drawn.left() - 10.0;
        }
    }
    let place = pos2(left + 13.0, middle);
    let label = if label.is_empty() { "(empty)" } else { label };
    paint_cut(painter, place, right - place.x, label, theme::text(), color);
    response.clicked()
}
