//! The command `tickcast`.
//!
//! The folders in reading order:
//!
//! * `args`, `numbers`: the command line
//! * `exit`, `words`, `interrupt`: how the program ends, and what it says
//! * `connection`: to the server, over WebSocket and HTTP
//! * `output`: updates as columns, lines of JSON or CSV, on a thread that may wait
//! * `selection`: filters that overlap
//! * `following`: subscriptions, from their start to their end
//! * `snapshot`: the newest value of each topic
//! * `publishing`: updates to the server
//! * `commands`: one file for each command

mod args;
mod numbers;

mod exit;
mod interrupt;
mod words;

mod connection;
mod output;

mod following;
mod publishing;
mod selection;
mod snapshot;

mod commands;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, exit::Failure, words::say};

/// Uses less time for each update than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let ended = match Cli::try_parse() {
        Ok(cli) => commands::run(cli.command),
        Err(error) => {
            // Help is no error. If this write fails, there is no other way to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX));
        }
    };
    let exit = ended.unwrap_or_else(|failure| {
        if !matches!(failure, Failure::Closed) {
            say(&failure.to_string());
        }
        failure.exit()
    });
    exit.into()
}
