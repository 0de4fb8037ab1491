//! The settings of the log on disk.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};

use super::values::{defaults, size, time};

/// Longest age of what is kept: more is a mistake.
const AGE_MAX: Duration = Duration::from_hours(10 * 366 * 24);

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Data")]
pub struct DataSettings {
    /// Folder of the log on disk: then a restart forgets nothing, and clients go on where they
    /// were. One server uses it.
    #[arg(value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// When updates are safe from a power cut: at most 50 ms or 1 MiB after they were delivered, or
    /// before. A crash of the server alone loses none in either case.
    #[arg(value_name = "WHEN", default_value = "behind")]
    pub durability: Durability,
    /// Bytes of the log, at most; 0 for no limit. Its oldest 64 MiB are removed together.
    #[arg(id = "data_bytes", value_name = "SIZE", default_value = "10GiB")]
    #[arg(value_parser = size(0..=1 << 50))]
    pub bytes: usize,
    /// Age of the updates in the log, at most; 0 for no limit.
    #[arg(id = "data_age", value_name = "TIME", default_value = "0")]
    #[arg(value_parser = time(Duration::ZERO..=AGE_MAX))]
    pub age: Duration,
    /// What happens when the log cannot be written: updates wait and publishes are refused until it
    /// can be, or the server goes on without it until its next start.
    #[arg(value_name = "WHAT", default_value = "stop")]
    pub on_data_failure: OnDataFailure,
    /// Begin a new epoch at this start: for a log that was put back from an older copy in place.
    #[arg(value_name = "BOOL", default_value = "false", action = ArgAction::Set)]
    pub new_epoch: bool,
}

/// When updates are safe from a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// Soon after they were delivered.
    Behind,
    /// Before they are delivered.
    Synced,
}

/// What happens when the log cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnDataFailure {
    /// Nothing is delivered that is not in the log.
    Stop,
    /// The server goes on without the log.
    GoOn,
}

impl DataSettings {
    /// The first setting that has no effect, because there is no log.
    pub(crate) fn unused(&self) -> Option<&'static str> {
        let none = Self::default();
        let of_the_log = [
            ("durability", self.durability != none.durability),
            ("data_bytes", self.bytes != none.bytes),
            ("data_age", self.age != none.age),
            (
                "on_data_failure",
                self.on_data_failure != none.on_data_failure,
            ),
            ("new_epoch", self.new_epoch),
        ];
        let unused = of_the_log.into_iter().find(|(_, is_set)| *is_set);
        unused.map(|(key, _)| key).filter(|_| self.data.is_none())
    }
}

impl Default for DataSettings {
    fn default() -> Self {
        defaults()
    }
}
