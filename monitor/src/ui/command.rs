//! The commands that panels return.

use std::path::PathBuf;

use tickcast_protocol::{
    message::{Interval, Position, TimeNs},
    topic::Topic,
    value::Value,
};

use crate::{
    data::{
        alerts::{AlertCondition, AlertRuleId},
        chart::{ChartStyle, ScaleMode, ValueBasis},
        derived::DerivedTopic,
        login::Login,
        pane_windows::PaneId,
        topics::{ChangeReference, TopicSettings},
    },
    files::{
        recording::RecordedScope,
        saved_state::{ThemeChoice, ZoneChoice},
    },
};

/// A command of the user.
#[derive(Debug, Clone, PartialEq)]
pub enum UiCommand {
    /// Select a topic in the list.
    Select(Topic),
    /// Set name, unit, decimals, colour and limits of a topic.
    SetTopic(Topic, TopicSettings),
    /// Make a derived topic.
    AddDerived(DerivedTopic),
    /// Remove a derived topic.
    RemoveDerived(Topic),
    /// Publish a value.
    Publish(Topic, Value),
    /// Log in at the server that is shown, or out.
    Login(Login),
    /// Add the selected topic to the dashboard.
    AddTile,
    /// Show the selected topic of the dashboard as the next kind of tile.
    NextTileKind,
    /// Show the trades of the selected topic in a pane.
    OpenTrades,
    /// Open a chart of a topic.
    Chart {
        /// The topic.
        topic: Topic,
        /// Where to open it.
        placement: Placement,
    },
    /// Close the active pane.
    ClosePane,
    /// Take a pane out into a window of its own, or put it back; without one the pane that was
    /// clicked or opened last.
    ToggleWindow(Option<PaneId>),
    /// Put all panes back into the main window.
    PutAllBack,
    /// Show health in a pane.
    OpenHealth,
    /// Show the payloads of the selected topic in a pane.
    OpenInspector,
    /// Show a message of a topic in the inspector.
    Inspect(Topic, Position),
    /// Add the selected topic to the log, or take it off.
    ToggleLog,
    /// Change the view of the active chart.
    View(ViewAction),
    /// Change the style of the active chart.
    Style(ChartStyle),
    /// Change the value axis of the active chart.
    Scale(ScaleMode),
    /// Change what the values of the active chart are shown as; chosen again, as they are.
    Basis(ValueBasis),
    /// Change a series of the active chart; without a topic the selected one.
    Series(Option<Topic>, SeriesAction),
    /// Place two cursors on the active chart, or remove them.
    ToggleCursors,
    /// Make the next pane active.
    NextPane,
    /// Let all charts follow the live edge.
    FollowAll,
    /// Request history before the oldest sample of a topic.
    PageBack(Topic),
    /// Request what a chart needs of the long history of a topic.
    LongHistory {
        /// The topic.
        topic: Topic,
        /// The length of the intervals.
        interval: Interval,
        /// Start and end of the time.
        wanted: (TimeNs, TimeNs),
    },
    /// Link the times of all charts, or unlink them.
    ToggleLink,
    /// Show the topics as a tree, or as a list again.
    ToggleTree,
    /// Open or close a dialog.
    Overlay(Option<Overlay>),
    /// Change the colours.
    SetTheme(ThemeChoice),
    /// Enlarge everything by this factor.
    SetZoom(f32),
    /// Change the memory limit for history, in bytes.
    SetMemoryLimit(usize),
    /// Change the time zone.
    SetZone(ZoneChoice),
    /// Show source times on charts, or times of arrival again.
    ToggleSourceTimes,
    /// Choose what changes are measured from.
    SetReference(ChangeReference),
    /// Set whether changed values flash.
    SetFlash(bool),
    /// Set the program that plays the sound of alerts.
    SetSoundCommand(String),
    /// Set the folder for recordings, tables and pictures; empty for the usual one.
    SetFolder(String),
    /// Connect to another server instead.
    Connect(String),
    /// Add, show or remove a server.
    Server(ServerAction),
    /// Save the layout under a name.
    SaveLayout(String),
    /// Use a saved layout.
    LoadLayout(String),
    /// Delete a saved layout.
    DeleteLayout(String),
    /// Give a saved layout another name.
    RenameLayout(String, String),
    /// Write something to a file.
    Export(Export),
    /// Stop the recording, or ask what to record.
    ToggleRecording,
    /// Start a recording.
    Record(RecordedScope),
    /// Play a recording instead of listening to a server.
    Play(PathBuf),
    /// Control the recording being played.
    Player(PlayerAction),
    /// Add an alert.
    AddAlert {
        /// The topic.
        topic: Topic,
        /// The condition.
        condition: AlertCondition,
    },
    /// Enable or disable an alert.
    SwitchAlert(AlertRuleId, bool),
    /// Set whether an alert plays a sound.
    SetAlertSound(AlertRuleId, bool),
    /// Set the program of an alert.
    SetAlertCommand(AlertRuleId, String),
    /// Set how far a value must come back before an alert can fire again.
    SetAlertMargin(AlertRuleId, f64),
    /// Mute alerts: what fires is only listed.
    MuteAlerts {
        /// One alert; `None` for all.
        rule: Option<AlertRuleId>,
        /// For how long, in nanoseconds; `None` for no longer.
        for_ns: Option<i64>,
    },
    /// Remove an alert.
    RemoveAlert(AlertRuleId),
    /// Acknowledge all events of alerts.
    AcknowledgeAlerts,
    /// Show a notice.
    Notify(String),
}

impl UiCommand {
    /// Whether a panel asks the server for what it shows: the user has not given it.
    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Self::PageBack(_) | Self::LongHistory { .. })
    }
}

/// A command for the list of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAction {
    /// Listen to another server as well.
    Add(String),
    /// Show the server at this index.
    Show(usize),
    /// Remove the server at this index.
    Remove(usize),
}

/// Where to open a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the active chart; if another chart shows the topic already, that one becomes active.
    Active,
    /// In a pane of its own.
    New,
    /// As another line on the active chart.
    Overlay,
    /// The same, on its second axis.
    SecondAxis,
}

/// A change of one series of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesAction {
    /// Hide it, or show it again.
    Hide,
    /// Move it to the other axis.
    MoveAxis,
    /// Remove it.
    Remove,
}

/// A change of the view of the active chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewAction {
    /// Follow the newest samples.
    Follow,
    /// Pause, or follow again.
    TogglePause,
    /// Move back by a quarter of the span.
    Back,
    /// Move forward by a quarter of the span.
    Forward,
    /// Halve the span.
    Closer,
    /// Double the span.
    Farther,
    /// Undo the last change.
    Undo,
}

/// A dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overlay {
    /// All commands, by name.
    Palette,
    /// All keys.
    Keys,
    /// Preferences.
    Preferences,
    /// The rules of alerts, and what has fired.
    Alerts,
    /// The name of a layout to be saved.
    SaveLayout,
    /// What to record.
    Record,
    /// The list of recordings.
    Recordings,
    /// The list of servers.
    Servers,
    /// What is set for the selected topic.
    Topic,
    /// The derived topics.
    Derived,
    /// A value to publish.
    Publish,
    /// The login at the server that is shown.
    Login,
}

/// A control of the recording being played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayerAction {
    /// Pause or go on.
    SetPaused(bool),
    /// Play at this multiple of the original speed.
    SetSpeed(f64),
    /// Seek to a time.
    Seek(TimeNs),
    /// Evaluate the recording's alerts, or not.
    SetAlerts(bool),
    /// Listen to the server again.
    Stop,
}

/// What to export to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// What the active chart shows, as CSV.
    VisibleCsv,
    /// All history of the active chart's topics, as CSV.
    AllCsv,
    /// A picture of the active chart, as PNG.
    Png,
    /// A picture of the active chart, to the clipboard.
    Copy,
}
