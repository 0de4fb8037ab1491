//! `tickcast man`: prints the manual page, or writes all of them.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::{Man, generate_to};

use crate::exit::Failure;

/// Print the manual page
///
/// To read it: tickcast man | man -l -
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages of all commands to this folder instead: tickcast.1, tickcast-tail.1, ...
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl ManArgs {
    /// The page of a program that is defined like this; nothing if the pages go to a folder.
    pub(crate) fn run(self, program: Command) -> Result<Vec<u8>, Failure> {
        let mut page = Vec::new();
        let written = match &self.dir {
            Some(dir) => generate_to(program, dir),
            None => Man::new(program).render(&mut page),
        };
        let place = self.dir.unwrap_or_default();
        written.map_err(|error| Failure::Failed(format!("{}: {error}", place.display())))?;
        Ok(page)
    }
}
