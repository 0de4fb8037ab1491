//! One file for each command: its arguments, and what it does.

pub(crate) mod tail;

pub(crate) mod latest;
pub(crate) mod topics;

pub(crate) mod history;

pub(crate) mod publish;
pub(crate) mod record;
pub(crate) mod replay;

pub(crate) mod check;
pub(crate) mod log;
pub(crate) mod token;

pub(crate) mod completions;
pub(crate) mod man;

use clap::CommandFactory;
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{Cli, Command},
    exit::{Exit, Failure},
    interrupt::Interrupt,
    output::Output,
};

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        // They end well when a signal comes.
        Command::Tail(args) => runtime()?.block_on(args.run()),
        Command::Record(args) => runtime()?.block_on(args.run()),

        Command::Latest(args) => unless_interrupted(args.run()),
        Command::Topics(args) => unless_interrupted(args.run()),
        Command::History(args) => unless_interrupted(args.run()),
        Command::Pub(args) => unless_interrupted(args.run()),
        Command::Replay(args) => unless_interrupted(args.run()),
        Command::Check(args) => unless_interrupted(args.run()),
        Command::Log(args) => args.run(),
        Command::Token(args) => unless_interrupted(print(args.run()?)),
        Command::Completions(args) => unless_interrupted(print(args.run(Cli::command()))),
        Command::Man(args) => unless_interrupted(print(args.run(Cli::command())?)),
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

fn unless_interrupted(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            ended = work => ended,
            () = interrupt.next() => Ok(Exit::Interrupted),
        }
    })
}

/// Writes a text to standard output.
async fn print(text: impl Into<Vec<u8>>) -> Result<Exit, Failure> {
    let mut output = Output::stdout()?;
    output.write(text.into()).await?;
    output.finish().await?;
    Ok(Exit::Done)
}
