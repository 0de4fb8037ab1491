//! `tickcast log`: the tools for a log on disk, as the server's program has them.

use std::io;

use clap::Args;
use tickcast_log::tools::command::Tool;

use crate::exit::{Exit, Failure};

/// Read a log: the tape on disk
///
/// A server with `--data DIR` writes one. Nothing is written to it here, and a server may write to
/// it meanwhile. The tools need no connection.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    tool: Tool,
}

impl LogArgs {
    /// A tool reads as fast as the disk gives, so a signal ends the program as it ends any other.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let ended = self
            .tool
            .run(&mut io::stdout().lock(), &mut io::stderr().lock());
        match ended {
            Ok(true) => Ok(Exit::Done),
            Ok(false) => Ok(Exit::Failed),
            Err(error) if error.is_closed() => Err(Failure::Closed),
            Err(error) => Err(Failure::Failed(error.to_string())),
        }
    }
}
