//! A measuring process of the comparison: a contender with its load. `compare` starts it and gives
//! it orders.

use std::io;

use anyhow::Context;
use clap::Parser;
use tickcast_benches::compare::{contender::Contender, measure::serve, workload};
use tickcast_loadtest::observe::process::raise_open_files_limit;

/// Measures a contender with its load, as `compare` orders on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    /// The contender
    contender: Contender,
    /// The workload's letter
    letter: String,
    /// Number of the run
    #[arg(long)]
    run: usize,
    /// Whether to use the shorter version of the workload
    #[arg(long, action = clap::ArgAction::Set)]
    quick: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let letter = &arguments.letter;
    let mut workload =
        workload::find(letter).with_context(|| format!("there is no workload {letter:?}"))?;
    if arguments.quick {
        workload = workload.quick();
    }
    raise_open_files_limit()?;
    let (orders, answers) = (io::stdin().lock(), io::stdout().lock());
    serve(
        arguments.contender,
        &workload,
        arguments.run,
        orders,
        answers,
    )
}
