//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    check::CheckArgs, completions::CompletionsArgs, history::HistoryArgs, latest::LatestArgs,
    log::LogArgs, man::ManArgs, publish::PubArgs, record::RecordArgs, replay::ReplayArgs,
    tail::TailArgs, token::TokenArgs, topics::TopicsArgs,
};

/// What `--help` says after the commands.
const AFTER_HELP: &str = "\
Examples:
  tickcast tail 'market/#'
  tickcast tail --every --count 100 'plant/+/temperature' > temperatures.jsonl
  tickcast latest '#'
  tickcast pub lab/scale 0.25
  tickcast record 'market/#' -o monday.jsonl
  tickcast replay monday.jsonl --speed 10
  tickcast log verify /var/lib/tickcast
  tickcast check --url wss://data.example.com/ws --token-file alice.token

Exit codes:
  0    done; also when the reader of a pipe has left, and when Ctrl-C ends tail or record
  1    something failed: a file, a line of the input, part of what was published, a log's check
  2    the command line is wrong
  3    there is no connection, or no login
  4    the server refused something
  5    updates were lost (--until-gap)
  130  Ctrl-C has ended another command before it was done";

/// Watches, asks, publishes, records and replays the data of a Tickcast server
#[derive(Debug, Parser)]
#[command(name = "tickcast", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands. The arguments say what each does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tail(TailArgs),
    Latest(LatestArgs),
    Topics(TopicsArgs),
    History(HistoryArgs),
    Pub(PubArgs),
    Record(RecordArgs),
    Replay(ReplayArgs),
    Check(CheckArgs),
    Log(LogArgs),
    Token(TokenArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
