//! `tickcast completions`: prints completions for a shell.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Print completions for a shell
///
/// For the current one: source <(tickcast completions bash)
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    /// The script for a program that is defined like this.
    pub(crate) fn run(self, mut program: Command) -> Vec<u8> {
        let mut script = Vec::new();
        generate(self.shell, &mut program, "tickcast", &mut script);
        script
    }
}
