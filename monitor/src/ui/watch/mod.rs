//! The topics on the left: as a list, or as a tree.

mod branch_row;
mod cells;
mod columns;
mod empty;
mod filter_line;
mod group_row;
mod grouping;
mod headings;
mod list;
mod navigation;
mod row_menu;
mod rows;
mod text_filter;
mod tooltip;
mod topic_row;
mod tree;

pub(crate) use self::list::WatchList;
