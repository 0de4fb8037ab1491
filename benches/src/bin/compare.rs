//! Compares Tickcast with others and with what the kernel allows. See benches/README.md.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use tickcast_benches::compare::{
    contender::{Contender, LOAD_CORE, nats_program, node_folder, project_folder},
    measure::measure,
    readme::Origin,
    results::Results,
    workload::{self, Workload, heats},
};
use tickcast_loadtest::{environment, process};

/// Compares Tickcast with others and with what the kernel allows, end to end.
///
/// Each contender runs on core 0, the load on core 1. All take turns, and what is reported are
/// medians, also of ratios. Needs two cores that have nothing else to do, nats-server, node and npm.
#[derive(Debug, Parser)]
struct Arguments {
    /// Once, and shorter
    #[arg(long)]
    quick: bool,
    /// Workloads, such as a,c,d [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Contenders, such as raw,nats [default: all]
    #[arg(long, value_delimiter = ',')]
    contenders: Vec<String>,
    /// How often each is measured [default: 5, or 1 with --quick]
    #[arg(long)]
    repeat: Option<usize>,
    /// Write the results into README.md, benches/README.md and benches/results.svg, too
    #[arg(long, conflicts_with_all = ["only", "contenders"])]
    readme: bool,
    /// Where results are written
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Do not build the contenders first
    #[arg(long)]
    no_build: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let workloads = chosen_workloads(&arguments)?;
    let contenders = chosen_contenders(&arguments)?;
    prepare(&arguments)?;
    process::raise_open_files_limit()?;
    let runs = arguments
        .repeat
        .unwrap_or(if arguments.quick { 1 } else { 5 });
    let origin = Origin {
        environment: environment::environment(command(), 0),
        runs,
        versions: versions(),
    };

    // Not before the machine was looked at: a pinned process sees one core.
    pin(LOAD_CORE)?;
    let mut results = Results::default();
    for run in 1..=runs {
        for heat in heats(&workloads, &contenders) {
            for (&entry, measured) in heat.iter().zip(measure(run, &heat)) {
                let line = results.add(entry, measured);
                say(&format!("{run}/{runs} {line}"))?;
            }
        }
        // What is there is there, whatever happens to the rest.
        results.write(&arguments.out, &origin, &workloads)?;
    }
    if arguments.readme {
        results.write_readmes(&project_folder(), &origin, &workloads)?;
    }
    let failed = results.failures.len();
    ensure!(failed == 0, "{failed} measurements failed");
    Ok(())
}

fn chosen_workloads(arguments: &Arguments) -> anyhow::Result<Vec<Workload>> {
    let letters = &arguments.only;
    let known = |letter: &String| workload::ALL.iter().any(|w| w.letter == *letter);
    if let Some(unknown) = letters.iter().find(|letter| !known(letter)) {
        bail!("there is no workload {unknown}");
    }
    let chosen = workload::ALL
        .into_iter()
        .filter(|workload| letters.is_empty() || letters.iter().any(|l| l == workload.letter))
        .map(|workload| match arguments.quick {
            true => workload.quick(),
            false => workload,
        });
    Ok(chosen.collect())
}

fn chosen_contenders(arguments: &Arguments) -> anyhow::Result<Vec<Contender>> {
    if arguments.contenders.is_empty() {
        let all = Contender::ALL.into_iter();
        return Ok(all.filter(|contender| contender.is_there()).collect());
    }
    let parse = |name: &String| {
        serde_json::from_value(name.as_str().into())
            .with_context(|| format!("there is no contender {name}"))
    };
    arguments.contenders.iter().map(parse).collect()
}

/// Builds our contenders and installs the package of the one in Node.
fn prepare(arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.no_build {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let words = "build --release --locked -p tickcast-server -p tickcast-benches --bins";
        run(Command::new(cargo).args(words.split(' ')))?;
    }
    if !node_folder().join("node_modules").exists() {
        let words = "install --no-package-lock --no-audit --no-fund";
        run(Command::new("npm")
            .args(words.split(' '))
            .current_dir(node_folder()))?;
    }
    Ok(())
}

/// Keeps this process on one core; it has only one thread so far.
fn pin(core: usize) -> anyhow::Result<()> {
    let (core, own) = (core.to_string(), std::process::id().to_string());
    run(Command::new("taskset").args(["-cp", &core, &own]))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

/// How to do it again.
fn command() -> String {
    let mut command = "cargo run --release -p tickcast-benches".to_owned();
    for (at, word) in std::env::args().skip(1).enumerate() {
        command += if at == 0 { " -- " } else { " " };
        command += &word;
    }
    command
}

/// The other servers' versions; unknown ones are left out, as a contender that is missing says so
/// itself.
fn versions() -> String {
    let first_line = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.lines().next()?.trim().replace(": ", " "))
    };
    let node = first_line("node").map(|version| format!("Node {version}"));
    let versions = [first_line(nats_program()), node];
    versions
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
