//! Making and removing derived topics.

use tickcast_protocol::topic::Topic;

use super::monitor::Monitor;
use crate::{data::derived::DerivedTopic, ui::panes::Workspace};

impl Monitor {
    /// Makes a derived topic and selects it.
    pub(super) fn add_derived(&mut self, definition: DerivedTopic) {
        let server = &mut self.server;
        // A recording may have topics that the server has not.
        let playing = self.recordings.playing.as_ref();
        let store = playing.map_or(&server.store, |playing| &playing.data.store);
        let name = definition.name.clone();
        match server.derived.add(definition, store) {
            Ok(topic) => {
                server.derive(true);
                self.screen.selected = Some(topic);
            }
            Err(error) => self.notify(format!("Cannot derive {name}: {error}.")),
        }
    }

    /// Removes a derived topic.
    pub(super) fn remove_derived(&mut self, topic: &Topic) {
        let server = &mut self.server;
        if let Err(error) = server.derived.remove(topic, &mut server.store) {
            self.notify(format!("Cannot remove {topic}: {error}."));
        }
    }

    /// The panes with the definitions of the derived topics that they show.
    pub(super) fn layout_to_save(&self) -> Workspace {
        let mut workspace = self.panels.workspace.clone();
        let mut shown = workspace.topics();
        shown.extend(workspace.tile_topics().cloned());
        workspace.set_derived(self.server.derived.behind(&shown));
        workspace
    }

    /// Makes the derived topics of a layout that do not exist any more.
    pub(super) fn add_derived_of(&mut self, workspace: &Workspace) {
        for definition in workspace.derived() {
            let is_known = definition
                .topic()
                .is_ok_and(|topic| self.server.derived.has(&topic));
            if is_known {
                continue;
            }
            if let Err(error) = self.server.derived.insert(definition.clone()) {
                self.notify(format!("Cannot derive {}: {error}.", definition.name));
            }
        }
    }
}
