//! A contender of the comparison with its load, told what to do by `compare`; see
//! [`tickcast_benches::compare::entrant`].

use std::{
    io,
    process::{self, Command},
};

use anyhow::{Context, ensure};
use clap::Parser;
use tickcast_benches::compare::{
    contender::{Contender, LOAD_CORE},
    entrant::serve,
    workload,
};
use tickcast_loadtest::process::raise_open_files_limit;

/// A contender of the comparison with its load, told what to do on standard input by `compare`.
#[derive(Debug, Parser)]
struct Arguments {
    contender: Contender,
    /// The workload's letter
    letter: String,
    /// Number of the run
    #[arg(long)]
    run: usize,
    /// Whether it is the shorter version of the workload
    #[arg(long, action = clap::ArgAction::Set)]
    quick: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let letter = &arguments.letter;
    let mut workload =
        workload::find(letter).with_context(|| format!("there is no workload {letter}"))?;
    if arguments.quick {
        workload = workload.quick();
    }
    raise_open_files_limit()?;
    pin(LOAD_CORE)?;
    let (orders, answers) = (io::stdin().lock(), io::stdout().lock());
    serve(
        arguments.contender,
        &workload,
        arguments.run,
        orders,
        answers,
    )
}

/// Keeps this process on one core; it has only one thread so far.
fn pin(core: usize) -> anyhow::Result<()> {
    let (core, own) = (core.to_string(), process::id().to_string());
    let mut taskset = Command::new("taskset");
    let output = taskset.args(["-cp", &core, &own]).output();
    let output = output.context("taskset")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "taskset: {said}");
    Ok(())
}
