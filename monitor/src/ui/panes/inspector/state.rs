//! The state of the inspector.

use tickcast_protocol::{message::Position, topic::Topic};

use super::{
    content::{Content, PayloadView},
    picture::Picture,
};

/// The inspector. It shows the selected topic.
#[derive(Debug, Clone, Default)]
pub(in crate::ui::panes) struct InspectorPane {
    pub(super) view: PayloadView,
    pub(super) content: Content,
    pub(super) picture: Picture,
    /// The message that was clicked; `None` shows the newest one.
    pub(super) chosen: Option<(Topic, Position)>,
}

impl InspectorPane {
    /// Shows this message, until the newest one is asked for.
    pub(in crate::ui::panes) fn choose(&mut self, topic: Topic, position: Position) {
        self.chosen = Some((topic, position));
    }
}
