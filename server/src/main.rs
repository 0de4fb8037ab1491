//! The program `tickcast-server`.

mod program;

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

use anyhow::Context as _;
use tickcast_server::config::{self, Command};

/// Uses less memory per connection and less time per batch than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(result) = program::log_tools::run(std::env::args_os()) {
        return result.unwrap_or_else(failed);
    }
    let result = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Command::Print(text)) => print(&text).map(|()| ExitCode::SUCCESS),
        Ok(Command::Run(settings)) => program::run(*settings),
        Err(error) => {
            // Each line begins with its place, which editors and CI systems find there. If this
            // write fails, there is no other way to report the error.
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    result.unwrap_or_else(failed)
}

fn failed(error: anyhow::Error) -> ExitCode {
    // If this write fails, there is no other way to report the error.
    let _ = writeln!(std::io::stderr(), "tickcast-server: {error:#}");
    ExitCode::FAILURE
}

fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        // The reader has closed the pipe because it needs no more, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}
