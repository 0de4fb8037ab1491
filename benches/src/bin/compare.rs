//! Compares Tickcast with other servers and with what the kernel allows. See benches/README.md.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use tickcast_benches::compare::{
    contender::Contender,
    measure::measure,
    program::{nats_program, node_folder, project_folder},
    report::{Origin, Results},
    workload::{self, Workload, turn_groups},
};
use tickcast_loadtest::run;

/// Compares Tickcast with other servers and with what the kernel allows, end to end.
///
/// Each contender runs on core 0, its load on core 1. Contenders take turns, and results are
/// medians, also of ratios. Needs two idle cores, nats-server, node and npm.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measure once, and for a shorter time
    #[arg(long)]
    quick: bool,
    /// Workloads by letter, such as a,c,d [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Contenders, such as raw,nats [default: all]
    #[arg(long, value_delimiter = ',')]
    contenders: Vec<Contender>,
    /// Number of runs [default: 5, or 1 with --quick]
    #[arg(long)]
    repeat: Option<usize>,
    /// Also write the results into README.md, benches/README.md and benches/results.svg
    #[arg(long, conflicts_with_all = ["only", "contenders"])]
    readme: bool,
    /// Folder for the results
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Do not build the contenders first
    #[arg(long)]
    no_build: bool,
    /// Measure nothing, and write the results of an earlier run again, such as
    /// target/compare/results.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "contenders", "repeat", "no_build"])]
    again: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let workloads = chosen_workloads(&arguments)?;
    let (origin, results) = match &arguments.again {
        Some(file) => {
            let (origin, results) = Results::read(file)?;
            results.write(&arguments.out, &origin, &workloads)?;
            (origin, results)
        }
        None => measure_all(&arguments, &workloads)?,
    };
    if arguments.readme {
        results.write_readmes(&project_folder(), &origin, &workloads)?;
    }
    let failed = results.failures.len();
    ensure!(failed == 0, "{failed} measurements failed");
    Ok(())
}

fn measure_all(arguments: &Arguments, workloads: &[Workload]) -> anyhow::Result<(Origin, Results)> {
    let contenders = chosen_contenders(arguments);
    prepare(arguments, &contenders)?;
    let runs = arguments
        .repeat
        .unwrap_or(if arguments.quick { 1 } else { 5 });
    let origin = Origin {
        environment: run::environment(command(), 0),
        runs,
        versions: versions(),
    };
    let mut results = Results::default();
    for run in 1..=runs {
        for group in turn_groups(workloads, &contenders) {
            for (&entry, measured) in group.iter().zip(measure(run, &group)) {
                let line = results.add(entry, measured);
                say(&format!("{run}/{runs} {line}"))?;
            }
        }
        // A later failure must not lose these results.
        results.write(&arguments.out, &origin, workloads)?;
    }
    Ok((origin, results))
}

fn chosen_workloads(arguments: &Arguments) -> anyhow::Result<Vec<Workload>> {
    let letters = &arguments.only;
    let is_unknown = |letter: &&String| workload::find(letter).is_none();
    if let Some(unknown) = letters.iter().find(is_unknown) {
        let known = workload::ALL.map(|workload| workload.letter).join(", ");
        bail!("there is no workload {unknown:?}; use some of {known}");
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

fn chosen_contenders(arguments: &Arguments) -> Vec<Contender> {
    if !arguments.contenders.is_empty() {
        return arguments.contenders.clone();
    }
    let all = Contender::all();
    all.filter(|contender| contender.is_available()).collect()
}

/// Builds the contenders of this project and installs the package of the Node contender.
fn prepare(arguments: &Arguments, contenders: &[Contender]) -> anyhow::Result<()> {
    if !arguments.no_build {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let words = "build --release --locked -p tickcast-server -p tickcast-benches --bins";
        execute(Command::new(cargo).args(words.split(' ')))?;
    }
    let has_node = contenders.contains(&Contender::NodeWs);
    if has_node && !node_folder().join("node_modules").exists() {
        let words = "install --no-package-lock --no-audit --no-fund";
        execute(
            Command::new("npm")
                .args(words.split(' '))
                .current_dir(node_folder()),
        )?;
    }
    Ok(())
}

fn execute(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

/// The command line, to repeat the run.
fn command() -> String {
    let mut command = "cargo run --release -p tickcast-benches".to_owned();
    for (at, word) in std::env::args().skip(1).enumerate() {
        command += if at == 0 { " -- " } else { " " };
        command += &word;
    }
    command
}

/// The other servers' versions. Unknown ones are left out: a missing contender is reported as a
/// failed measurement.
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
