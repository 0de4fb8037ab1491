//! Lists the blocks of code that the tests of the documents do not run, each with the reason. Run
//! it in the project's root.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints"
)]

use std::{path::Path, process::ExitCode};

use tickcast_documents::{Marker, documents};

fn main() -> ExitCode {
    let documents = match documents(Path::new(".")) {
        Ok(documents) => documents,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for document in documents {
        for block in document.blocks() {
            let comment = block.comment.as_deref().unwrap_or_default();
            let how = match Marker::parse(comment) {
                Ok(Some(Marker::NotRun(reason))) => reason,
                Ok(Some(Marker::RunBy(file))) => format!("run by {}", file.display()),
                Ok(_) => continue,
                Err(error) => format!("{comment:?}: {error}"),
            };
            println!("{}:{}: {how}", document.path.display(), block.line);
        }
    }
    ExitCode::SUCCESS
}
