//! What panels may look at, and what they may ask for.

use tickcast_protocol::topic::Topic;

use crate::{
    format::Zone,
    health::Health,
    inbox::Link,
    store::{Store, TimeNs},
    theme::{Theme, ThemeChoice},
};

/// All that panels show, for one repaint. They change nothing of it.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Topics and their history.
    pub store: &'a Store,
    /// The state of the connection.
    pub link: &'a Link,
    /// How well things go.
    pub health: &'a Health,
    /// The address of the server.
    pub url: &'a str,
    /// Colours.
    pub theme: &'a Theme,
    /// The zone to write times in.
    pub zone: &'a Zone,
    /// Now, by the server's clock.
    pub now_ns: TimeNs,
    /// Whether changed values flash.
    pub flash: bool,
    /// The selected topic.
    pub selected: Option<&'a Topic>,
}

/// Where to open a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In place of the active chart; if a chart shows the topic already, that one becomes active.
    Active,
    /// In a pane of its own.
    New,
    /// As another line on the active chart.
    Overlay,
}

/// What a panel wants to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Select a topic in the list.
    Select(Topic),
    /// Open a chart of a topic.
    Chart {
        /// Of which topic.
        topic: Topic,
        /// Where.
        place: Place,
    },
    /// Show health in a pane.
    OpenHealth,
    /// Use other colours.
    SetTheme(ThemeChoice),
    /// Connect to another server.
    Connect(String),
    /// All charts follow the live edge.
    FollowAll,
}
