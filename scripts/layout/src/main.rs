//! Prints the sizes of all packages and every broken rule. Run it in the project's root. It exits
//! with 1 if a rule is broken or the project cannot be read.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints"
)]

use std::{path::Path, process::ExitCode};

use tickcast_layout::{Error, Project, RULES, sizes};

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the number of findings.
fn run() -> Result<usize, Error> {
    let project = Project::read(Path::new("."))?;
    print_sizes(&project);
    let mut count = 0;
    for (rule, check) in RULES {
        let findings = check(&project)?;
        println!("\n{rule}: {} broken", findings.len());
        for finding in &findings {
            println!("  {finding}");
        }
        count += findings.len();
    }
    Ok(count)
}

fn print_sizes(project: &Project) {
    println!("package              files   lines median largest");
    for row in sizes(project) {
        let (lines, path) = &row.largest;
        println!(
            "{:<20} {:>5} {:>7} {:>6} {lines} {path}",
            row.name, row.files, row.lines, row.median
        );
    }
}
