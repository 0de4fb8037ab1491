//! Dialogs: all of each can be reached in the smallest window, what is typed is no hint, and what
//! does something is no choice.

use egui::{Color32, Rect, Shape};
use tickcast_monitor::testing::Overlay;

use super::*;

/// The last field of the preferences holds this at first.
const SOUND: &str = "paplay /usr/share/sounds/freedesktop/stereo/bell.oga";

fn opened(size: [f32; 2], overlay: Overlay) -> Harness<'static, Bench> {
    let mut harness = harness_of(size, SavedState::default(), &[BTC]);
    fill(&mut harness.state_mut().script);
    harness.run_steps(2);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::Select(BTC.parse().unwrap()));
    monitor.execute(UiCommand::Overlay(Some(overlay)));
    harness.run_steps(6);
    harness
}

/// The place of a text of a dialog that is not cut away, if it is shown.
fn place(harness: &Harness<'_, Bench>, exact: &str) -> Option<Rect> {
    let shown = texts(harness, whole(harness)).into_iter();
    // Dialogs are painted last.
    shown.rev().find(|(text, _)| text == exact).map(|(_, r)| r)
}

#[test]
fn every_dialog_lies_within_the_smallest_window_and_its_last_line_can_be_reached() {
    for (overlay, first, last) in [
        (Overlay::Preferences, "Preferences", SOUND),
        (Overlay::Topic, "Settings of a topic", "Apply"),
        (
            Overlay::Derived,
            "Derived topics",
            "Add to the active chart",
        ),
        (Overlay::Publish, "Publish a value", "A text"),
        (Overlay::Record, "Record", "Start recording"),
        (Overlay::SaveLayout, "Save the layout", "Save"),
        (Overlay::Login, "Log in", "Close"),
        (Overlay::Alerts, "Alerts", "Losing updates"),
    ] {
        let mut harness = opened([720.0, 420.0], overlay);
        let inner = whole(&harness).shrink(20.0);
        let title = place(&harness, first);
        let title = title.unwrap_or_else(|| panic!("{first}: no title"));
        assert!(inner.contains_rect(title), "{first} at {title:?}");
        let center = whole(&harness).center();
        for _ in 0..4 {
            wheel(&mut harness, center, -200.0);
        }
        let end = place(&harness, last);
        let end = end.unwrap_or_else(|| panic!("{first}: no {last}"));
        assert!(inner.contains_rect(end), "{first}: {last} at {end:?}");
        assert!(end.height() > 10.0, "{first}: {last} is whole, {end:?}");
    }
}

#[test]
fn what_was_typed_has_the_colour_of_text_and_a_hint_has_not() {
    for choice in THEMES {
        let mut harness = opened([1000.0, 700.0], Overlay::Publish);
        harness
            .state_mut()
            .monitor
            .execute(UiCommand::SetTheme(choice));
        harness.run_steps(2);
        write(&mut harness, "12.5");
        let theme = Theme::of(choice);
        assert_eq!(ink(&harness, "12.5"), Some(theme.text), "{choice:?}");
        let hint = "Filter, e.g. market/+/trade";
        assert_eq!(ink(&harness, hint), Some(theme.muted), "{choice:?}");
    }
}

/// The lines of the smallest frames around a text.
fn frame_around(harness: &Harness<'_, Bench>, text: &str) -> Color32 {
    let place = place(harness, text).unwrap();
    let frames = harness.output().shapes.iter();
    let frames = frames.filter_map(|clipped| match &clipped.shape {
        Shape::Rect(frame) if frame.rect.contains_rect(place) => Some(frame),
        _ => None,
    });
    let nearest = frames.min_by(|a, b| a.rect.area().total_cmp(&b.rect.area()));
    let frame = nearest.unwrap();
    match frame.rect.height() < 30.0 {
        true => frame.stroke.color,
        false => Color32::TRANSPARENT,
    }
}

#[test]
fn a_button_that_does_something_has_a_line_around_it_and_a_choice_has_none() {
    for choice in THEMES {
        let mut harness = opened([1000.0, 700.0], Overlay::Record);
        harness
            .state_mut()
            .monitor
            .execute(UiCommand::SetTheme(choice));
        harness.run_steps(3);
        let line = Theme::of(choice).hairline;
        assert_eq!(frame_around(&harness, "Start recording"), line);
        for choice in ["Every update", "Charted topics in full"] {
            assert_ne!(frame_around(&harness, choice), line, "{choice}");
        }
    }
}
