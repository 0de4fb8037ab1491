//! Saving charts to files.

use tickcast_protocol::message::TimeNs;

use super::{monitor::Monitor, owner::PictureTarget};
use crate::{
    files::{csv, destination},
    ui::{command::Export, panes::ActiveChart},
};

impl Monitor {
    /// Saves what the active chart shows.
    pub(super) fn export(&mut self, what: Export) {
        let Some(active) = self.panels.workspace.active(self.now_ns) else {
            self.notify("There is no chart to save: open one first.".to_owned());
            return;
        };
        match what {
            Export::VisibleCsv => self.export_csv(&active, active.window),
            Export::AllCsv => self.export_csv(&active, (TimeNs::MIN, TimeNs::MAX)),
            Export::Png => {
                if let Some(topic) = active.topics.first() {
                    let path = destination::file_name(
                        &self.common.preferences.folder(),
                        topic.as_str(),
                        self.now_ns,
                        "png",
                    );
                    self.owner.wanted_picture = Some(PictureTarget::File(path));
                }
            }
            Export::Copy => self.owner.wanted_picture = Some(PictureTarget::Clipboard),
        }
    }

    /// Writes one file per topic, on a thread of its own.
    fn export_csv(&mut self, active: &ActiveChart, window: (TimeNs, TimeNs)) {
        for name in &active.topics {
            let topic = self.shown().store.topic_named(name.as_str());
            let Some((series, decimals)) =
                topic.and_then(|topic| Some((topic.series.clone()?, topic.decimals)))
            else {
                self.notify(format!("{name} has no history to save."));
                continue;
            };
            let path = destination::file_name(
                &self.common.preferences.folder(),
                name.as_str(),
                self.now_ns,
                "csv",
            );
            let notices = self.notices();
            let spawned = std::thread::Builder::new()
                .name("export".to_owned())
                .spawn(move || {
                    let written = destination::write_file(&path, |out| {
                        csv::write(&series, decimals, window, out)
                    });
                    // If the channel is full of other notices, this one is dropped.
                    let _ = notices.try_send(match written {
                        Ok(rows) => format!("{rows} rows saved to {}", path.display()),
                        Err(error) => format!("Cannot save {}: {error}", path.display()),
                    });
                });
            if let Err(error) = spawned {
                self.notify(format!("Cannot save: {error}"));
            }
        }
    }
}
