//! A contender of the comparison with its load, told what to do by `compare`; see
//! [`tickcast_benches::compare::entrant`].

use std::io;

use anyhow::Context;
use clap::Parser;
use tickcast_benches::compare::{contender::Contender, entrant::serve, workload};
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
    let (orders, answers) = (io::stdin().lock(), io::stdout().lock());
    serve(
        arguments.contender,
        &workload,
        arguments.run,
        orders,
        answers,
    )
}
