//! The layouts that were saved under names.

use std::collections::BTreeMap;

use super::workspace::Workspace;
use crate::{files::saved_state::SavedWorkspace, ui::scene::LayoutNames};

/// The saved layouts, and which of them is in use.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    by_name: BTreeMap<String, Workspace>,
    names: Vec<String>,
    /// The one that was loaded or saved last.
    current: Option<String>,
}

impl Layouts {
    /// The layouts as they were saved.
    pub(crate) fn new(saved: &BTreeMap<String, SavedWorkspace>, current: Option<String>) -> Self {
        let layouts = saved.iter();
        let by_name = layouts.map(|(name, saved)| (name.clone(), Workspace::new(saved)));
        Self {
            by_name: by_name.collect(),
            names: saved.keys().cloned().collect(),
            current,
        }
    }

    /// What to save: the layouts by name.
    pub(crate) fn saved(&self) -> BTreeMap<String, SavedWorkspace> {
        let layouts = self.by_name.iter();
        layouts
            .map(|(name, workspace)| (name.clone(), workspace.saved()))
            .collect()
    }

    /// The name of the layout in use.
    pub(crate) fn current(&self) -> Option<&String> {
        self.current.as_ref()
    }

    /// The names for the panels.
    pub(crate) fn names(&self) -> LayoutNames<'_> {
        LayoutNames {
            all: &self.names,
            current: self.current.as_deref(),
        }
    }

    /// Saves a layout under a name.
    pub(crate) fn save(&mut self, name: String, workspace: Workspace) {
        self.by_name.insert(name.clone(), workspace);
        self.current = Some(name);
        self.update_names();
    }

    /// Returns the layout with this name and makes it the one in use.
    pub(crate) fn load(&mut self, name: String) -> Option<Workspace> {
        let workspace = self.by_name.get(&name)?.clone();
        self.current = Some(name);
        Some(workspace)
    }

    /// Gives a layout another name. Returns whether it could: no other layout may have that name.
    pub(crate) fn rename(&mut self, from: &str, to: String) -> bool {
        if from == to {
            return true;
        }
        if self.by_name.contains_key(&to) {
            return false;
        }
        if let Some(workspace) = self.by_name.remove(from) {
            self.by_name.insert(to.clone(), workspace);
            if self.current.as_deref() == Some(from) {
                self.current = Some(to);
            }
        }
        self.update_names();
        true
    }

    /// Deletes a layout.
    pub(crate) fn delete(&mut self, name: &str) {
        self.by_name.remove(name);
        self.current.take_if(|current| current == name);
        self.update_names();
    }

    fn update_names(&mut self) {
        self.names = self.by_name.keys().cloned().collect();
    }
}
