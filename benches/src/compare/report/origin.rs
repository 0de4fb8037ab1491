//! Where and how the figures were measured.

use serde::{Deserialize, Serialize};
use tickcast_loadtest::summary::Environment;

use super::wording::wrapped;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Origin {
    /// The machine.
    pub environment: Environment,
    /// Number of runs.
    pub runs: usize,
    /// The other servers' versions.
    pub versions: String,
}

impl Origin {
    /// One sentence about it.
    pub(super) fn sentence(&self) -> String {
        let machine = &self.environment;
        let commit = machine.commit.as_deref().unwrap_or("unknown");
        let day = machine.started.split('T').next().unwrap_or_default();
        let kernel = machine.kernel.split('-').next().unwrap_or_default();
        let how_often = match self.runs {
            1 => "One run".to_owned(),
            runs => format!("Medians of {runs} runs"),
        };
        wrapped(&format!(
            "{how_often}, `{}`, commit `{commit}`, {day}; {} cores ({}), Linux {}; {}.",
            machine.command, machine.cores, machine.cpu, kernel, self.versions
        ))
    }
}
