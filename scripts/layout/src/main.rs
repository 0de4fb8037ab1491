//! Prints the sizes of all packages and every broken rule. Exits with 1 if a rule is broken.

#![allow(clippy::print_stdout, reason = "a command-line tool prints")]

use std::{path::Path, process::ExitCode};

use tickcast_layout::{Error, Project, RULES, sizes};

fn main() -> Result<ExitCode, Error> {
    let project = Project::read(Path::new("."))?;
    println!(
        "{:<20} {:>5} {:>7} {:>6} largest",
        "package", "files", "lines", "median"
    );
    for row in sizes(&project) {
        let (lines, path) = &row.largest;
        let (name, files, sum, median) = (&row.name, row.files, row.lines, row.median);
        println!("{name:<20} {files:>5} {sum:>7} {median:>6} {lines} {path}");
    }
    let mut is_broken = false;
    for (rule, check) in RULES {
        let findings = check(&project)?;
        println!("\n{rule}: {} broken", findings.len());
        for finding in &findings {
            println!("  {finding}");
        }
        is_broken |= !findings.is_empty();
    }
    Ok(if is_broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
