//! `tickcast-server log`: what operators do with a log on disk, whether a server uses it or not.

use std::{ffi::OsString, io, process::ExitCode};

use clap::Parser;
use tickcast_log::tools::command::Tool;

/// The first argument that asks for these tools.
const NAME: &str = "log";

/// Reads a log: the tape on disk. Nothing is written to it, and a server may write to it meanwhile.
#[derive(Debug, Parser)]
#[command(name = "tickcast-server log", bin_name = "tickcast-server log")]
struct Command {
    #[command(subcommand)]
    tool: Tool,
}

/// Runs a tool if the arguments ask for one.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> Option<anyhow::Result<ExitCode>> {
    let mut args = args.into_iter();
    let (_, tool) = (args.next()?, args.next()?);
    (tool == NAME).then_some(())?;
    let args = [OsString::from("tickcast-server log")]
        .into_iter()
        .chain(args);
    Some(match Command::try_parse_from(args) {
        Ok(command) => run_tool(command.tool),
        Err(error) => {
            let code = u8::from(error.use_stderr());
            error.print().map(|()| code.into()).map_err(Into::into)
        }
    })
}

fn run_tool(tool: Tool) -> anyhow::Result<ExitCode> {
    match tool.run(&mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(is_whole) => Ok(u8::from(!is_whole).into()),
        Err(error) if error.is_closed() => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}
