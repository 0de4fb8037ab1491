//! The state of a chart: its topics, style, scale and view.

use egui::Pos2;
use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::{
    data::{
        chart::{ChartStyle, Reduction, ScaleMode, TimeView, ValueScale},
        topics::MonitoredTopic,
    },
    files::saved_state::SavedChart,
    ui::{
        command::{UiCommand, ViewAction},
        scene::Scene,
    },
};

/// The most series on one chart: the colours of more cannot be distinguished.
const SERIES_MAX: usize = 5;

/// A chart of one or more topics.
#[derive(Debug, Clone)]
pub(crate) struct ChartPane {
    /// What it shows; the first gives the pane its name.
    pub(crate) topics: Vec<Topic>,
    pub(super) style: ChartStyle,
    pub(super) scale_mode: ScaleMode,
    pub(super) view: TimeView,
    pub(super) state: DrawState,
}

/// The part of a chart's state that is not saved.
#[derive(Debug, Clone, Default)]
pub(super) struct DrawState {
    pub(super) scale: ValueScale,
    /// Width of the value axis. It grows with its labels and never shrinks, so that nothing jumps.
    pub(super) axis_width: f32,
    /// The columns of the last repaint, per topic.
    pub(super) reductions: Vec<Reduction>,
    pub(super) drag: Option<Drag>,
    /// The value at which the menu was opened.
    pub(super) menu_value: f64,
}

/// The meaning of a drag on the chart, decided when it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Drag {
    Pan,
    Ruler { from: Pos2 },
    Box { from: Pos2 },
    Scale,
}

/// What the user did with a pane.
#[derive(Debug, Default)]
pub(crate) struct PaneResponse {
    /// The pane was touched.
    pub(crate) is_activated: bool,
    /// The pane is being dragged to another place.
    pub(crate) is_dragged: bool,
    /// The pane is to be closed.
    pub(crate) is_closed: bool,
    /// The view was changed.
    pub(crate) is_touched: bool,
    /// The commands that the user gave.
    pub(crate) commands: Vec<UiCommand>,
}

impl ChartPane {
    /// A chart of one topic.
    pub(crate) fn new(topic: Topic) -> Self {
        Self {
            topics: vec![topic],
            style: ChartStyle::default(),
            scale_mode: ScaleMode::default(),
            view: TimeView::default(),
            state: DrawState::default(),
        }
    }

    /// Shows another topic instead; style, scale and view stay.
    pub(crate) fn replace(&mut self, topic: Topic) {
        self.topics = vec![topic];
        self.state.scale.reset();
        self.state.axis_width = 0.0;
    }

    /// Adds a topic to the chart, or removes it.
    pub(crate) fn overlay(&mut self, topic: Topic) {
        if let Some(at) = self.topics.iter().position(|known| *known == topic) {
            if self.topics.len() > 1 {
                self.topics.remove(at);
            }
        } else if self.topics.len() < SERIES_MAX {
            self.topics.push(topic);
        }
        self.state.scale.reset();
    }

    /// Whether the newest samples are shown.
    pub(crate) fn is_following(&self) -> bool {
        self.view.is_following()
    }

    /// Shows the newest samples from now on.
    pub(crate) fn follow(&mut self, now_ns: TimeNs) {
        self.view.follow(now_ns);
    }

    /// Changes the view.
    pub(crate) fn step(&mut self, step: ViewAction, now_ns: TimeNs) {
        let view = &mut self.view;
        let span = view.span_ns();
        let (start, end) = view.window(now_ns);
        let middle = start + (end - start) / 2;
        match step {
            ViewAction::Follow => view.follow(now_ns),
            ViewAction::TogglePause => {
                if view.is_following() {
                    view.pause(now_ns);
                } else {
                    view.follow(now_ns);
                }
            }
            ViewAction::Back => view.pan(-span / 4, now_ns),
            ViewAction::Forward => view.pan(span / 4, now_ns),
            ViewAction::Closer => view.zoom(0.5, middle, now_ns),
            ViewAction::Farther => view.zoom(2.0, middle, now_ns),
            ViewAction::Undo => {
                view.undo();
            }
        }
    }

    /// The main topic, if it is known.
    pub(super) fn main<'a>(&self, scene: &Scene<'a>) -> Option<&'a MonitoredTopic> {
        scene.store.topic_named(self.topics.first()?.as_str())
    }

    /// Changes the mode of the value axis.
    pub(crate) fn set_scale_mode(&mut self, mode: ScaleMode) {
        self.scale_mode = mode;
        self.state.scale.set_mode(mode);
    }

    /// Changes the style.
    pub(crate) fn set_style(&mut self, style: ChartStyle) {
        self.style = style;
    }

    /// The stretch of time that is shown.
    pub(crate) fn view(&self) -> &TimeView {
        &self.view
    }

    /// Shows another stretch of time.
    pub(crate) fn set_view(&mut self, view: TimeView) {
        self.view = view;
    }
}

impl From<SavedChart> for ChartPane {
    fn from(saved: SavedChart) -> Self {
        Self {
            topics: saved.topics,
            style: saved.style,
            scale_mode: saved.scale_mode,
            view: TimeView::following(saved.span_ns),
            state: DrawState::default(),
        }
    }
}

impl From<ChartPane> for SavedChart {
    fn from(pane: ChartPane) -> Self {
        Self {
            topics: pane.topics,
            style: pane.style,
            scale_mode: pane.scale_mode,
            span_ns: pane.view.span_ns(),
        }
    }
}
