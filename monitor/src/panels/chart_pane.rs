//! One pane with a chart: its title line, and what the hand does on it.

use egui::{
    Align, CursorIcon, Layout, PointerButton, Pos2, Rect, Response, Sense, Ui, UiBuilder, vec2,
};
use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::{
    chart_pointer::{self, Ruler},
    chart_view::{self, Crosshair},
    widgets::styled,
};
use crate::{
    alerts::Condition,
    chart::{
        ChartStyle,
        plot::Plot,
        reduce::Reduction,
        scale::{Scale, ScaleMode},
        view::TimeView,
    },
    format,
    scene::{Command, Export, Overlay, Scene, ViewStep},
    store::TopicState,
    theme,
};

/// Most series on one chart: with more nobody can tell their colours apart.
const SERIES_MAX: usize = 5;

/// A notch of the wheel (50 points) zooms by about a sixth.
const ZOOM_PER_POINT: f64 = 0.0035;

/// A chart of one or more topics.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChartPane {
    /// What it shows; the first gives the pane its name.
    pub topics: Vec<Topic>,
    #[serde(default)]
    pub(super) style: ChartStyle,
    #[serde(default)]
    pub(super) scale_mode: ScaleMode,
    #[serde(default, rename = "span_ns")]
    pub(super) view: TimeView,
    #[serde(skip)]
    pub(super) live: Live,
}

/// What of a pane is not worth saving.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    pub(super) scale: Scale,
    /// Width of the value axis: grows with its labels, never shrinks, so that nothing jumps.
    pub(super) axis_width: f32,
    /// What the last repaint computed, topic by topic.
    pub(super) reductions: Vec<Reduction>,
    drag: Option<Drag>,
    /// The value at which the menu was opened.
    menu_value: f64,
}

/// What a drag on the chart means, decided when it began.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Drag {
    Pan,
    Ruler { from: Pos2 },
    Box { from: Pos2 },
    Scale,
}

/// What the person did with a pane.
#[derive(Debug, Default)]
pub(super) struct PaneResponse {
    /// It was touched.
    pub(super) is_activated: bool,
    /// It is being dragged to another place.
    pub(super) is_dragged: bool,
    /// It is to be closed.
    pub(super) is_closed: bool,
    /// Its view was changed.
    pub(super) is_touched: bool,
    /// What else is wanted.
    pub(super) commands: Vec<Command>,
}

impl ChartPane {
    /// A chart of one topic.
    pub fn new(topic: Topic) -> Self {
        Self {
            topics: vec![topic],
            style: ChartStyle::default(),
            scale_mode: ScaleMode::default(),
            view: TimeView::default(),
            live: Live::default(),
        }
    }

    /// Shows another topic in its place; what was chosen for the pane stays.
    pub fn replace(&mut self, topic: Topic) {
        self.topics = vec![topic];
        self.live.scale.reset();
        self.live.axis_width = 0.0;
    }

    /// Adds a topic to the chart, or takes it off.
    pub fn overlay(&mut self, topic: Topic) {
        if let Some(at) = self.topics.iter().position(|known| *known == topic) {
            if self.topics.len() > 1 {
                self.topics.remove(at);
            }
        } else if self.topics.len() < SERIES_MAX {
            self.topics.push(topic);
        }
        self.live.scale.reset();
    }

    /// Whether the newest samples are shown.
    pub fn is_following(&self) -> bool {
        self.view.is_following()
    }

    /// Shows the newest samples from now on.
    pub fn follow(&mut self, now_ns: i64) {
        self.view.follow(now_ns);
    }

    /// Changes the view.
    pub(super) fn step(&mut self, step: ViewStep, now_ns: i64) {
        let view = &mut self.view;
        let span = view.span_ns();
        let (start, end) = view.window(now_ns);
        let middle = start + (end - start) / 2;
        match step {
            ViewStep::Follow => view.follow(now_ns),
            ViewStep::TogglePause => {
                if view.is_following() {
                    view.pause(now_ns);
                } else {
                    view.follow(now_ns);
                }
            }
            ViewStep::Back => view.pan(-span / 4, now_ns),
            ViewStep::Forward => view.pan(span / 4, now_ns),
            ViewStep::Closer => view.zoom(0.5, middle, now_ns),
            ViewStep::Farther => view.zoom(2.0, middle, now_ns),
            ViewStep::Undo => {
                view.undo();
            }
        }
    }

    /// The main topic, if it is known.
    pub(super) fn main<'a>(&self, scene: &Scene<'a>) -> Option<&'a TopicState> {
        scene.store.topic_named(self.topics.first()?.as_str())
    }

    /// Draws the pane.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        crosshair: &mut Crosshair,
        is_active: bool,
    ) -> PaneResponse {
        let mut done = PaneResponse::default();
        self.live.scale.set_mode(self.scale_mode);
        let area = ui.max_rect();
        ui.painter()
            .rect_filled(area, egui::CornerRadius::ZERO, scene.theme.background);
        let (header, body) = area.split_top_bottom_at_y(area.top() + theme::PANE_HEADER_HEIGHT);
        self.header(ui, scene, header, is_active, &mut done);
        let areas = chart_view::Areas::of(body, self.live.axis_width);
        let response = ui.interact(
            areas.plot,
            ui.scope_id().with("plot"),
            Sense::click_and_drag(),
        );
        let name = self.topics.first().map_or("", Topic::as_str);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Figure, true, format!("Chart of {name}"))
        });
        let axis = ui.interact(
            areas.axis,
            ui.scope_id().with("axis"),
            Sense::click_and_drag(),
        );
        axis.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Slider, true, format!("Value axis of {name}"))
        });
        done.is_activated |= response.is_pointer_button_down_on() || axis.clicked();
        let view_before = self.view.clone();
        self.hands(ui, scene, &areas, &response, &axis);
        done.is_touched = self.view != view_before;

        let ruler = self.ruler(&response);
        let hovered = response
            .hover_pos()
            .filter(|_| self.live.drag != Some(Drag::Pan));
        let plot = chart_view::draw(
            ui,
            scene,
            self,
            &areas,
            chart_view::Pointer {
                hovered,
                ruler,
                crosshair,
            },
        );
        if let (Some(Drag::Box { from }), Some(to)) =
            (self.live.drag, response.interact_pointer_pos())
        {
            chart_pointer::draw_box(ui.painter(), &areas, from, to, scene.theme);
            if response.drag_stopped() {
                self.zoom_to_box(&plot, from, to, scene.now_ns);
            }
        }
        if response.drag_stopped() || axis.drag_stopped() {
            self.live.drag = None;
        }
        self.page_back(scene, &plot, &mut done);
        self.paused_chip(ui, scene, &areas);
        self.menu(&response, scene, &plot, &mut done);
        done
    }

    /// Asks for what is missing of the time that is shown.
    fn page_back(&self, scene: &Scene<'_>, plot: &Plot, done: &mut PaneResponse) {
        let missing = self.topics.iter().filter(|name| {
            let topic = scene.store.topic_named(name.as_str());
            topic.is_some_and(|topic| topic.wants_past(plot.start_ns))
        });
        done.commands
            .extend(missing.cloned().map(Command::PageBack));
    }

    fn ruler(&self, response: &Response) -> Option<Ruler> {
        match (self.live.drag, response.interact_pointer_pos()) {
            (Some(Drag::Ruler { from }), Some(to)) => Some(Ruler { from, to }),
            _ => None,
        }
    }

    fn hands(
        &mut self,
        ui: &Ui,
        scene: &Scene<'_>,
        areas: &chart_view::Areas,
        response: &Response,
        axis: &Response,
    ) {
        let now_ns = scene.now_ns;
        let (start_ns, end_ns) = self.view.window(now_ns);
        let ns_per_point = (end_ns - start_ns) as f64 / f64::from(areas.plot.width().max(1.0));
        if response.drag_started() {
            let from = ui
                .input(|input| input.pointer.press_origin())
                .unwrap_or_default();
            let shift = ui.input(|input| input.modifiers.shift);
            self.live.drag = Some(if response.dragged_by(PointerButton::Secondary) {
                Drag::Box { from }
            } else if shift {
                Drag::Ruler { from }
            } else {
                Drag::Pan
            });
        }
        if self.live.drag == Some(Drag::Pan) && response.dragged() {
            let by = -f64::from(response.drag_delta().x) * ns_per_point;
            self.view.pan(by as i64, now_ns);
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        }
        if axis.drag_started() {
            self.live.drag = Some(Drag::Scale);
        }
        if axis.dragged() && self.live.drag == Some(Drag::Scale) {
            self.stretch(axis.drag_delta().y);
        }
        if axis.hovered() {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
        }
        if let Some(place) = response.hover_pos() {
            let (wheel, pinch) =
                ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
            let anchor = start_ns + (f64::from(place.x - areas.plot.left()) * ns_per_point) as i64;
            if wheel.x != 0.0 {
                let by = -f64::from(wheel.x) * ns_per_point;
                self.view.pan(by as i64, now_ns);
            }
            let factor = (-f64::from(wheel.y) * ZOOM_PER_POINT).exp() / f64::from(pinch);
            if factor != 1.0 {
                self.view.zoom(factor, anchor, now_ns);
            }
        }
        if response.double_clicked() {
            self.follow(now_ns);
            self.set_scale_mode(ScaleMode::Auto);
            self.live.scale.reset();
        }
        if axis.double_clicked() {
            self.set_scale_mode(ScaleMode::Auto);
            self.live.scale.reset();
        }
    }

    /// Makes the value axis cover more or less, around its middle.
    fn stretch(&mut self, by: f32) {
        if let Some((low, high)) = self.live.scale.range() {
            let factor = f64::from(by * 0.01).exp();
            let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0 * factor);
            self.live.scale.lock(middle - half, middle + half);
            self.scale_mode = ScaleMode::Lock;
        }
    }

    fn zoom_to_box(&mut self, plot: &Plot, from: Pos2, to: Pos2, now_ns: i64) {
        // A click of the right button that shook a little is no box.
        const LEAST: f32 = 6.0;
        if (from.x - to.x).abs() < LEAST {
            return;
        }
        let times = (plot.time(from.x.min(to.x)), plot.time(from.x.max(to.x)));
        if (from.y - to.y).abs() >= LEAST && !plot.scale.is_log() {
            let values = (plot.value(from.y.max(to.y)), plot.value(from.y.min(to.y)));
            self.live.scale.lock(values.0, values.1);
            self.scale_mode = ScaleMode::Lock;
        }
        self.view.show(times.0, times.1, now_ns);
    }

    /// Lays values out anew.
    pub(super) fn set_scale_mode(&mut self, mode: ScaleMode) {
        self.scale_mode = mode;
        self.live.scale.set_mode(mode);
    }

    /// What a click of the right button offers.
    fn menu(
        &mut self,
        response: &Response,
        scene: &Scene<'_>,
        plot: &Plot,
        done: &mut PaneResponse,
    ) {
        let Some(topic) = self.topics.first().cloned() else {
            return;
        };
        if response.secondary_clicked()
            && let Some(place) = response.interact_pointer_pos()
        {
            done.is_activated = true;
            self.live.menu_value = plot.value(place.y);
        }
        let decimals = self.main(scene).map_or(2, |topic| topic.decimals);
        // What the axis tells is what is meant, not the sixteen digits of the pixel.
        let power = 10f64.powi(i32::from(decimals));
        let value = (self.live.menu_value * power).round() / power;
        response.context_menu(|ui| {
            for condition in [Condition::Above(value), Condition::Below(value)] {
                let label = format!("Alert when {}", condition.words(decimals));
                if ui.button(label).clicked() {
                    let topic = topic.clone();
                    done.commands.push(Command::AddAlert { topic, condition });
                    ui.close();
                }
            }
            for (label, command) in [
                ("More alerts …", Command::Overlay(Some(Overlay::Alerts))),
                (
                    "Save what is visible as CSV",
                    Command::Export(Export::VisibleCsv),
                ),
                ("Save all history as CSV", Command::Export(Export::AllCsv)),
                ("Save a picture as PNG", Command::Export(Export::Png)),
            ] {
                if ui.button(label).clicked() {
                    done.is_activated = true;
                    done.commands.push(command);
                    ui.close();
                }
            }
        });
    }

    /// Tells that the chart stands still, and what is missed meanwhile.
    fn paused_chip(&mut self, ui: &mut Ui, scene: &Scene<'_>, areas: &chart_view::Areas) {
        let view = &self.view;
        if view.is_following() {
            return;
        }
        let theme = scene.theme;
        let (_, end_ns) = view.window(scene.now_ns);
        let new = self
            .main(scene)
            .and_then(|topic| topic.series.as_ref())
            .map_or(0, |series| series.end() - series.index_at(end_ns + 1));
        let text = format!(
            "Paused, +{} new, {} behind",
            format::count(new),
            format::duration(view.behind_ns(scene.now_ns))
        );
        let width = 300.0f32.min(areas.plot.width() - 16.0);
        let place = Rect::from_min_size(
            egui::pos2(areas.plot.right() - width - 8.0, areas.plot.bottom() - 36.0),
            vec2(width, 26.0),
        );
        let mut ui = ui.new_child(
            UiBuilder::new()
                .max_rect(place)
                .layout(Layout::right_to_left(Align::Center)),
        );
        let button = egui::Button::new(styled(text, theme::small(), theme.warning))
            .fill(theme.raised)
            .stroke(theme.hairline_stroke());
        let response = ui.add(button).on_hover_text("Follow again (End or Space)");
        if response.clicked() {
            self.follow(scene.now_ns);
        }
    }
}
