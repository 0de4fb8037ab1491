//! Draws a chart: its topics, its axes, its marks, and what the pointer shows.

use std::time::Duration;

use egui::Ui;

use super::{
    axes,
    canvas::{Areas, Canvas, ChartedTopic, Drawing},
    cursors, denied, drawings, lanes, long_time, marks, paint,
    pane::ChartPane,
    placed_words::PlacedWords,
    plot::Plot,
    pointer::PointerInput,
    readout,
    value_axis::ValueAxis,
};
use crate::{
    data::{
        chart::{AxisSide, ChartWindow, ValueBasis, candles::Candle, union_of},
        connection_state::ConnectionState,
        time::SECOND,
    },
    ui::scene::{Quiet, Scene},
};

/// The part of the height that volume takes.
const VOLUME_PART: f32 = 0.16;

/// A legend that takes a greater part of the height lies over the lines.
const LEGEND_PART_MAX: f32 = 0.3;

/// A chart that follows moves at least twice per second while the server sends anything.
const SCROLL_MAX_NS: i64 = 500_000_000;
/// After a minute without updates it moves this rarely, like everything else on the screen.
const SCROLL_STILL_NS: i64 = 10 * SECOND;
/// A chart whose newest sample is older than this moves only twice per second.
const SCROLL_LIVELY_NS: i64 = 3_000_000_000;

/// Draws a chart with a legend of this height. Returns its area with times and values.
pub(super) fn draw(
    ui: &Ui,
    scene: &Scene<'_>,
    pane: &mut ChartPane,
    areas: &Areas,
    legend: f32,
    pointer: PointerInput<'_>,
) -> Plot {
    let now_ns = scene.now_ns;
    let (start_ns, end_ns) = pane.view.window(now_ns);
    let window = ChartWindow {
        start_ns,
        end_ns,
        columns: (areas.plot.width() * ui.pixels_per_point()).max(1.0) as u32,
    };
    let topics = drawings::charted_topics(scene, pane, &window);
    let range = |side| {
        let own = topics.iter().filter(|charted| charted.side == side);
        union_of(own.filter_map(ChartedTopic::range))
    };
    pane.state.scale.update(range(AxisSide::Right), now_ns);
    pane.state
        .second_scale
        .update(range(AxisSide::Left), now_ns);
    if let Some(main) = topics.first() {
        pane.state.main_shown = (main.side, main.map);
    }
    let volume = drawings::volume(&topics, &window, areas, now_ns);
    let whole = Plot {
        rect: areas.plot,
        start_ns,
        end_ns,
        scale: pane.state.scale,
    };
    let mut plot = whole;
    // No line lies behind the legend, where there is room for both.
    if legend <= whole.rect.height() * LEGEND_PART_MAX {
        plot.rect.min.y += legend;
    }
    // Nor behind the lanes of states.
    let lanes = lanes::height_below_lines(scene, pane, areas.plot.height() - legend);
    plot.rect.max.y -= lanes;
    if volume.is_some() {
        plot.rect.max.y -= plot.rect.height() * VOLUME_PART;
    }
    let second = Plot {
        scale: pane.state.second_scale,
        ..plot
    };
    let canvas = Canvas {
        scene,
        areas: *areas,
        plot,
        second,
        whole,
        legend,
        lanes,
        words: PlacedWords::default(),
        inside: ui.painter().with_clip_rect(areas.plot),
        outside: ui.painter().clone(),
    };
    let basis = pane.options.basis;
    let pointed = pointer.labelled(&canvas.plot);
    let widths = paint(&canvas, basis, &topics, volume.as_ref(), pointed);
    cursors::draw(&canvas, pane.options.cursors);
    let has_long = topics.iter().any(ChartedTopic::has_long);
    if !lanes::draw(&canvas, pane, pointer.hovered) && !has_long {
        marks::empty_reason(&canvas, pane);
    }
    long_time::note(&canvas, pane, &topics);
    denied::draw(&canvas, pane);
    pane.state.requests = long_time::requests(scene, pane, &window, &topics);
    canvas.write_words();
    readout::draw(&canvas, basis, &topics, pointer);
    // The width changes in steps, so that one more digit does not move everything.
    let wanted = widths.map(|width| ((width + 18.0) / 8.0).ceil() * 8.0);
    let second_width = if topics.iter().all(|charted| charted.side == AxisSide::Right) {
        0.0
    } else {
        wanted[1].max(pane.state.second_width)
    };
    if wanted[0] > pane.state.axis_width || second_width != pane.state.second_width {
        pane.state.axis_width = wanted[0].max(pane.state.axis_width);
        pane.state.second_width = second_width;
        ui.ctx().request_repaint();
    }
    schedule(ui, scene, pane, &plot);
    plot
}

/// Paints everything except what the pointer shows, whose label on the axes is at the height
/// `pointed`. Returns the widths of the widest labels of both value axes.
fn paint<'s>(
    canvas: &Canvas<'s>,
    basis: ValueBasis,
    topics: &[ChartedTopic<'s>],
    volume: Option<&(Vec<Candle>, i64)>,
    pointed: Option<f32>,
) -> [f32; 2] {
    let (inside, theme) = (&canvas.inside, canvas.theme());
    let axes = [AxisSide::Right, AxisSide::Left].map(|side| ValueAxis {
        canvas,
        side,
        basis,
    });
    let has_right = topics.iter().any(|charted| charted.side == AxisSide::Right);
    let has_left = topics.iter().any(|charted| charted.side == AxisSide::Left);
    let mut widest = [0.0; 2];
    if has_right || !has_left {
        widest[0] = axes[0].draw(topics, pointed, true);
    }
    if has_left {
        widest[1] = axes[1].draw(topics, pointed, !has_right);
    }
    axes::time_axis(canvas);
    for charted in topics {
        marks::gaps(canvas, charted);
        long_time::missing(canvas, charted);
    }
    marks::no_connection(canvas);
    if let Some((candles, interval_ns)) = volume {
        paint::volume(inside, &canvas.above_lanes(), candles, *interval_ns, theme);
    }
    for charted in topics {
        long_time::rows(canvas, charted);
        let plot = canvas.plot_of(charted.side);
        match &charted.drawing {
            Drawing::Line(line) => paint::line(inside, plot, line, charted.color),
            Drawing::Band(pieces) => paint::band(inside, plot, pieces, charted.color, theme),
            Drawing::Candles(candles, interval_ns) => {
                paint::candles(inside, plot, candles, *interval_ns, theme);
            }
        }
    }
    marks::silences(canvas, topics);
    // The main series is the last one, so that its label is on top.
    let places = axes
        .each_ref()
        .map(|axis| axis.label_places(topics, pointed));
    for (number, charted) in topics.iter().enumerate().rev() {
        let at = usize::from(charted.side == AxisSide::Left);
        let place = places[at].get(number).copied().flatten();
        widest[at] = widest[at].max(axes[at].last_value(charted, place));
    }
    // After the lines of the newest values, which would cross out their words.
    if let Some(charted) = topics.first() {
        marks::alerts(canvas, charted);
    }
    widest
}

/// Requests a repaint for movements that do not depend on updates.
fn schedule(ui: &Ui, scene: &Scene<'_>, pane: &ChartPane, plot: &Plot) {
    let repaint_after = |ns: i64| {
        let wait = Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
        ui.ctx().request_repaint_after(wait);
    };
    for scale in [&pane.state.scale, &pane.state.second_scale] {
        if let Some(at_ns) = scale.shrinks_at() {
            repaint_after(at_ns - scene.now_ns);
        }
    }
    if pane.view.is_following() && matches!(scene.connection, ConnectionState::Connected { .. }) {
        // A following chart has to be repainted when it has moved by a pixel.
        let pixel_ns = plot.ns_per_point() / f64::from(ui.pixels_per_point());
        let newest_ns = pane.topics.iter().filter_map(|name| {
            let topic = scene.store.topic_named(name.as_str())?;
            scene.drawn(topic)?.last_time()
        });
        let is_quiet = newest_ns
            .max()
            .is_none_or(|newest_ns| scene.now_ns - newest_ns > SCROLL_LIVELY_NS);
        let (least_ns, most_ns) = match scene.quiet() {
            Quiet::No if is_quiet => (SCROLL_MAX_NS, SCROLL_MAX_NS),
            Quiet::No => {
                let interval_ns = scene.repaint_interval_ns;
                (interval_ns, SCROLL_MAX_NS.max(interval_ns))
            }
            Quiet::Seconds => (SECOND, SECOND),
            Quiet::Minutes => (SCROLL_STILL_NS, SCROLL_STILL_NS),
        };
        repaint_after((pixel_ns as i64).clamp(least_ns, most_ns));
    }
}

/// The number of samples of the main topic per pixel.
pub(crate) fn samples_per_pixel(scene: &Scene<'_>, pane: &ChartPane, width: f32) -> Option<f64> {
    let series = pane.main(scene)?.drawn(pane.has_source_times())?;
    let (start_ns, end_ns) = pane.view.window(pane.now_ns(scene.now_ns));
    let columns = width.max(1.0) as u32;
    let window = ChartWindow {
        start_ns,
        end_ns,
        columns,
    };
    let from = series.first_time()?.max(start_ns);
    let to = series.last_time()?.min(end_ns);
    let part = (to - from) as f64 / (end_ns - start_ns) as f64;
    let used = f64::from(columns) * part.max(1.0 / f64::from(columns));
    Some(window.samples(series) as f64 / used)
}
