//! The user interface without a window: clicks, keys, drags, and what is shown then.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod alerts;
mod charts;
mod connection;
mod dashboards;
mod derived;
mod dialogs;
mod extremes;
mod lists;
mod login;
mod long_time;
mod looks;
mod names;
mod outages;
mod payloads;
mod recordings;
mod series;
mod source_time;
mod sparklines;
#[path = "../support/mod.rs"]
mod support;
mod views;
mod windows;
mod workspace;

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use support::{Bench, SECOND, fill, harness, harness_of, trade};
use tickcast_monitor::testing::{
    AlertCondition, ConnectionState, Obstacle, PlayerAction, SavedState, Theme, ThemeChoice,
    UiCommand, ZoneChoice, write_saved_state,
};
use tickcast_protocol::{
    message::{Quality, Status},
    value::Value,
};

const BTC: &str = "market/BTC-USDT/trade";

fn filled(charts: &[&str]) -> Harness<'static, Bench> {
    let mut harness = harness(SavedState::default(), charts);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    harness
}

/// Lets time pass, with 10 trades per second.
const THEMES: [ThemeChoice; 4] = [
    ThemeChoice::Dark,
    ThemeChoice::Light,
    ThemeChoice::DarkSafe,
    ThemeChoice::LightSafe,
];

fn trades(harness: &mut Harness<'_, Bench>, seconds: i64) {
    let script = &mut harness.state_mut().script;
    for at in 0..seconds * 10 {
        script.now_ns += SECOND / 10;
        let price = format!("{:.2}", 39_480.0 + f64::from((at % 17) as i32));
        script.every(BTC, trade(&price, "0.1"));
    }
    harness.run_steps(2);
}

fn has(harness: &Harness<'_, Bench>, label: &str) -> bool {
    harness.query_by_label(label).is_some()
}

fn sees(harness: &Harness<'_, Bench>, part: &str) -> bool {
    harness.query_all_by_label_contains(part).next().is_some()
}

fn charted(harness: &Harness<'_, Bench>) -> Vec<String> {
    let mut topics: Vec<String> = harness
        .state()
        .monitor
        .workspace()
        .topics()
        .iter()
        .map(ToString::to_string)
        .collect();
    topics.sort();
    topics
}

/// Whether a text that contains this was painted: texts of charts are not widgets.
fn painted(harness: &Harness<'_, Bench>, part: &str) -> bool {
    fn search(shape: &egui::Shape, part: &str) -> bool {
        match shape {
            egui::Shape::Text(text) => text.galley.text().contains(part),
            egui::Shape::Vec(shapes) => shapes.iter().any(|shape| search(shape, part)),
            _ => false,
        }
    }
    let shapes = &harness.output().shapes;
    shapes.iter().any(|clipped| search(&clipped.shape, part))
}

fn plot_center(harness: &Harness<'_, Bench>) -> Pos2 {
    harness
        .get_by_label(&format!("Chart of {BTC}"))
        .rect()
        .center()
}

fn wheel(harness: &mut Harness<'_, Bench>, at: Pos2, up: f32) {
    harness.hover_at(at);
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: vec2(0.0, up),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    // The wheel is smoothed over some repaints.
    harness.run_steps(20);
}

fn drag(
    harness: &mut Harness<'_, Bench>,
    button: PointerButton,
    from: Pos2,
    by: egui::Vec2,
    modifiers: Modifiers,
) {
    let press = |pressed, pos| egui::Event::PointerButton {
        pos,
        button,
        pressed,
        modifiers,
    };
    if modifiers.shift {
        harness.event(egui::Event::Key {
            key: Key::F20,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        });
    }
    harness.event_modifiers(egui::Event::PointerMoved(from), modifiers);
    harness.event_modifiers(press(true, from), modifiers);
    for part in 1..=5 {
        let pos = from + by * (part as f32 / 5.0);
        harness.event_modifiers(egui::Event::PointerMoved(pos), modifiers);
        harness.run_steps(1);
    }
    harness.event_modifiers(press(false, from + by), modifiers);
    harness.run_steps(2);
}

/// The colour of the first text painted that is exactly this.
fn ink(harness: &Harness<'_, Bench>, exact: &str) -> Option<egui::Color32> {
    inks(harness, exact).into_iter().next()
}

/// The colours of all texts painted that are exactly this.
fn inks(harness: &Harness<'_, Bench>, exact: &str) -> Vec<egui::Color32> {
    fn search(shape: &egui::Shape, exact: &str) -> Option<egui::Color32> {
        match shape {
            egui::Shape::Text(text) if text.galley.text() == exact => {
                let section = text.galley.job.sections.first()?;
                Some(text.override_text_color.unwrap_or(section.format.color))
            }
            egui::Shape::Vec(shapes) => shapes.iter().find_map(|shape| search(shape, exact)),
            _ => None,
        }
    }
    let shapes = harness.output().shapes.iter();
    let found = shapes.filter_map(|clipped| search(&clipped.shape, exact));
    found.collect()
}

fn is_chosen(harness: &Harness<'_, Bench>, label: &str) -> bool {
    harness.get_by_label(label).accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
}

/// Start and end of the time that the active chart shows.
fn window(harness: &Harness<'_, Bench>) -> (i64, i64) {
    let now_ns = harness.state().script.now_ns;
    let active = harness.state().monitor.workspace().active(now_ns);
    active.unwrap().window
}

/// The row of a topic in the list. Its name is shown in other places too, such as tooltips.
fn row<'h>(harness: &'h Harness<'_, Bench>, topic: &'h str) -> egui_kittest::Node<'h> {
    harness
        .get_all_by_label(topic)
        .find(|node| node.accesskit_node().role() == egui::accesskit::Role::ListBoxOption)
        .unwrap()
}

/// All texts painted within an area that are not cut away, with their places.
fn texts(harness: &Harness<'_, Bench>, area: egui::Rect) -> Vec<(String, egui::Rect)> {
    fn collect(shape: &egui::Shape, clip: egui::Rect, texts: &mut Vec<(String, egui::Rect)>) {
        match shape {
            egui::Shape::Text(text) => {
                // The text of a right-aligned line lies to the left of its place.
                let rect = text.galley.rect.translate(text.pos.to_vec2());
                texts.push((text.galley.text().to_owned(), rect.intersect(clip)));
            }
            egui::Shape::Vec(shapes) => {
                for shape in shapes {
                    collect(shape, clip, texts);
                }
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    for clipped in &harness.output().shapes {
        collect(&clipped.shape, clipped.clip_rect, &mut texts);
    }
    texts.retain(|(text, rect)| {
        !text.trim().is_empty() && rect.is_positive() && area.contains(rect.center())
    });
    texts
}

/// No two texts within an area lie over each other.
#[track_caller]
fn assert_apart(harness: &Harness<'_, Bench>, area: egui::Rect, what: &str) {
    let texts = texts(harness, area);
    for (at, (text, rect)) in texts.iter().enumerate() {
        for (other, place) in &texts[..at] {
            let both = rect.intersect(*place);
            let is_apart = both.width() < 2.0 || both.height() < 2.0;
            assert!(
                is_apart,
                "{what}: {text:?} at {rect:?} over {other:?} at {place:?}"
            );
        }
    }
}

/// The whole window.
fn whole(harness: &Harness<'_, Bench>) -> egui::Rect {
    harness.ctx.content_rect()
}

/// Whether a topic has a row in the list.
fn is_listed(harness: &Harness<'_, Bench>, topic: &str) -> bool {
    harness
        .query_all_by_label(topic)
        .any(|node| node.accesskit_node().role() == egui::accesskit::Role::ListBoxOption)
}

fn write(harness: &mut Harness<'_, Bench>, text: &str) {
    harness.event(egui::Event::Text(text.to_owned()));
    harness.run_steps(2);
}

/// Opens the palette, types, and runs the first command.
fn command(harness: &mut Harness<'_, Bench>, words: &str) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    write(harness, words);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
}

/// The program after a restart, with its state from a file.
fn restarted(harness: &mut Harness<'_, Bench>) -> Harness<'static, Bench> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.json");
    let text = harness.state_mut().monitor.saved_state().to_text().unwrap();
    write_saved_state(&path, &text).unwrap();
    let (settings, error) = SavedState::load(&path);
    assert!(error.is_none(), "{error:?}");
    let mut again = support::harness(settings, &[]);
    fill(&mut again.state_mut().script);
    again.run_steps(2);
    again
}
