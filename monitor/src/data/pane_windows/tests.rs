use proptest::{collection::vec, prelude::*};

use super::*;

const SIZE: (f32, f32) = (400.0, 300.0);

fn place(left: f32, top: f32) -> WindowPlace {
    WindowPlace {
        position: Some((left, top)),
        size: SIZE,
    }
}

fn panes(windows: &PaneWindows) -> Vec<u64> {
    windows.all().iter().map(|window| window.pane.0).collect()
}

fn no_depths() -> UndoDepths {
    UndoDepths::new()
}

fn with(numbers: &[u64]) -> PaneWindows {
    let mut windows = PaneWindows::default();
    for &number in numbers {
        assert!(windows.take_out(PaneId(number), place(number as f32, 0.0), no_depths()));
    }
    windows
}

#[test]
fn each_step_is_undone_by_one() {
    let mut windows = with(&[3, 5]);
    windows.put_back(PaneId(3), no_depths());
    windows.put_back(PaneId(3), no_depths());
    windows.put_all_back(no_depths());
    windows.put_all_back(no_depths());
    let mut seen = vec![panes(&windows)];
    for _ in 0..4 {
        windows.undo(|_| true);
        seen.push(panes(&windows));
    }
    assert_eq!(seen, [vec![], vec![5], vec![3, 5], vec![3], vec![]]);
}

#[test]
fn a_window_that_comes_back_by_undo_is_where_it_was_and_others_stay_where_they_are() {
    let mut windows = with(&[1, 2]);
    windows.moved(PaneId(2), place(700.0, 80.0));
    windows.put_back(PaneId(2), no_depths());
    windows.moved(PaneId(1), place(33.0, 44.0));
    windows.undo(|_| true);
    assert_eq!(panes(&windows), [1, 2]);
    assert_eq!(windows.all()[0].place, place(33.0, 44.0));
    assert_eq!(windows.all()[1].place, place(700.0, 80.0));
}

#[test]
fn a_pane_that_was_closed_is_not_brought_back() {
    let mut windows = with(&[1, 2]);
    windows.closed(PaneId(2));
    windows.undo(|pane| pane != PaneId(2));
    assert_eq!(panes(&windows), [] as [u64; 0], "the step before is undone");
    let mut windows = with(&[1]);
    windows.put_back(PaneId(1), no_depths());
    windows.undo(|_| false);
    assert!(windows.all().is_empty());
}

#[test]
fn a_window_too_many_is_refused() {
    let numbers: Vec<u64> = (0..PANE_WINDOWS_MAX as u64).collect();
    let mut windows = with(&numbers);
    assert!(!windows.take_out(PaneId(99), place(0.0, 0.0), no_depths()));
    assert_eq!(panes(&windows), numbers);
    // One that is out already needs no room, and a refusal is no step.
    assert!(windows.take_out(PaneId(0), place(0.0, 0.0), no_depths()));
    windows.undo(|_| true);
    assert_eq!(panes(&windows).len(), PANE_WINDOWS_MAX - 1);
}

#[test]
fn what_a_chart_could_undo_at_the_last_step_is_older_than_the_step() {
    let (chart, other) = (PaneId(1), PaneId(2));
    let mut windows = PaneWindows::default();
    assert_eq!(windows.depth(chart), 0, "without a step all is newer");
    windows.take_out(other, place(0.0, 0.0), UndoDepths::from([(chart, 4)]));
    assert_eq!((windows.depth(chart), windows.depth(other)), (4, 0));
    windows.put_back(other, UndoDepths::from([(chart, 6)]));
    assert_eq!(windows.depth(chart), 6);
    windows.undo(|_| true);
    assert_eq!(windows.depth(chart), 4);
}

#[test]
fn a_window_is_opened_once_at_its_place_and_again_when_a_layout_is_loaded() {
    let screens = [ScreenArea {
        position: (0.0, 0.0),
        size: (1000.0, 800.0),
    }];
    let mut windows = with(&[7]);
    assert!(windows.wants_places());
    windows.moved(PaneId(7), place(5_000.0, 0.0));
    let opened = windows.opened(PaneId(7), &screens).unwrap();
    assert_eq!(opened, place(300.0, 250.0), "in the middle of the screen");
    assert!(!windows.wants_places());
    // The user moves it: it is not moved back.
    windows.moved(PaneId(7), place(20.0, 30.0));
    assert_eq!(windows.opened(PaneId(7), &screens), Some(opened));
    windows.reopen();
    let opened = windows.opened(PaneId(7), &screens);
    assert_eq!(opened, Some(place(20.0, 30.0)));
    assert_eq!(windows.opened(PaneId(8), &screens), None);
}

#[test]
fn a_window_outside_of_all_screens_comes_to_the_main_one() {
    let screen = |left, top| ScreenArea {
        position: (left, top),
        size: (1000.0, 800.0),
    };
    let screens = [screen(0.0, 0.0), screen(1000.0, -200.0)];
    for (at, stays) in [
        ((0.0, 0.0), true),
        ((600.0, 500.0), true),
        // A small part is enough, and a part of it on each screen.
        ((900.0, 767.0), true),
        ((800.0, 10.0), true),
        ((1000.0, -200.0), true),
        ((-310.0, 100.0), true),
        // The upper edge cannot be grasped.
        ((100.0, -1.0), false),
        ((100.0, 780.0), false),
        ((-330.0, 100.0), false),
        ((1990.0, 100.0), false),
        ((9_000.0, 9_000.0), false),
    ] {
        let before = place(at.0, at.1);
        let after = before.on_screens(&screens);
        let middle = place(300.0, 250.0);
        assert_eq!(after, if stays { before } else { middle }, "{at:?}");
    }
    // Nothing is known: the system decides.
    assert_eq!(place(9e3, 0.0).on_screens(&[]), place(9e3, 0.0));
    let unplaced = WindowPlace::of_size(SIZE);
    assert_eq!(unplaced.on_screens(&screens), unplaced);
    // A window that is larger than the screen fits it.
    let large = WindowPlace {
        position: Some((-9_000.0, 0.0)),
        size: (4_000.0, 3_000.0),
    };
    let fitting = WindowPlace {
        position: Some((0.0, 0.0)),
        size: (1000.0, 800.0),
    };
    assert_eq!(large.on_screens(&screens), fitting);
}

#[test]
fn a_file_may_contain_anything() {
    let text = r#"[
        {"pane": 4, "place": {"position": [10.0, 20.0], "size": [400.0, 300.0]}},
        {"pane": 4, "place": {"size": [400.0, 300.0]}},
        {"pane": 5, "place": {"size": [-1.0, 300.0]}},
        {"pane": 9, "place": {"size": [400.0, 300.0]}},
        {"pane": 6, "place": {"position": [1e30, 0.0], "size": [400.0, 300.0]}}
    ]"#;
    let saved: Vec<PaneWindow> = serde_json::from_str(text).unwrap();
    let windows = PaneWindows::new(&saved, |pane| pane.0 < 9);
    assert_eq!(panes(&windows), [4, 5, 6]);
    assert_eq!(windows.all()[0].place, place(10.0, 20.0));
    assert_eq!(windows.all()[1].place, WindowPlace::of_size((0.0, 0.0)));
    assert_eq!(windows.all()[2].place, WindowPlace::of_size(SIZE));
    let many: Vec<PaneWindow> = (0..40).map(|n| with(&[n]).all()[0].clone()).collect();
    let windows = PaneWindows::new(&many, |_| true);
    assert_eq!(windows.all().len(), PANE_WINDOWS_MAX);
}

#[derive(Debug, Clone)]
enum Step {
    TakeOut(u64),
    PutBack(u64),
    PutAllBack,
    Close(u64),
    Move(u64, f32),
    Undo,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pane = 0..12u64;
    vec(
        prop_oneof![
            4 => pane.clone().prop_map(Step::TakeOut),
            2 => pane.clone().prop_map(Step::PutBack),
            1 => Just(Step::PutAllBack),
            1 => pane.clone().prop_map(Step::Close),
            2 => (pane, 0f32..900.0).prop_map(|(pane, left)| Step::Move(pane, left)),
            3 => Just(Step::Undo),
        ],
        0..60,
    )
}

proptest! {
    /// After any steps there are no more windows than allowed, each is of a pane that exists, and
    /// what is saved is read as it was. Undoing all steps leaves none.
    #[test]
    fn windows_stay_sound(steps in steps()) {
        let mut windows = PaneWindows::default();
        let mut closed = std::collections::HashSet::new();
        for step in steps {
            match step {
                Step::TakeOut(pane) if !closed.contains(&pane) => {
                    let had_room = windows.all().len() < PANE_WINDOWS_MAX;
                    let had = windows.has(PaneId(pane));
                    let taken = windows.take_out(PaneId(pane), place(1.0, 1.0), no_depths());
                    prop_assert_eq!(taken, had || had_room);
                    prop_assert_eq!(windows.has(PaneId(pane)), taken);
                }
                Step::TakeOut(_) => {}
                Step::PutBack(pane) => {
                    windows.put_back(PaneId(pane), no_depths());
                    prop_assert!(!windows.has(PaneId(pane)));
                }
                Step::PutAllBack => {
                    windows.put_all_back(no_depths());
                    prop_assert!(windows.all().is_empty());
                }
                Step::Close(pane) => {
                    closed.insert(pane);
                    windows.closed(PaneId(pane));
                }
                Step::Move(pane, left) => windows.moved(PaneId(pane), place(left, 5.0)),
                Step::Undo => windows.undo(|pane| !closed.contains(&pane.0)),
            }
            prop_assert!(windows.all().len() <= PANE_WINDOWS_MAX);
            let mut seen = std::collections::HashSet::new();
            for window in windows.all() {
                prop_assert!(!closed.contains(&window.pane.0));
                prop_assert!(seen.insert(window.pane));
            }
            let text = serde_json::to_string(windows.all()).unwrap();
            let saved: Vec<PaneWindow> = serde_json::from_str(&text).unwrap();
            let again = PaneWindows::new(&saved, |pane| !closed.contains(&pane.0));
            prop_assert_eq!(again.all(), windows.all());
        }
        for _ in 0..60 {
            windows.undo(|pane| !closed.contains(&pane.0));
        }
        prop_assert!(windows.all().is_empty());
    }
}
