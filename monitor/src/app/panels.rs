//! The panels that have a state of their own.

use crate::ui::{bars::TopBar, overlays::Overlays, panes::Workspace, watch::WatchList};

/// The panels that have a state of their own.
#[derive(Debug, Default)]
pub(super) struct Panels {
    pub(super) top_bar: TopBar,
    pub(super) watch_list: WatchList,
    pub(super) workspace: Workspace,
    pub(super) overlays: Overlays,
    /// Whether a chart opens by itself at the first start, to show something live.
    pub(super) wants_first_chart: bool,
}
