//! Work in the background: programs, the usage report, and threads that write files.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::programs::Programs;
use crate::{
    data::{
        alerts::{AlertEvent, AlertRule},
        format::Zone,
    },
    files::usage_report::UsageReport,
};

/// The most notices of threads that wait to be shown; each thread sends one.
const NOTICES_MAX: usize = 16;

/// Work in the background.
pub(super) struct Background {
    pub(super) programs: Programs,
    pub(super) report: Option<UsageReport>,
    notices: (SyncSender<String>, Receiver<String>),
}

impl Default for Background {
    fn default() -> Self {
        Self {
            programs: Programs::default(),
            report: None,
            notices: sync_channel(NOTICES_MAX),
        }
    }
}

impl Background {
    /// The channel to which threads that write files send their result.
    pub(super) fn notices(&self) -> SyncSender<String> {
        self.notices.0.clone()
    }

    /// The next result of a thread.
    pub(super) fn next_notice(&self) -> Option<String> {
        self.notices.1.try_recv().ok()
    }

    /// Plays the sound and runs the program of a rule that has fired. Returns the errors.
    pub(super) fn run_alert(
        &mut self,
        event: &AlertEvent,
        rule: &AlertRule,
        sound_command: &str,
        zone: &Zone,
    ) -> Vec<String> {
        let sound = rule.sound.then_some(sound_command);
        let command = Some(&*rule.command).filter(|command| !command.is_empty());
        let value = event.number.map(|number| number.to_string());
        let variables = [
            ("TICKCAST_TOPIC", event.topic.to_string()),
            ("TICKCAST_ALERT", event.text.clone()),
            (
                "TICKCAST_VALUE",
                value.unwrap_or_else(|| event.value.clone()),
            ),
            ("TICKCAST_TIME", zone.date_time(event.time_ns)),
        ];
        [sound, command]
            .into_iter()
            .flatten()
            .filter_map(|line| self.programs.run(line, &variables).err())
            .map(|error| format!("Alert: {error}"))
            .collect()
    }
}
