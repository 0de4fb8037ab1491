//! Compares Tickcast with others and with what the kernel allows. See benches/README.md.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde::Serialize;
use tickcast_benches::compare::{
    contender::{Contender, LOAD_CORE, node_folder},
    figures::{self, Figures, Measurement},
    measure::measure,
    picture, table,
    workload::{self, Workload},
};
use tickcast_loadtest::{environment, process, summary::Environment};

/// Compares Tickcast with others and with what the kernel allows, end to end.
///
/// Each contender runs on core 0, the load on core 1. All take turns, and what is reported are
/// medians. Needs two cores that have nothing else to do, nats-server, node and npm.
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
    /// Where results are written
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Do not build the contenders first
    #[arg(long)]
    no_build: bool,
}

/// The workloads in the picture: those that all contenders can do.
const DRAWN: [&str; 5] = ["a", "b", "c", "d", "g"];

/// What is written as JSON.
#[derive(Serialize)]
struct Results<'a> {
    environment: Environment,
    figures: Vec<(&'a str, Vec<Figures>)>,
    measurements: &'a [Measurement],
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let workloads = chosen_workloads(&arguments)?;
    let contenders = chosen_contenders(&arguments)?;
    prepare(&arguments)?;
    pin(LOAD_CORE)?;
    process::raise_open_files_limit()?;
    let command: Vec<String> = std::env::args().collect();
    let environment = environment::environment(command.join(" "), 0);
    let repeat = arguments
        .repeat
        .unwrap_or(if arguments.quick { 1 } else { 5 });

    let mut measurements = Vec::new();
    for round in 1..=repeat {
        for workload in &workloads {
            for &contender in workload.contenders {
                if !contenders.contains(&contender) {
                    continue;
                }
                let measured = measure(contender, workload)
                    .with_context(|| format!("({}) {}", workload.letter, contender.name()))?;
                say(&format!("{round}/{repeat} {}", one_line(&measured)))?;
                measurements.push(measured);
            }
        }
        // What is there is there, whatever happens to the rest.
        write_results(&arguments, &environment, &workloads, &measurements)?;
    }
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
        return Ok(Contender::ALL.to_vec());
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

fn write_results(
    arguments: &Arguments,
    environment: &Environment,
    workloads: &[Workload],
    measurements: &[Measurement],
) -> anyhow::Result<()> {
    fs::create_dir_all(&arguments.out)?;
    let figures = |workload| figures::figures(workload, measurements);
    let all: Vec<_> = workloads.iter().map(|w| (w, figures(w))).collect();
    let tables: Vec<_> = all.iter().map(|(w, f)| table::table(w, f)).collect();
    fs::write(arguments.out.join("results.md"), tables.join("\n"))?;
    let drawn: Vec<_> = all
        .iter()
        .filter(|(workload, _)| DRAWN.contains(&workload.letter))
        .map(|(workload, figures)| (*workload, &figures[..]))
        .collect();
    fs::write(arguments.out.join("results.svg"), picture::picture(&drawn))?;
    let results = Results {
        environment: environment.clone(),
        figures: all.iter().map(|(w, f)| (w.letter, f.clone())).collect(),
        measurements,
    };
    let json = serde_json::to_string_pretty(&results)?;
    fs::write(arguments.out.join("results.json"), json)?;
    Ok(())
}

fn one_line(measured: &Measurement) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    format!(
        "({}) {:18} {:>6} us, {:>9.0}/s, p50 {} ms, p99 {} ms, {:.2} % delivered, busy {:.0} %, \
         load {:.0} %, late {:.2} ms, {:.1} KiB each{}",
        measured.workload,
        measured.contender.name(),
        number(measured.cpu_us()),
        measured.deliveries as f64 / measured.seconds,
        number(measured.p50_ms),
        number(measured.p99_ms),
        measured.integrity.completion() * 100.0,
        measured.busy() * 100.0,
        measured.load_busy * 100.0,
        measured.load_late_p99_ms,
        measured.connection_bytes / 1024.0,
        match measured.complaints.is_empty() {
            true => String::new(),
            false => format!(", {:?}", measured.complaints),
        }
    )
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
