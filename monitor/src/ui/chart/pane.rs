//! The state of a chart: its topics, style, scale and view.

use egui::{Color32, Pos2};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::{
    data::{
        chart::{ChartStyle, Gesture, Reduction, ScaleMode, TimeView, ValueScale, ViewHistory},
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

/// How many candles a chart shows after their interval was chosen.
const CANDLES_SHOWN: i64 = 80;

/// A chart of one or more topics.
#[derive(Debug, Clone)]
pub(crate) struct ChartPane {
    /// What it shows; the first gives the pane its name.
    pub(crate) topics: Vec<Topic>,
    pub(super) style: ChartStyle,
    pub(super) scale_mode: ScaleMode,
    pub(super) view: TimeView,
    pub(super) state: Box<DrawState>,
    history: ViewHistory<ShownView>,
}

/// What a chart shows: one step of undo restores all of it.
#[derive(Debug, Clone, Copy)]
struct ShownView {
    view: TimeView,
    style: ChartStyle,
    scale_mode: ScaleMode,
    scale: ValueScale,
}

impl PartialEq for ShownView {
    /// A scale that follows its values is the same whatever they are.
    fn eq(&self, other: &Self) -> bool {
        let is_locked = self.scale_mode == ScaleMode::Lock;
        let scales = !is_locked || self.scale.range() == other.scale.range();
        (self.view, self.style, self.scale_mode) == (other.view, other.style, other.scale_mode)
            && scales
    }
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
            state: Box::default(),
            history: ViewHistory::default(),
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

    fn shown(&self) -> ShownView {
        ShownView {
            view: self.view,
            style: self.style,
            scale_mode: self.scale_mode,
            scale: self.state.scale,
        }
    }

    /// Call it before each change of the view, so that it can be undone.
    pub(super) fn remember(&mut self, gesture: Gesture, now_ns: TimeNs) {
        let shown = self.shown();
        self.history.remember(shown, gesture, now_ns);
    }

    fn undo(&mut self) {
        let shown = self.shown();
        let Some(before) = self.history.undo(&shown) else {
            return;
        };
        self.view = before.view;
        self.style = before.style;
        self.scale_mode = before.scale_mode;
        // A scale that follows its values goes on from there.
        self.state.scale = before.scale;
    }

    /// Shows the newest samples from now on.
    pub(crate) fn follow(&mut self, now_ns: TimeNs) {
        self.remember(Gesture::Single, now_ns);
        self.view.follow();
    }

    /// Shows the newest samples from now on, with the values that fill the height.
    pub(super) fn follow_and_fit(&mut self, now_ns: TimeNs) {
        self.follow(now_ns);
        self.fit();
    }

    /// Lets the visible values fill the height.
    pub(super) fn fit(&mut self) {
        self.scale_mode = ScaleMode::Auto;
        self.state.scale.set_mode(ScaleMode::Auto);
        self.state.scale.reset();
    }

    /// Changes the view.
    pub(crate) fn step(&mut self, step: ViewAction, now_ns: TimeNs) {
        if step == ViewAction::Undo {
            self.undo();
            return;
        }
        self.remember(Gesture::Single, now_ns);
        let view = &mut self.view;
        let span = view.span_ns();
        let (start, end) = view.window(now_ns);
        let middle = start + (end - start) / 2;
        match step {
            ViewAction::Follow => view.follow(),
            ViewAction::TogglePause => {
                if view.is_following() {
                    view.pause(now_ns);
                } else {
                    view.follow();
                }
            }
            ViewAction::Back => view.pan(-span / 4, now_ns),
            ViewAction::Forward => view.pan(span / 4, now_ns),
            ViewAction::Closer => view.zoom(0.5, middle),
            ViewAction::Farther => view.zoom(2.0, middle),
            ViewAction::Undo => {}
        }
    }

    /// The colour of a series.
    pub(super) fn color(&self, scene: &Scene<'_>, number: usize) -> Color32 {
        let topic = self.topics.get(number);
        let set = topic.and_then(|name| {
            let topic = scene.store.topic_named(name.as_str())?;
            topic.settings.as_ref()?.color
        });
        scene.theme.series(set.map_or(number, usize::from))
    }

    /// The main topic, if it is known.
    pub(super) fn main<'a>(&self, scene: &Scene<'a>) -> Option<&'a MonitoredTopic> {
        scene.store.topic_named(self.topics.first()?.as_str())
    }

    /// Changes the mode of the value axis.
    pub(crate) fn set_scale_mode(&mut self, mode: ScaleMode, now_ns: TimeNs) {
        self.remember(Gesture::Single, now_ns);
        self.scale_mode = mode;
        self.state.scale.set_mode(mode);
    }

    /// Changes the style. Candles get the time that a chart full of them needs.
    pub(crate) fn set_style(&mut self, style: ChartStyle, now_ns: TimeNs) {
        self.remember(Gesture::Single, now_ns);
        self.style = style;
        if let ChartStyle::Candles(interval_ns) = style {
            self.view
                .set_span(interval_ns.saturating_mul(CANDLES_SHOWN));
        }
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
            state: Box::default(),
            history: ViewHistory::default(),
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
