//! Every block of code is run, is run by another test, or says why it is not.

use std::{fs, path::Path};

use tickcast_documents::{
    Block, Document, Marker, Run, commands,
    output::{Output, Running, until},
};

use crate::{
    programs::{all_documents, document, node, root, shell},
    stage::Stage,
    transcripts,
};

/// Documents with a test of their own, so that they run side by side.
const ALONE: [&str; 2] = ["README.md", "docs/operations.md"];

/// Checks all blocks of a document. Returns how many were run, and what is wrong.
fn check(document: &Document) -> (usize, Vec<String>) {
    let mut run = 0;
    let mut problems = Vec::new();
    for block in document.blocks() {
        match check_block(document, &block) {
            Ok(is_run) => run += usize::from(is_run),
            Err(problem) => {
                let path = document.path.display();
                problems.push(format!("{path}:{}: {problem}", block.line));
            }
        }
    }
    (run, problems)
}

fn check_block(document: &Document, block: &Block) -> Result<bool, String> {
    let comment = block.comment.as_deref().unwrap_or_default();
    let marker = Marker::parse(comment).map_err(|error| format!("{comment:?}: {error}"))?;
    let language = block.language.as_str();
    match (marker, language) {
        (Some(Marker::NotRun(_)), _) => Ok(false),
        (Some(Marker::RunBy(path)), _) => run_by(document, &path).map(|()| false),
        (Some(Marker::Run(run)), "js") => run_js(&run, block).map(|()| true),
        (Some(Marker::Run(run)), "sh" | "console" | "") => run_commands(&run, block).map(|()| true),
        (Some(Marker::Run(_)), _) => Err(format!("nothing can run the language {language:?}")),
        (None, "toml") => check_settings(block).map(|()| true),
        (None, "json") => transcripts::check_message(&block.text).map(|()| true),
        (None, "rust") => is_doctest(document).map(|()| false),
        (None, "text") => transcripts::check_lines(&block.text).map(|()| true),
        (None, "sh" | "console" | "js" | "javascript" | "bash" | "") => Err(
            "the block neither runs nor says why: write <!-- run: ... -->, <!-- run by: FILE --> or \
             <!-- not run: REASON --> above it, and a language after ```"
                .into(),
        ),
        // The configuration of another program.
        (None, _) => Ok(false),
    }
}

fn run_by(document: &Document, path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(root().join(path));
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    let name = document.path.file_name().unwrap().to_string_lossy();
    match text.contains(&*name) {
        true => Ok(()),
        false => Err(format!("{} does not name {name}", path.display())),
    }
}

/// rustdoc runs the samples of a README that is the documentation of its crate.
fn is_doctest(document: &Document) -> Result<(), String> {
    let source = document.path.with_file_name("src").join("lib.rs");
    let text = fs::read_to_string(root().join(&source)).unwrap_or_default();
    match text.contains("include_str!(\"../README.md\")") {
        true => Ok(()),
        false => Err(format!(
            "{} does not include the document",
            source.display()
        )),
    }
}

fn run_commands(run: &Run, block: &Block) -> Result<(), String> {
    let is_console = block.language == "console" || block.text.starts_with("$ ");
    let language = if is_console { "console" } else { "sh" };
    Stage::new(run)?.commands(&commands(language, &block.text))
}

fn run_js(run: &Run, block: &Block) -> Result<(), String> {
    let mut stage = Stage::new(run)?;
    // Its port is replaced like that of a command.
    let text = block.text.replace('\'', "\"");
    let command = format!("{} --input-type=module --eval '{text}'", node());
    stage.commands(&[command])
}

fn check_settings(block: &Block) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickcast.toml");
    fs::write(&file, &block.text).unwrap();
    let command = format!("tickcast-server --check --config {}", file.display());
    let output = Output::default();
    let mut running = Running::start(&mut shell(&command, &root()), &output);
    match until(|| running.ended()) {
        Ok(0) => Ok(()),
        _ => Err(output.text()),
    }
}

#[track_caller]
fn check_all<'a>(documents: impl IntoIterator<Item = &'a Document>, run_min: usize) {
    let mut run = 0;
    let mut problems = Vec::new();
    for document in documents {
        let (count, more) = check(document);
        run += count;
        problems.extend(more);
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
    assert!(run >= run_min, "only {run} blocks were run");
}

#[test]
fn every_block_of_the_readme_runs_or_says_why_not() {
    check_all([document("README.md")], 10);
}

#[test]
fn every_block_of_the_document_for_operators_runs_or_says_why_not() {
    check_all([document("docs/operations.md")], 5);
}

#[test]
fn every_block_of_all_other_documents_runs_or_says_why_not() {
    let is_other = |document: &&Document| ALONE.iter().all(|path| document.path != Path::new(path));
    check_all(all_documents().iter().filter(is_other), 8);
}

/// A document with one block, and what is wrong with it.
#[track_caller]
fn check_wrong(text: &str, part: &str) {
    let (path, text) = ("docs/x.md".into(), text.to_owned());
    let (_, problems) = check(&Document { path, text });
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(part), "{problems:?}");
}

#[test]
fn a_block_that_is_wrong_is_found() {
    check_wrong("```sh\nls\n```", "neither runs nor says why");
    check_wrong("```\nls\n```", "neither runs nor says why");
    check_wrong("a\n\n    ls\n", "neither runs nor says why");
    check_wrong("<!-- not run: -->\n```sh\nls\n```", "nothing follows");
    check_wrong("<!-- run by: no/such.rs -->\n```sh\nls\n```", "no/such.rs");
    check_wrong(
        "<!-- run by: Cargo.toml -->\n```sh\nls\n```",
        "does not name x.md",
    );
    check_wrong("<!-- run: -->\n```sh\nexit 3\n```", "exit code 3");
    check_wrong(
        "<!-- run: -->\n```sh\ntickcast-server --lisen x\n```",
        "--listen",
    );
    check_wrong("```toml\nlisten = 127.0.0.1:7400\n```", "quotes");
    check_wrong("```json\n{\"type\":\"publsh\"}\n```", "publsh");
    check_wrong(
        "```text\n< {\"type\":\"heartbeat\",\"posision\":1}\n```",
        "posision",
    );
    check_wrong("```rust\nlet a = 1;\n```", "include");
}
