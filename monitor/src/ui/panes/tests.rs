use super::*;
use crate::files::saved_state::SavedState;

#[test]
fn a_workspace_is_saved_as_it_was_read() {
    let text = include_str!("../../../tests/data/monitor.json");
    let saved: SavedState = serde_json::from_str(text).unwrap();
    assert_eq!(saved.layouts.len(), 2);
    for workspace in saved.layouts.values().chain([&saved.workspace]) {
        assert_eq!(Workspace::new(workspace).saved(), *workspace);
    }
    let layouts = Layouts::new(&saved.layouts, saved.layout);
    assert_eq!(layouts.saved(), saved.layouts);
}
