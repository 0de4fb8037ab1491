//! Each rule finds what breaks it in a small project and accepts what keeps it.

use tickcast_layout::{Finding, Project, RULES, sizes};

const MANIFEST: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"a\"]");
const PACKAGE: (&str, &str) = ("a/Cargo.toml", "[package]\nname = \"a\"");

fn project(files: &[(&str, &str)]) -> Project {
    let files = [MANIFEST, PACKAGE].iter().chain(files);
    let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Project::new(files).expect("a good project")
}

fn findings(rule: &str, files: &[(&str, &str)]) -> Vec<Finding> {
    let (_, check) = RULES
        .iter()
        .find(|(name, _)| *name == rule)
        .expect("a known rule");
    check(&project(files)).expect("good sources")
}

/// The ties of the only circle, or nothing.
fn circle(files: &[(&str, &str)]) -> Vec<String> {
    let findings = findings("circles", files);
    assert!(findings.len() <= 1, "{findings:?}");
    let ties = findings
        .iter()
        .flat_map(|finding| finding.problem.lines().skip(1));
    ties.map(|tie| tie.trim().to_owned()).collect()
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let ties = circle(&[
        ("a/src/lib.rs", "mod one; mod other;"),
        (
            "a/src/one.rs",
            "use crate::other::Other; pub struct One(Other);",
        ),
        (
            "a/src/other.rs",
            "pub struct Other; fn make() -> super::one::One { todo!() }",
        ),
    ]);
    assert_eq!(
        ties,
        [
            "a/src/one.rs -> a/src/other.rs: Other",
            "a/src/other.rs -> a/src/one.rs: One"
        ]
    );
}

#[test]
fn a_parent_that_uses_its_child_which_uses_it_is_a_circle() {
    let child = (
        "a/src/room/child.rs",
        "use super::*; pub fn act(room: &Room) { drop(room); }",
    );
    let ties = circle(&[
        ("a/src/lib.rs", "mod room;"),
        (
            "a/src/room/mod.rs",
            "mod child; pub struct Room; fn run(r: &Room) { child::act(r) }",
        ),
        child,
    ]);
    assert_eq!(
        ties,
        [
            "a/src/room/child.rs -> a/src/room/mod.rs: Room",
            "a/src/room/mod.rs -> a/src/room/child.rs: act"
        ]
    );
    let declares_only = circle(&[
        ("a/src/lib.rs", "mod room;"),
        (
            "a/src/room/mod.rs",
            "mod child; pub use child::act; pub struct Room;",
        ),
        child,
    ]);
    assert!(declares_only.is_empty());
}

#[test]
fn a_re_export_is_followed_to_the_file_that_defines_the_item() {
    let ties = circle(&[
        ("a/src/lib.rs", "mod room; mod user; pub use room::thing;"),
        (
            "a/src/room/mod.rs",
            "mod thing; pub use thing::*; pub(crate) use thing::thing as made;",
        ),
        (
            "a/src/room/thing.rs",
            "use crate::user::USER; pub fn thing() { assert!(crate::user::ok()) }",
        ),
        (
            "a/src/user.rs",
            "pub const USER: () = (); pub fn ok() { crate::thing(); crate::room::made() }",
        ),
    ]);
    assert_eq!(
        ties,
        [
            "a/src/room/thing.rs -> a/src/user.rs: USER, ok",
            "a/src/user.rs -> a/src/room/thing.rs: thing"
        ]
    );
}

#[test]
fn tests_and_modules_by_themselves_tie_nothing() {
    let ties = circle(&[
        (
            "a/src/lib.rs",
            "mod one; mod other; #[cfg(test)] mod tests;",
        ),
        (
            "a/src/one.rs",
            "use crate::other; pub struct One; #[cfg(test)] mod tests { use crate::other::Other; }",
        ),
        (
            "a/src/other.rs",
            "use crate::one; pub struct Other; pub struct Mine(one::One);",
        ),
    ]);
    assert!(ties.is_empty(), "{ties:?}");
}

#[test]
fn a_circle_of_three_javascript_modules_is_found() {
    let ties = circle(&[
        (
            "clients/javascript/index.js",
            "export { a } from './src/a.js';",
        ),
        (
            "clients/javascript/src/a.js",
            "import {\n  b,\n} from './b.js';\nexport const a = b;",
        ),
        (
            "clients/javascript/src/b.js",
            "import c from \"../src/c.js\";\nimport c from '../src/c.js';",
        ),
        (
            "clients/javascript/src/c.js",
            "import { a } from '../index.js';",
        ),
    ]);
    assert_eq!(ties.len(), 4, "{ties:?}");
    assert_eq!(
        ties[1],
        "clients/javascript/src/a.js -> clients/javascript/src/b.js: b"
    );
}

#[test]
fn sizes_leave_tests_out_and_large_files_are_found() {
    let (long, short) = ("// \n".repeat(501), "// \n".repeat(20));
    let files: [(&str, &str); 4] = [
        ("a/src/lib.rs", &long),
        ("a/src/b.rs", &short),
        ("a/src/b/tests.rs", &long),
        ("a/tests/c.rs", &long),
    ];
    let rows = sizes(&project(&files));
    assert_eq!(
        (rows[0].files, rows[0].lines, rows[0].median),
        (2, 521, 501)
    );
    let found = findings("sizes", &files);
    let places: Vec<&str> = found.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["a", "all", "a/src/lib.rs"]);
}

#[test]
fn long_prose_is_found_but_no_table_code_or_link() {
    let long = "word ".repeat(21);
    let markdown = format!(
        "{long}\n| {long} |\n\n    {long}\n\n```\n{long}\n```\n[{long}](there)\n\
         <!-- made -->\n{long}\n<!-- /made -->\n* {long}\n"
    );
    let rust = format!(
        "// {long}\n// https://{}\nconst A: &str = \"{long}\";\n",
        "x".repeat(100)
    );
    let found = findings("columns", &[("B.md", &markdown), ("a/src/lib.rs", &rust)]);
    let places: Vec<&str> = found.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["B.md:1", "B.md:13", "a/src/lib.rs:1"]);
}

#[test]
fn phrases_are_found_across_lines_and_in_names_but_not_as_values() {
    let phrase = concat!("belongs", " into");
    let split = format!("//! It {}\n//! a room.\n", phrase.replace(' ', "\n//! "));
    let named = format!("fn it_{}_a_room() {{}}\n", phrase.replace(' ', "_"));
    let value = format!(
        "`{0}`, `--publish-from {0}`, Allow::N{1}",
        concat!("no", "body"),
        "obody"
    );
    let files: [(&str, &str); 3] = [
        ("a/src/lib.rs", &split),
        ("a/src/b.rs", &named),
        ("B.md", &value),
    ];
    let found: Vec<String> = findings("phrases", &files)
        .iter()
        .map(|finding| finding.place.clone())
        .collect();
    assert_eq!(found, ["a/src/b.rs:1", "a/src/lib.rs:1"]);
}

#[test]
fn the_text_of_the_architecture_names_files_and_bounds_that_exist() {
    let text = "The files `a/src/lib.rs` and `a/gone.rs`, of which `two\nwords` tell.\n\n```text\n\
                `b/gone.rs`\n```\n\n## Bounds\n\n`GONE_MAX`, `TURN_MAX`, `GONE`.\n\n## Glossary\n\n\
                `LOST_MAX`\n\n| word | meaning |\n|---|---|\n| word | what it means |\n";
    let source = "const TURN_MAX: usize = 1;\n";
    let files = [("ARCHITECTURE.md", text), ("a/src/lib.rs", source)];
    let found = findings("architecture", &files);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "ARCHITECTURE.md:1: `a/gone.rs` does not exist: correct the path",
            "ARCHITECTURE.md:10: there is no constant `GONE_MAX`: correct the list",
        ]
    );
}

#[test]
fn the_architecture_document_is_held_against_the_tree() {
    let rows: String = (0..41)
        .map(|word| format!("| word {word} | what it means |\n"))
        .collect();
    let text = format!(
        "| step | where (below `a/src`) |\n|---|---|\n| 1 | `lib.rs`, `a/src/`, `tape::Tape` |\n\
         | 2 | `gone.rs` |\n\n## Glossary\n\n| word | meaning |\n|---|---|\n{rows}| Word 1 | twice |\n"
    );
    let mut found = findings(
        "architecture",
        &[("ARCHITECTURE.md", &text), ("a/src/lib.rs", "")],
    );
    found.sort_by(|one, other| one.place.cmp(&other.place));
    let places: Vec<&str> = found.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(
        places,
        ["ARCHITECTURE.md", "ARCHITECTURE.md:4", "ARCHITECTURE.md:51"]
    );
    assert!(
        found[1].problem.contains("`gone.rs` does not exist"),
        "{}",
        found[1]
    );
}
