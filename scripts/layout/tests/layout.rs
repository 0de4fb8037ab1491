//! The project keeps its rules. `cargo run -p tickcast-layout` prints the same with all sizes.

use std::{fs, path::Path, sync::LazyLock};

use tickcast_layout::{Error, Project, RULES};

static PROJECT: LazyLock<Result<Project, Error>> =
    LazyLock::new(|| Project::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")));

#[track_caller]
fn check(rule: &str) {
    let project = PROJECT.as_ref().expect("the project can be read");
    let (_, check) = RULES
        .iter()
        .find(|(name, _)| *name == rule)
        .expect("a known rule");
    let findings = check(project).expect("all sources parse");
    let list: String = findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect();
    assert!(
        findings.is_empty(),
        "{} places break the rule \"{rule}\":{list}",
        findings.len()
    );
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    check("circles");
}

#[test]
fn files_are_small() {
    check("sizes");
}

#[test]
fn prose_and_comments_fit_into_100_columns() {
    check("columns");
}

#[test]
fn prose_is_plain_english() {
    check("phrases");
}

#[test]
fn guides_name_files_that_exist_and_the_glossary_is_short() {
    check("architecture");
}

#[test]
fn the_fuzz_package_has_the_lints_of_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| -> toml::Table {
        let text = fs::read_to_string(root.join(path)).expect("a manifest");
        toml::from_str(&text).expect("valid TOML")
    };
    let workspace = read("Cargo.toml");
    assert_eq!(
        read("fuzz/Cargo.toml")["lints"],
        workspace["workspace"]["lints"]
    );
}
