//! Saving charts to files.

use std::path::Path;

use tickcast_protocol::message::{Interval, TimeNs};

use super::{monitor::Monitor, owner::PictureTarget};
use crate::{
    data::chart::held_rows::held_rows,
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

    /// Writes one file per topic, on a thread of its own, and another one with the intervals of the
    /// time of which not every update is held.
    fn export_csv(&mut self, active: &ActiveChart, window: (TimeNs, TimeNs)) {
        for name in &active.topics {
            let Some(topic) = self.shown().store.topic_named(name.as_str()) else {
                self.notify(format!("{name} has no history to save."));
                continue;
            };
            let by_source = active.has_source_times && topic.by_source().is_some();
            let Some(series) = topic.drawn(by_source).cloned() else {
                self.notify(format!("{name} has no history to save."));
                continue;
            };
            let decimals = topic.decimals;
            let rows = match active.has_source_times {
                false => held_rows(topic, Interval::Second, window, self.now_ns),
                // Rows are of times of arrival.
                true => Vec::new(),
            };
            let heading = if by_source { "source_time" } else { "time" };
            // Of the time of the rows only some samples are held.
            let first_ns = rows.last().map_or(window.0, |last| last.end_ns);
            let window = (window.0.max(first_ns), window.1);
            let folder = self.common.preferences.folder();
            let file = |subject: &str| destination::file_name(&folder, subject, self.now_ns, "csv");
            let (path, rows_path) = (file(name.as_str()), file(&format!("{name}-intervals")));
            let save = move || -> Result<String, String> {
                let failed =
                    |path: &Path, error| format!("Cannot save {}: {error}", path.display());
                let written = destination::write_file(&path, |out| {
                    csv::write(&series, heading, decimals, window, out)
                });
                let written = written.map_err(|error| failed(&path, error))?;
                let saved = format!("{written} rows saved to {}", path.display());
                if rows.is_empty() {
                    return Ok(saved);
                }
                let written = destination::write_file(&rows_path, |out| {
                    csv::write_rows(&rows, series.kind(), out)
                });
                let written = written.map_err(|error| failed(&rows_path, error))?;
                let file = rows_path.file_name().unwrap_or_default();
                Ok(format!(
                    "{saved}, and {written} intervals of the time before to {}",
                    file.display()
                ))
            };
            let notices = self.notices();
            let spawned = std::thread::Builder::new()
                .name("export".to_owned())
                .spawn(move || {
                    // If the channel is full of other notices, this one is dropped.
                    let _ = notices.try_send(save().unwrap_or_else(|failure| failure));
                });
            if let Err(error) = spawned {
                self.notify(format!("Cannot save: {error}"));
            }
        }
    }
}
