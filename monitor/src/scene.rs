//! What panels may look at, and what they may ask for.

use std::path::PathBuf;

use tickcast_protocol::topic::Topic;

use crate::{
    alerts::{Alerts, Condition, RuleId},
    chart::{ChartStyle, scale::ScaleMode},
    format::{self, Zone},
    health::Health,
    inbox::Link,
    recording::{Player, Recorder},
    settings::{Preferences, ZoneChoice},
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
    /// What is watched over, and what has happened.
    pub alerts: &'a Alerts,
    /// The recording that is made.
    pub recorder: Option<&'a Recorder>,
    /// The recording that is played instead of a server.
    pub player: Option<&'a Player>,
    /// The address of the server.
    pub url: &'a str,
    /// All servers, in the order of their tabs; none if there is only one.
    pub tabs: &'a [ServerTab],
    /// Servers that were connected to, the last one first.
    pub servers: &'a [String],
    /// What the person prefers.
    pub preferences: &'a Preferences,
    /// Names of the saved layouts, and the one in use.
    pub layouts: Layouts<'a>,
    /// Colours.
    pub theme: &'a Theme,
    /// The zone to write times in.
    pub zone: &'a Zone,
    /// Now, by the server's clock.
    pub now_ns: TimeNs,
    /// The selected topic.
    pub selected: Option<&'a Topic>,
    /// Whether a window lies over the window: keys belong to that one.
    pub is_covered: bool,
}

/// For how long nothing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// Not long enough to be worth a word.
    No,
    /// So long that its age is told in whole seconds.
    Seconds,
    /// So long that its age is told in minutes, or nothing ever came.
    Minutes,
}

impl Scene<'_> {
    /// For how long nothing came, of all topics.
    pub fn quiet(&self) -> Quiet {
        let age_ns = self.store.newest_ns().map(|time_ns| self.now_ns - time_ns);
        match age_ns {
            Some(age_ns) if age_ns < 10 * format::SECOND => Quiet::No,
            Some(age_ns) if age_ns < format::MINUTE => Quiet::Seconds,
            _ => Quiet::Minutes,
        }
    }
}

/// A server among several.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTab {
    /// Its address.
    pub url: String,
    /// The state of its connection.
    pub link: Link,
    /// Alerts that fired there and were not seen yet.
    pub unseen_alerts: usize,
    /// Whether it is the one that is seen.
    pub is_active: bool,
}

/// What the person wants with servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerWish {
    /// Listen to another one besides.
    Add(String),
    /// See the one at this place.
    Show(usize),
    /// Listen no longer to the one at this place.
    Remove(usize),
}

/// The saved layouts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layouts<'a> {
    /// Their names, ascending.
    pub names: &'a [String],
    /// The one that was loaded or saved last.
    pub current: Option<&'a str>,
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

/// What happens to the view of the active chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewStep {
    /// The newest samples are shown from now on.
    Follow,
    /// It stands still, or follows again.
    TogglePause,
    /// A quarter back in time.
    Back,
    /// A quarter forward in time.
    Forward,
    /// Half as much time.
    Closer,
    /// Twice as much time.
    Farther,
    /// As before the last change.
    Undo,
}

/// A window over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overlay {
    /// All that can be done, by name.
    Palette,
    /// All keys.
    Keys,
    /// What the person prefers.
    Preferences,
    /// What is watched over, and what has happened.
    Alerts,
    /// The name of a layout to be saved.
    SaveLayout,
    /// The recordings there are.
    Recordings,
    /// The servers that are listened to.
    Servers,
}

/// What happens to the recording that is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayerStep {
    /// It stands still, or goes on.
    SetPaused(bool),
    /// So many times as fast as it was.
    SetSpeed(f64),
    /// Go to another time.
    Seek(TimeNs),
    /// Listen to the server again.
    Stop,
}

/// What to write to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// What the active chart shows, as CSV.
    VisibleCsv,
    /// All history of the active chart's topics, as CSV.
    AllCsv,
    /// A picture of the active chart, as PNG.
    Png,
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
    /// Close the active pane.
    ClosePane,
    /// Show health in a pane.
    OpenHealth,
    /// Change the view of the active chart.
    View(ViewStep),
    /// Draw the active chart in another way.
    Style(ChartStyle),
    /// Lay the values of the active chart out in another way.
    Scale(ScaleMode),
    /// Another pane becomes the active one.
    NextPane,
    /// All charts follow the live edge.
    FollowAll,
    /// A chart shows a time before the oldest sample of a topic: ask for older ones.
    PageBack(Topic),
    /// All charts show the same time, or each its own.
    ToggleLink,
    /// Show the topics as a tree, or as a list again.
    ToggleTree,
    /// Open or close a window over the window.
    Overlay(Option<Overlay>),
    /// Use other colours.
    SetTheme(ThemeChoice),
    /// Enlarge everything by this factor.
    SetZoom(f32),
    /// Keep at most so many bytes of history.
    SetMemoryLimit(usize),
    /// Write times in another zone.
    SetZone(ZoneChoice),
    /// Let changed values flash, or not.
    SetFlash(bool),
    /// Play a sound with this command when an alert asks for one.
    SetSoundCommand(String),
    /// Write recordings, tables and pictures to this folder; empty for the usual one.
    SetFolder(String),
    /// Connect to another server instead.
    Connect(String),
    /// Add, show or remove a server.
    Server(ServerWish),
    /// Save the layout under a name.
    SaveLayout(String),
    /// Use a saved layout.
    LoadLayout(String),
    /// Forget a saved layout.
    DeleteLayout(String),
    /// Write something to a file.
    Export(Export),
    /// Begin or end to record what is received.
    ToggleRecording,
    /// Play a recording instead of listening to a server.
    Play(PathBuf),
    /// Steer the recording that is played.
    Player(PlayerStep),
    /// Watch over a topic.
    AddAlert {
        /// Which topic.
        topic: Topic,
        /// For what.
        condition: Condition,
    },
    /// Switch a watch on or off.
    SwitchAlert(RuleId, bool),
    /// Whether it sounds.
    SetAlertSound(RuleId, bool),
    /// What it runs.
    SetAlertCommand(RuleId, String),
    /// Watch no longer.
    RemoveAlert(RuleId),
    /// What has happened was seen.
    AcknowledgeAlerts,
}
