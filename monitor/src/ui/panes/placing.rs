//! The place of a new pane.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tree};

use super::pane::Pane;

/// The part of the height that the first pane keeps when others are added below it.
const MAIN_PART: f32 = 0.7;

/// The most panes in a row.
const ROW_MAX: usize = 4;

/// Inserts a pane: the first gets all the space, the next ones go into a row below it.
pub(super) fn insert(tree: &mut Tree<Pane>, pane: Pane) -> TileId {
    let tiles = &mut tree.tiles;
    let new = tiles.insert_pane(pane);
    let Some(root) = tree.root else {
        tree.root = Some(new);
        return new;
    };
    let last = match tiles.get_container(root) {
        Some(Container::Linear(linear)) if linear.dir == LinearDir::Vertical => linear
            .children
            .last()
            .copied()
            .filter(|_| linear.children.len() > 1),
        _ => None,
    };
    let Some(last) = last else {
        let column = Linear::new_binary(LinearDir::Vertical, [root, new], MAIN_PART);
        tree.root = Some(tiles.insert_container(column));
        return new;
    };
    if let Some(Tile::Container(Container::Linear(row))) = tiles.get_mut(last) {
        if row.children.len() < ROW_MAX {
            row.add_child(new);
        } else if let Some(Tile::Container(column)) = tiles.get_mut(root) {
            column.add_child(new);
        }
        return new;
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
    new
}
