use std::fs;

use super::*;

/// A file written by version 0.1.0 that contains every part of a file.
const SAVED: &str = include_str!("../../../tests/data/monitor.json");

#[test]
fn settings_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/monitor.json");
    let (mut state, error) = SavedState::load(&path);
    assert!(error.is_none());
    state.url = Some("ws://example:1/ws".to_owned());
    state.preferences.theme = ThemeChoice::Light;
    let saved: SavedState = serde_json::from_str(SAVED).unwrap();
    state.workspace = saved.workspace;
    write(&path, &state.to_text().unwrap()).unwrap();
    let (again, error) = SavedState::load(&path);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(again.url, state.url);
    assert_eq!(again.preferences.theme, ThemeChoice::Light);
    assert_eq!(again.workspace, state.workspace);
}

#[test]
fn a_file_of_an_earlier_version_is_read_and_written_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.json");
    fs::write(&path, SAVED).unwrap();
    let (state, error) = SavedState::load(&path);
    assert!(error.is_none(), "{error:?}");
    let before: serde_json::Value = serde_json::from_str(SAVED).unwrap();
    let after: serde_json::Value = serde_json::from_slice(&state.to_text().unwrap()).unwrap();
    assert_eq!(after, before);
}

#[test]
fn damaged_settings_are_set_aside_and_the_defaults_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.json");
    fs::write(&path, b"{\"theme\": \"dark\", \"workspace\": [").unwrap();
    let (state, error) = SavedState::load(&path);
    assert_eq!(state.preferences.theme, ThemeChoice::Dark);
    assert!(matches!(error, Some(file::SavedStateError::Damaged { .. })));
    assert!(!path.exists());
    assert!(folder.path().join("monitor.damaged.json").exists());
}
