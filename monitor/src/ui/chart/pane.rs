//! The state of a chart: its topics, style, scale and view.

use std::collections::HashMap;

use egui::{Color32, Pos2};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::plot::Plot;
use crate::{
    data::{
        chart::{
            AxisSide, ChartStyle, Cursors, Gesture, Reduction, ScaleMode, SeriesOptions, ShownAs,
            TimeView, ValueBasis, ValueScale, ViewHistory,
        },
        topics::MonitoredTopic,
    },
    files::saved_state::SavedChart,
    ui::{
        command::{SeriesAction, UiCommand, ViewAction},
        scene::Scene,
    },
};

/// The most series on one chart: the colours of more cannot be distinguished.
pub(crate) const SERIES_MAX: usize = 5;

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
    pub(super) options: SeriesOptions,
    pub(super) state: Box<DrawState>,
    history: ViewHistory<ShownView>,
}

/// What a chart shows: one step of undo restores all of it.
#[derive(Debug, Clone)]
struct ShownView {
    topics: Vec<Topic>,
    options: SeriesOptions,
    view: TimeView,
    style: ChartStyle,
    scale_mode: ScaleMode,
    scales: [ValueScale; 2],
}

impl PartialEq for ShownView {
    /// A scale that follows its values is the same whatever they are.
    fn eq(&self, other: &Self) -> bool {
        let is_locked = self.scale_mode == ScaleMode::Lock;
        let ranges = |shown: &Self| shown.scales.map(|scale| scale.range());
        (self.view, self.style, self.scale_mode) == (other.view, other.style, other.scale_mode)
            && (&self.topics, &self.options) == (&other.topics, &other.options)
            && (!is_locked || ranges(self) == ranges(other))
    }
}

/// The part of a chart's state that is not saved.
#[derive(Debug, Clone, Default)]
pub(super) struct DrawState {
    pub(super) scale: ValueScale,
    /// The scale of the second axis.
    pub(super) second_scale: ValueScale,
    /// Width of the second axis; 0 if no series is on it.
    pub(super) second_width: f32,
    /// How the main series was drawn last.
    pub(super) main_shown: (AxisSide, ShownAs),
    /// Width of the value axis. It grows with its labels and never shrinks, so that nothing jumps.
    pub(super) axis_width: f32,
    /// The columns of the last repaint, per topic.
    pub(super) reductions: Vec<Reduction>,
    /// What each topic was shown as last; `None` if there was no percentage.
    pub(super) shown_as: HashMap<Topic, Option<ShownAs>>,
    pub(super) drag: Option<Drag>,
    /// What the chart's time is ahead of the server's clock, while it shows source times.
    pub(super) source_shift_ns: Option<i64>,
    /// What the last repaint needs of the server.
    pub(super) requests: Vec<UiCommand>,
    /// The value and the time at which the menu was opened.
    pub(super) menu_value: f64,
    pub(super) menu_ns: TimeNs,
}

/// The meaning of a drag on the chart, decided when it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Drag {
    Pan,
    Ruler {
        from: Pos2,
    },
    Box {
        from: Pos2,
    },
    Scale,
    /// Moves a cursor.
    Cursor(usize),
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
    /// The pane goes to a window of its own, or back from it.
    pub(crate) changes_window: bool,
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
            options: SeriesOptions::default(),
            state: Box::default(),
            history: ViewHistory::default(),
        }
    }

    /// Whether it has values, and not only timelines. What has not come yet may have some.
    pub(super) fn has_values(&self, scene: &Scene<'_>) -> bool {
        self.topics.iter().any(|name| {
            let topic = scene.store.topic_named(name.as_str());
            topic.is_none_or(|topic| topic.series.is_some())
        })
    }

    /// Shows another topic instead; style, scale and view stay.
    pub(crate) fn replace(&mut self, topic: Topic) {
        self.remember_now();
        self.topics = vec![topic];
        self.series_changed();
        self.state.axis_width = 0.0;
    }

    /// Adds a topic to the chart, or removes it. Returns whether there was room for it.
    pub(crate) fn overlay(&mut self, topic: Topic) -> bool {
        if self.topics.contains(&topic) {
            self.change_series(&topic, SeriesAction::Remove);
            return true;
        }
        self.add(topic, AxisSide::Right)
    }

    /// Adds a topic to one axis of the chart, or moves it there. Returns whether there was room for
    /// it.
    pub(crate) fn add(&mut self, topic: Topic, side: AxisSide) -> bool {
        let is_known = self.topics.contains(&topic);
        if !is_known && self.topics.len() >= SERIES_MAX {
            return false;
        }
        self.remember_now();
        if self.options.side(&topic) != side {
            self.options.toggle_side(&topic);
        }
        self.options.hidden.remove(&topic);
        if !is_known {
            self.topics.push(topic);
        }
        self.series_changed();
        true
    }

    /// Hides, moves or removes a series, if the chart has it. The last one is not removed.
    pub(crate) fn change_series(&mut self, topic: &Topic, action: SeriesAction) {
        if !self.topics.contains(topic) {
            return;
        }
        self.remember_now();
        match action {
            SeriesAction::Hide => self.options.toggle_hidden(topic),
            SeriesAction::MoveAxis => self.options.toggle_side(topic),
            SeriesAction::Remove if self.topics.len() > 1 => {
                self.topics.retain(|known| known != topic);
            }
            SeriesAction::Remove => {}
        }
        self.series_changed();
    }

    /// Changes what values are shown as.
    pub(crate) fn set_basis(&mut self, basis: ValueBasis) {
        if self.options.basis == basis {
            return;
        }
        self.remember_now();
        self.options.basis = basis;
        // A range of prices says nothing about percentages.
        if self.scale_mode == ScaleMode::Lock {
            self.scale_mode = ScaleMode::Auto;
        }
        self.series_changed();
    }

    /// What values are shown as.
    pub(crate) fn basis(&self) -> ValueBasis {
        self.options.basis
    }

    /// Places two cursors, or removes them.
    pub(crate) fn toggle_cursors(&mut self, now_ns: TimeNs) {
        self.remember_now();
        self.options.cursors = match self.options.cursors {
            Some(_) => None,
            None => Some(Cursors::within(self.view.window(now_ns))),
        };
    }

    /// Places the cursor of this number.
    pub(super) fn place_cursor(&mut self, number: usize, time_ns: TimeNs, now_ns: TimeNs) {
        let window = self.view.window(now_ns);
        let cursors = self.options.cursors;
        let cursors = cursors.unwrap_or_else(|| Cursors::within(window));
        let mut times_ns = cursors.times_ns;
        if let Some(time) = times_ns.get_mut(number) {
            *time = time_ns;
        }
        self.options.cursors = Some(Cursors { times_ns });
    }

    /// Other series, another axis or basis: the next visible values set the scales.
    fn series_changed(&mut self) {
        self.options.keep_only(&self.topics);
        if self.scale_mode != ScaleMode::Lock {
            self.state.scale.reset();
            self.state.second_scale.reset();
        }
    }

    /// The chart's time: that of the server's clock, or of its sources.
    pub(crate) fn now_ns(&self, now_ns: TimeNs) -> TimeNs {
        now_ns.saturating_add(self.state.source_shift_ns.unwrap_or(0))
    }

    /// Whether it shows source times.
    pub(crate) fn has_source_times(&self) -> bool {
        self.state.source_shift_ns.is_some()
    }

    /// Shows source times or times of arrival. Of the other ones nothing stays in view.
    pub(super) fn set_source_shift(&mut self, shift_ns: Option<i64>) {
        let before = std::mem::replace(&mut self.state.source_shift_ns, shift_ns);
        if before.is_some() != shift_ns.is_some() {
            self.view.follow();
            self.options.cursors = None;
            self.history = ViewHistory::default();
            self.series_changed();
        }
    }

    /// Whether the newest samples are shown.
    pub(crate) fn is_following(&self) -> bool {
        self.view.is_following()
    }

    fn shown(&self) -> ShownView {
        ShownView {
            topics: self.topics.clone(),
            options: self.options.clone(),
            view: self.view,
            style: self.style,
            scale_mode: self.scale_mode,
            scales: [self.state.scale, self.state.second_scale],
        }
    }

    /// Call it before each change of the view, so that it can be undone.
    pub(super) fn remember(&mut self, gesture: Gesture, now_ns: TimeNs) {
        let shown = self.shown();
        self.history.remember(shown, gesture, now_ns);
    }

    /// Call it before a change that is one step, whenever it is made.
    pub(super) fn remember_now(&mut self) {
        let shown = self.shown();
        self.history.remember(shown, Gesture::Single, 0);
    }

    /// How many changes of the view can be undone.
    pub(crate) fn undo_depth(&self) -> usize {
        self.history.depth()
    }

    /// Undoes the last change of the view, if it came after the time at which this many could be
    /// undone. Returns whether it did.
    pub(crate) fn undo_since(&mut self, depth: usize) -> bool {
        let shown = self.shown();
        let Some(before) = self.history.undo_since(depth, &shown) else {
            return false;
        };
        self.view = before.view;
        self.style = before.style;
        self.scale_mode = before.scale_mode;
        // A scale that follows its values goes on from there.
        [self.state.scale, self.state.second_scale] = before.scales;
        self.topics = before.topics;
        self.options = before.options;
        true
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
        for scale in [&mut self.state.scale, &mut self.state.second_scale] {
            scale.set_mode(ScaleMode::Auto);
            scale.reset();
        }
    }

    /// Changes the view. [`Self::undo_since`] undoes such changes.
    pub(crate) fn step(&mut self, step: ViewAction, now_ns: TimeNs) {
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

    /// The value of the main series at a height.
    pub(super) fn main_value(&self, plot: &Plot, y: f32) -> f64 {
        let (side, map) = self.state.main_shown;
        let scale = match side {
            AxisSide::Right => self.state.scale,
            AxisSide::Left => self.state.second_scale,
        };
        map.value(Plot { scale, ..*plot }.value(y))
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
        self.state.second_scale.set_mode(mode);
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
            options: saved.options,
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
            options: pane.options,
        }
    }
}
