//! One line of the list of topics.

use egui::{Color32, CornerRadius, CursorIcon, Rangef, Rect, Sense, Ui, pos2, vec2};
use tickcast_protocol::message::{Quality, Status};

use super::{
    watch_rows::Sort,
    widgets::{paint_cut, paint_right},
};
use crate::{
    chart::{
        draw,
        plot::Plot,
        reduce::{Reduction, Window},
        scale::Scale,
    },
    format,
    scene::{Command, Place, Scene},
    store::{Direction, TimeNs, TopicState},
    theme::{self, Theme},
};

/// A narrower list has no room for sparklines.
const SPARK_FROM_WIDTH: f32 = 470.0;

/// A narrower list has no room for losses and latencies.
const QUALITY_FROM_WIDTH: f32 = 620.0;

/// A sparkline shows so much time.
const SPARK_SPAN_NS: i64 = 2 * format::MINUTE;

/// Where the columns are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) name: Rangef,
    /// Only if there is room.
    pub(super) spark: Option<Rangef>,
    pub(super) last: Rangef,
    pub(super) change: Rangef,
    pub(super) rate: Rangef,
    /// What was lost, and how long updates take: only if there is room.
    pub(super) quality: Option<(Rangef, Rangef)>,
    pub(super) age: Rangef,
}

impl Columns {
    /// The columns of a row: the numbers keep their widths, the name takes the rest.
    pub(super) fn of(row: Rect) -> Self {
        const AGE: f32 = 58.0;
        const RATE: f32 = 42.0;
        const CHANGE: f32 = 56.0;
        const LAST: f32 = 90.0;
        const SPARK: f32 = 84.0;
        const LOST: f32 = 64.0;
        const P99: f32 = 66.0;
        let mut right = row.right() - 12.0;
        let mut take = |width: f32| {
            let column = Rangef::new(right - width + 4.0, right);
            right -= width;
            column
        };
        let age = take(AGE);
        let quality = (row.width() >= QUALITY_FROM_WIDTH).then(|| {
            let p99 = take(P99);
            (take(LOST), p99)
        });
        let rate = take(RATE);
        let change = take(CHANGE);
        let last = take(LAST);
        let spark = (row.width() >= SPARK_FROM_WIDTH).then(|| take(SPARK));
        let name_end = spark.map_or(last.min, |spark| spark.min) - 4.0;
        Self {
            name: Rangef::new(row.left() + 12.0, name_end),
            spark,
            last,
            change,
            rate,
            quality,
            age,
        }
    }

    /// What stands above the columns, what a click there sorts by, where, and what it means.
    pub(super) fn headings(&self) -> Vec<(&'static str, Sort, Rangef, &'static str)> {
        let mut headings = vec![
            ("Topic", Sort::Name, self.name, "By name, in groups"),
            ("Last", Sort::Last, self.last, "Newest value"),
            (
                "%",
                Sort::Change,
                self.change,
                "Change since the monitor first saw the topic",
            ),
            ("/s", Sort::Rate, self.rate, "Updates per second"),
            ("Age", Sort::Age, self.age, "Time since the newest update"),
        ];
        if let Some((lost, p99)) = self.quality {
            let tip = "Updates that were asked for and did not come";
            headings.push(("Lost", Sort::Lost, lost, tip));
            let tip = "From the server's tape to here, for charted topics: 99 of 100 are faster";
            headings.push(("p99", Sort::Latency, p99, tip));
        }
        headings
    }
}

/// A group's heading. Whether it was clicked.
pub(super) fn group(ui: &mut Ui, theme: &Theme, name: &str, topics: usize, folded: bool) -> bool {
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let state = if folded { "folded" } else { "unfolded" };
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Group {name}, {state}"))
    });
    let color = if response.hovered() {
        theme.text
    } else {
        theme.muted
    };
    let arrow = if folded { "▸" } else { "▾" };
    let place = pos2(rect.left() + 12.0, rect.center().y);
    let painter = ui.painter();
    painter.text(
        place,
        egui::Align2::LEFT_CENTER,
        arrow,
        theme::small(),
        color,
    );
    let place = place + vec2(13.0, 0.0);
    let width = rect.width() - 80.0;
    paint_cut(painter, place, width, name, theme::small(), color);
    if folded || response.hovered() {
        let place = rect.right_center() - vec2(12.0, 0.0);
        paint_right(
            painter,
            place,
            &format::count(topics as u64),
            theme::axis_figures(),
            theme.dim,
        );
    }
    response.clicked()
}

/// How a topic's line begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowPlace {
    /// Bytes of its name that stand above it already.
    pub(super) prefix: usize,
    /// How much farther to the right than usual, in points.
    pub(super) indent: f32,
}

/// A topic's line. What the person wants.
pub(super) fn topic(
    ui: &mut Ui,
    scene: &Scene<'_>,
    topic: &TopicState,
    begin: RowPlace,
) -> Option<Command> {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let is_selected = scene.selected == Some(&topic.name);
    let name = topic.name.as_str();
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_selected, name)
    });
    ground(ui.painter(), theme, rect, is_selected, response.hovered());
    let painter = ui.painter();
    let columns = Columns::of(rect);
    let middle = rect.center().y;
    let is_quiet = topic.trust() != Status::Live;
    let ink = match topic.quality {
        _ if is_quiet => theme.dim,
        Quality::Retained => theme.muted,
        Quality::Live | Quality::Stale => theme.text,
    };

    let name_left = columns.name.min + begin.indent;
    let name_place = pos2(name_left, middle);
    let last_left = last(painter, scene, topic, &columns, middle, ink, is_quiet);
    let name_end = match columns.spark {
        Some(spark) => {
            sparkline(
                painter,
                scene,
                topic,
                Rect::from_x_y_ranges(spark, rect.y_range()),
            );
            spark.min
        }
        None => last_left,
    };
    let width = name_end - 8.0 - name_left;
    paint_cut(
        painter,
        name_place,
        width,
        &name[begin.prefix..],
        theme::text(),
        ink,
    );
    if !is_quiet {
        change(painter, theme, topic, pos2(columns.change.max, middle));
        if let Some(rate) = topic.rate.per_second(scene.now_ns) {
            let place = pos2(columns.rate.max, middle);
            let text = format::rate(rate);
            paint_right(painter, place, &text, theme::small_figures(), theme.muted);
        }
    }
    if let Some((lost, p99)) = columns.quality {
        quality(painter, scene, topic, middle, (lost.max, p99.max));
    }
    age(painter, scene, topic, pos2(columns.age.max, middle));

    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let response = response.on_hover_ui(|ui| tooltip(ui, scene, topic));
    response.clicked().then(|| {
        let modifiers = ui.input(|input| input.modifiers);
        let place = if modifiers.command {
            Place::New
        } else if modifiers.shift {
            Place::Overlay
        } else {
            Place::Active
        };
        Command::Chart {
            topic: topic.name.clone(),
            place,
        }
    })
}

/// What lies below a row.
pub(super) fn ground(
    painter: &egui::Painter,
    theme: &Theme,
    rect: Rect,
    is_selected: bool,
    is_hovered: bool,
) {
    if is_selected {
        painter.rect_filled(rect, CornerRadius::ZERO, theme.raised);
        let bar = Rect::from_min_size(rect.left_top(), vec2(2.0, rect.height()));
        painter.rect_filled(bar, CornerRadius::ZERO, theme.accent);
    } else if is_hovered {
        let faint = theme.raised.gamma_multiply(0.6);
        painter.rect_filled(rect, CornerRadius::ZERO, faint);
    }
}

/// The newest value with its unit. Returns where it begins.
fn last(
    painter: &egui::Painter,
    scene: &Scene<'_>,
    topic: &TopicState,
    columns: &Columns,
    middle: f32,
    ink: Color32,
    is_quiet: bool,
) -> f32 {
    let mut text = format::latest(topic, false);
    if let Some(unit) = &topic.unit
        && topic.number.is_some()
    {
        text.push(' ');
        text.push_str(unit);
    }
    let color = if is_quiet {
        ink
    } else {
        flash(scene, topic).unwrap_or(ink)
    };
    let place = pos2(columns.last.max, middle);
    let rect = paint_right(painter, place, &text, theme::small_figures(), color);
    rect.left()
}

/// The last two minutes, as high as they were.
fn sparkline(painter: &egui::Painter, scene: &Scene<'_>, topic: &TopicState, cell: Rect) {
    let Some(series) = &topic.series else { return };
    let area = cell.shrink2(vec2(2.0, 7.0));
    let window = Window {
        start_ns: scene.now_ns - SPARK_SPAN_NS,
        end_ns: scene.now_ns,
        columns: area.width() as u32,
    };
    let line = Reduction::default().line(series, &window);
    let mut scale = Scale::default();
    scale.update(line.range(), scene.now_ns);
    let plot = Plot {
        rect: area,
        start_ns: window.start_ns,
        end_ns: window.end_ns,
        scale,
    };
    let color = match topic.trust() {
        Status::Live => scene.theme.muted,
        Status::Stale | Status::Dead => scene.theme.dim,
    };
    let painter = painter.with_clip_rect(cell.intersect(painter.clip_rect()));
    draw::line(&painter, &plot, &line, color);
}

/// The colour of a value that has just changed; fades.
fn flash(scene: &Scene<'_>, topic: &TopicState) -> Option<Color32> {
    let age_ns = flash_age(topic, scene.now_ns)?;
    let stands_still = scene
        .player
        .is_some_and(|player| player.is_paused() || player.is_at_end());
    if !scene.preferences.flash || stands_still {
        return None;
    }
    let theme = scene.theme;
    let color = match topic.moved.1 {
        Direction::None => return None,
        Direction::Up => theme.up,
        Direction::Down => theme.down,
    };
    let faded = age_ns as f32 / theme::FLASH_NS as f32;
    Some(color.lerp_to_gamma(theme.text, faded * faded))
}

fn flash_age(topic: &TopicState, now_ns: TimeNs) -> Option<i64> {
    let age_ns = now_ns - topic.moved.0;
    (0..theme::FLASH_NS).contains(&age_ns).then_some(age_ns)
}

fn change(painter: &egui::Painter, theme: &Theme, topic: &TopicState, place: egui::Pos2) {
    let Some(change) = topic.change_percent() else {
        return;
    };
    let decimals = if change.abs() < 100.0 { 2 } else { 0 };
    let text = format::signed(change, decimals);
    let color = match text.as_bytes().first() {
        Some(b'+') => theme.up,
        Some(b'-') => theme.down,
        _ => theme.muted,
    };
    paint_right(painter, place, &text, theme::small_figures(), color);
}

/// What was lost, where everything was asked for, and how long updates take.
fn quality(
    painter: &egui::Painter,
    scene: &Scene<'_>,
    topic: &TopicState,
    middle: f32,
    (lost, p99): (f32, f32),
) {
    let theme = scene.theme;
    let missing = topic.missing;
    if missing.gaps > 0 || topic.is_lossless() {
        let color = if missing.gaps > 0 {
            theme.bad
        } else {
            theme.dim
        };
        let text = format::count(missing.lost);
        let place = pos2(lost, middle);
        paint_right(painter, place, &text, theme::small_figures(), color);
    }
    if let Some(summary) = scene.health.topic_summary(&topic.name) {
        let text = format::latency(summary.p99_ns);
        let place = pos2(p99, middle);
        paint_right(painter, place, &text, theme::small_figures(), theme.muted);
    }
}

fn age(painter: &egui::Painter, scene: &Scene<'_>, topic: &TopicState, place: egui::Pos2) {
    let theme = scene.theme;
    let age = topic.age_ns(scene.now_ns).map(format::age);
    let age = age.unwrap_or_default();
    let (text, color) = match topic.trust() {
        Status::Live if topic.quality == Quality::Retained => ("retained".to_owned(), theme.muted),
        Status::Live => (age, theme.dim),
        Status::Stale => (format!("stale {age}"), theme.warning),
        Status::Dead => (format!("dead {age}"), theme.bad),
    };
    paint_right(painter, place, &text, theme::small_figures(), color);
}

fn tooltip(ui: &mut Ui, scene: &Scene<'_>, topic: &TopicState) {
    use super::widgets::{fact, styled};
    let theme = scene.theme;
    ui.set_max_width(420.0);
    ui.label(styled(topic.name.as_str(), theme::strong(), theme.text));
    ui.label(styled(
        format::latest(topic, true),
        theme::figures(),
        theme.text,
    ));
    let count = |n: u64| format::count(n);
    ui.horizontal(|ui| fact(ui, theme, "Updates so far", &count(topic.seq), ""));
    ui.horizontal(|ui| fact(ui, theme, "Received here", &count(topic.received), ""));
    if topic.missing.conflated > 0 {
        let text = count(topic.missing.conflated);
        ui.horizontal(|ui| fact(ui, theme, "Left out by the server, as asked", &text, ""));
    }
    if topic.missing.gaps > 0 {
        let text = format!("{} in {}", count(topic.missing.lost), topic.missing.gaps);
        ui.horizontal(|ui| fact(ui, theme, "Lost", &text, "gaps"));
    }
    if let Some(summary) = scene.health.topic_summary(&topic.name) {
        let text = format::latency(summary.p99_ns);
        ui.horizontal(|ui| fact(ui, theme, "Latency p99", &text, ""));
    }
    ui.label(styled(
        "Click: chart · Ctrl+click: in a new pane · Shift+click: on the same chart",
        theme::small(),
        theme.muted,
    ));
}
