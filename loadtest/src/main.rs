//! The load tester's command line. See `--help`.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Parser;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use tickcast_loadtest::{
    cli::{Cli, RunArgs, Task},
    compare, report,
    run::{self, ProgressDisplay},
    selftest,
};

/// An error of the program or the machine.
const INTERNAL: u8 = 1;
/// Bad usage.
const USAGE: u8 = 2;
/// A comparison found a figure that is worse.
const WORSE: u8 = 4;
/// The user pressed Ctrl+C twice.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => measure(cli.run),
        Some(Task::Compare { before, after }) => compare_files(&before, &after),
        Some(Task::Selftest { server }) => prove(server),
    };
    match outcome {
        Ok(code) => code.into(),
        Err((code, message)) => {
            let _ = writeln!(io::stderr(), "tickcast-loadtest: {message}");
            code.into()
        }
    }
}

type TaskResult = Result<u8, (u8, String)>;

fn measure(arguments: RunArgs) -> TaskResult {
    let command: Vec<String> = std::env::args().map(|word| quoted(&word)).collect();
    let plan = arguments
        .plan(command.join(" "))
        .map_err(|error| (USAGE, error))?;
    let interrupted = interrupt_flag()?;
    let progress = ProgressDisplay::new(plan.quiet);
    let finished = run::run(&plan, &interrupted, &progress).map_err(|error| {
        progress.end();
        (error.exit_code(), error.to_string())
    })?;
    print(&report::text(&finished.summary))?;
    if let Some(folder) = &plan.out {
        report::write_files(folder, &finished)
            .map_err(|error| (INTERNAL, format!("{}: {error}", folder.display())))?;
        print(&format!("\n{}\n", folder.join("report.html").display()))?;
    }
    Ok(finished.summary.verdict.outcome.exit_code())
}

fn compare_files(before: &std::path::Path, after: &std::path::Path) -> TaskResult {
    let read = |path| report::read_summary(path).map_err(|error| (USAGE, error));
    let (before, after) = (read(before)?, read(after)?);
    let comparisons = compare::compare(&before, &after);
    let differences = compare::differences(&before, &after);
    print(&compare::text(&comparisons, &differences))?;
    Ok(if compare::is_worse(&comparisons) {
        WORSE
    } else {
        0
    })
}

fn prove(server: Option<std::path::PathBuf>) -> TaskResult {
    let interrupted = interrupt_flag()?;
    let (proof, text) =
        selftest::selftest(server, &interrupted).map_err(|error| (INTERNAL, error))?;
    print(&text)?;
    Ok(proof.exit_code())
}

/// A flag that Ctrl+C sets. A second Ctrl+C ends the program at once.
fn interrupt_flag() -> Result<Arc<AtomicBool>, (u8, String)> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let flag = || interrupted.clone();
        // In this order, so that the first signal does not find its own mark.
        flag::register_conditional_shutdown(signal, INTERRUPTED, flag())
            .and_then(|_| flag::register(signal, flag()))
            .map_err(|error| (INTERNAL, error.to_string()))?;
    }
    Ok(interrupted)
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn print(text: &str) -> Result<(), (u8, String)> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| (INTERNAL, error.to_string()))
}
