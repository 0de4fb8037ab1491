//! `tickcast-chaos`: breaks everything around a server, and checks what subscribers got.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use tickcast_chaos::run::{Plan, Verdict, run};

/// Breaks everything around a running server, and checks that no update is lost uncounted.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program under test
    #[arg(long, default_value = "target/debug/tickcast-server")]
    server: PathBuf,
    /// Time during which faults strike
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same seed gives the same order of faults; by default a random one
    #[arg(long)]
    seed: Option<u64>,
    /// Greatest memory that the server may take, in MiB
    #[arg(long, default_value_t = 200)]
    memory_mib: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        server: arguments.server,
        time: Duration::from_secs(arguments.seconds),
        seed: arguments.seed.unwrap_or_else(rand::random),
        memory_max_bytes: arguments.memory_mib * 1024 * 1024,
    };
    let mut output = io::stdout().lock();
    writeln!(output, "seed {}", plan.seed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let verdict = runtime.block_on(run(&plan))?;
    print(&mut output, &verdict)?;
    Ok(match verdict.findings_count {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn print(output: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    let counts = verdict.counts;
    writeln!(output, "faults: {:?}", verdict.faults)?;
    writeln!(
        output,
        "{} epochs, {} updates, {} acknowledged, of which {} seen by no subscriber",
        counts.epochs, counts.updates, counts.acknowledged, counts.unseen
    )?;
    for (name, delivered, lost, resumed, begun) in &verdict.subscribers {
        writeln!(
            output,
            "subscriber {name}: {delivered} delivered, {lost} counted as lost, \
             {resumed} times resumed, {begun} times begun"
        )?;
    }
    writeln!(output, "memory: {} MiB", verdict.memory_bytes >> 20)?;
    for finding in &verdict.findings {
        writeln!(output, "FOUND: {finding}")?;
    }
    writeln!(output, "{} findings", verdict.findings_count)
}
